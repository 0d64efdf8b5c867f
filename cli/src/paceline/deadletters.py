"""`paceline deadletters`: records that nothing could apply, and sending them in again."""

from collections import Counter
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
import yaml
from rich.table import Table

from paceline.connection import ApiError, JsonFile, Key, Url, connect
from paceline.show import cell, console, fail, text

app = typer.Typer(help="Records that could not be applied.", no_args_is_help=True)

PATH = "/v1/dead-letters"


@app.command("list")
def listed(
    source: Annotated[str | None, typer.Option(help="Of this source only.")] = None,
    cause: Annotated[str | None, typer.Option(help="With this cause only.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show so many at most.")] = 50,
    ids: Annotated[bool, typer.Option(help="Print ids alone, one a line.")] = False,
    url: Url = None,
    key: Key = None,
    json: JsonFile = None,
) -> None:
    """Count dead letters by source and cause, and show the first of them."""
    door = connect("metrics-ingest", url, key, json)
    try:
        rows = list(door.items(PATH, source=source, cause=cause))
    except ApiError as error:
        fail(str(error))
    if ids:
        for row in rows[:limit]:
            typer.echo(row["id"])
        return
    console.print(counted(rows))
    console.print(table(rows[:limit]))


@app.command()
def groups(
    source: Annotated[str | None, typer.Option(help="Of this source only.")] = None,
    cause: Annotated[str | None, typer.Option(help="With this cause only.")] = None,
    url: Url = None,
    key: Key = None,
    json: JsonFile = None,
) -> None:
    """Count dead letters by source, cause and place; a group can be replayed by these."""
    door = connect("metrics-ingest", url, key, json)
    shown = Table("source", "cause", "where", "letters", "copies", "first", "last", "example")
    try:
        for row in door.get(f"{PATH}/groups", source=source, cause=cause)["items"]:
            times = [_time(row["first_ms"]), _time(row["last_ms"])]
            counts = [row["letters"], row["occurrences"]]
            parts = [row["source"], row["cause"], row["where"], *counts, *times, row["example"]]
            shown.add_row(*map(cell, parts))
    except ApiError as error:
        fail(str(error))
    console.print(shown)


def _time(epoch_ms: int) -> str:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).strftime("%F %T")


def counted(rows: list[dict[str, Any]]) -> Table:
    """Return the counts by source, cause and state."""
    shown = Table("source", "cause", "state", "count")
    counts = Counter((text(r.get("source")), text(r["cause"]), text(r.get("state"))) for r in rows)
    for (source, cause, state), count in sorted(counts.items()):
        shown.add_row(*map(cell, (source, cause, state, count)))
    return shown


def table(rows: list[dict[str, Any]]) -> Table:
    """Return dead letters one by one."""
    shown = Table("id", "source", "cause", "why", "state")
    for row in rows:
        identity = row.get("id", row.get("_id"))
        why = row.get("message") or row.get("detail")
        parts = [identity, row.get("source"), row["cause"], why, row.get("state")]
        shown.add_row(*map(cell, parts))
    return shown


@app.command()
def show(
    identity: Annotated[str, typer.Argument(help="As `paceline deadletters list` shows it.")],
    url: Url = None,
    key: Key = None,
    json: JsonFile = None,
) -> None:
    """Print a dead letter: what arrived, without its secrets, why it cannot count, what to do."""
    door = connect("metrics-ingest", url, key, json)
    try:
        found = door.get(f"{PATH}/{identity}")
    except ApiError as error:
        fail(str(error))
    typer.echo(yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=100), nl=False)


@app.command()
def replay(
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of dead letters.")] = None,
    source: Annotated[str | None, typer.Option(help="All of this source.")] = None,
    cause: Annotated[str | None, typer.Option(help="Of --source, those with this cause.")] = None,
    where: Annotated[str | None, typer.Option(help="Of --source, those with this place.")] = None,
    url: Url = None,
    key: Key = None,
    json: JsonFile = None,
) -> None:
    """Send dead letters in again, each once, after what was wrong has been mended."""
    if not ids and not source:
        fail("name ids, or --source, perhaps with --cause and --where")
    door = connect("metrics-ingest", url, key, json)
    group = {"source": source, "cause": cause} | ({} if where is None else {"where": where})
    body: dict[str, Any] = {"ids": ids} if ids else group
    total = 0
    try:
        while True:
            answer = door.post(f"{PATH}/replay", body)
            total += answer["replayed"]
            if not answer.get("more") or not answer["replayed"]:
                break
    except ApiError as error:
        fail(f"{error}; replayed before that: {total}")
    console.print(f"replayed {total}")
