"""The rounds: peers by turns on one broker, so that what the machine does meanwhile meets all."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from event_contracts.topics import RAW
from paceline.fold import ours, peers
from paceline.fold.faust import faust
from paceline.fold.feed import Filled, fill
from paceline.fold.job import Job
from paceline.fold.outcome import Outcome
from paceline.fold.place import Place
from paceline.fold.streams import streams

LEAST_RATIO, MOST_RATIO = 2.5, 3.8

Runner = Callable[[], Outcome]
Say = Callable[[Outcome], None]


@dataclass(slots=True)
class Round:
    """One round of one variant, the peers in the order in which they ran."""

    number: int
    outcomes: list[Outcome] = field(default_factory=list)

    def rate(self, peer: str) -> float | None:
        """Return a peer's events per second, None where it has no figure that counts."""
        rates = [each.rate for each in self.outcomes if each.peer == peer and each.counts]
        return rates[0] if rates else None

    @property
    def ratio(self) -> float | None:
        """Java fetch to aiokafka fetch; None where one of them did not run."""
        java, bare = self.rate(peers.JAVA_FETCH), self.rate(peers.AIOKAFKA)
        return java / bare if java and bare else None

    @property
    def void(self) -> bool:
        """Whether the machine was not itself: the two fetches are too near or too far apart."""
        return self.ratio is not None and not LEAST_RATIO <= self.ratio <= MOST_RATIO


@dataclass(frozen=True, slots=True)
class Variant:
    """One line of the report: the job, the ids that the window holds before, and who runs."""

    name: str
    job: Job
    ids: int
    rounds: int
    peers: Sequence[str]


@dataclass(slots=True)
class Measured:
    """All rounds of one variant."""

    variant: Variant
    record_bytes: float
    rounds: list[Round] = field(default_factory=list)


class Runs:
    """Runs variants in one place; each topic is filled once."""

    def __init__(self, place: Place, say: Say, slow_events: int, *, spoil: bool = False) -> None:
        """``spoil``: a cent too much in every truth, so that no fold can be right."""
        self._place = place
        self._say = say
        self._slow_events = slow_events
        self._spoil = spoil
        self._filled: dict[Job, Filled] = {}
        self._number = 0

    def measure(self, variant: Variant) -> Measured:
        """Run all rounds of a variant."""
        filled = self._fill(variant.job)
        measured = Measured(variant, filled.truth.bytes / filled.truth.records)
        for number in range(variant.rounds):
            measured.rounds.append(self._round(variant, filled, number))
        return measured

    def _round(self, variant: Variant, filled: Filled, number: int) -> Round:
        found = Round(number)
        for name, runner in self._runners(variant, filled):
            if name in variant.peers:
                outcome = _tried(name, runner)
                found.outcomes.append(outcome)
                self._say(outcome)
        return found

    def _runners(self, variant: Variant, filled: Filled) -> Iterator[tuple[str, Runner]]:
        place = self._place
        yield "java", lambda: peers.java_fetch(place, filled)
        yield "aiokafka", lambda: peers.aiokafka_fetch(place, filled)
        yield "unchecked", lambda: peers.aiokafka_fetch(place, filled, checked=False)
        yield "one", lambda: self._ours(filled, variant, 1)
        yield "two", lambda: self._ours(filled, variant, 2)
        yield "streams", lambda: streams(place, filled, self._next())
        yield "faust", lambda: faust(place, self._fill(self._short(filled.job)), self._next())

    def _ours(self, filled: Filled, variant: Variant, processes: int) -> Outcome:
        name = f"run{self._next()}"
        return asyncio.run(ours.run(self._place, filled, name, processes, variant.ids))

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _short(self, job: Job) -> Job:
        """Return the job of the same shape for the peers that would take minutes."""
        return replace(job, events=min(job.events, self._slow_events))

    def _fill(self, job: Job) -> Filled:
        if job not in self._filled:
            prefix = f"job{len(self._filled)}."
            settings = self._place.settings(prefix, "first_", job.partitions)
            self._place.make_topics(settings)
            now_ms = int(time.time() * 1000)
            filled = self._filled[job] = fill(job, self._place.access, prefix, RAW.name, now_ms)
            filled.truth.sums[0] += self._spoil
        return self._filled[job]


def _tried(name: str, runner: Runner) -> Outcome:
    """Run a peer; one that fails has no figure, and the others go on."""
    try:
        return runner()
    except (RuntimeError, OSError) as error:
        return Outcome(name, wrong=[f"it failed: {error}"])


def wrong(measured: Sequence[Measured]) -> list[Outcome]:
    """Return the outcomes that were not the truth."""
    return [o for each in measured for r in each.rounds for o in r.outcomes if o.wrong]


def rates(measured: Measured, peer: str) -> list[float]:
    """Return a peer's figures of all rounds, in order of size."""
    return sorted(
        o.rate for r in measured.rounds for o in r.outcomes if o.peer == peer and o.counts
    )
