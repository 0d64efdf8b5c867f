"""What boards show: how each goal stood when it was judged last, and which goals are named."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from alerting.domain.figures import ratio
from alerting.domain.goal import Form, Goal, GoalKey
from alerting.domain.judged import Standing, Verdict
from alerting.domain.lights import LightKind
from service_kit.visibility import ORGANISATION

INDIVIDUAL = "individual"
LEVELS = ("company", "team", "project", INDIVIDUAL)
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Entry:
    """A goal on the boards. ``named``: it may have gauges of its own; ``over``: it is not shown."""

    key: GoalKey
    partition: int
    level: str
    named: bool
    over: bool
    standing: Standing


class Cell(NamedTuple):
    """What goals are counted by."""

    level: str
    light: str
    colour: str


def is_named(goal: Goal) -> bool:
    """Whether boards may name the goal: they cannot know who looks at them."""
    return goal.level != INDIVIDUAL and goal.visibility == ORGANISATION


def standing_after(before: Standing, judged: Sequence[Verdict], goal: Goal) -> Standing:
    """Return how the goal stands after a judgement; a restatement of older spans changes nothing.

    When it changes the newest span, too, that one is among ``judged``.
    """
    newest = max(judged, key=lambda one: one.span.start, default=None)
    if newest is None or newest.span.start < before.start:
        return before
    headline = newest.to_date.light
    adds_up = goal.form is Form.SUM and goal.target > 0
    return Standing(
        start=newest.span.start,
        run=newest.run.light.colour,
        to_date=headline.colour,
        completion=headline.ratio,
        attainment=ratio(headline.actual, goal.target) if adds_up else None,
    )


def select(entries: Iterable[Entry], most: int) -> tuple[list[Entry], int]:
    """Return the goals that get gauges, company first, and how many are left out."""
    named = [one for one in entries if one.named and not one.over]
    named.sort(key=lambda one: (_rank(one.level), one.key))
    return named[:most], max(len(named) - most, 0)


def count(entries: Iterable[Entry]) -> Counter[Cell]:
    """Return how many goals there are by level, light and colour."""
    cells: Counter[Cell] = Counter()
    for one in entries:
        if not one.over:
            level = level_of(one.level)
            cells[Cell(level, str(LightKind.RUN), str(one.standing.run))] += 1
            cells[Cell(level, str(LightKind.TO_DATE), str(one.standing.to_date))] += 1
    return cells


def level_of(level: str) -> str:
    """Return the level, ``other`` for one that is none of ours: a label has few values."""
    return level if level in LEVELS else OTHER


def _rank(level: str) -> int:
    return LEVELS.index(level) if level in LEVELS else len(LEVELS)
