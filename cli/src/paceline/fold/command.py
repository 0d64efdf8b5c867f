"""The commands `paceline bench fold` and `paceline bench cost`."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from paceline.fold import cost as costs
from paceline.fold import report
from paceline.fold.job import MANY, Job
from paceline.fold.ours import OURS
from paceline.fold.outcome import Outcome
from paceline.fold.place import Place
from paceline.fold.plot import svg
from paceline.fold.rounds import Measured, Runs, Variant, wrong
from paceline.show import console, fail

PEERS = ("java", "aiokafka", "unchecked", "one", "two", "streams", "faust")
FETCHES = ("java", "aiokafka", "one", "two")
AXES = ("partitions", "cells", "tenants", "ids")  # the first words of cost.axes' names
TEN_MILLION = 10_000_000


def fold(
    json: Annotated[Path | None, typer.Option(help="Write the result here.")] = None,
    events: Annotated[int, typer.Option(min=1000, help="Records in the topic.")] = MANY,
    rounds: Annotated[int, typer.Option(min=1, help="How often each peer runs.")] = 3,
    window: Annotated[
        int, typer.Option(min=0, help="Ids that the window holds before.")
    ] = TEN_MILLION,
    group_size: Annotated[float, typer.Option(min=1, help="Events a group, about.")] = 14.0,
    peers: Annotated[str, typer.Option(help="Who runs, by commas.")] = ",".join(PEERS),
    slow_events: Annotated[
        int, typer.Option(min=1000, max=200_000, help="Records of Faust's shorter topic.")
    ] = 40_000,
    variants: Annotated[
        bool, typer.Option(help="Also other group sizes, and other windows.")
    ] = False,
    spoil: Annotated[
        bool, typer.Option("--spoil", help="Make the truth wrong: no fold may count then.")
    ] = False,
) -> None:
    """Fold one topic by ours and its peers, each run checked against the truth.

    Exit code 1: a run was not the truth. However slow it is, it is 0.
    """
    chosen = _chosen(peers.split(","), PEERS, "peer")
    wanted = [Variant("the job", Job(events, group_size), window, rounds, chosen)]
    load = os.getloadavg()[0]
    wanted += others(wanted[0], chosen) if variants else []
    found = measure(wanted, slow_events, spoil)
    console.print(report.about_rounds(found))
    if json is not None:
        text = msgspec.json.encode(report.report(found, round(load, 1)))
        json.write_bytes(msgspec.json.format(text) + b"\n")
    _refuse(found)


def cost(
    json: Annotated[Path | None, typer.Option(help="Write the result here.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw it here, as SVG.")] = None,
    events: Annotated[int, typer.Option(min=1000, help="Records in each topic.")] = 400_000,
    rounds: Annotated[int, typer.Option(min=1, help="How often each step runs.")] = 3,
    window: Annotated[int, typer.Option(min=1, help="Ids in a full window.")] = TEN_MILLION,
    axes: Annotated[str, typer.Option(help="What grows, by commas.")] = ",".join(AXES),
) -> None:
    """What an event costs our process as the work grows: partitions, cells, tenants, ids.

    Exit code 1: a run was not the truth.
    """
    chosen = _chosen(axes.split(","), AXES, "axis")
    load = os.getloadavg()[0]
    wanted = [axis for axis in costs.axes(events, rounds, window) if axis.name.split()[0] in chosen]
    with Place() as place:
        lines, everything = costs.measure(Runs(place, _say, events), wanted)
    for line in lines:
        console.print(report.cost_table(line))
    if json is not None:
        found = report.circumstances(round(load, 1)) | {"events": events, "rounds": rounds}
        text = msgspec.json.encode(found | {"axes": costs.documents(lines)})
        json.write_bytes(msgspec.json.format(text) + b"\n")
    if plot is not None:
        plot.write_text(svg(lines, "Processor time of metrics-ingest, microseconds an event"))
    _refuse(everything)


def others(first: Variant, chosen: tuple[str, ...]) -> list[Variant]:
    """Return the first one with groups of 1.2 and 140, and with no ids and ten times as many."""
    few = tuple(name for name in chosen if name in FETCHES)
    alone = tuple(name for name in few if name != "two")
    job = first.job
    return [
        Variant("1.2 events a group", replace(job, group_size=1.2), first.ids, 1, few),
        Variant("140 events a group", replace(job, group_size=140.0), first.ids, 1, few),
        Variant("an empty window", job, 0, 1, few),
        Variant("ten times the ids", job, 10 * first.ids, 1, alone),
    ]


def measure(variants: list[Variant], slow_events: int, spoil: bool) -> list[Measured]:
    """Run the variants in a place of their own, and say what each comes to."""
    found = []
    with Place() as place:
        runs = Runs(place, _say, slow_events, spoil=spoil)
        for variant in variants:
            found.append(runs.measure(variant))
            console.print(report.table(found[-1]))
    return found


def one_process() -> int:
    """Return how many events a second one process folds now: the faster of two runs.

    The topic is that of ``bench fold``. Leaves with code 1 if a run was not the truth.
    """
    alone = Variant("one process", Job(MANY, 14.0), TEN_MILLION, 2, ("one",))
    found = measure([alone], MANY, spoil=False)
    _refuse(found)
    return max(round(rate) for each in found[0].rounds if (rate := each.rate(OURS[1])))


def _chosen(wanted: list[str], there: tuple[str, ...], what: str) -> tuple[str, ...]:
    unknown = sorted(set(wanted) - set(there))
    if unknown:
        fail(f"no such {what}: {', '.join(unknown)}; there are {', '.join(there)}")
    return tuple(wanted)


def _refuse(found: list[Measured]) -> None:
    bad = wrong(found)
    if bad:
        fail(f"{len(bad)} runs were not the truth: {bad[0].peer}: {'; '.join(bad[0].wrong)}")


def _say(outcome: Outcome) -> None:
    console.print(report.line(outcome), soft_wrap=True, markup=False)
