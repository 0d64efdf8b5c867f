"""What an event costs as the work grows: one process of ours, one thing larger at a time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from paceline.fold.job import Job
from paceline.fold.outcome import Outcome
from paceline.fold.rounds import Measured, Runs, Variant

OURS = "metrics-ingest-0"


@dataclass(frozen=True, slots=True)
class Axis:
    """One thing that grows; each step has its size and its variant."""

    name: str
    steps: Sequence[tuple[int, Variant]]


@dataclass(frozen=True, slots=True)
class Point:
    """One step: processor time of our process (microseconds an event) and events a second."""

    size: int
    cost: float
    rate: float
    cells: float
    start_seconds: float


@dataclass(frozen=True, slots=True)
class Line:
    """One axis, measured."""

    name: str
    points: Sequence[Point]

    @property
    def growth(self) -> float:
        """Cost at the largest size to that at the smallest."""
        return self.points[-1].cost / self.points[0].cost

    @property
    def per_doubling(self) -> float | None:
        """By what the cost is multiplied when the size doubles; None where it begins at 0."""
        first, last = self.points[0].size, self.points[-1].size
        return self.growth ** (1 / math.log2(last / first)) if first else None


def axes(events: int, rounds: int, full: int) -> list[Axis]:
    """Return what is measured; ``full`` is how many ids a full window holds."""
    job = Job(events)

    def variant(name: str, job: Job, ids: int = 0) -> Variant:
        return Variant(name, job, ids, rounds, ("one",))

    # All cells stand in one minute, which every flush meets anew.
    crowd = replace(job, group_size=events, tenants=1, types=10)
    return [
        Axis(
            "partitions",
            [(n, variant(f"{n} partitions", replace(job, partitions=n))) for n in (1, 2, 4, 8, 16)],
        ),
        Axis(
            "cells per flush",
            [
                (n, variant(f"{n} cells", replace(crowd, campaigns=n // 10, channels=1)))
                for n in (10, 100, 1_000, 10_000)
            ],
        ),
        # As many cells in all cases: 8,000 a minute.
        Axis(
            "tenants",
            [
                (n, variant(f"{n} tenants", replace(job, tenants=n, types=5, campaigns=1600 // n)))
                for n in (1, 10, 50, 200)
            ],
        ),
        Axis("ids in the window", [(n, variant(f"{n} ids before", job, n)) for n in (0, full)]),
    ]


def measure(runs: Runs, wanted: Sequence[Axis]) -> tuple[list[Line], list[Measured]]:
    """Run every step; return the lines, and all that was measured."""
    lines, everything = [], []
    for axis in wanted:
        points = []
        for size, variant in axis.steps:
            measured = runs.measure(variant)
            everything.append(measured)
            good = [o for r in measured.rounds for o in r.outcomes if o.counts]
            if good:
                points.append(_point(size, good))
        if points:
            lines.append(Line(axis.name, points))
    return lines, everything


def _point(size: int, outcomes: Sequence[Outcome]) -> Point:
    return Point(
        size,
        round(median(each.cpu[OURS] / each.events * 1e6 for each in outcomes), 3),
        round(median(each.rate for each in outcomes)),
        round(median(each.more["cells"] / each.more["batches"] for each in outcomes), 1),
        median(each.more["start_seconds"] for each in outcomes),
    )


def documents(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """Return the lines as JSON holds them."""
    return [
        {
            "axis": line.name,
            "growth": round(line.growth, 3),
            "per_doubling": round(line.per_doubling, 3) if line.per_doubling else None,
            "points": [
                {
                    "size": point.size,
                    "cpu_us_per_event": point.cost,
                    "events_per_second": point.rate,
                    "cells_per_slice": point.cells,
                    "start_seconds": point.start_seconds,
                }
                for point in line.points
            ],
        }
        for line in lines
    ]
