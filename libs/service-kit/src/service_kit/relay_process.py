"""``python -m service_kit.relay_process [DATABASE...]``: relays outboxes in one process.

Without arguments every database with the deployment's prefix that has offset documents is relayed,
also one that appears later. Any error ends the process with code 70.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from typing import Any

import uvloop
from pymongo.errors import PyMongoError

from service_kit.errors import Infrastructure, SettingError
from service_kit.kafka_producer import RelayProducer
from service_kit.metrics import counter, exposition, gauge
from service_kit.relay import Relay
from service_kit.relay_wake import POLL_SECONDS, DatabaseWake, Ear, StreamWake
from service_kit.service import refuse_to_start, set_up_logging
from service_kit.serving import Server, configured
from service_kit.settings import Settings
from service_kit.store import Document, Store

log = logging.getLogger(__name__)

SERVICE = "relay"
FAILED = 70
DISCOVER_SECONDS = 2.0

SENT = counter("relay_rows", "Rows of the outboxes that Kafka has acknowledged.", ["database"])
BACKLOG = gauge(
    "relay_backlog_bundles",
    "Bundles of the outboxes (a transaction's rows) that are written and not yet sent; above 0 "
    "while nothing is sent: Kafka does not take them.",
    ["database"],
)

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class CountedProducer(RelayProducer):
    """Counts what one database's relay has sent."""

    def __init__(self, settings: Settings, database: str) -> None:
        super().__init__(settings.access, settings.prefix)
        self._counted = SENT.labels(database)

    async def send(self, rows: Sequence[Document]) -> None:
        """Send the rows and count them."""
        await super().send(rows)
        self._counted.inc(len(rows))


async def relay(settings: Settings, database: str, wake: DatabaseWake) -> None:
    """Relay one database until cancelled; raises Infrastructure."""
    store = Store.connect(settings.mongodb, database)
    producer = CountedProducer(settings, database)
    one = Relay(store, producer, wake, settings.instance, wake.look_seconds)
    BACKLOG.labels(database).set_function(lambda: one.waiting)
    await one.run()


async def relay_these(settings: Settings, databases: Sequence[str]) -> None:
    """Relay the databases, or every database of the deployment, those that appear later too."""
    store = Store.connect(settings.mongodb, settings.database)
    wake = (
        Ear(settings.relay)
        if settings.relay
        else StreamWake(store, "" if databases else settings.database_prefix)
    )
    found: dict[str, asyncio.Task[None]] = {}
    waking = asyncio.create_task(wake.run())
    while True:
        for database in databases or await senders(store, settings.database_prefix, found):
            if database not in found:
                found[database] = asyncio.create_task(relay(settings, database, wake.of(database)))
        done, _ = await asyncio.wait(
            [waking, *found.values()],
            timeout=DISCOVER_SECONDS if found else POLL_SECONDS,
            return_when=asyncio.FIRST_COMPLETED,
        )
        for task in done:
            await task


async def senders(store: Store, prefix: str, known: Collection[str]) -> list[str]:
    """Return further databases that may have rows to send; raises Infrastructure."""
    try:
        names = [n for n in await store.client.list_database_names() if n.startswith(prefix)]
        return [
            name
            for name in names
            if name not in known and "offsets" in await store.client[name].list_collection_names()
        ]
    except PyMongoError as error:
        raise Infrastructure(f"looking for outboxes: {error}") from error


async def either(*works: Coroutine[Any, Any, None]) -> None:
    """Run all; the first that ends or raises ends this with it."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            await task
    finally:
        for task in tasks:
            task.cancel()


async def door(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answer /healthz and /metrics (ASGI)."""
    bodies = {"/healthz": lambda: b'{"ok":true}', "/metrics": exposition}
    body = bodies.get(scope["path"])
    status = 404 if body is None else 200
    headers = [(b"content-type", b"text/plain; version=0.0.4")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if body is None else body()})


async def serve(settings: Settings) -> None:
    """Serve the door on PACELINE_PORT; without one only wait."""
    if not settings.port:
        await asyncio.Event().wait()
    await Server(configured(door, settings.host, settings.port, lifespan="off")).open()


async def run(settings: Settings, databases: Sequence[str]) -> None:
    """Relay and serve until SIGTERM or SIGINT; raises when something ends before."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await either(_until(stop), serve(settings), relay_these(settings, databases))
    if not stop.is_set():
        raise Infrastructure("a part of the relay ended")


async def _until(event: asyncio.Event) -> None:
    await event.wait()


def main(databases: Sequence[str]) -> None:
    """Run; leave with code 0 after a signal, 70 after an error, 78 on unreadable settings."""
    try:
        settings = Settings.from_environment(SERVICE, 0)
    except SettingError as error:
        refuse_to_start(SERVICE, error)
    set_up_logging(settings)
    code = 0
    try:
        uvloop.run(run(settings, databases))
    except BaseException as error:
        log.critical("the relay leaves: %s", error, exc_info=True)
        code = FAILED
    logging.shutdown()
    os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1:])
