"""`paceline sources`: where events come from; the address and the secrets of their webhooks."""

import sys
from typing import Annotated, Any

import typer
from rich.table import Table

from paceline import metrics
from paceline.connection import ApiError, Connection, JsonFile, Key, Url, connect
from paceline.show import cell, console, fail
from paceline.words import either

app = metrics.sources
PATH = "/v1/sources"
Name = Annotated[str, typer.Argument(help="As `paceline sources list` shows it.")]


@app.command("list")
def listed(url: Url = None, key: Key = None, json: JsonFile = None) -> None:
    """List the sources: their doors, zone, signature, and whether they are paused."""
    door = connect("metrics-ingest", url, key, json)
    shown = Table("name", "doors", "zone", "signature", "version", "paused")
    try:
        for row in door.items(PATH):
            doors = ", ".join(row["doors"])
            cells = (row["name"], doors, row["zone"], row["signature"], row["version"])
            shown.add_row(*map(cell, (*cells, row["paused"])))
    except ApiError as error:
        fail(str(error))
    console.print(shown)


@app.command()
def hook(
    name: Name,
    rotate: Annotated[bool, typer.Option(help="Make a new address; the old one ends.")] = False,
    overlap_seconds: Annotated[
        int, typer.Option(help="How long the old address goes on beside the new one.")
    ] = 86_400,
    url: Url = None,
    key: Key = None,
    json: JsonFile = None,
) -> None:
    """Print the address that the vendor is told; whoever has it may send: keep it secret."""
    door = connect("metrics-ingest", url, key, json)
    path = f"{PATH}/{name}/hook"
    try:
        if rotate:
            found = door.post(f"{path}/rotate", {"overlap_seconds": overlap_seconds})
        else:
            found = door.get(path)
    except ApiError as error:
        fail(str(error))
    typer.echo(found["url"])


@app.command()
def secrets(
    name: Name,
    add: Annotated[
        bool, typer.Option(help="Ask for a further secret, or read it from standard input.")
    ] = False,
    end: Annotated[
        list[str] | None,
        typer.Option(help="The fingerprint of a secret that ends; again for more."),
    ] = None,
    url: Url = None,
    key: Key = None,
    json: JsonFile = None,
) -> None:
    """List the secrets that sign a source's webhook, by fingerprint; add one, end one.

    To change a secret add the new one, tell the vendor, and end the old one.
    """
    door = connect("metrics-ingest", url, key, json)
    path = f"{PATH}/{name}/secrets"
    try:
        known = door.get(path)["secrets"]
        if add or end:
            known = _changed(door, path, known, add, end or [])
    except ApiError as error:
        fail(str(error))
    for each in known:
        typer.echo(each["fingerprint"])


def _changed(door: Connection, path: str, known: Any, add: bool, end: list[str]) -> Any:
    fingerprints = [each["fingerprint"] for each in known]
    strange = [each for each in end if each not in fingerprints]
    if strange:
        fail(
            either(
                f"there is no secret {', '.join(strange)}; without --end they are listed",
                f"没有密钥 {', '.join(strange)}；不带 --end 可列出",
            )
        )
    kept = [each for each in fingerprints if each not in end]
    body = {"secrets": [_asked()] if add else [], "keep": kept}
    return door.put(path, body)["secrets"]


def _asked() -> str:
    """Return a secret that nobody reads over a shoulder or in a list of processes."""
    if sys.stdin.isatty():
        return str(typer.prompt(either("Secret", "密钥"), hide_input=True))
    return sys.stdin.readline().rstrip("\r\n")
