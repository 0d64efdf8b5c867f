"""`paceline bench`: how fast it is on this machine, with what it was measured under."""

import asyncio
import math
import os
import platform
import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from paceline.bench_load import Shape
from paceline.bench_run import POLL_SECONDS, Measured, Run
from paceline.demo.place import free_base_port
from paceline.fold.command import cost, fold
from paceline.fold.summary import summary as told
from paceline.fold.whole_command import facts, sustain
from paceline.show import console, fail
from paceline.trial.system import System, TrialFailed

app = typer.Typer(help="Measure this machine's system.", no_args_is_help=True)


@app.callback()
def bench() -> None:
    """Measure a system of its own on this machine."""


app.command()(fold)
app.command()(cost)
app.command()(facts)
app.command()(sustain)
app.command("summary")(told)


@app.command()
def latency(
    json: Annotated[Path | None, typer.Option(help="Write the result here.")] = None,
    rate: Annotated[int, typer.Option(min=1, help="Events a second.")] = 500,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long to measure.")] = 20,
    goals: Annotated[int, typer.Option(min=1, help="How many goals, probes included.")] = 100,
    types: Annotated[int, typer.Option(min=1, help="Types of event, a metric each.")] = 20,
    campaigns: Annotated[int, typer.Option(min=1, help="Values of the dimension.")] = 40,
    tenants: Annotated[int, typer.Option(min=1, help="Organisations.")] = 1,
    probes: Annotated[int, typer.Option(min=1, help="Goals that are watched.")] = 2,
    warm_up: Annotated[float, typer.Option(min=0, help="Seconds of load before.")] = 3,
    runs: Annotated[int, typer.Option(min=1, help="Each on a system of its own.")] = 1,
    patience: Annotated[float, typer.Option(help="Seconds to wait for what was sent last.")] = 60,
    base_port: Annotated[int, typer.Option(help="Where to look for free ports.")] = 8100,
) -> None:
    """Accepted (202) to progress readable, the driver included; the broker's floor beside it.

    Cells are types x campaigns x tenants. Of several runs the one with the median p50 is told;
    ``--json`` has the p50 and p99 of each.
    """
    watched = max(probes, tenants)  # every tenant has one
    if goals < watched:
        fail(f"{watched} goals are watched: --goals has to be at least that")
    shape = Shape(
        rate, seconds, goals, types, campaigns, tenants, watched, warm_up=warm_up, patience=patience
    )
    try:
        every = [asyncio.run(measure(shape, base_port)) for _ in range(runs)]
    except TrialFailed as error:
        fail(str(error))
    found = median_of(every)
    console.print(headline(found), soft_wrap=True)
    console.print(table(found))
    if json is not None:
        json.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")


async def measure(shape: Shape, base_port: int) -> dict[str, Any]:
    """Run the benchmark on a fresh system and return its report; raises TrialFailed."""
    data = Path(tempfile.mkdtemp(prefix="paceline-bench-"))
    try:
        with System(data, free_base_port(base_port)) as system:
            return report(shape, await Run(system, shape).carry_out())
    finally:
        shutil.rmtree(data, ignore_errors=True)


def median_of(reports: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the report with the median p50 (of an even number the better of two), and all p's."""
    ordered = sorted(reports, key=lambda each: each["latency_ms"]["p50"])
    shown = [{name: each["latency_ms"][name] for name in ("p50", "p99")} for each in reports]
    return ordered[(len(ordered) - 1) // 2] | {"runs": shown}


def report(shape: Shape, measured: Measured) -> dict[str, Any]:
    """Return what was measured, with all that it depends on; latencies are ms."""
    visible, floor = summary(measured.visible), summary(measured.floor)
    return {
        "what": "202 received to GET /v1/goals/ID/progress showing the event, driver included",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "latency_ms": visible,
        "accept_ms": summary(measured.accepted),
        "floor_ms": floor,
        "ratio_to_floor": {name: _ratio(visible[name], floor[name]) for name in ("p50", "p99")},
        "rate": {"asked": shape.rate, "reached": round(measured.sent / measured.seconds, 1)},
        "events": {"sent": measured.sent, "folded": measured.folded, "per_request": shape.batch},
        "seconds": shape.seconds,
        "warm_up_seconds": shape.warm_up,
        "goals": shape.goals,
        "cells": shape.cells,
        "types": shape.types,
        "campaigns": shape.campaigns,
        "tenants": shape.tenants,
        "probes": {
            "goals": shape.probes,
            "poll_every_ms": POLL_SECONDS * 1000,
            "poll_takes_ms": summary(measured.polls),
        },
        "machine": {
            "cpus": os.cpu_count(),
            "load_average": round(os.getloadavg()[0], 1),
            "system": platform.platform(),
            "python": platform.python_version(),
        },
    }


def summary(values: Sequence[float]) -> dict[str, Any]:
    """Return count, p50, p99 and max; a percentile is the value at its rank, never between two."""
    ordered = sorted(values)

    def at(share: float) -> float | None:
        rank = math.ceil(share * len(ordered))
        return round(ordered[rank - 1], 2) if ordered else None

    return {"count": len(ordered), "p50": at(0.5), "p99": at(0.99), "max": at(1.0)}


def table(found: dict[str, Any]) -> Table:
    """Return the latencies as a table."""
    shown = Table("ms", "p50", "p99", "max", "count")
    for name, values in ROWS.items():
        row = found[values]
        shown.add_row(name, *(_cell(row[each]) for each in ("p50", "p99", "max", "count")))
    ratios = found["ratio_to_floor"]
    shown.add_row("times the floor", _cell(ratios["p50"]), _cell(ratios["p99"]))
    return shown


def headline(found: dict[str, Any]) -> str:
    """Return under what it was measured."""
    rate, events = found["rate"], found["events"]
    return (
        f"{rate['reached']:g} of {rate['asked']} events/s, {events['per_request']} a request; "
        f"{found['goals']} goals, {found['cells']} cells, {found['tenants']} tenants; "
        f"{events['sent']} sent, {events['folded']} counted"
        + (f"; the median of {len(found['runs'])} runs" if len(found["runs"]) > 1 else "")
    )


ROWS = {
    "accepted to readable": "latency_ms",
    "request to 202": "accept_ms",
    "broker's floor": "floor_ms",
}


def _ratio(value: float | None, floor: float | None) -> float | None:
    return round(value / floor, 1) if value is not None and floor else None


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
