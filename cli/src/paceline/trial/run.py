"""One drill: parts of a system are killed under load; what is lost or doubled is counted."""

import asyncio
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

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
MOST_SECONDS = 1800.0
INTACT = Break()
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
    *,
    kills: int,
    events: int,
    seed: int,
    rate: int,
    base_port: int,
    broken: str | None = None,
    within: float = MOST_SECONDS,
) -> Result:
    """Run one drill on a fresh system and return its report.

    Raises TrialFailed where it could not be carried out, or not within so many seconds.
    """
    data = Path(tempfile.mkdtemp(prefix="paceline-drill-"))
    fault = BREAKS[broken] if broken else INTACT
    system = System(data, base_port, first_moment(), fault.environment)
    world = World(seed, events, max(7, round(events / rate / DAY_SECONDS)))
    began = time.monotonic()
    try:
        with system:
            async with asyncio.timeout(within):
                done, load, verdict, bulk = await _play(system, world, fault, kills, rate, seed)
    except TimeoutError:
        raise TrialFailed(f"not done within {within:.0f} s; logs and data are in {data}") from None
    except TrialFailed as failed:
        raise TrialFailed(f"{failed}; logs and data are kept in {data}") from failed
    shutil.rmtree(data, ignore_errors=True)
    return _result(done, load, verdict, bulk, seed, broken, time.monotonic() - began)


async def _play(
    system: System, world: World, fault: Break, kills: int, rate: int, seed: int
) -> tuple[Kills, Load, Verdict, int]:
    """Return what was killed and sent, what is lost or doubled, and how many events went in bulk.

    Where no guard is off, raises TrialFailed if that were few: the compiled fold was not tried.
    """
    intact = fault is INTACT
    key = await make_key(system, "drill")
    async with Api(system, key) as api:
        load = Load(system, api, world, rate, intact=intact)
        await declare(api, world)
        harm = asyncio.create_task(fault.harm(system, lambda: not load.done))
        bulk = BulkWatch(system)
        watching = asyncio.create_task(bulk.run())
        try:
            done = await _under_fire(system, load, kills, seed)
            await load.drained(120 if intact else 40)
            verdict = await compare(api, world, load.journal)
        finally:
            for task in (harm, watching):
                task.cancel()
            await asyncio.wait([harm, watching])
    plain = load.journal.accepted()[WEB]
    if intact and bulk.total < LEAST_IN_BULK * plain:
        raise TrialFailed(f"of {plain} plain events only {bulk.total} went in bulk")
    return done, load, verdict, bulk.total


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
