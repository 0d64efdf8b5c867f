"""Wiring only: the console has no store and no topics, so it does without the kit's runtime."""

import logging
import sys
import time

import httpx
import uvicorn
import uvloop

from console.adapters.issuer import Issuer
from console.adapters.sealed import Seal
from console.api import make_api
from console.api.visit import Place
from console.settings import PORT, SERVICE, ConsoleSettings
from service_kit.clock import clock_from_environment
from service_kit.jwks import fetch_inside, inside
from service_kit.service import set_up_logging
from service_kit.serving import configured
from service_kit.settings import Settings

log = logging.getLogger(__name__)
CONNECTIONS = 100
KEPT_SECONDS = 2.0  # the services close what has been idle for 5 s


async def run(settings: Settings, console: ConsoleSettings) -> None:
    """Serve until SIGTERM."""
    limits = httpx.Limits(max_connections=CONNECTIONS, keepalive_expiry=KEPT_SECONDS)
    async with httpx.AsyncClient(limits=limits, follow_redirects=False) as http:
        issuer = issuer_of(settings, console, http) if settings.issuer else None
        place = Place(
            settings=console,
            http=http,
            issuer=issuer,
            clock=clock_from_environment(),
            sessions=Seal(console.secret, "session", time.time),
            attempts=Seal(console.secret, "sign-in", time.time),
        )
        config = configured(make_api(place), settings.host, settings.port)
        await uvicorn.Server(config).serve()


def issuer_of(settings: Settings, console: ConsoleSettings, http: httpx.AsyncClient) -> Issuer:
    """Return the issuer that the settings name, asked where this process reaches it."""
    address, there = settings.issuer or "", settings.issuer_inside
    fetch, reached = fetch_inside(address, there), inside(address, there)
    return Issuer(address, settings.audience, console, http, fetch, reached)


def main() -> None:
    """Start the process; settings that cannot be read leave with code 78."""
    try:
        settings = Settings.from_environment(SERVICE, PORT, broker=False)
    except ValueError as error:
        print(f"{SERVICE}: {error}", file=sys.stderr)
        raise SystemExit(78) from None
    set_up_logging(settings)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # else a line per call
    uvloop.run(run(settings, ConsoleSettings.from_environment(settings)))
