"""``paceline drill``: kill parts of a system under load, and count what is lost or doubled."""

import asyncio
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from paceline.trial.api import Api
from paceline.trial.breaks import BREAKS, Break
from paceline.trial.bulk import BulkWatch
from paceline.trial.compare import Verdict, compare
from paceline.trial.declare import declare
from paceline.trial.events import WEB
from paceline.trial.killer import Killer, Kills
from paceline.trial.load import Load, first_moment
from paceline.trial.replay import make_key
from paceline.trial.system import System, TrialFailed
from paceline.trial.world import World

DAY_SECONDS = 4.0
LEAST_IN_BULK = 0.5  # of the plain events; an odd one among them takes its whole slice along


@dataclass(frozen=True, slots=True)
class Result:
    """The drill's report; ``lost`` and ``doubled`` are sums over everything compared."""

    kills: int
    kills_by_process: dict[str, int]
    kills_with_work_in_flight: int
    sent: int
    acked: int
    events_per_second: float
    plain: int
    folded_in_bulk: int
    lost: int
    doubled: int
    lost_by_kind: dict[str, int]
    doubled_by_kind: dict[str, int]
    compared: dict[str, int]
    max_recovery_s: float
    seed: int
    broken: str | None
    seconds: float
    notes: list[str]


async def carry_out(
    *, kills: int, events: int, seed: int, rate: int, base_port: int, broken: str | None = None
) -> Result:
    """Run one drill on a fresh system and return its report."""
    data = Path(tempfile.mkdtemp(prefix="paceline-drill-"))
    fault = BREAKS[broken] if broken else Break()
    system = System(data, base_port, first_moment(), fault.environment)
    began = time.monotonic()
    try:
        with system:
            key = await make_key(system, "drill")
            async with Api(system, key) as api:
                world = World(seed, events, max(7, round(events / rate / DAY_SECONDS)))
                load = Load(system, api, world, rate, intact=broken is None)
                await declare(api, world)
                harm = asyncio.create_task(fault.harm(system, lambda: not load.done))
                bulk = BulkWatch(system)
                watching = asyncio.create_task(bulk.run())
                done = await _under_fire(system, load, kills, seed)
                await load.drained(120 if broken is None else 40)
                verdict = await compare(api, world, load.journal)
                for task in (harm, watching):
                    task.cancel()
                await asyncio.wait([harm, watching])
                plain = load.journal.accepted()[WEB]
                if broken is None and bulk.total < LEAST_IN_BULK * plain:
                    raise TrialFailed(f"of {plain} plain events only {bulk.total} went in bulk")
    except TrialFailed as failed:
        raise TrialFailed(f"{failed}; logs and data are kept in {data}") from failed
    shutil.rmtree(data, ignore_errors=True)
    return _result(done, load, verdict, bulk.total, seed, broken, time.monotonic() - began)


async def _under_fire(system: System, load: Load, kills: int, seed: int) -> Kills:
    killer = Killer(system, seed, kills, load.applied, lambda: not load.done)
    firing = asyncio.create_task(killer.run())
    await load.run()
    try:
        await firing
    except TrialFailed:  # with a guard off a partition may stand still for good
        if load.intact:
            raise
    return killer.kills


def _result(
    done: Kills,
    load: Load,
    verdict: Verdict,
    bulk: int,
    seed: int,
    broken: str | None,
    seconds: float,
) -> Result:
    return Result(
        kills=done.total,
        kills_by_process=dict(done.by_process),
        kills_with_work_in_flight=done.in_flight,
        sent=load.sent,
        acked=len(load.journal.events),
        events_per_second=round(load.sent / max(load.seconds, 0.001), 1),
        plain=load.journal.accepted()[WEB],
        folded_in_bulk=bulk,
        lost=verdict.lost.total(),
        doubled=verdict.doubled.total(),
        lost_by_kind=dict(verdict.lost),
        doubled_by_kind=dict(verdict.doubled),
        compared=dict(verdict.compared),
        max_recovery_s=round(done.max_recovery_s, 1),
        seed=seed,
        broken=broken,
        seconds=round(seconds, 1),
        notes=verdict.notes,
    )


def drill(
    kills: Annotated[int, typer.Option(help="How many processes to kill.")] = 60,
    events: Annotated[int, typer.Option(help="How many events to send.")] = 400_000,
    seed: Annotated[int, typer.Option(help="Which world and which kills.")] = 1,
    rate: Annotated[int, typer.Option(help="Events a second.")] = 2_000,
    json: Annotated[Path | None, typer.Option(help="Write the report here.")] = None,
    base_port: Annotated[int, typer.Option(help="First port of the drill's own system.")] = 8700,
    broken: Annotated[
        str | None,
        typer.Option(
            "--break", help="Switch a guard off and add its fault: cas, head, exit, lane."
        ),
    ] = None,
) -> None:
    """Kill parts of a system of its own under load; exit 1 when anything is lost or doubled.

    Exit 2: the drill could not be carried out, and says nothing about that.
    """
    if broken is not None and broken not in BREAKS:
        raise typer.BadParameter(f"{broken}: one of {', '.join(BREAKS)}", param_hint="--break")
    wanted = carry_out(
        kills=kills, events=events, seed=seed, rate=rate, base_port=base_port, broken=broken
    )
    try:
        result = asyncio.run(wanted)
    except TrialFailed as failed:
        typer.echo(f"the drill could not be carried out: {failed}", err=True)
        raise typer.Exit(2) from None
    report: dict[str, Any] = asdict(result)
    text = msgspec.json.format(msgspec.json.encode(report), indent=2)
    typer.echo(text.decode())
    if json is not None:
        json.write_bytes(text)
    raise typer.Exit(1 if result.lost or result.doubled else 0)
