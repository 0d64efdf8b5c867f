"""`paceline connectors`: the documents for vendors, looked at and made one's own."""

from typing import Annotated, Any

import typer
import yaml
from rich.table import Table

from paceline.connection import ApiError, JsonFile, Key, Url, connect
from paceline.show import cell, console, fail

app = typer.Typer(help="How vendors' events are read, ready to use.", no_args_is_help=True)

PATH = "/v1/connectors"
Name = Annotated[str, typer.Argument(help="As `paceline connectors list` shows it.")]


@app.command("list")
def listed(url: Url = None, key: Key = None, json: JsonFile = None) -> None:
    """List the connectors."""
    door = connect("metrics-ingest", url, key, json)
    shown = Table("name", "about")
    try:
        for row in door.items(PATH):
            shown.add_row(cell(row["name"]), cell(row["about"]))
    except ApiError as error:
        fail(str(error))
    console.print(shown)


@app.command()
def show(name: Name, url: Url = None, key: Key = None, json: JsonFile = None) -> None:
    """Print a connector as YAML: what to set at the vendor, its source and its metrics."""
    door = connect("metrics-ingest", url, key, json)
    try:
        found = door.get(f"{PATH}/{name}")
    except ApiError as error:
        fail(str(error))
    typer.echo(yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=100), nl=False)


@app.command()
def add(
    name: Name,
    source: Annotated[str | None, typer.Option(help="The source's name.")] = None,
    zone: Annotated[str | None, typer.Option(help="The account's IANA zone.")] = None,
    currency: Annotated[str | None, typer.Option(help="The account's ISO 4217 code.")] = None,
    topic: Annotated[str | None, typer.Option(help="The Kafka topic to read.")] = None,
    prefix: Annotated[str, typer.Option(help="Begins the metrics' names.")] = "",
    url: Url = None,
    key: Key = None,
    json: JsonFile = None,
) -> None:
    """Write a connector's source and metrics; what is left out is as in the document."""
    wanted = {"source": source, "zone": zone, "currency": currency, "topic": topic}
    body: dict[str, Any] = {k: v for k, v in wanted.items() if v is not None} | {"prefix": prefix}
    door = connect("metrics-ingest", url, key, json)
    try:
        added = door.post(f"{PATH}/{name}", body)
    except ApiError as error:
        fail(str(error))
    metrics = ", ".join(metric["name"] for metric in added["metrics"]) or "-"
    console.print(f"source {added['source']['name']}, metrics {metrics}", markup=False)
    for step in added["at_vendor"]:
        console.print(f"- {step}", markup=False)
