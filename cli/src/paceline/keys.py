"""`paceline keys`: API keys of the tenant, each with its scopes and its own limit."""

from typing import Annotated, Any

import typer
from rich.table import Table

from paceline.connection import ApiError, JsonFile, Key, Url, connect
from paceline.show import cell, console, fail, text

app = typer.Typer(help="API keys, and how much each may send.", no_args_is_help=True)

PATH = "/v1/keys"
COLUMNS = ("id", "name", "scopes", "source", "events/s", "state")
Id = Annotated[str, typer.Argument(help="As `paceline keys list` shows it.")]


@app.command("list")
def listed(url: Url = None, key: Key = None, json: JsonFile = None) -> None:
    """List the keys by age; their texts are never shown again."""
    door = connect("metrics-ingest", url, key, json)
    shown = Table(*COLUMNS)
    try:
        for row in door.items(PATH):
            shown.add_row(
                row["id"],
                cell(row["name"]),
                " ".join(row["scopes"]),
                cell(row["source"]),
                text(row["events_per_second"] or "as all"),
                "valid" if row["revoked_ms"] is None else "ended or ending",
            )
    except ApiError as error:
        fail(str(error))
    console.print(shown)


@app.command()
def add(
    name: Annotated[str, typer.Option(help="Whose it is, for the list.")] = "",
    scope: Annotated[
        list[str] | None, typer.Option(help="What it may do; again for more. events:write if none.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="It sends for this source only.")] = None,
    events_per_second: Annotated[
        int | None, typer.Option(help="Its own limit; that of all keys if not said.")
    ] = None,
    url: Url = None,
    key: Key = None,
    json: JsonFile = None,
) -> None:
    """Make a key and print its text, which is told this once."""
    wanted = {
        "name": name,
        "scopes": scope or ["events:write"],
        "source": source,
        "events_per_second": events_per_second,
    }
    door = connect("metrics-ingest", url, key, json)
    typer.echo(_done(lambda: door.post(PATH, wanted))["key"])


@app.command()
def limit(
    identity: Id,
    events_per_second: Annotated[
        int | None, typer.Argument(help="Left out: the limit of all keys.")
    ] = None,
    url: Url = None,
    key: Key = None,
    json: JsonFile = None,
) -> None:
    """Give a key a limit of its own; it holds everywhere within five seconds."""
    door = connect("metrics-ingest", url, key, json)
    body = {"events_per_second": events_per_second}
    done = _done(lambda: door.put(f"{PATH}/{identity}", body))
    console.print(f"{done['id']}: {done['events_per_second'] or 'as all'}")


@app.command()
def rotate(
    identity: Id,
    overlap_seconds: Annotated[int, typer.Option(help="How long the old one goes on.")] = 86_400,
    url: Url = None,
    key: Key = None,
    json: JsonFile = None,
) -> None:
    """Make a key with the same rights and limit, and print its text; the old one ends later."""
    door = connect("metrics-ingest", url, key, json)
    body = {"overlap_seconds": overlap_seconds}
    typer.echo(_done(lambda: door.post(f"{PATH}/{identity}/rotate", body))["key"])


@app.command()
def revoke(identity: Id, url: Url = None, key: Key = None, json: JsonFile = None) -> None:
    """End a key; it is refused everywhere within five seconds."""
    door = connect("metrics-ingest", url, key, json)
    console.print(f"{_done(lambda: door.delete(f'{PATH}/{identity}'))['id']}: ended")


def _done(call: Any) -> Any:
    try:
        return call()
    except ApiError as error:
        fail(str(error))
