"""When a source delivered: the quarter hours of a UTC day as bits."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from event_contracts.facts import Accepted
from goal_service.domain.matching import Use

QUARTERS_A_DAY = 96
_DAY = timedelta(days=1)


class MetricDay(NamedTuple):
    """One UTC day of one metric."""

    tenant: str
    metric: str
    day: date


class Quarters(NamedTuple):
    """Bit i of ``bits`` is set when an event lies in the i-th quarter hour of the UTC day."""

    bits: int = 0
    version: int = 0

    @property
    def hexadecimal(self) -> str:
        """The bits as they travel and are stored."""
        return f"{self.bits:x}"

    def joined(self, bits: int) -> "Quarters":
        """Return the next version with further bits; itself when it has them all."""
        return (
            self if self.bits | bits == self.bits else Quarters(self.bits | bits, self.version + 1)
        )


@dataclass(frozen=True, slots=True)
class Days:
    """UTC days from first to last, both inclusive."""

    first: date
    last: date

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self.first <= day <= self.last


def looked_at(uses: Iterable[Use]) -> Days:
    """Return the days between which the uses ask whether the source was there; none: no days.

    Local days reach over UTC days.
    """
    running = [use for use in uses if not use.stopped]
    first = min((use.start for use in running), default=date.max)
    last = max((use.end for use in running), default=date.min)
    return Days(first - _DAY, last + _DAY) if running else Days(first, last)


def quarters_of(accepted: Iterable[Accepted]) -> dict[date, int]:
    """Return the bits per UTC day of the quarter hours in which events were accepted."""
    days: dict[date, int] = {}
    for each in accepted:
        if each.count > 0:
            number, quarter = divmod(each.quarter, QUARTERS_A_DAY)
            day = datetime.fromtimestamp(number * 86_400, UTC).date()
            days[day] = days.get(day, 0) | 1 << quarter
    return days
