"""`paceline lights`: how the spans of a goal were judged."""

from typing import Annotated, Any

import typer
from rich.table import Table

from paceline.connection import ApiError, JsonFile, Key, Url, connect
from paceline.show import console, fail, light, text


def lights(
    goal: Annotated[str | None, typer.Argument(help="A goal's id; all goals without it.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="First day, YYYY-MM-DD.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Last day, YYYY-MM-DD.")] = None,
    last: Annotated[int, typer.Option(min=1, help="Show the last spans only.")] = 31,
    url: Url = None,
    key: Key = None,
    json: JsonFile = None,
) -> None:
    """List judged spans, and the running one as provisional."""
    door = connect("alerting", url, key, json)
    query = {"goal": goal, "from": start, "to": end}
    try:
        found = list(door.items("/v1/lights", **query))
    except ApiError as error:
        fail(str(error))
    console.print(table(found[-last:]))


def table(rows: list[dict[str, Any]]) -> Table:
    """Return spans as a table."""
    shown = Table("goal", "span", "plan", "actual", "ratio", "light", "low run", "")
    for row in rows:
        shown.add_row(
            text(row.get("goal")),
            span(row),
            text(row.get("plan")),
            text(row.get("actual")),
            text(row.get("ratio")),
            light(row.get("light", row.get("colour"))),
            text(row.get("low_run")),
            remark(row),
        )
    return shown


def span(row: dict[str, Any]) -> str:
    """Return a span's day or days."""
    value = row.get("span", row.get("start"))
    if isinstance(value, dict):
        first, last = text(value.get("start")), text(value.get("end"))
        return first if last in ("", first) else f"{first} - {last}"
    return text(value)


def remark(row: dict[str, Any]) -> str:
    """Return what else is to be known of a span."""
    words = ("provisional", "incomplete", "watch", "restated", "silent")
    return ", ".join(word for word in words if row.get(word))
