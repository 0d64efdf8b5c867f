"""Before anything is taken in: has this sender a right to send so much, and is there room for it.

One sender is limited by its rate of events and of bytes (429). All together are limited by the
bytes that are on their way from a body to the broker's acknowledgement (503): a broker that is
slow fills this room, not the memory.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import NoReturn

from fastapi import Request

from metrics_ingest.domain.buckets import Bucket, Rate, whole_seconds
from metrics_ingest.metrics import REFUSED, UNDER_WAY
from metrics_ingest.settings import IngestSettings
from service_kit.errors import UserError
from service_kit.web.bodies import MAX_BODY, read_bytes

SENDERS = 10_000
ROOM_RETRY = "1"


class Entry:
    """A request that is let in. What it holds is given back when it leaves."""

    def __init__(self, gate: "Gate", request: Request) -> None:
        self._gate = gate
        self._request = request
        self._early: bytes | None = None
        self._charged = 0
        self.held = 0
        self.sender: Sender | None = None

    async def body(self, most: int = MAX_BODY) -> bytes:
        """Return the body; raises UserError like read_bytes, and 503 when there is no room."""
        if self._early is None:
            self._early = await read_bytes(self._request, most, self._grown)
        return self._early

    def count(self, events: int) -> None:
        """Charge the sender for this many events, and for the bytes not charged yet."""
        if self.sender is not None:
            self.sender.take(events, self.held - self._charged, self._gate.now())
            self._charged = self.held

    def leave(self) -> None:
        """Give back what is held."""
        self._gate.grow(-self.held)
        self.held = 0

    def _grown(self, size: int) -> None:
        self._gate.grow(size)
        self.held += size


class Sender:
    """The two buckets of one key, person or hook."""

    __slots__ = ("_bytes", "_events")

    def __init__(self, events: Rate, size: Rate, now: float) -> None:
        self._events = Bucket(events, now)
        self._bytes = Bucket(size, now)

    def wait(self, now: float) -> float:
        """Return for how many seconds nothing may be sent."""
        return max(self._events.wait(now), self._bytes.wait(now))

    def take(self, events: int, size: int, now: float) -> None:
        """Charge for what was sent."""
        self._events.take(events, now)
        self._bytes.take(size, now)

    def full_at(self) -> float:
        """Return when nothing of what was sent is remembered."""
        return max(self._events.full_at(), self._bytes.full_at())


class Gate:
    """The limits of one process: with several instances each has its own."""

    def __init__(self, settings: IngestSettings, now: Callable[[], float] = time.monotonic) -> None:
        self._events = Rate(settings.sender_events)
        self._bytes = Rate(settings.sender_bytes)
        self._room = settings.room_bytes
        self._senders: dict[str, Sender] = {}
        self._held = 0
        self.now = now

    async def read_early(self, request: Request, most: int) -> bytes:
        """Return the body of a sender that is not known yet; :meth:`enter` goes on with it.

        Whoever reads early calls :meth:`turn_away` unless the request enters.
        """
        entry = request.state.entry = Entry(self, request)
        try:
            return await entry.body(most)
        except BaseException:
            entry.leave()
            raise

    def turn_away(self, request: Request) -> None:
        """Give back what a request holds that has been read and does not enter."""
        entry: Entry | None = getattr(request.state, "entry", None)
        if entry is not None:
            entry.leave()

    @contextlib.contextmanager
    def enter(self, request: Request, name: str) -> Iterator[Entry]:
        """Let a request of this sender in; raises UserError 429 and 503."""
        entry: Entry = getattr(request.state, "entry", None) or Entry(self, request)
        try:
            entry.sender = self._admit(name)
            yield entry
        finally:
            entry.leave()

    def grow(self, size: int) -> None:
        """Hold so many bytes more; raises UserError 503 when there is no room for them."""
        if size > 0 and self._held + size > self._room:
            _refuse_room()
        self._held += size
        UNDER_WAY.set(self._held)

    def _admit(self, name: str) -> "Sender":
        now = self.now()
        sender = self._sender(name, now)
        wait = sender.wait(now)
        if wait:
            _refuse_rate(whole_seconds(wait))
        if self._held >= self._room:
            _refuse_room()
        return sender

    def _sender(self, name: str, now: float) -> Sender:
        found = self._senders.get(name)
        if found is None:
            if len(self._senders) >= SENDERS:
                self._forget(now)
            found = self._senders[name] = Sender(self._events, self._bytes, now)
        return found

    def _forget(self, now: float) -> None:
        """Forget senders whose buckets are full: a new one is no better off."""
        self._senders = {n: s for n, s in self._senders.items() if s.full_at() > now}


def _refuse_rate(seconds: int) -> NoReturn:
    REFUSED.labels("rate").inc()
    raise UserError(
        "rate-limited",
        "header.Authorization",
        f"this sender brings more than its rate; come again in {seconds} s",
        f"发送速率超出限制；请在 {seconds} 秒后重试",
        status=429,
        headers={"Retry-After": f"{seconds}", "X-RateLimit-Reset": f"{seconds}"},
    )


def _refuse_room() -> NoReturn:
    REFUSED.labels("room").inc()
    raise UserError(
        "no-room",
        "body",
        "as much as can be held waits for the broker already; try again",
        "等待写入的数据已达上限；请稍后重试",
        status=503,
        headers={"Retry-After": ROOM_RETRY, "Connection": "close"},
    )
