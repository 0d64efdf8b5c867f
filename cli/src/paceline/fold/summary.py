"""`paceline bench summary`: what the reports in a folder say, a line each."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from paceline.fold.waiting import SAID
from paceline.show import console

Folder = Annotated[Path, typer.Argument(help="Where `make bench` wrote its reports.")]


def summary(folder: Folder = Path(".benchmarks")) -> None:
    """Say what was measured; exit code 1 where a report of `make bench` is not there."""
    missing = []
    for name, tell in TELL.items():
        file = folder / f"{name}.json"
        if file.exists():
            console.print(f"{name}: {tell(msgspec.json.decode(file.read_bytes()))}", soft_wrap=True)
        else:
            missing.append(name)
            console.print(f"{name}: no report", style="red")
    raise typer.Exit(1 if missing else 0)


def fold(found: dict[str, Any]) -> str:
    """Return the speeds and ratios of our processes on the first variant."""
    first = found["variants"][0]
    told = []
    for peer, row in first["peers"].items():
        speed, ratios = row["events_per_second"], row["ratios"]
        if speed:
            times = ", ".join(
                f"{ratio:g} x {name.removeprefix('to_')}" for name, ratio in ratios.items()
            )
            told.append(f"{peer} {speed['median']:,} events/s ({times})")
    return f"{'; '.join(told)}; {first['void_rounds']} of {len(first['rounds'])} rounds void"


def latency(found: dict[str, Any]) -> str:
    """Return p50 and p99, and under what."""
    seen, rate = found["latency_ms"], found["rate"]
    return (
        f"p50 {seen['p50']:,.0f} ms, p99 {seen['p99']:,.0f} ms at {rate['reached']:g} of "
        f"{rate['asked']} events/s, {found['goals']} goals, {found['cells']} cells"
    )


def sustain(found: dict[str, Any]) -> str:
    """Return the rate, and whether what waited meanwhile grew, and of what kind."""
    kinds = ", ".join(kind for kind, each in found["waiting"].items() if each["grows"])
    shares = ", ".join(
        f"{found['rate']['reached'] / speed:.2f} of what one process folded {when}"
        for when, speed in found.get("folding", {}).items()
    )
    return (
        f"{found['rate']['reached']:,} of {found['rate']['asked']:,} events/s for "
        f"{found['seconds']} s: what waits: {SAID[found['lag_grows']]}{kinds and f' ({kinds})'}; "
        f"caught up {found['caught_up_after_seconds']} s later{shares and f'; {shares}'}"
    )


def cost(found: dict[str, Any]) -> str:
    """Return by how much an event's cost grows along each axis."""
    return "; ".join(
        f"{axis['axis']} x {axis['growth']:.2f} from {axis['points'][0]['size']:,} "
        f"to {axis['points'][-1]['size']:,}"
        for axis in found["axes"]
    )


TELL: dict[str, Callable[[dict[str, Any]], str]] = {
    "fold": fold,
    "latency": latency,
    "sustain": sustain,
    "cost": cost,
}
