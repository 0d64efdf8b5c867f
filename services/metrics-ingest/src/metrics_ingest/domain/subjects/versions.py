"""The versions of a record: since when it is what it is.

A deal is won since the event with which it came to be won, whatever is edited of it later; lost and
won again, it is won since then. That needs the versions between, for they come in any order. What
a record is, is told as everywhere (domain.subjects.contributions): by its newest version, or by the
newest value of each field where versions are changes.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from event_contracts.subjects import SubjectEvent
from metrics_ingest.domain.causes import Unfit
from metrics_ingest.domain.mapping import Mapped
from metrics_ingest.domain.subjects.subject import (
    APPLIED,
    CONFLICT,
    REPEATED,
    STALE,
    dims_of,
    mapped_of,
)
from metrics_ingest.domain.values import Value

if TYPE_CHECKING:
    from metrics_ingest.domain.plans import MetricPlan
    from metrics_ingest.domain.subjects.contributions import ContributionPlan

MOST_VERSIONS = 30


class Version(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one version said of the fields that are looked at, as the ``mapping`` read it."""

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


class VersionPlan:
    """How the records of one contribution are told by their versions."""

    def __init__(self, contribution: "ContributionPlan", wanted: frozenset[str]) -> None:
        """``wanted`` are the fields that are noted, beside those that say that it is gone."""
        self._contribution = contribution
        self._partial = contribution.contribution.partial
        self._wanted = wanted | contribution.gone_fields

    def told(self, event: SubjectEvent) -> Version:
        """Return the version that an event tells."""
        fields = mapped_of(event).fields
        said: dict[str, Value | None] = {n: v for n, v in fields.items() if n in self._wanted}
        if self._partial:
            said |= dict.fromkeys(self._contribution.emptied(fields) & self._wanted)
        as_of, mapping, at_ms = event.as_of, event.mapping, event.at_ms
        version = Version(as_of=as_of, mapping=mapping, at_ms=at_ms, type=event.type)
        return version.saying(said)

    def put(
        self, versions: tuple[Version, ...], told: Version
    ) -> tuple[tuple[Version, ...], int | None, str]:
        """Return the versions with one more, where it stands, and what became of it.

        It stands nowhere (None) where nothing changed.
        """
        at = bisect_left(versions, told.place, key=_place)
        held = versions[at] if at < len(versions) else None
        if held is not None and held.place == told.place:
            met, outcome = self._met(held, told)
            if met == held:
                return versions, None, outcome
            return (*versions[:at], met, *versions[at + 1 :]), at, outcome
        if not self._partial:  # of two readings the later is all there is
            if held is not None and held.as_of == told.as_of:
                return versions, None, APPLIED
            if at and versions[at - 1].as_of == told.as_of:
                return (*versions[: at - 1], told, *versions[at:]), at - 1, APPLIED
        return (*versions[:at], told, *versions[at:]), at, APPLIED

    def states(self, versions: Sequence[Version], first: int = 0) -> Iterator[Mapped]:
        """Yield what the record is with each version, from the ``first`` on."""
        said: dict[str, Value | None] = {}
        for number, version in enumerate(versions):
            if self._partial:
                said = said | version.said
            if number < first:
                continue
            told = said if self._partial else version.said
            fields = {n: v for n, v in told.items() if v is not None}
            yield Mapped(version.type, version.at_ms, None, fields)

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


class RecordPlan(VersionPlan):
    """How the records of one contribution are read for one conversion metric."""

    def __init__(self, contribution: "ContributionPlan", metric: "MetricPlan") -> None:
        super().__init__(contribution, metric.fields())
        self._metric = metric

    def add(self, record: Record, event: SubjectEvent) -> tuple[Record, str]:
        """Return the record with a version more, and what became of that."""
        told = self.told(event)
        if record.since is not None and told.as_of <= record.versions[0].as_of:
            return record, STALE
        versions, _, outcome = self.put(record.versions, told)
        return self._bounded(Record(versions, record.since)), outcome

    def standing(self, record: Record) -> tuple[Standing, dict[str, str]]:
        """Return since when the record is what it is, and the dimensions that it has."""
        standing, newest = self._replayed(record.versions, record.since)
        return standing, dims_of(self._metric, newest)

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
        for number, newest in enumerate(self.states(versions)):
            if (number or since is None) and not is_read_again(versions, number):
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


def is_read_again(versions: Sequence[Version], number: int) -> bool:
    """Whether another reading of the same version follows, which says what the record was."""
    following = versions[number + 1 : number + 2]
    return bool(following) and following[0].as_of == versions[number].as_of


def _place(version: Version) -> tuple[int, int]:
    return version.place


def _since(before_ms: int | None, at_ms: int) -> int:
    return at_ms if before_ms is None else before_ms
