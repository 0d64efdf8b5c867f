"""Whether a stretch of time can still change: provisional, settling, final."""

from typing import NamedTuple

from event_contracts.metrics import MetricDefined

DAY_MS = 86_400_000
PROVISIONAL = "provisional"  # it is not over, or not all that was accepted is in it
SETTLING = "settling"  # its source may restate it, or its cohort has not had its time
FINAL = "final"
_ORDER = (PROVISIONAL, SETTLING, FINAL)


class Moment(NamedTuple):
    """The organisation's clock, and until when all that was accepted is there; epoch ms."""

    now_ms: int
    complete_ms: int


def state_of(definition: MetricDefined | None, end_minute: int, moment: Moment) -> str:
    """Return the state of a stretch that ends with (and without) a UTC epoch minute."""
    end_ms = end_minute * 60_000
    if moment.now_ms < end_ms or moment.complete_ms < end_ms:
        return PROVISIONAL
    if definition is not None and moment.now_ms < end_ms + _settling_days(definition) * DAY_MS:
        return SETTLING
    return FINAL


def is_maturing(definition: MetricDefined, end_minute: int, moment: Moment) -> bool:
    """Whether some of the stretch's subjects still have time to convert, or units to come up."""
    window_ms = (definition.window_days or 0) * DAY_MS
    return moment.now_ms < end_minute * 60_000 + window_ms


def least(states: list[str]) -> str:
    """Return the state of what is made of several: that of the least final one."""
    return min(states, key=_ORDER.index, default=FINAL)


def _settling_days(definition: MetricDefined) -> int:
    return max(definition.restates_days, definition.window_days or 0)
