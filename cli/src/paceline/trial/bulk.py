"""How much was folded in bulk, by the service's own counter: read while it lives and is killed."""

import asyncio
import contextlib
import re

import httpx

from paceline.trial.system import System

EVERY_SECONDS = 0.2
_COUNT = re.compile(r"(?m)^paceline_ingest_bulk_events_total (\S+)$")


class BulkWatch:
    """Adds up the counters of one process after another.

    What a process counted after it was last asked is not in it: ``total`` is a lower bound.
    """

    def __init__(self, system: System) -> None:
        self._system = system
        self._before = 0.0
        self._last = 0.0

    @property
    def total(self) -> int:
        """How many events were seen to go in bulk."""
        return int(self._before + self._last)

    async def run(self) -> None:
        """Ask until cancelled."""
        async with httpx.AsyncClient(timeout=2) as http:
            while True:
                with contextlib.suppress(httpx.TransportError):
                    answer = await http.get(f"{self._system.url('metrics-ingest')}/metrics")
                    self.note(answer.text)
                await asyncio.sleep(EVERY_SECONDS)

    def note(self, exposition: str) -> None:
        """Read one answer of the service."""
        found = _COUNT.search(exposition)
        count = float(found[1]) if found else 0.0
        if count < self._last:  # another process
            self._before += self._last
        self._last = count
