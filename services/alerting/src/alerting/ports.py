"""What the handlers need from outside, inside one transaction."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple, Protocol

from alerting.domain.goal import Goal, GoalKey, Source
from alerting.domain.judged import Deed, Standing, State, Verdict
from alerting.domain.schedule import Position
from alerting.domain.stripes import DayPlace, DayState
from alerting.domain.sums import Days
from event_contracts.directory import DirectoryMessage
from service_kit.marks import Mark


class MetricDay(NamedTuple):
    """One UTC day of a metric's source."""

    tenant: str
    metric: str
    day: date


class MetricDays(NamedTuple):
    """UTC days of a metric's source, both inclusive."""

    tenant: str
    metric: str
    start: date
    end: date


class Quarters(NamedTuple):
    """The quarter hours of a UTC day in which a source delivered, one bit each, at a version."""

    bits: int
    version: int


@dataclass(frozen=True, slots=True)
class Correction:
    """Judged days that changed, from ``since`` on.

    Of what changed them the earliest was accepted at ``first_ms`` and the latest at ``last_ms``:
    once all that was accepted at ``first_ms`` has been applied, the days are judged again.
    """

    since: date
    first_ms: int
    last_ms: int

    @classmethod
    def at(cls, since: date, at_ms: int) -> "Correction":
        """Return a correction by what was accepted at one instant."""
        return cls(since, at_ms, at_ms)

    def ready(self, watermark_ms: int) -> bool:
        """Whether all that was accepted together with the first of it has been applied."""
        return watermark_ms > self.first_ms

    def with_(self, other: "Correction | None") -> "Correction":
        """Return both as one."""
        if other is None:
            return self
        return Correction(
            min(self.since, other.since),
            min(self.first_ms, other.first_ms),
            max(self.last_ms, other.last_ms),
        )

    def rest(self, watermark_ms: int) -> "Correction | None":
        """Return what is left when it was decided at the watermark: what may be half applied."""
        return None if watermark_ms > self.last_ms else Correction.at(self.since, self.last_ms)


@dataclass(frozen=True, slots=True)
class Docket:
    """What the judge knows of a goal before it reads values.

    ``correction`` is what is to be judged again. ``judged_close_ms`` is when the last judged span
    closed, -1 before there is one.
    """

    key: GoalKey
    partition: int
    position: Position = field(default_factory=Position)
    state: State = field(default_factory=State)
    correction: Correction | None = None
    at_ms: int = 0
    judged_close_ms: int = -1
    standing: Standing = field(default_factory=Standing)


@dataclass(frozen=True, slots=True)
class Stored:
    """Judged spans from a day on, the one before them, and the alarms over red ones before."""

    spans: Mapping[date, Verdict] = field(default_factory=dict)
    before: Verdict | None = None
    standing: frozenset[str] = frozenset()


class Heads(Protocol):
    """Heads that make transactions collide which read what the other writes."""

    async def touch(self, ids: Iterable[str]) -> None:
        """Increment the heads."""
        ...


class Dockets(Protocol):
    """The due rows, one per goal."""

    async def find(self, keys: Iterable[GoalKey]) -> dict[GoalKey, Docket]:
        """Return the rows that are there."""
        ...

    async def call(self, keys: Iterable[GoalKey]) -> None:
        """Have the judge look at the goals; a goal without a row has none."""
        ...

    async def open(self, goal: Goal, partition: int) -> None:
        """Make the goal's row if it has none, and have the judge look at it."""
        ...

    async def correct(self, corrections: Mapping[GoalKey, Correction]) -> None:
        """Mark judged days as changed; the earliest day and the latest notice hold."""
        ...

    async def correct_silent(self, late: Mapping[MetricDay, int], partition: int) -> None:
        """Mark goals that may have judged a day silent before its first new quarter hour (ms)."""
        ...

    async def close(self, docket: Docket) -> None:
        """Write the row after a judgement."""
        ...


