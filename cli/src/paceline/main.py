"""The paceline command."""

import os
import sys

import typer

from paceline import (
    bench,
    connectors,
    deadletters,
    demo,
    doctor,
    drill,
    goals,
    keys,
    lights,
    metrics,
    people,
    prepare,
    rates,
    send,
    sources,
    topics,
    up,
    watch,
)

app = typer.Typer(
    help="Goals that live from events: what was promised, what is, and what that means.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(up.up)
app.command()(prepare.prepare)
app.add_typer(topics.app, name="topics")
app.command()(send.send)
app.command()(goals.goals)
app.command()(lights.lights)
app.command()(people.people)
app.add_typer(metrics.app, name="metrics")
app.add_typer(sources.app, name="sources")
app.command()(watch.watch)
app.add_typer(connectors.app, name="connectors")
app.add_typer(rates.app, name="rates")
app.add_typer(keys.app, name="keys")
app.add_typer(deadletters.app, name="deadletters")
app.command()(doctor.doctor)
app.command()(demo.demo)
app.command()(drill.drill)
app.add_typer(bench.app, name="bench")

COLUMNS_OF_A_FILE = "200"


def run() -> None:
    """Run the command that the process was started for.

    In a file or a pipe a table gets room: 80 columns would cut figures off, and nobody would see.
    """
    if not sys.stdout.isatty():
        os.environ.setdefault("COLUMNS", COLUMNS_OF_A_FILE)
    app()
