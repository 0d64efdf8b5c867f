"""The register of metrics: typed, one sentence each for the operator, labels with few values.

    PAUSED = gauge("sources_paused", "Sources whose records all dead-letter until someone looks.")

The kit's own metrics are wrappers around the core (:class:`MeteredHandler`,
:class:`MeteredSession`), so the core does not know that it is counted.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from service_kit import dead_letters
from service_kit.batch import Handler, Preparing
from service_kit.outbox import Outbox
from service_kit.records import Partition, Slice
from service_kit.store import Session, Tx

NAMESPACE = "paceline"
REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)  # process_start_time_seconds tells restarts

T = TypeVar("T")
M = TypeVar("M", Counter, Gauge, Histogram)


@dataclass(frozen=True, slots=True)
class Entry:
    """A metric's line in the register."""

    kind: str
    name: str
    sentence: str
    labels: tuple[str, ...]


_register: dict[str, tuple[Entry, Any]] = {}


def counter(name: str, sentence: str, labels: Sequence[str] = ()) -> Counter:
    """Register a counter ``paceline_<name>_total``; the same definition again is the same metric.

    Raises ValueError when the name is taken by another definition.
    """
    return _metric(Counter, name, sentence, labels)


def gauge(name: str, sentence: str, labels: Sequence[str] = ()) -> Gauge:
    """Register a gauge ``paceline_<name>``; raises like :func:`counter`."""
    return _metric(Gauge, name, sentence, labels)


def histogram(
    name: str, sentence: str, labels: Sequence[str] = (), buckets: Sequence[float] | None = None
) -> Histogram:
    """Register a histogram ``paceline_<name>`` (seconds unless its name says otherwise)."""
    options = {} if buckets is None else {"buckets": tuple(buckets)}
    return _metric(Histogram, name, sentence, labels, **options)


def register() -> list[Entry]:
    """Return every metric that this process may export, by name."""
    return [entry for _, (entry, _) in sorted(_register.items())]


def exposition() -> bytes:
    """Return the current values in Prometheus' text format."""
    return generate_latest(REGISTRY)


def _metric(kind: type[M], name: str, sentence: str, labels: Sequence[str], **options: Any) -> M:
    entry = Entry(kind.__name__.lower(), f"{NAMESPACE}_{name}", sentence, tuple(labels))
    known = _register.get(name)
    if known is None:
        metric = kind(name, sentence, labels, namespace=NAMESPACE, registry=REGISTRY, **options)
        known = _register[name] = (entry, metric)
    if known[0] != entry:
        raise ValueError(f"metric {name} is registered otherwise: {known[0]}")
    found: M = known[1]
    return found


BATCHES = counter(
    "batches", "Transactions of records applied; standing still while lag grows is bad.", ["group"]
)
RECORDS = counter("records", "Records applied once each, dead letters included.", ["group"])
DEAD_LETTERS = counter(
    "dead_letters", "Records that nothing could apply; look at `paceline deadletters`.", ["group"]
)
TRANSACTIONS = histogram(
    "transaction_seconds",
    "How long transactions took, runs again included; slow ones hold the whole pipeline back.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
RETRIES = counter(
    "transaction_retries", "Transactions run again after a conflict; a steady stream is a hot spot."
)
HALTED = gauge(
    "halted_partitions", "Partitions that wait for an operator; see `paceline doctor`.", ["group"]
)
LAG = gauge("lag_records", "Records behind the end of the log.", ["group", "topic", "partition"])
CLOCK = gauge(
    "clock_seconds", "The organisation's clock, epoch seconds; less a watermark it is the lag."
)


class MeteredHandler:
    """A handler that counts what has been committed."""

    def __init__(self, handler: Handler, group: str) -> None:
        self._handler = handler
        self._batches = BATCHES.labels(group)
        self._records = RECORDS.labels(group)
        self._dead = DEAD_LETTERS.labels(group)

    async def load(self, partition: Partition) -> None:
        """Pass on."""
        await self._handler.load(partition)

    async def apply(self, tx: Tx, batch: Slice, outbox: Outbox) -> Any:
        """Pass on; the effect carries the number of dead letters until the commit."""
        before = dead_letters.written(tx)
        effect = await self._handler.apply(tx, batch, outbox)
        return effect, dead_letters.written(tx) - before

    def committed(self, batch: Slice, effect: Any) -> None:
        """Count, and pass on."""
        inner, dead = effect
        if len(batch.records):
            self._batches.inc()
            self._records.inc(len(batch.records))
        self._dead.inc(dead)
        self._handler.committed(batch, inner)

    def forget(self, partition: Partition) -> None:
        """Pass on."""
        self._handler.forget(partition)


class MeteredPreparing(MeteredHandler):
    """The same for a handler that prepares: that it does is told by its having the method."""

    def __init__(self, handler: Preparing, group: str) -> None:
        super().__init__(handler, group)
        self._preparing = handler

    def prepare(self, batch: Slice) -> Any:
        """Pass on."""
        return self._preparing.prepare(batch)


def metered(handler: Handler, group: str) -> MeteredHandler:
    """Return the handler with its counters."""
    if isinstance(handler, Preparing):
        return MeteredPreparing(handler, group)
    return MeteredHandler(handler, group)


class MeteredSession(Session):
    """A session that times transactions and counts how often a body had to run again."""

    async def run(self, body: Callable[[Tx], Awaitable[T]]) -> T:
        """Run as :meth:`Session.run` promises."""
        runs = 0
        began = time.perf_counter()

        async def counted(tx: Tx) -> T:
            nonlocal runs
            runs += 1
            return await body(tx)

        try:
            return await super().run(counted)
        finally:
            TRANSACTIONS.observe(time.perf_counter() - began)
            RETRIES.inc(max(runs - 1, 0))
