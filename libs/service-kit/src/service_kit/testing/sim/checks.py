"""What must hold when everything has drained; the truth comes from the events produced."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from service_kit.outbox import rows_of
from service_kit.records import Partition
from service_kit.relay import written
from service_kit.testing.sim import goals
from service_kit.testing.sim.wiring import CLOSES, INPUT
from service_kit.testing.sim.world import World


async def drained(world: World) -> bool:
    """Whether every log is applied through its end and nothing is left to send or to judge."""
    for stage, partitions in INPUT.items():
        rows = await world.store(stage).db["offsets"].find({}).to_list(None)
        if {row["_id"]: row["next"] for row in rows} != {
            f"{stage}|{p}".replace("/", "|"): world.kafka.end(p) for p in partitions
        }:
            return False
        db = world.store(stage).db
        if await written(db) != await _cursors(world, stage):
            return False
    if world.waiting:
        return False
    return not await world.store("c").db["due"].count_documents({"dirty": True})


async def _heads(world: World, stage: str) -> dict[str, int]:
    """Return the last seq of every lane, from the documents of its origin."""
    heads: dict[str, int] = {}
    db = world.store(stage).db
    for row in await db["offsets"].find({}).to_list(None):
        group, topic, number = row["_id"].split("|")
        heads |= {_lane(f"{group}:{topic}/{number}", to): n for to, n in row["lanes"].items()}
    for row in await db["origins"].find({}).to_list(None):
        heads |= {_lane(row["_id"], to): n for to, n in row["lanes"].items()}
    return heads


def _lane(origin: str, slot: str) -> str:
    return f"{origin}>{slot.replace(':', '/')}"


async def _cursors(world: World, stage: str) -> dict[str, int]:
    rows = await world.store(stage).db["relay"].find({}).to_list(None)
    return {row["_id"]: row["cursor"] for row in rows}


async def violations(world: World) -> list[str]:
    """Return every sentence that does not hold."""
    found = list(world.violations) + world.loop.failures
    if not await drained(world):
        found.append(f"not drained after {world.loop.time():.0f} s: {await _positions(world)}")
    for stage in INPUT:
        found += [text async for text in _of_stage(world, stage)]
    found += [text async for text in _of_sums(world)]
    found += [text async for text in _of_deeds(world)]
    return found


async def _positions(world: World) -> str:
    said = []
    for stage, partitions in INPUT.items():
        rows = await world.store(stage).db["offsets"].find({}, ["next"]).to_list(None)
        ends = {str(p): world.kafka.end(p) for p in partitions}
        sent = (await written(world.store(stage).db), await _cursors(world, stage))
        said.append(f"{stage}: {[(r['_id'], r['next']) for r in rows]} of {ends}, sent {sent}")
    due = await world.store("c").db["due"].find({"dirty": True}, ["dirty"]).to_list(None)
    return "; ".join(said) + f"; due {[row['_id'] for row in due]}"


async def _of_stage(world: World, stage: str) -> AsyncIterator[str]:
    db = world.store(stage).db
    for row in await db["offsets"].find({"halted": {"$ne": None}}).to_list(None):
        yield f"{row['_id']} is halted: {row['halted']}"
    for row in await db["lanes_in"].find({}).to_list(None):
        for lane in row["lanes"]:
            if lane["missing"]:
                yield f"lane {lane['origin']} into {row['_id']} misses {lane['missing']}"
    bundles = await db["outbox"].find({}).to_list(None)
    rows = [row for bundle in bundles for row in rows_of(bundle)]
    for lane, head in (await _heads(world, stage)).items():
        written = sorted(row["seq"] for row in rows if row["lane"] == lane)
        if written != list(range(1, head + 1)):
            yield f"outbox lane {lane} has {written}, its counter {head}"


async def _of_sums(world: World) -> AsyncIterator[str]:
    truth = dict.fromkeys(goals.GOALS, 0)
    for event in world.events.values():
        truth[event.goal] += event.amount
    published = _published(world)
    for goal in goals.GOALS:
        total = await world.store("b").db["sums"].find_one({"_id": goal})
        read = await world.store("c").db["progress"].find_one({"_id": goal})
        value = total["value"] if total else 0
        if value != truth[goal]:
            yield f"{goal} is {value}, produced were {truth[goal]}"
        state = {name: total[name] for name in ("version", "value")} if total else None
        if published.get(goal) != state:
            yield f"{goal} was published as {published.get(goal)}, stored is {state}"
        if read != total:
            yield f"{goal} was read as {read}, stored is {total}"


def _published(world: World) -> dict[str, dict[str, int]]:
    """Return the highest version of every goal in the log."""
    newest: dict[str, dict[str, int]] = {}
    for partition in goals.PROGRESS:
        for body in _bodies(world, partition):
            goal = body.get("goal")
            if goal and body["version"] > newest.get(goal, {"version": 0})["version"]:
                newest[goal] = {"version": body["version"], "value": body["value"]}
    return newest


def _bodies(world: World, partition: Partition) -> Iterator[dict[str, Any]]:
    for row in world.kafka.rows(partition):
        yield json.loads(row.value or b"")


async def _of_deeds(world: World) -> AsyncIterator[str]:
    """Each goal is judged once, and once more when corrections turn the judgement over."""
    stored = await world.store("c").db["deeds"].find({}, sort=[("_id", 1)]).to_list(None)
    sent = {body["_id"]: body for body in _bodies(world, goals.DEEDS)}
    if sorted(sent.values(), key=lambda deed: str(deed["_id"])) != stored:
        yield f"deeds sent {sent} are not those stored {stored}"
    for goal in goals.GOALS:
        first, last = _reached(world, goal, CLOSES * 1000), _reached(world, goal, float("inf"))
        told = [deed["reached"] for deed in stored if deed["goal"] == goal]
        expected = [[first]] if first == last else [[first, last]]
        if not world.strict:
            expected.append([last])
        if told not in expected:
            yield f"{goal}: deeds tell {told}, right is {expected}"


def _reached(world: World, goal: str, before_ms: float) -> bool:
    mine = (e for e in world.events.values() if e.goal == goal and e.at_ms < before_ms)
    return sum(event.amount for event in mine) >= goals.THRESHOLD
