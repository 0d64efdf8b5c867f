"""A goal's figures as people read them: a share in percent, anything else with its unit."""

from decimal import Decimal

from console.domain.amounts import number, percent
from console.domain.answers import Goal
from console.domain.units import unit_name


def in_percent(goal: Goal) -> bool:
    """Whether the goal's figure is a share, like a click-through: 0.04 is read as 4 %."""
    return goal.over_metric is not None and abs(goal.target) <= 1


def figure(value: Decimal | None, goal: Goal | None) -> str:
    """Return a figure of the goal, or of one that is not known."""
    return percent(value) if goal is not None and in_percent(goal) else number(value)


def tail(unit: str) -> str:
    """Return a unit as it follows a figure in a sentence."""
    return f" {unit}" if unit else ""


def unit_of(goal: Goal, language: str) -> str:
    """Return what stands behind the goal's figures; a share has its percent sign already."""
    return "" if in_percent(goal) else unit_name(goal.unit, language)
