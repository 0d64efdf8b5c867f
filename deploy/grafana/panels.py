"""What boards are made of, as data: panels with their words in English and Chinese."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Text(NamedTuple):
    """A text in both languages."""

    en: str
    zh: str


class Look(StrEnum):
    """How a panel shows its numbers."""

    NUMBER = "stat"
    LINES = "timeseries"
    BARS = "bargauge"
    LIGHTS = "state-timeline"


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel. ``queries`` are expressions with the legend of their series; ``width`` of 24."""

    title: Text
    tells: Text
    look: Look
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    width: int = 8


@dataclass(frozen=True, slots=True)
class Board:
    """A board of rows; ``tenants``: it can be narrowed to tenants."""

    name: str
    title: Text
    tells: Text
    rows: tuple[tuple[Text, tuple[Panel, ...]], ...]
    tenants: bool = False


STEP = "[$__rate_interval]"


def rate(metric: str, by: str) -> str:
    """Return a counter's rate, summed by labels."""
    return f"sum by ({by}) (rate(paceline_{metric}{STEP}))"
