"""What was earned, once."""

from datetime import date, datetime
from decimal import Decimal

from event_contracts.wire import Event


class Praised(Event, frozen=True, kw_only=True, tag="rewards.praised.v1"):
    """A praise rule was met for the first time by one value of its dimension in one window."""

    id: str
    tenant: str
    rule: str
    rule_version: int
    name: str
    metric: str
    dim: str
    value: str
    window_start: date
    window_end: date
    threshold: Decimal
    actual: Decimal
    at: datetime
