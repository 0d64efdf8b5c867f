"""Since when metrics count a record that has no time of its own: since its run began.

A record is in a run of a metric while that counts it, whether its amount can be had or not. The
versions are kept once for all metrics, and of each metric one character a version: which of them it
counts. So a version that comes last is looked at once, and one that comes late changes nothing
before it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from event_contracts.subjects import SubjectEvent
from metrics_ingest.domain.causes import Unfit
from metrics_ingest.domain.mapping import Mapped
from metrics_ingest.domain.money.exchange import EFFECT, EFFECT_SUFFIX
from metrics_ingest.domain.subjects.subject import MINUTE_MS
from metrics_ingest.domain.subjects.versions import (
    MOST_VERSIONS,
    Record,
    Version,
    VersionPlan,
    is_read_again,
)
from metrics_ingest.domain.values import Value

if TYPE_CHECKING:
    from metrics_ingest.domain.plans import MetricPlan
    from metrics_ingest.domain.subjects.contributions import ContributionPlan
    from metrics_ingest.domain.subjects.entities import EntityState

IN, OUT, AS_BEFORE = "1", "0", "."
"""What a version is to a metric: counted, not counted, nothing new (it was read again)."""


class Run(msgspec.Struct, frozen=True, array_like=True):
    """Which versions a metric counts, as ``by`` (versions of source and metric) defines it.

    ``since_ms`` is when the run began in which the oldest version stands; None: with a version.
    """

    by: tuple[int, int]
    counts: str = ""
    since_ms: int | None = None

    def begin_ms(self, versions: Sequence[Version]) -> int | None:
        """Return when the run began in which the newest version stands, None if it is in none."""
        counts = self.counts[: len(versions)].rstrip(AS_BEFORE)
        first = counts.rfind(OUT) + 1
        if first == len(counts):
            return None
        if first == 0 and self.since_ms is not None:
            return self.since_ms
        return versions[counts.index(IN, first)].at_ms


class History(msgspec.Struct, frozen=True, array_like=True):
    """The versions of a record in their order, and its runs by metric.

    ``noted`` are the fields that were noted of each of them.
    ``together``: the oldest is put together of older ones, which are not known any more.
    """

    versions: tuple[Version, ...] = ()
    noted: tuple[str, ...] = ()
    together: bool = False
    runs: dict[str, Run] = {}

    @property
    def parts(self) -> int:
        """How many versions and runs it has."""
        return len(self.versions) + len(self.runs)


class RunsPlan(VersionPlan):
    """How the records of one contribution are read for the metrics that count what they are."""

    def __init__(
        self, contribution: "ContributionPlan", metrics: Iterable["MetricPlan"], source: int
    ) -> None:
        """``source`` is the version of the source. A rate effect counts what its metric counts."""
        every = {metric.definition.name: metric for metric in metrics}
        self._effects = {
            name: base
            for name, metric in every.items()
            if metric.definition.rates == EFFECT
            and (base := name.removesuffix(EFFECT_SUFFIX)) in every
        }
        self._metrics = {n: metric for n, metric in every.items() if n not in self._effects}
        self._by = {n: (source, m.definition.version) for n, m in self._metrics.items()}
        # Dimensions tell where a metric counts a version, not whether.
        self._fields = {
            n: m.counted_by() | contribution.gone_fields for n, m in self._metrics.items()
        }
        dims = frozenset(name for metric in every.values() for name in metric.dims)
        super().__init__(contribution, dims.union(*self._fields.values()))

    def history(self, state: "EntityState", events: Sequence[SubjectEvent]) -> History:
        """Return the record's history with the versions that the events tell."""
        history = self._known(state)
        for event in events:
            history = self._add(history, self.told(event))
        return history

    def begins(self, history: History) -> dict[str, int]:
        """Return when the runs began in which the record stands, by metric."""
        versions = history.versions
        found = {name: run.begin_ms(versions) for name, run in history.runs.items()}
        found |= {name: found.get(base) for name, base in self._effects.items()}
        return {name: begin for name, begin in found.items() if begin is not None}

    def newest(self, history: History) -> Mapped:
        """Return what the record is, as far as it is noted."""
        return next(self.states(history.versions, len(history.versions) - 1))

    def _known(self, state: "EntityState") -> History:
        """Return what is known of the record, as the metrics are defined now."""
        history = state.history
        if history is None:
            own = {n: r for n, r in state.runs.items() if n in self._metrics and r.versions}
            history = self._joined(own) if own else _begun(state)
        if {name: run.by for name, run in history.runs.items()} == self._by:
            return history
        return self._defined_anew(history, state)

    def _defined_anew(self, history: History, state: "EntityState") -> History:
        """Let each metric that is new or another one look at the versions.

        Where they were noted without a field of it, what is booked stays on its day; what is not
        counts with the next version, of changes since the newest value of that field was told.
        """
        versions, noted = history.versions, set(history.noted)
        if self._partial:
            versions = _saying(versions, state, self._wanted - noted)
        every = (each for bookings in state.booked.values() for each in bookings)
        booked = {each.metric: each.minute * MINUTE_MS for each in every}
        states = list(self.states(versions))
        runs = {}
        for name, by in self._by.items():
            run, since_ms = history.runs.get(name), booked.get(name)
            stands = OUT if since_ms is None else IN
            if run is None or run.by != by:
                unknown = not self._fields[name] <= noted
                if unknown and (since_ms is not None or not self._partial):
                    run = Run(by, stands * len(versions), since_ms)
                else:
                    base = (run or Run(by, stands, since_ms)) if history.together else Run(by)
                    first = int(history.together)
                    counts = self._counts(name, versions, states[first:], first)
                    run = Run(by, base.counts[:first] + counts, base.since_ms)
            runs[name] = run
        kept = self._wanted & noted if versions else self._wanted
        return History(versions, tuple(sorted(kept)), history.together, runs)

    def _add(self, history: History, told: Version) -> History:
        if history.together and told.as_of <= history.versions[0].as_of:
            return history
        versions, at, _ = self.put(history.versions, told)
        if at is None:
            return history
        first, behind = at, 0  # of changes, all that follow may be others now
        if not self._partial:
            behind = len(versions) - at - 1
        elif at and versions[at - 1].as_of == told.as_of:
            first -= 1  # it was read again
        states = list(self.states(versions[: len(versions) - behind], first))
        runs = {}
        for name, run in history.runs.items():
            counts = self._counts(name, versions, states, first)
            rest = run.counts[len(run.counts) - behind :]
            runs[name] = Run(run.by, run.counts[:first] + counts + rest, run.since_ms)
        return self._bounded(History(versions, history.noted, history.together, runs))

    def _counts(
        self, name: str, versions: Sequence[Version], states: Sequence[Mapped], first: int
    ) -> str:
        """Return which states, those of the versions from the ``first`` on, a metric counts."""
        return "".join(
            AS_BEFORE if is_read_again(versions, number) else self._count(name, state)
            for number, state in enumerate(states, first)
        )

    def _count(self, name: str, state: Mapped) -> str:
        try:
            amount = self._contribution.amount(self._metrics[name], state)
        except Unfit:
            return IN
        return OUT if amount is None else IN

    def _bounded(self, history: History) -> History:
        """Put the oldest versions together while there are too many."""
        while len(history.versions) > MOST_VERSIONS:
            first, second, *rest = history.versions
            if self._partial:
                known = next(self.states((first, second), 1))
                second = second.saying(known.fields)
            runs = {}
            for name, run in history.runs.items():
                since_ms = run.begin_ms((first, second))
                counts = (OUT if since_ms is None else IN) + run.counts[2:]
                runs[name] = Run(run.by, counts, since_ms)
            history = History((second, *rest), history.noted, True, runs)
        return history

    def _joined(self, records: Mapping[str, Record]) -> History:
        """Return the history of which releases until 2026-11-27 kept a copy for each metric.

        Where a copy begins with what is put together, others may know when that was told.
        """
        found: dict[tuple[int, int], Version] = {}
        by_age = sorted(records.values(), key=lambda r: (r.since is not None, r.versions[0].place))
        for record in by_age:
            known = {name for version in found.values() for name in version.said}
            for number, version in enumerate(record.versions):
                said = version.said
                if number == 0 and record.since is not None:
                    said = {name: value for name, value in said.items() if name not in known}
                held = found.get(version.place)
                found[version.place] = (
                    version.saying(said) if held is None else held.saying(said | held.said)
                )
        places = sorted(found)
        return History(
            tuple(found[place] for place in places),
            tuple(sorted(frozenset().union(*(self._fields[name] for name in records)))),
            all(record.since is not None for record in records.values()),
            {name: self._run_of(name, record, places) for name, record in records.items()},
        )

    def _run_of(self, name: str, record: Record, places: Sequence[tuple[int, int]]) -> Run:
        versions = record.versions
        counts = dict.fromkeys(places, AS_BEFORE)
        told = self._counts(name, versions, list(self.states(versions)), 0)
        counts |= {version.place: count for version, count in zip(versions, told, strict=True)}
        if record.since is None:
            return Run(self._by[name], "".join(counts.values()))
        since_ms = record.since.first_ms
        counts[versions[0].place] = AS_BEFORE
        counts[places[0]] = OUT if since_ms is None else IN
        return Run(self._by[name], "".join(counts.values()), since_ms)


def _begun(state: "EntityState") -> History:
    """Return the history of a record of which no versions were kept, but what they came to."""
    if state.as_of is None:
        return History()
    as_of, mapping, at_ms = state.as_of, state.mapping, state.at_ms
    oldest = Version(as_of=as_of, mapping=mapping, at_ms=at_ms, type=state.type)
    return History((oldest,), together=True)


def _saying(
    versions: tuple[Version, ...], state: "EntityState", new: Iterable[str]
) -> tuple[Version, ...]:
    """Return the versions saying what is known now of fields that were not noted.

    That is their newest values alone, with the versions that told them.
    """
    fields: dict[str, Value] = {**state.decimals, **state.texts, **state.integers}
    for name in sorted(fields.keys() & new):
        place = state.since.get(name, 0), state.read.get(name, 0)
        number = max((n for n, v in enumerate(versions) if v.place <= place), default=0)
        told = versions[number]
        told = told.saying(told.said | {name: fields[name]})
        versions = (*versions[:number], told, *versions[number + 1 :])
    return versions
