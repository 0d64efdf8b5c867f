"""What was earned, once."""

from datetime import date, datetime
from decimal import Decimal

from event_contracts.wire import Event


class Praised(Event, frozen=True, kw_only=True, tag="rewards.praised.v1"):
    """A praise rule was met for the first time by one value of its dimension in one window.

    It goes to ``group``, the chat group of ``team``, and to ``ceo_channel``; empty ones are not
    known. ``people`` are the persons praised, each of whom has agreed to be.
    """

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
    dim_is: str = "other"
    team: str = ""
    group: str = ""
    ceo_channel: str = ""
    people: tuple[str, ...] = ()
