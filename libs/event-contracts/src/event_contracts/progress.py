"""How far a goal is: absolute values per day, with what tells how complete they are."""

from datetime import date
from decimal import Decimal

from event_contracts.facts import Watermark
from event_contracts.wire import Event


class DayProgress(Event, frozen=True, kw_only=True, tag="progress.day.v1"):
    """State per (tenant, goal, metric, part, day): that day's value; the highest version holds.

    ``part`` is that of GoalControl; where it is not empty the key has it behind the metric.
    """

    tenant: str
    goal: str
    goal_version: int
    metric: str
    day: date
    value: Decimal
    count: int
    version: int
    as_of_ms: int
    part: str = ""


class BackFilled(Event, frozen=True, kw_only=True, tag="progress.back-filled.v1"):
    """State per (tenant, goal, metric, part): this version's days all stand before this record."""

    tenant: str
    goal: str
    goal_version: int
    metric: str
    part: str = ""


class SourceAlive(Event, frozen=True, kw_only=True, tag="progress.source-alive.v1"):
    """State per (tenant, metric, UTC day), sent to the partitions whose goals look at the day.

    ``quarters`` has bit i set when the metric's source delivered an event whose event time lies in
    the i-th quarter hour of the day; written in hexadecimal.
    """

    tenant: str
    metric: str
    day: date
    quarters: str
    version: int


ProgressMessage = DayProgress | BackFilled | SourceAlive | Watermark
