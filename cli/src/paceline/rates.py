"""`paceline rates`: the table of rates of exchange, loaded from a file and listed."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from paceline.connection import ApiError, JsonFile, Key, Url, connect
from paceline.show import cell, console, fail

app = typer.Typer(help="Rates of exchange, by day.", no_args_is_help=True)

PATH = "/v1/rates"
COLUMNS = ("date", "base", "quote", "rate", "per", "source", "version")


@app.command()
def load(
    file: Annotated[Path, typer.Argument(help="CSV: date,base,quote,rate and per,source.")],
    url: Url = None,
    key: Key = None,
    json: JsonFile = None,
) -> None:
    """Load rates; the same file again changes nothing, another rate of a day revises it."""
    try:
        content = file.read_bytes()
    except OSError as error:
        fail(f"{file}: {error.strerror}")
    door = connect("metrics-ingest", url, key, json)
    try:
        done = door.upload(PATH, content, "text/csv")
    except ApiError as error:
        fail(f"{file}: {error}")
    console.print(f"added {done['added']}, revised {done['revised']}, same {done['unchanged']}")


@app.command("list")
def listed(
    base: Annotated[str | None, typer.Option(help="Of this currency only.")] = None,
    quote: Annotated[str | None, typer.Option(help="Into this currency only.")] = None,
    since: Annotated[str | None, typer.Option("--from", help="From this day on.")] = None,
    to: Annotated[str | None, typer.Option(help="Up to this day.")] = None,
    revisions: Annotated[bool, typer.Option(help="Those too that were revised since.")] = False,
    url: Url = None,
    key: Key = None,
    json: JsonFile = None,
) -> None:
    """List rates by pair and day."""
    door = connect("metrics-ingest", url, key, json)
    wanted = {"base": base, "quote": quote, "from": since, "to": to}
    shown = Table(*COLUMNS)
    try:
        for row in door.items(PATH, revisions=str(revisions).lower(), **wanted):
            shown.add_row(*(cell(row[name]) for name in COLUMNS))
    except ApiError as error:
        fail(str(error))
    console.print(shown)
