"""What can be set for the console beyond service_kit.settings, from the environment."""

import logging
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from console.ports import SERVICES
from service_kit.settings import Settings, needed, setting

SERVICE = "console"
PORT = 8100
CLIENT = "paceline-console"
SCOPE = "openid"
_DEFAULT_PORTS = dict(zip(SERVICES, range(8101, 8105), strict=True))

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """Where the services are, and how people sign in."""

    urls: Mapping[str, str] = needed(
        "The services' base addresses: PACELINE_METRICS_INGEST_URL and so on.",
        "PACELINE_<SERVICE>_URL",
        "http://127.0.0.1:8101 to 8104",
    )
    address: str = needed(
        "Where browsers find the console; with https its cookies are for https only.",
        "PACELINE_CONSOLE_URL",
        "http://HOST:PORT",
    )
    secret: str = needed(
        "Seals the cookies: the same for all instances, else a restart signs everybody out.",
        "PACELINE_CONSOLE_SECRET",
        "drawn at each start",
    )
    client: str = setting(
        CLIENT, "What the issuer knows the console by.", "PACELINE_CONSOLE_CLIENT"
    )
    client_secret: str | None = setting(
        None, "Its secret; a public client has none.", "PACELINE_CONSOLE_CLIENT_SECRET", "none"
    )
    scope: str = setting(SCOPE, "What it asks the issuer for.", "PACELINE_CONSOLE_SCOPE")

    @property
    def secure(self) -> bool:
        """Whether browsers come by https."""
        return self.address.startswith("https://")

    @classmethod
    def from_environment(
        cls, settings: Settings, environment: Mapping[str, str] | None = None
    ) -> "ConsoleSettings":
        """Read the variables."""
        env = os.environ if environment is None else environment
        secret = env.get("PACELINE_CONSOLE_SECRET")
        if not secret:
            log.warning("PACELINE_CONSOLE_SECRET is not set: a restart signs everybody out")
        own = f"http://{settings.host}:{settings.port}"
        return cls(
            urls={name: env.get(_variable(name)) or _default(name) for name in SERVICES},
            address=(env.get("PACELINE_CONSOLE_URL") or own).rstrip("/"),
            secret=secret or secrets.token_urlsafe(32),
            client=env.get("PACELINE_CONSOLE_CLIENT") or CLIENT,
            client_secret=env.get("PACELINE_CONSOLE_CLIENT_SECRET") or None,
            scope=env.get("PACELINE_CONSOLE_SCOPE") or SCOPE,
        )


def _variable(service: str) -> str:
    return f"PACELINE_{service.replace('-', '_').upper()}_URL"


def _default(service: str) -> str:
    return f"http://127.0.0.1:{_DEFAULT_PORTS[service]}"