class Goals(Protocol):
    """All versions of goals."""

    async def versions(self, keys: Iterable[GoalKey]) -> dict[GoalKey, list[Goal]]:
        """Return the versions of those goals that are known, ascending."""
        ...


class DayBook(Protocol):
    """The values of days; who writes one and who judges by it at once collide."""

    async def read(self, places: Iterable[DayPlace]) -> dict[DayPlace, DayState]:
        """Return what is known of the days."""
        ...

    async def judged(self, keys: Collection[GoalKey]) -> dict[GoalKey, date]:
        """Return how far goals are judged, of those of which that stands beside their days."""
        ...

    async def write(
        self, days: Mapping[DayPlace, DayState], judged: Mapping[GoalKey, date]
    ) -> None:
        """Set the days; ``judged``: how far all of their goals are."""
        ...

    async def note_judged(self, through: Mapping[GoalKey, date]) -> None:
        """Note how far goals are judged by their days."""
        ...

    async def of_goals(self, goals: Iterable[Goal]) -> dict[GoalKey, dict[str, Days]]:
        """Return all days of the goals' sums, by part."""
        ...


class Values(Protocol):
    """How complete the days are, and signs of life of sources."""

    async def back_filled(self, goals: Iterable[Goal]) -> dict[GoalKey, int]:
        """Return the goals' versions whose days are all there, of every sum of these; 0: none."""
        ...

    async def note_back_filled(self, key: GoalKey, source: Source, version: int) -> None:
        """Note that the days of one of a goal version's sums are all there."""
        ...

    async def alive(self, asked: Collection[MetricDays]) -> dict[MetricDays, dict[date, int]]:
        """Return the sources' quarter hours by UTC day."""
        ...

    async def join_alive(self, quarters: Mapping[MetricDay, Quarters]) -> dict[MetricDay, int]:
        """Keep the quarter hours whose version is new; return those known before."""
        ...

    async def watermark_ms(self, partition: int, tenant: str, origins: Iterable[str]) -> int:
        """Return until when everything of the origins is known; -1 before each had its word."""
        ...

    async def note_watermarks(self, partition: int, marks: Mapping[str, Mark]) -> None:
        """Raise the origins' watermarks, of each tenant by itself."""
        ...


class Lights(Protocol):
    """Judged spans."""

    async def since(self, key: GoalKey, first: date) -> Stored:
        """Return the judged spans from a day on, and what stands before them."""
        ...

    async def at(self, starts: Mapping[GoalKey, date]) -> dict[GoalKey, Verdict]:
        """Return those judged spans that are there, of each goal the one that starts on a day."""
        ...

    async def write(self, key: GoalKey, spans: Sequence[Verdict]) -> None:
        """Write spans, new or changed."""
        ...


class Post(Protocol):
    """Goal events on their way out."""

    async def send(self, told: Iterable[tuple[Goal, Sequence[Deed]]], now_ms: int) -> None:
        """Keep and send goals' deeds in order, each once by its id."""
        ...


class Directory(Protocol):
    """People, teams and the organisation's settings."""

    async def keep(self, entry: DirectoryMessage) -> None:
        """Keep the entry, unless a version as high is there."""
        ...


class Books(Protocol):
    """Everything, over one transaction."""

    @property
    def heads(self) -> Heads:
        """The heads."""
        ...

    @property
    def dockets(self) -> Dockets:
        """The due rows."""
        ...

    @property
    def goals(self) -> Goals:
        """The goals."""
        ...

    @property
    def days(self) -> DayBook:
        """The values of days."""
        ...

    @property
    def values(self) -> Values:
        """How complete they are."""
        ...

    @property
    def lights(self) -> Lights:
        """The judged spans."""
        ...

    @property
    def post(self) -> Post:
        """What is sent."""
        ...

    @property
    def directory(self) -> Directory:
        """The directory."""
        ...

    async def pause(self, goals: int) -> None:
        """Wait between reading and writing: nothing, but in the drill, for each goal."""
        ...
