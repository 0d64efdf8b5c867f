"""`paceline goals`: what was promised, and how far it is."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from rich.table import Table

from paceline.connection import ApiError, Connection, JsonFile, Key, Url, connect
from paceline.show import cell, console, fail, text

PLACES = 4


def goals(url: Url = None, key: Key = None, json: JsonFile = None) -> None:
    """List the goals with their progress to date."""
    door = connect("goal-service", url, key, json)
    try:
        console.print(table(door))
    except ApiError as error:
        fail(str(error))


def table(door: Connection) -> Table:
    """Return the goals as a table; raises ApiError."""
    shown = Table(
        "goal", "name", "period", "floor", "target", "share of", "stretch", "to date", "reached"
    )
    for goal in door.items("/v1/goals"):
        total = progress_total(door, goal)
        shown.add_row(
            cell(goal["id"]),
            cell(goal.get("name")),
            f"{text(goal.get('start'))} - {text(goal.get('end'))}",
            text(goal.get("floor")),
            text(goal.get("target")),
            cell(share_of(goal)),
            text(goal.get("stretch")),
            text(total),
            share(total, goal.get("target")),
        )
    return shown


def progress_total(door: Connection, goal: Mapping[str, Any]) -> Any:
    """Return where the goal stands, None while nothing has come; raises ApiError.

    Of a sum that is its total to date; a ratio or a level has its value, to four places.
    """
    try:
        found = door.get(f"/v1/goals/{goal['id']}/progress")
    except ApiError as error:
        if error.status == 404:
            return None
        raise
    if goal.get("form", "sum") == "sum" or found.get("value") is None:
        return found.get("total")
    return round(Decimal(str(found["value"])), PLACES)


def share_of(goal: dict[str, Any]) -> str:
    """Return what the target follows, like "40 % of q2"; empty where it is the goal's own."""
    if goal.get("share") is None:
        return ""
    return f"{(Decimal(str(goal['share'])) * 100).normalize():f} % of {text(goal.get('parent'))}"


def share(total: Any, target: Any) -> str:
    """Return total / target in percent, to one place; empty when there is none."""
    if total is None or target is None or not Decimal(str(target)):
        return ""
    return f"{Decimal(str(total)) / Decimal(str(target)) * 100:.1f} %"
