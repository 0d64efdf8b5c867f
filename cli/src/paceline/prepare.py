"""`paceline prepare`: what a system needs before its services start, where `up` does not run.

Topics, first positions and an API key, as soon as broker and database answer. It may run again at
any time: what exists stays.
"""

import asyncio
import time
from pathlib import Path
from typing import Annotated

import typer
from pymongo.errors import PyMongoError

from paceline.access import environment_settings
from paceline.issuer_keys import password_in
from paceline.key_file import KeyFile
from paceline.show import console, fail
from paceline.system import prepare as make_ready
from service_kit.errors import Infrastructure
from service_kit.settings import Settings

AGAIN_SECONDS = 1.0


def prepare(
    data: Annotated[Path, typer.Option(help="The folder that keeps the key and the password.")],
    tenant: Annotated[str, typer.Option(help="The tenant that gets a key.")] = "demo",
    within: Annotated[float, typer.Option(help="Seconds to wait for broker and database.")] = 120,
) -> None:
    """Make topics, first positions and an API key for the services of this environment."""
    settings = environment_settings()
    data.mkdir(parents=True, exist_ok=True)
    keys = KeyFile(data / "keys.json")
    keys.keep(tenant, _ready(settings, tenant, keys.read().get(tenant), within))
    password_in(data / "issuer")
    console.print(f"ready; the key of {tenant} is in {data / 'keys.json'}", soft_wrap=True)


def _ready(settings: Settings, tenant: str, known: str | None, within: float) -> str:
    deadline = time.monotonic() + within
    while True:
        try:
            return asyncio.run(make_ready(settings, tenant, known))
        except (Infrastructure, PyMongoError) as error:
            if time.monotonic() > deadline:
                fail(f"could not prepare broker and database: {error}")
            console.print(f"not yet: {error}", markup=False, soft_wrap=True)
        time.sleep(AGAIN_SECONDS)
