"""The judge: a timer that takes goals whose time has come, some in each short transaction."""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence

from alerting import metrics
from alerting.adapters.books import MongoBooks
from alerting.adapters.dockets import docket_of, waiting
from alerting.adapters.values import lowest, watermarks
from alerting.domain.goal import GoalKey
from alerting.handlers import handle
from alerting.handlers.judging import JudgeGoals, Judgement
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
TOGETHER = 30  # goals a transaction: see handlers.judging

log = logging.getLogger(__name__)


class Judge:
    """Judges the goals of the progress partitions that this process holds.

    It takes turns with the loop, which increments the same heads: apart they collided under load
    until the judge gave up. Two judges of one goal (a partition has just moved) meet at the goal's
    head; one runs again and finds the work done. A goal that cannot be judged fails those that
    are judged with it; each is judged by itself then, and it alone is put off for a minute.
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
        together: int = TOGETHER,
    ) -> None:
        """``moved`` is set when something was applied that a judgement may depend on."""
        self._together = together
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
        ready: list[Docket] = []
        hurried: set[GoalKey] = set()
        for row in rows:
            docket = docket_of(row)
            origins = origins_of(partitions, docket.key.tenant, row["metrics"])
            watermark_ms = lowest(marks, docket.partition, docket.key.tenant, origins)
            if not self._patient(docket.key):
                hurried.add(docket.key)
            if _ready(docket, watermark_ms, now_ms) or docket.key in hurried:
                ready.append(docket)
            if docket.at_ms <= now_ms:
                lagging[docket.key] = self._seen.get(docket.key, _monotonic())
        decided = 0
        for batch in self._batches(ready):
            keys = [docket.key for docket in batch]
            decided += await self._try(batch[0].partition, keys, now_ms, hurried)
        self._seen = lagging
        metrics.WAITING.set(len(lagging))
        return decided

    def _batches(self, dockets: Iterable[Docket]) -> list[list[Docket]]:
        """Return what is judged together, the most urgent first; what has failed stays alone."""
        by_partition: dict[int, list[Docket]] = defaultdict(list)
        batches: list[list[Docket]] = []
        for docket in dockets:
            if docket.key not in self._failed:
                by_partition[docket.partition].append(docket)
            elif _monotonic() - self._failed[docket.key] >= PUT_OFF_SECONDS:
                batches.append([docket])
        for mine in by_partition.values():
            batches += [mine[n : n + self._together] for n in range(0, len(mine), self._together)]
        return sorted(batches, key=lambda batch: batch[0].at_ms)

    async def _try(
        self, partition: int, keys: Sequence[GoalKey], now_ms: int, hurried: Collection[GoalKey]
    ) -> int:
        """Judge; return of how many goals something was decided.

        Raises what is no goal's own fault.
        """
        decided = 0
        while keys:
            try:
                done = await self._judge(partition, keys, now_ms, hurried)
            except PacelineError:
                raise
            except Exception:
                if len(keys) > 1:
                    alone = [await self._try(partition, [k], now_ms, hurried) for k in keys]
                    return decided + sum(alone)
                (key,) = keys
                log.exception("the goal %s of %s cannot be judged", key.goal, key.tenant)
                metrics.FAILED.inc()
                self._failed[key] = _monotonic()
                return decided
            for key in keys:
                self._failed.pop(key, None)
            decided, keys = decided + len(done.outcomes), done.left
        return decided

    async def _judge(
        self, partition: int, keys: Sequence[GoalKey], now_ms: int, hurried: Collection[GoalKey]
    ) -> Judgement:
        partitions = self._settings.shared.partitions
        command = JudgeGoals(keys, now_ms, partitions, hurried)
        origin = Origin(f"alerting:judge/{partition}")

        async def body(tx: Tx) -> Judgement:
            outbox = await origin.open(tx)
            books = MongoBooks(
                tx,
                outbox,
                self._guards,
                partition=partition,
                partitions=partitions,
                now_ms=now_ms,
                hold_seconds=self._settings.hold_seconds,
            )
            found: Judgement = await handle(command, books)
            await origin.close(tx, outbox)
            return found

        async with self._turn:
            done = await self._session.run(body)
        for key in keys:
            self._looked_at(key)
        for outcome in done.outcomes.values():
            metrics.JUDGED.inc(len(outcome.judged))
            for deed in outcome.deeds:
                metrics.DEEDS.labels(str(deed.kind)).inc()
        return done

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
