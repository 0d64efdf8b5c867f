"""The judge: a timer that takes goals whose time has come, one short transaction each."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable

from alerting import metrics
from alerting.adapters.books import MongoBooks
from alerting.adapters.dockets import docket_of, waiting
from alerting.adapters.values import lowest, watermarks
from alerting.domain.goal import GoalKey
from alerting.domain.judging import Outcome
from alerting.handlers import handle
from alerting.handlers.judging import JudgeGoal
from alerting.handlers.sources import origins_of
from alerting.ports import Docket
from alerting.settings import AlertingSettings
from service_kit.clock import Clock
from service_kit.errors import PacelineError
from service_kit.guards import Guards
from service_kit.outbox import Origin
from service_kit.store import Session, Store, Tx

Held = Callable[[], Iterable[int]]
PUT_OFF_SECONDS = 60.0

log = logging.getLogger(__name__)


class Judge:
    """Judges the goals of the progress partitions that this process holds.

    It takes turns with the loop, which increments the same heads: apart they collided under load
    until the judge gave up. Two judges of one goal (a partition has just moved) meet at the goal's
    head; one runs again and finds the work done. A goal that cannot be judged is put off for a
    minute, and keeps no other from being judged.
    """

    def __init__(
        self,
        store: Store,
        session: Session,
        clock: Clock,
        guards: Guards,
        settings: AlertingSettings,
        held: Held,
        turn: asyncio.Lock,
        looked_at: Callable[[GoalKey], None] = lambda key: None,
        moved: asyncio.Event | None = None,
    ) -> None:
        """``moved`` is set when something was applied that a judgement may depend on."""
        self._moved = moved or asyncio.Event()
        self._store = store
        self._session = session
        self._clock = clock
        self._guards = guards
        self._settings = settings
        self._held = held
        self._turn = turn
        self._looked_at = looked_at
        self._seen: dict[GoalKey, float] = {}
        self._failed: dict[GoalKey, float] = {}

    async def run(self) -> None:
        """Judge for ever: when something has moved, and now and then, because clocks do."""
        while True:
            self._moved.clear()
            await self.step()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), self._settings.judge_seconds)

    async def step(self) -> int:
        """Judge every goal that is ready; return how many had something to decide."""
        now_ms = self._clock.now_ms()
        rows = await waiting(self._store, self._held(), now_ms)
        if not rows:
            self._seen.clear()
            metrics.WAITING.set(0)
            return 0
        partitions = self._settings.shared.partitions
        marks = await watermarks(self._store)
        lagging: dict[GoalKey, float] = {}
        decided = 0
        for row in rows:
            docket = docket_of(row)
            origins = origins_of(partitions, docket.key.tenant, row["metrics"])
            watermark_ms = lowest(marks, docket.partition, docket.key.tenant, origins)
            patient = self._patient(docket.key)
            if _ready(docket, watermark_ms, now_ms) or not patient:
                decided += await self._try(docket, now_ms, patient)
            if docket.at_ms <= now_ms:
                lagging[docket.key] = self._seen.get(docket.key, _monotonic())
        self._seen = lagging
        metrics.WAITING.set(len(lagging))
        return decided

    async def _try(self, docket: Docket, now_ms: int, patient: bool) -> bool:
        """Judge; return whether something was decided. Raises what is not the goal's own fault."""
        key, now = docket.key, _monotonic()
        if now - self._failed.get(key, now - PUT_OFF_SECONDS) < PUT_OFF_SECONDS:
            return False
        try:
            decided = await self._judge(docket, now_ms, patient) is not None
        except PacelineError:
            raise
        except Exception:
            log.exception("the goal %s of %s cannot be judged", key.goal, key.tenant)
            metrics.FAILED.inc()
            self._failed[key] = now
            return False
        self._failed.pop(key, None)
        return decided

    async def _judge(self, docket: Docket, now_ms: int, patient: bool) -> Outcome | None:
        partitions = self._settings.shared.partitions
        command = JudgeGoal(docket.key, now_ms, partitions, patient=patient)
        origin = Origin(f"alerting:judge/{docket.partition}")

        async def body(tx: Tx) -> Outcome | None:
            outbox = await origin.open(tx)
            books = MongoBooks(
                tx,
                outbox,
                self._guards,
                partition=docket.partition,
                partitions=partitions,
                now_ms=now_ms,
                hold_seconds=self._settings.hold_seconds,
            )
            found: Outcome | None = await handle(command, books)
            await origin.close(tx, outbox)
            return found

        async with self._turn:
            outcome = await self._session.run(body)
        self._looked_at(docket.key)
        if outcome is not None:
            metrics.JUDGED.inc(len(outcome.judged))
            for deed in outcome.deeds:
                metrics.DEEDS.labels(str(deed.kind)).inc()
        return outcome

    def _patient(self, key: GoalKey) -> bool:
        since = self._seen.get(key)
        return since is None or _monotonic() - since < self._settings.patience_seconds


def _ready(docket: Docket, watermark_ms: int, now_ms: int) -> bool:
    correction = docket.correction
    if correction is not None and correction.ready(watermark_ms):
        return True
    return docket.at_ms <= min(now_ms, max(watermark_ms, 0))


def _monotonic() -> float:
    return asyncio.get_running_loop().time()
