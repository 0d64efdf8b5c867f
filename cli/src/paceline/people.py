"""`paceline people`: a whole directory from one CSV file, or every reason why not."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from paceline.connection import ApiError, JsonFile, Key, Url, connect
from paceline.show import console, errors, fail, text

PATH = "/v1/people/import"
SHOWN = 50


def people(
    file: Annotated[Path, typer.Argument(help="A CSV file; its first line names columns.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change; change nothing.")
    ] = False,
    url: Url = None,
    key: Key = None,
    json: JsonFile = None,
) -> None:
    """Load people and teams from a CSV file; the same file again changes nothing."""
    try:
        content = file.read_bytes()
    except OSError as error:
        fail(f"{file}: {error.strerror}")
    door = connect("goal-service", url, key, json)
    path = f"{PATH}?dry_run=true" if dry_run else PATH
    try:
        answer = door.load(path, content, {"Content-Type": "text/csv"}, "problems")
    except ApiError as error:
        fail(str(error))
    problems = answer.get("problems", [])
    if problems:
        for problem in problems[:SHOWN]:
            where = f"{file}:{problem['line']} {problem['column']}"
            errors.print(f"{where}: {problem['message']}", markup=False, soft_wrap=True)
        fail(f"{len(problems)} errors, nothing was written")
    console.print(table(answer))
    if dry_run:
        console.print("a dry run: nothing was written")


def table(answer: dict[str, Any]) -> Table:
    """Return what became of people and teams."""
    fates = ("created", "changed", "unchanged")
    shown = Table("", *fates)
    for kind in ("people", "teams"):
        shown.add_row(kind, *(text(answer[kind][fate]) for fate in fates))
    return shown
