"""Before anything is taken in: has this sender a right to send so much, and is it its turn.

One sender is limited by its rate of events and of bytes (429). All together are limited twice: by
the bytes of bodies in memory (503 at once; 429 for a sender with more than its share), and by those
that are worked on or wait for the broker's acknowledgement: whoever has sent its body waits for its
turn, and is told after WAIT_SECONDS to come again (503). So a slow broker or a busy processor fills
neither memory nor the time of those who are served, and a body that comes drop by drop takes
nobody's turn. Whoever has shown no key yet, for it stands in the body, shares a part of the memory
with others like that.
"""

import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import NoReturn

from fastapi import Request

from metrics_ingest.api.room import STRANGER, Line, Room
from metrics_ingest.domain.doors.buckets import Bucket, Rate, whole_seconds
from metrics_ingest.metrics import REFUSED, UNDER_WAY
from metrics_ingest.settings import IngestSettings
from service_kit.errors import UserError
from service_kit.web.auth import Caller
from service_kit.web.bodies import MAX_BODY, read_bytes

SENDERS = 10_000
AT_ONCE = 4 * 2**20  # worked on at once: at a hundred megabytes a second the broker has 40 ms


class Sender:
    """The two buckets of one key, person or hook; ``rate`` is that of its events."""

    __slots__ = ("_bytes", "_events", "rate")

    def __init__(self, events: Rate, size: Rate, now: float) -> None:
        self.rate = events
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


class Entry:
    """A request that is let in. What it holds is given back when it leaves."""

    def __init__(self, request: Request, gate: "Gate") -> None:
        self._request = request
        self._gate = gate
        self._body: bytes | None = None
        self._held = 0
        self._served = 0
        self._charged = 0
        self._name = STRANGER
        self.sender: Sender | None = None

    async def read(self, most: int) -> bytes:
        """Return the body; raises UserError like read_bytes, and 503 or 429 without room for it."""
        if self._body is None:
            self._body = await read_bytes(self._request, most, self._grown)
        return self._body

    async def body(self, most: int = MAX_BODY) -> bytes:
        """Return the body in its turn, paid for; raises UserError like :meth:`read`."""
        body = await self.read(most)
        if not self._served:
            await self._gate.line.enter(len(body) + 1)
            self._served = len(body) + 1
            self.count(0)  # whatever comes of it
        return body

    def count(self, events: int) -> None:
        """Charge the sender for this many events, and for the bytes not charged yet."""
        if self.sender is not None:
            self.sender.take(events, self._held - self._charged, self._gate.now())
            self._charged = self._held

    def enter(self, name: str, sender: Sender) -> None:
        """Go on as this sender, with what was read before; raises UserError like :meth:`read`."""
        held = self._held
        self._give_back()
        self._name = name
        self.sender = sender
        self._grown(held)

    def leave(self) -> None:
        """Give everything back."""
        self._give_back()
        served, self._served = self._served, 0
        if served:
            self._gate.line.leave(served)

    def _give_back(self) -> None:
        held, self._held = self._held, 0
        self._gate.room.give_back(held, self._name)

    def _grown(self, size: int) -> None:
        self._gate.room.hold(size, self._name, self._held)
        self._held += size


class Gate:
    """The limits of one process: with several instances each has its own."""

    def __init__(self, settings: IngestSettings, now: Callable[[], float] = time.monotonic) -> None:
        self._events = Rate(settings.sender_events)
        self._bytes = Rate(settings.sender_bytes)
        self.room = Room(settings.room_bytes, UNDER_WAY)
        self.line = Line(min(AT_ONCE, settings.room_bytes))
        self._senders: dict[str, Sender] = {}
        self.now = now

    def enter_as(
        self, request: Request, caller: Caller
    ) -> contextlib.AbstractAsyncContextManager[Entry]:
        """Let a request of this key or person in, at its own rate; raises UserError 429."""
        return self.enter(request, sender_of(caller), caller.events_per_second)

    @contextlib.asynccontextmanager
    async def enter(
        self, request: Request, name: str, events_per_second: int | None = None
    ) -> AsyncIterator[Entry]:
        """Let a request of this sender in; raises UserError 429, 503. None: the rate of all."""
        entry = self._entry(request)
        try:
            entry.enter(name, self._admit(name, events_per_second))
            yield entry
        finally:
            entry.leave()

    async def read_early(self, request: Request, most: int) -> bytes:
        """Return the body of a sender that is not known yet; :meth:`enter` goes on with it.

        Whoever reads early calls :meth:`turn_away` unless the request enters.
        """
        entry = self._entry(request)
        try:
            return await entry.read(most)
        except BaseException:
            entry.leave()
            raise

    def turn_away(self, request: Request) -> None:
        """Give back what a request holds that has been read and does not enter."""
        self._entry(request).leave()

    def _entry(self, request: Request) -> Entry:
        found: Entry | None = getattr(request.state, "entry", None)
        if found is None:
            found = request.state.entry = Entry(request, self)
        return found

    def _admit(self, name: str, events_per_second: int | None) -> Sender:
        now = self.now()
        rate = self._events if events_per_second is None else Rate(events_per_second)
        sender = self._sender(name, rate, now)
        wait = sender.wait(now)
        if wait:
            _refuse_rate(whole_seconds(wait))
        return sender

    def _sender(self, name: str, rate: Rate, now: float) -> Sender:
        """Return the sender; one whose rate was changed begins anew, with full buckets."""
        found = self._senders.get(name)
        if found is None or found.rate != rate:
            if len(self._senders) >= SENDERS:
                self._forget(now)
            found = self._senders[name] = Sender(rate, self._bytes, now)
        return found

    def _forget(self, now: float) -> None:
        """Forget senders whose buckets are full: a new one is no better off."""
        self._senders = {n: s for n, s in self._senders.items() if s.full_at() > now}


def sender_of(caller: Caller) -> str:
    """Return the name that a caller is limited under: a person's id is its tenant's own."""
    return f"{caller.tenant}|{caller.actor}"


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
