"""The versions of a record: since when it is what it is, for conversions and for what it counts.

A deal is won since the event with which it came to be won, whatever is edited of it later; lost and
won again, it is won since then. That needs the versions between, for they come in any order. What
a record is, is told as everywhere (domain.subjects.contributions): by its newest version, or by the
newest value of each field where versions are changes.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from event_contracts.subjects import SubjectEvent
from metrics_ingest.domain.causes import Unfit
from metrics_ingest.domain.facts.cells import Amount
from metrics_ingest.domain.mapping import Mapped
from metrics_ingest.domain.subjects.subject import (
    APPLIED,
    CONFLICT,
    MINUTE_MS,
    REPEATED,
    STALE,
    Booked,
    dims_of,
    mapped_of,
)
from metrics_ingest.domain.values import Value

if TYPE_CHECKING:
    from metrics_ingest.domain.plans import MetricPlan
    from metrics_ingest.domain.subjects.contributions import ContributionPlan

MOST_VERSIONS = 30


class Version(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one version said of the fields that the metric looks at, as the ``mapping`` read it."""

    as_of: int
    mapping: int = 0
    at_ms: int
    type: str
    decimals: dict[str, Decimal] = {}
    texts: dict[str, str] = {}
    integers: dict[str, int] = {}
    emptied: tuple[str, ...] = ()

    @property
    def place(self) -> tuple[int, int]:
        """Where it stands among others."""
        return self.as_of, self.mapping

    @property
    def said(self) -> dict[str, Value | None]:
        """What it said, by name; None of a field that it emptied."""
        return dict.fromkeys(self.emptied) | {**self.decimals, **self.texts, **self.integers}

    def saying(self, said: Mapping[str, Value | None]) -> "Version":
        """Return the version as one that says this."""
        return msgspec.structs.replace(
            self,
            decimals={n: v for n, v in said.items() if isinstance(v, Decimal)},
            texts={n: v for n, v in said.items() if isinstance(v, str)},
            integers={n: v for n, v in said.items() if isinstance(v, int)},
            emptied=tuple(sorted(n for n, v in said.items() if v is None)),
        )


class Standing(msgspec.Struct, frozen=True, array_like=True):
    """Since when a record is a first event and a second one, in epoch milliseconds; None: no."""

    first_ms: int | None = None
    second_ms: int | None = None


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """Versions in their order. ``since`` is how the record stood with the oldest of them.

    It is there when that one is put together of older ones, which are not known any more.
    """

    versions: tuple[Version, ...] = ()
    since: Standing | None = None

    @property
    def newest_ms(self) -> int:
        """The event time of the newest version."""
        return self.versions[-1].at_ms


