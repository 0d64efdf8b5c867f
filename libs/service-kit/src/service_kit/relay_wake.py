"""What wakes the relays: the services' own word, or else a change stream.

Neither has to be complete: the truth is the counters, and a relay looks at them now and then.
"""

import asyncio
import contextlib
import logging
import re
from collections.abc import Callable
from typing import Any

from pymongo.errors import PyMongoError

from service_kit.relay import LOOK_SECONDS, SENDERS, Written, origin_of
from service_kit.relay_hints import listening
from service_kit.store import Document, Store

log = logging.getLogger(__name__)

POLL_SECONDS = 0.02
GATHER_SECONDS = 0.01
RESUME_SECONDS = 1.0
# A word is lost when a relay begins, which looks then, or when a machine is beyond its means.
HEARING_LOOK_SECONDS = 2.0


class StreamWake:
    """Wakes the relays from one change stream; while that does not run, they look every 20 ms.

    One stream for all databases: every write wakes every stream of the server, and with four of
    them the embedded one did 131 transactions a second where it did 234 without any.
    """

    def __init__(self, store: Store, prefix: str) -> None:
        self._client = store.client
        self._prefix = prefix
        self._wakes: dict[str, DatabaseWake] = {}
        self._streaming = False

    def of(self, database: str) -> "DatabaseWake":
        """Return the wake of one database."""
        return self._wakes.setdefault(database, DatabaseWake(lambda: self._streaming))

    async def run(self) -> None:
        """Follow the documents that every sender of rows writes; never ends."""
        mine = {"$regex": f"^{re.escape(self._prefix)}"}
        wanted: list[Document] = [
            {"$match": {"ns.db": mine, "ns.coll": {"$in": list(SENDERS)}}},
            {"$project": {"ns": 1, "documentKey": 1, "updateDescription.updatedFields": 1}},
        ]
        while True:
            with contextlib.suppress(PyMongoError):
                async with await self._client.watch(wanted) as stream:
                    self._streaming = True
                    for wake in self._wakes.values():
                        wake.tell(None)
                    await self._follow(stream)
            log.info("no change stream of %s..., looking instead", self._prefix)
            self._streaming = False
            await asyncio.sleep(RESUME_SECONDS)

    async def _follow(self, stream: Any) -> None:
        rested_at = 0.0
        async for change in stream:
            wake = self._wakes.get(change["ns"]["db"])
            if wake is not None:
                wake.tell(told_by(change))
            # Under load every answer would hold one change: let some come together.
            now = asyncio.get_running_loop().time()
            if now - rested_at > GATHER_SECONDS:
                await asyncio.sleep(GATHER_SECONDS)
                rested_at = now + GATHER_SECONDS


def told_by(change: Document) -> Written | None:
    """Return the bundles that a change counts; None for a new document, which shows none."""
    if "updateDescription" not in change:
        return None
    fields = change["updateDescription"]["updatedFields"]
    origin = origin_of(change["ns"]["coll"], change["documentKey"]["_id"])
    return {origin: fields["bundles"]} if "bundles" in fields else {}


class DatabaseWake:
    """The relay's wake (relay.Wake) for one database."""

    def __init__(self, hearing: Callable[[], bool], look_seconds: float = LOOK_SECONDS) -> None:
        self._written = asyncio.Event()
        self._hearing = hearing
        self.look_seconds = look_seconds
        self._told: dict[str, int] = {}
        self._unclear = False

    def tell(self, bundles: Written | None) -> None:
        """Wake the relay with what was written; None: it has to look."""
        if bundles is None:
            self._unclear = True
        for origin, number in (bundles or {}).items():
            self._told[origin] = max(number, self._told.get(origin, 0))
        if self._unclear or self._told:
            self._written.set()

    async def wait(self, seconds: float) -> Written | None:
        """Return what was written; None after ``seconds`` without, or when that is not clear."""
        longest = seconds if self._hearing() else min(seconds, POLL_SECONDS)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._written.wait(), longest)
        self._written.clear()
        told, self._told = self._told, {}
        unclear, self._unclear = self._unclear, False
        return told if told and not unclear else None


class Ear:
    """Wakes the relays by what the services tell them (relay_hints): no query, no change stream."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._wakes: dict[str, DatabaseWake] = {}

    def of(self, database: str) -> DatabaseWake:
        """Return the wake of one database."""
        return self._wakes.setdefault(database, DatabaseWake(lambda: True, HEARING_LOOK_SECONDS))

    async def run(self) -> None:
        """Listen; never ends. Raises Infrastructure when the address cannot be had."""
        async with listening(self._address, self._heard):
            await asyncio.Event().wait()

    def _heard(self, database: str, told: Written) -> None:
        if database in self._wakes:
            self._wakes[database].tell(told)
