"""The commands `paceline bench facts` and `paceline bench sustain`: of a whole running system."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from paceline.bench_load import Shape
from paceline.demo.place import free_base_port
from paceline.fold import report
from paceline.fold.command import one_process
from paceline.fold.facts import limit
from paceline.fold.sustain import sustain as keep_up
from paceline.fold.waiting import SAID
from paceline.show import console, fail
from paceline.trial.system import System, TrialFailed

EVENT_BYTES = 250  # on the disk: its record, its id in the window, its part of what comes of it
GIBIBYTE = 2**30

JsonFile = Annotated[Path | None, typer.Option(help="Write the result here.")]
BasePort = Annotated[int, typer.Option(help="Where to look for free ports.")]


def facts(
    json: JsonFile = None,
    cells: Annotated[int, typer.Option(min=1, help="How many cells in all.")] = 1_000_000,
    per_record: Annotated[int, typer.Option(min=1, max=8000, help="Cells of a record.")] = 1000,
    goals: Annotated[int, typer.Option(min=1, max=1000, help="Goals, a campaign each.")] = 100,
    base_port: BasePort = 8100,
) -> None:
    """One metric's facts are one partition: how many cells a second goal-service applies of it.

    Exit code 1: a goal's total is not what was written.
    """
    found = _on_a_system(base_port, lambda system: limit(system, cells, per_record, goals))
    console.print(
        f"{found['cells_per_second']:,} cells/s of one metric: {found['cells']:,} cells in records "
        f"of {found['cells_per_record']}, {found['goals']} goals, {found['seconds']} s; "
        f"goal-service {found['goal_service_cpu_us_per_cell']} us a cell",
        soft_wrap=True,
    )
    _write(json, found)


def sustain(
    json: JsonFile = None,
    rate: Annotated[int, typer.Option(min=1, help="Events a second.")] = 20_000,
    of_folding: Annotated[
        float,
        typer.Option(min=0, max=1, help="Instead: this share of what one process folds now."),
    ] = 0,
    seconds: Annotated[float, typer.Option(min=5, help="How long.")] = 180,
    goals: Annotated[int, typer.Option(min=1, help="How many goals.")] = 1000,
    types: Annotated[int, typer.Option(min=1, help="Types of event, a metric each.")] = 20,
    campaigns: Annotated[int, typer.Option(min=1, help="Values of the dimension.")] = 40,
    tenants: Annotated[int, typer.Option(min=1, help="Organisations.")] = 3,
    base_port: BasePort = 8100,
) -> None:
    """Keep a rate of raw events through the whole system; every goal is checked in the end.

    Exit code 1: a goal's total is not what was written. What waits and grows is said, and is 0.
    With --of-folding one process folds the topic of `bench fold` before and after, as a measure of
    the machine at that time.
    """
    folded = [one_process()] if of_folding else []
    if folded:
        rate = round(of_folding * folded[0])
    check_room(int(rate * seconds) * EVENT_BYTES, Path(tempfile.gettempdir()))
    shape = Shape(rate, seconds, goals, types, campaigns, tenants, 0)
    found = _on_a_system(base_port, lambda system: keep_up(system, shape, _say))
    if folded:
        folded.append(one_process())
        found["folding"] = {"before": folded[0], "after": folded[1]}
    for kind, each in found["waiting"].items():
        console.print(f"{kind} waiting: {each}", soft_wrap=True)
    console.print(
        f"{found['rate']['reached']:,} of {rate:,} events/s for {found['seconds']} s, "
        f"{goals} goals: what waits: {SAID[found['lag_grows']]}, caught up "
        f"{found['caught_up_after_seconds']} s later; {found['cells_per_second']:,} cells/s",
        soft_wrap=True,
    )
    for when, speed in zip(("before", "after"), folded, strict=False):
        console.print(
            f"{found['rate']['reached'] / speed:.2f} of what one process folded {when}: {speed:,}"
        )
    _write(json, found)


def check_room(needed: int, folder: Path) -> None:
    """Leave with code 1 where so many bytes have no room: a full disk ends the broker first."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        fail(
            f"{needed / GIBIBYTE:.0f} GiB may be written to {folder}, which has "
            f"{free / GIBIBYTE:.0f} free: set TMPDIR, or ask for fewer events"
        )


def _on_a_system(
    base_port: int, work: Callable[[System], Coroutine[Any, Any, dict[str, Any]]]
) -> dict[str, Any]:
    load = round(os.getloadavg()[0], 1)
    data = Path(tempfile.mkdtemp(prefix="paceline-bench-"))
    try:
        with System(data, free_base_port(base_port)) as system:
            return asyncio.run(work(system)) | report.circumstances(load)
    except TrialFailed as error:
        fail(str(error))
    finally:
        shutil.rmtree(data, ignore_errors=True)


def _say(row: dict[str, Any]) -> None:
    sizes = ", ".join(f"{name} {size} MiB" for name, size in row["rss_mib"].items())
    waiting = ", ".join(f"{count:,} {kind}" for kind, count in row["waiting"].items())
    console.print(
        f"{row['at']:6.1f} s: {row['written']:,} written; waiting: {waiting}; "
        f"{row['cells']:,} cells; {sizes}",
        soft_wrap=True,
    )


def _write(json: Path | None, found: dict[str, Any]) -> None:
    if json is not None:
        json.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
