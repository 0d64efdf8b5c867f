"""The room for bodies, which bounds memory, and the line before the work, which bounds time."""

import asyncio
from collections import Counter, deque
from typing import NoReturn

from prometheus_client import Gauge

from metrics_ingest.domain.doors.segment import BATCH_BYTES
from metrics_ingest.metrics import REFUSED
from service_kit.errors import UserError

WAITING = 2_000
WAIT_SECONDS = 2.0
RETRY = "2"
STRANGER = ""  # whoever has shown no key yet
STRANGERS = 4  # they hold one part of the room in so many


class Room:
    """Bytes of bodies that are held at once, over all and for each sender; the gauge shows them.

    A sender with several bodies here leaves free as much as it holds. Alone it so has half of the
    room, two such have a third each, and something is left for one more: a fixed share would be
    too little for a busy sender that is alone, or leave nothing once enough of them are slow. One
    body alone may take all that is free, or a small room would never take a large body.
    """

    def __init__(self, size: int, gauge: Gauge) -> None:
        self._size = size
        self._strangers = max(size // STRANGERS, BATCH_BYTES)
        self._gauge = gauge
        self._held: Counter[str] = Counter()
        self.held = 0

    def hold(self, size: int, sender: str, body: int) -> None:
        """Hold so many bytes more of a body of which ``body`` are held.

        Raises UserError: 503 when there is no room for them, 429 when it is left for others.
        """
        free = self._size - self.held - size
        held = self._held[sender]
        if free < 0 or (sender == STRANGER and held + size > self._strangers):
            _refuse_room()
        if sender != STRANGER and held > body and held + size > free:
            _refuse_share()
        self._add(size, sender)

    def give_back(self, size: int, sender: str) -> None:
        """Hold so many bytes less."""
        self._add(-size, sender)

    def _add(self, size: int, sender: str) -> None:
        self.held += size
        self._held[sender] += size
        if not self._held[sender]:
            del self._held[sender]
        self._gauge.set(self.held)


class Line:
    """Who is served, up to a number of bytes at once, and who waits, first come, first served.

    One body larger than all of it goes alone.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()
        self.served = 0

    async def enter(self, size: int) -> None:
        """Be served with so many bytes; raises UserError 503 when that does not come in time."""
        if not self._waiting and self._fits(size):
            self.served += size
            return
        if len(self._waiting) >= WAITING:
            _refuse_room()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((turn, size))
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.leave(size)  # its turn came in the moment in which it gave up
            if isinstance(error, TimeoutError):
                _refuse_room()
            raise

    def leave(self, size: int) -> None:
        """Make room, and let those in whose turn it is."""
        self.served -= size
        while self._waiting and (self._waiting[0][0].done() or self._fits(self._waiting[0][1])):
            turn, wanted = self._waiting.popleft()
            if not turn.done():
                self.served += wanted
                turn.set_result(None)

    def _fits(self, size: int) -> bool:
        return self.served == 0 or self.served + size <= self._size


def _refuse_room() -> NoReturn:
    REFUSED.labels("room").inc()
    raise UserError(
        "no-room",
        "body",
        "as much as can be held is under way already; try again",
        "正在处理的数据已达上限；请稍后重试",
        status=503,
        headers={"Retry-After": RETRY, "Connection": "close"},
    )


def _refuse_share() -> NoReturn:
    REFUSED.labels("share").inc()
    raise UserError(
        "share-used",
        "body",
        "this sender's bodies take all the room that is not left for others; "
        "try again when they have come to their end",
        "该发送方的正文已占满不留给其他发送方的空间；请等这些请求结束后重试",
        status=429,
        headers={"Retry-After": RETRY, "Connection": "close"},
    )