class RecordPlan:
    """How the records of one contribution are read for one conversion metric."""

    def __init__(self, contribution: "ContributionPlan", metric: "MetricPlan") -> None:
        self._contribution = contribution
        self._metric = metric
        self._partial = contribution.contribution.partial
        self._wanted = metric.fields() | contribution.gone_fields

    def add(self, record: Record, event: SubjectEvent) -> tuple[Record, str]:
        """Return the record with a version more, and what became of that."""
        told = self._version(event)
        if record.since is not None and told.as_of <= record.versions[0].as_of:
            return record, STALE
        versions = {version.place: version for version in record.versions}
        held = versions.get(told.place)
        versions[told.place], outcome = (told, APPLIED) if held is None else self._met(held, told)
        ordered = [versions[place] for place in sorted(versions)]
        if not self._partial:  # of two readings the later is all there is
            ordered = list({version.as_of: version for version in ordered}.values())
        return self._bounded(Record(tuple(ordered), record.since)), outcome

    def standing(self, record: Record) -> tuple[Standing, dict[str, str]]:
        """Return since when the record is what it is, and the dimensions that it has."""
        standing, newest = self._replayed(record.versions, record.since)
        return standing, dims_of(self._metric, newest)

    def _version(self, event: SubjectEvent) -> Version:
        fields = mapped_of(event).fields
        said: dict[str, Value | None] = {n: v for n, v in fields.items() if n in self._wanted}
        if self._partial:
            said |= dict.fromkeys(self._contribution.emptied(fields) & self._wanted)
        as_of, mapping, at_ms = event.as_of, event.mapping, event.at_ms
        version = Version(as_of=as_of, mapping=mapping, at_ms=at_ms, type=event.type)
        return version.saying(said)

    def _met(self, held: Version, told: Version) -> tuple[Version, str]:
        """Return what holds of two tellings of one version: the first; by arrival the last.

        Two changes of one moment are one version.
        """
        last = self._contribution.by_arrival
        before, now = held.said, told.said
        if not self._partial:
            if (held.type, before) == (told.type, now):
                return held, REPEATED
            return (told, APPLIED) if last else (held, CONFLICT)
        conflict = any(before[name] != now[name] for name in before.keys() & now)
        if conflict and not last:
            return held.saying(now | before), CONFLICT
        merged = before | now
        return held.saying(merged), REPEATED if merged == before else APPLIED

    def _bounded(self, record: Record) -> Record:
        """Put the oldest versions together while there are too many."""
        while len(record.versions) > MOST_VERSIONS:
            first, second, *rest = record.versions
            since, known = self._replayed((first, second), record.since)
            record = Record((second.saying(known.fields), *rest), since)
        return record

    def _replayed(
        self, versions: Sequence[Version], since: Standing | None
    ) -> tuple[Standing, Mapped]:
        standing = since or Standing()
        said: dict[str, Value | None] = {}
        for number, version in enumerate(versions):
            said = said | version.said if self._partial else version.said
            fields = {n: v for n, v in said.items() if v is not None}
            newest = Mapped(version.type, version.at_ms, None, fields)
            read_again = any(v.as_of == version.as_of for v in versions[number + 1 : number + 2])
            if (number or since is None) and not read_again:
                standing = self._next(standing, newest)
        return standing, newest

    def _next(self, before: Standing, state: Mapped) -> Standing:
        try:
            amount = self._contribution.amount(self._metric, state)
        except Unfit:  # put together, its amount cannot be had now: it stays what it was
            return before
        if amount is None:
            return Standing()
        first, second = amount.sum > 0, amount.over > 0
        return Standing(
            _since(before.first_ms, state.at_ms) if first else None,
            _since(before.second_ms, state.at_ms) if second else None,
        )


class RunPlan(RecordPlan):
    """How the records of one contribution are read for a metric that counts what they are.

    A record is in a run while the metric counts it, whether its amount can be had or not.
    """

    def begun(self, oldest: Version, booked: Booked | None) -> Record:
        """Return the record of which no versions were kept, but what they came to.

        It counts where it is booked: an earlier release kept none, or the metric is the newer one.
        """
        said = {name: value for name, value in oldest.said.items() if name in self._wanted}
        since_ms = None if booked is None else booked.minute * MINUTE_MS
        return Record((oldest.saying(said),), Standing(since_ms))

    def placed(self, booked: Booked, record: Record, told: Mapped | None) -> Booked:
        """Return what is booked of the newest version where its run began, at that day's rate.

        ``told`` is that version with all its fields, None where none of it has been told now.
        """
        standing, newest = self._replayed(record.versions, record.since)
        since_ms = standing.first_ms
        if since_ms is None:
            return booked
        minute = self._contribution.minute_of(since_ms)
        if minute == booked.minute:
            return booked
        amount = self._amount_at(told or newest, since_ms, booked)
        return msgspec.structs.replace(booked, minute=minute, sum=amount.sum, over=amount.over)

    def _amount_at(self, newest: Mapped, at_ms: int, booked: Booked) -> Amount:
        held = Amount(booked.sum, booked.over)
        if booked.version != self._metric.definition.version:  # it looked at other fields then
            return held
        state = Mapped(newest.type, at_ms, newest.subject, newest.fields)
        try:
            return self._contribution.amount(self._metric, state) or held
        except Unfit:
            return held

    def _next(self, before: Standing, state: Mapped) -> Standing:
        try:
            amount = self._contribution.amount(self._metric, state)
        except Unfit:
            return Standing(_since(before.first_ms, state.at_ms))
        return Standing() if amount is None else Standing(_since(before.first_ms, state.at_ms))


def _since(before_ms: int | None, at_ms: int) -> int:
    return at_ms if before_ms is None else before_ms
