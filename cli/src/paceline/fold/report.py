"""What was measured, as a table and as JSON."""

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

from rich.table import Table

from paceline.fold import peers
from paceline.fold.cost import Line
from paceline.fold.faust import FAUST
from paceline.fold.outcome import Outcome
from paceline.fold.rounds import LEAST_RATIO, MOST_RATIO, Measured, rates
from paceline.fold.streams import STREAMS
from service_kit.embedded import jars

LIBRARIES = ("aiokafka", "confluent-kafka", "faust-streaming", "msgspec", "pymongo", "uvloop")
BASES = {
    "to_aiokafka": peers.AIOKAFKA,
    "to_unchecked": peers.UNCHECKED,
    "to_streams": STREAMS,
    "to_faust": FAUST,
}


def report(found: Sequence[Measured], load_before: float) -> dict[str, Any]:
    """Return everything that was measured, with all that it depends on."""
    what = "events folded per second, every run compared with the truth group by group"
    variants = [_variant(measured) for measured in found]
    return {"what": what, **circumstances(load_before), "variants": variants}


def circumstances(load_before: float) -> dict[str, Any]:
    """Return when, of what, and on what it was measured."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": machine() | {"load_average_before": load_before},
        "versions": versions(),
    }


def _variant(measured: Measured) -> dict[str, Any]:
    variant, job = measured.variant, measured.variant.job
    return {
        "name": variant.name,
        "events": job.events,
        "record_bytes": round(measured.record_bytes, 1),
        "partitions": job.partitions,
        "groups": job.groups,
        "events_per_group": round(job.events / job.groups, 2),
        "ids_before": variant.ids,
        "peers": {peer: _peer(measured, peer) for peer in _peers(measured)},
        "rounds": [
            {
                "java_to_aiokafka": round(each.ratio, 2) if each.ratio else None,
                "void": each.void,
                "runs": [outcome.document() for outcome in each.outcomes],
            }
            for each in measured.rounds
        ],
        "void_rounds": sum(each.void for each in measured.rounds),
    }


def _peers(measured: Measured) -> list[str]:
    return list(dict.fromkeys(o.peer for r in measured.rounds for o in r.outcomes))


def _peer(measured: Measured, peer: str) -> dict[str, Any]:
    found = rates(measured, peer)
    skipped = [
        o.skipped for r in measured.rounds for o in r.outcomes if o.peer == peer and o.skipped
    ]
    spread = {"min": found[0], "median": median(found), "max": found[-1]} if found else {}
    return {
        "events_per_second": {name: round(value) for name, value in spread.items()},
        "ratios": {
            name: round(median(found) / median(base), 2)
            for name, base in ((n, rates(measured, p)) for n, p in BASES.items())
            if found and base
        },
        "skipped": skipped[0] if skipped else "",
    }


def table(measured: Measured) -> Table:
    """Return one variant as a table."""
    document = _variant(measured)
    title = (
        f"{document['name']}: {document['events']} events of {document['record_bytes']} bytes, "
        f"{document['events_per_group']} a group, {document['ids_before']} ids in the window before"
    )
    bases = [name for name in BASES if any(name in r["ratios"] for r in document["peers"].values())]
    heads = [name.replace("to_", "x ") for name in bases]
    shown = Table(title=title)
    for head in ("events/s", "min", "median", "max", *heads):
        shown.add_column(head, no_wrap=True)
    for peer, row in document["peers"].items():
        speed, ratios = row["events_per_second"], row["ratios"]
        cells = [f"{speed[name]:,}" if speed else "-" for name in ("min", "median", "max")]
        shown.add_row(peer, *cells, *(f"{ratios.get(name, '-')}" for name in bases))
    return shown


def cost_table(line: Line) -> Table:
    """Return how the cost of an event grows with one thing."""
    slope = f"x {line.growth:.2f} from the smallest to the largest"
    doubling = f", x {line.per_doubling:.3f} per doubling" if line.per_doubling else ""
    heads = ("CPU us/event", "events/s", "cells a slice", "start s")
    shown = Table(line.name, *heads, title=slope + doubling)
    for each in line.points:
        cells = (
            f"{each.cost:.2f}",
            f"{each.rate:,.0f}",
            f"{each.cells:g}",
            f"{each.start_seconds:g}",
        )
        shown.add_row(f"{each.size:,}", *cells)
    return shown


def about_rounds(found: Sequence[Measured]) -> str:
    """Say how many rounds were void, and why."""
    every = [each for measured in found for each in measured.rounds if each.ratio is not None]
    void = [f"{each.ratio:.2f}" for each in every if each.void and each.ratio]
    text = f"{len(void)} of {len(every)} rounds void"
    band = f"Java fetch to aiokafka fetch not within {LEAST_RATIO} to {MOST_RATIO}"
    return f"{text}: {band} ({', '.join(void)})" if void else text


def line(outcome: Outcome) -> str:
    """Return one run as a line."""
    if outcome.skipped:
        return f"{outcome.peer}: skipped: {outcome.skipped}"
    if outcome.wrong:
        return f"{outcome.peer}: VOID, not the truth: {'; '.join(outcome.wrong)}"
    more = ", ".join(
        f"{name} {value}" for name, value in outcome.more.items() if type(value) is not list
    )
    cpu = ", ".join(f"{name} {seconds:g} s" for name, seconds in outcome.cpu.items())
    speed = f"{outcome.peer}: {outcome.rate:,.0f} events/s, {outcome.seconds:.2f} s"
    return "; ".join(text for text in (speed, cpu, more, _memory(outcome)) if text)


def _memory(outcome: Outcome) -> str:
    """Return the resident memory of the largest process over time, at most eight times."""
    sizes = outcome.more.get("mib_over_time", [])
    shown = sizes[:: max(1, len(sizes) // 8)]
    return "MiB " + ", ".join(f"{size} at {at:g} s" for at, size in shown) if shown else ""


def machine() -> dict[str, Any]:
    """Return what it was measured on."""
    return {
        "cpus": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    """Return the versions of what was measured."""
    return {name: metadata.version(name) for name in LIBRARIES} | {"kafka": jars.VERSION}


def _commit() -> str:
    where = Path(__file__).parent
    asked = ["git", "-C", str(where), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(asked, capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""
