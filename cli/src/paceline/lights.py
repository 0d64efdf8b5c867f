"""`paceline lights`: how the spans of a goal were judged."""

from decimal import ROUND_DOWN, Decimal
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from paceline.connection import ApiError, JsonFile, Key, Url, connect
from paceline.show import cell, console, fail, light, percent, text
from paceline.words import say


def lights(
    goal: Annotated[str | None, typer.Argument(help="A goal's id; all goals without it.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="First day, YYYY-MM-DD.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Last day, YYYY-MM-DD.")] = None,
    last: Annotated[int, typer.Option(min=1, help="Show the last spans only.")] = 31,
    url: Url = None,
    key: Key = None,
    json: JsonFile = None,
) -> None:
    """List judged spans with the to-date light, the headline, and the run light of each.

    The running span comes last, as provisional.
    """
    door = connect("alerting", url, key, json)
    query = {"goal": goal, "from": start, "to": end}
    try:
        found = list(door.items("/v1/lights", **query))
    except ApiError as error:
        fail(str(error))
    console.print(table(found[-last:]))


def table(rows: list[dict[str, Any]]) -> Table:
    """Return spans as a table."""
    names = ("goal", "span", "to-date light", "run light", "plan", "actual", "ratio", "low run")
    shown = Table(*map(say, names), "")
    for column in shown.columns[:4]:
        column.no_wrap = True
    for row in rows:
        shown.add_row(
            cell(row.get("goal")),
            span(row),
            headline(row),
            light(row.get("light")),
            text(row.get("plan")),
            text(row.get("actual")),
            four_places(row.get("ratio")),
            text(row.get("low_run")),
            remark(row),
        )
    return shown


def headline(row: dict[str, Any]) -> str:
    """Return the to-date light with its completion in whole percent, rounded down."""
    to_date = row.get("to_date") or {}
    return f"{light(to_date.get('light'))} {percent(to_date.get('ratio'))}".rstrip()


def four_places(ratio: Any) -> str:
    """Return a ratio to four places, rounded down."""
    if ratio is None:
        return ""
    return f"{Decimal(str(ratio)).quantize(Decimal('0.0001'), ROUND_DOWN).normalize():f}"


def span(row: dict[str, Any]) -> str:
    """Return a span's day or days."""
    value = row.get("span", row.get("start"))
    if isinstance(value, dict):
        first, last = text(value.get("start")), text(value.get("end"))
        return first if last in ("", first) else f"{first} - {last}"
    return text(value)


def remark(row: dict[str, Any]) -> str:
    """Return what else is to be known of a span."""
    words = ("provisional", "watch", "restated")
    found = [say(word) for word in words if row.get(word)]
    found += [f"{say('breached')}: {escape(name)}" for name in row.get("breached", ())]
    return ", ".join(found)
