"""The start of a service's process: logging, the event loop, and errors that end it."""

import asyncio
import gc
import logging
import os
import sys
from collections.abc import Awaitable, Callable
from typing import NoReturn

import uvloop

from service_kit.errors import SettingError
from service_kit.languages import language
from service_kit.runtime import FAILED, Runtime
from service_kit.settings import Settings

log = logging.getLogger(__name__)

UNREADABLE = 78
# A batch is thousands of objects without cycles. By default the collector looks through all of them
# again and again: measured in metrics-ingest, up to 0.85 of 1.3 us a message.
COLLECT_AFTER = 250_000


def run_service(service: str, port: int, body: Callable[[Runtime], Awaitable[None]]) -> None:
    """Run ``body`` with the started runtime; never returns.

    ``port`` is the HTTP door's default. An error leaves with code 70, settings that cannot be
    read with code 78: starting again would not help.
    """
    try:
        settings = Settings.from_environment(service, port)
        set_up_logging(settings)
        os.nice(settings.nice)
        gc.set_threshold(COLLECT_AFTER)
        # The policy, and not uvloop.run alone: Faust's consumer makes a loop in its own thread.
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
        asyncio.run(_start(settings, body))
    except SettingError as error:
        refuse_to_start(service, error)
    except BaseException:
        log.critical("%s could not run", service, exc_info=True)
        logging.shutdown()
        os._exit(FAILED)


def refuse_to_start(service: str, error: SettingError) -> NoReturn:
    """Say in the terminal's language what is wrong with a setting; leave with code 78."""
    print(f"{service}: {error.said(language())}", file=sys.stderr, flush=True)
    os._exit(UNREADABLE)


def set_up_logging(settings: Settings) -> None:
    """Log to standard error, one line per event, with the instance's name."""
    logging.basicConfig(
        level=settings.log,
        format=f"%(asctime)s {settings.instance} %(levelname)s %(name)s: %(message)s",
    )


async def _start(settings: Settings, body: Callable[[Runtime], Awaitable[None]]) -> None:
    await body(await Runtime.start(settings))
