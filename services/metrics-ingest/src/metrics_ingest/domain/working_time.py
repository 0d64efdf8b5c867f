"""Minutes between two instants that lie in working hours: what a first response took."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from metrics_ingest.domain.definitions import Elapsed
from metrics_ingest.domain.values import Value

MOST_DAYS = 3_660
_DAY_MS = 86_400_000
_MIDNIGHT = "24:00"


class ElapsedPlan:
    """Working time, compiled: the spans of days are kept, for events ask for the same again."""

    __slots__ = ("_hours", "_spans", "_zone", "definition")

    def __init__(self, definition: Elapsed) -> None:
        self.definition = definition
        self._zone = ZoneInfo(definition.zone)
        self._hours = definition.hours
        self._spans: dict[date, tuple[int, int] | None] = {}

    def minutes(self, fields: Mapping[str, Value], at_ms: int) -> Decimal | None:
        """Return the working minutes of an event, to a thousandth.

        None: an instant is not there, they are in the wrong order, or MOST_DAYS apart.
        """
        since = fields.get(self.definition.since)
        until = at_ms if self.definition.until is None else fields.get(self.definition.until)
        if not isinstance(since, int) or not isinstance(until, int):
            return None
        if not 0 <= until - since <= MOST_DAYS * _DAY_MS:
            return None
        # A thousandth of a minute is 60 ms.
        return Decimal((self._working_ms(since, until) + 30) // 60).scaleb(-3)

    def _working_ms(self, since: int, until: int) -> int:
        day, last = self._day(since), self._day(until)
        total = 0
        while day <= last:
            span = self._span(day)
            if span is not None:
                total += max(0, min(until, span[1]) - max(since, span[0]))
            day += timedelta(days=1)
        return total

    def _day(self, at_ms: int) -> date:
        return datetime.fromtimestamp(at_ms // 1000, self._zone).date()

    def _span(self, day: date) -> tuple[int, int] | None:
        if day not in self._spans:
            if len(self._spans) > 2 * MOST_DAYS:
                self._spans.clear()
            self._spans[day] = self._span_of(day)
        return self._spans[day]

    def _span_of(self, day: date) -> tuple[int, int] | None:
        known = self.definition
        works = day.isoweekday() in known.weekdays and day not in known.off
        if not works and day not in known.on:
            return None
        begin, end = (self._instant(day, text) for text in self._hours)
        return begin, end

    def _instant(self, day: date, text: str) -> int:
        if text == _MIDNIGHT:
            return self._instant(day + timedelta(days=1), "00:00")
        local = datetime.combine(day, time.fromisoformat(text), self._zone)
        return int(local.astimezone(UTC).timestamp()) * 1000
