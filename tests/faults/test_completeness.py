"""Nothing is judged on a part of the truth: a stopped part holds the lights back."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import count

import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from pymongo import AsyncMongoClient
from typer.testing import CliRunner

from paceline import connection
from paceline.main import app
from paceline.trial.oracle import of_run
from paceline.trial.stage import OPENING, Stage, Tenant, noon
from paceline.trial.system import System, until

WATCHED_SECONDS = 3.0


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    opening = datetime.combine(OPENING, time(8), UTC).timestamp()
    port = int(os.environ.get("PACELINE_FAULTS_PORT", "8660"))
    fast = {"PACELINE_WATERMARK_SECONDS": "0.1", "PACELINE_HOLD_SECONDS": "1"}
    with System(tmp_path_factory.mktemp("faults"), port, opening, fast) as system:
        yield Stage(system)


@pytest.fixture
async def stage(running: Stage) -> AsyncIterator[Stage]:
    yield running
    await running.close()


async def _with_topic(stage: Stage) -> tuple[Tenant, str]:
    """Open a tenant whose source can also be fed through the organisation's own topic."""
    team = await stage.tenant()
    topic = f"crm.{team.name}"
    kafka = {"bootstrap.servers": stage.system.facts()["kafka"]}
    admin = AdminClient(kafka)
    await asyncio.to_thread(admin.create_topics([NewTopic(topic, 2, 1)])[topic].result)
    source = await team.api.get("metrics-ingest", "/v1/sources/crm")
    body = {key: source[key] for key in ("name", "zone", "records", "doors")}
    body["doors"][f"topic:{topic}"] = body["doors"]["http"]
    opened = body | {"reason": "a second door"}
    await team.api.call("PUT", "metrics-ingest", "/v1/sources/crm", opened)
    return team, topic


def _produce(stage: Stage, topic: str, events: list[dict[str, object]]) -> None:
    producer = Producer({"bootstrap.servers": stage.system.facts()["kafka"], "acks": "all"})
    for event in events:
        producer.produce(topic, value=msgspec.json.encode(event))
    assert producer.flush(30) == 0


@pytest.mark.parametrize("part", ["metrics-ingest", "relay", "goal-service"])
async def test_no_light_is_judged_while_a_part_stands_still_across_the_close(
    stage: Stage, part: str
) -> None:
    monday = stage.weeks(1)
    tuesday = monday + timedelta(days=1)
    team, topic = await _with_topic(stage)
    goal = await team.goal(monday, monday + timedelta(days=4), 100)
    assert await team.play(goal, [(monday, 100)]) == ["green"]

    stage.clock(datetime.combine(tuesday, time(20), UTC))
    early = [team.event(noon(tuesday), 1) for _ in range(30)]
    rest = [team.event(noon(tuesday) + timedelta(minutes=n), 1) for n in range(39)]
    await asyncio.to_thread(_produce, stage, topic, early)
    await team.total_becomes(goal, 130)
    pid = int(stage.system.facts()["pids"][part])
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.to_thread(_produce, stage, topic, rest)
        for hour in range(1, 11):  # ten hours, the close and an hour of freshness within
            stage.clock(datetime.combine(tuesday, time(20), UTC) + timedelta(hours=hour))
            await asyncio.sleep(WATCHED_SECONDS / 10)
        light = await team.light(goal, tuesday)
        deeds = of_run(await team.deeds(goal))
    finally:
        os.kill(pid, signal.SIGCONT)

    assert light is None or light["provisional"]
    assert [deed["light"] for deed in deeds] == ["green"]  # Monday's
    judged = await team.judged(goal, tuesday)
    await team.settled()
    assert (judged["light"], judged["actual"], judged["watch"]) == ("yellow", "69", True)
    found = [(d["kind"], d["span"]["start"], d["light"]) for d in of_run(await team.deeds(goal))]
    assert found == [
        ("light.changed", str(monday), "green"),
        ("light.changed", str(tuesday), "yellow"),
    ]


async def _mark_halted(stage: Stage, topic: str, halted: dict[str, object] | None) -> None:
    """Halt the re-keyer on a topic, or let it go on: as an operator or a gap would."""
    found: AsyncMongoClient[dict[str, object]]
    async with AsyncMongoClient(stage.system.facts()["mongodb"]) as found:
        offsets = found["paceline_metrics_ingest"]["offsets"]
        ids = [f"metrics-ingest-rekey|foreign:{topic}|{number}" for number in (0, 1)]
        done = await offsets.update_many({"_id": {"$in": ids}}, {"$set": {"halted": halted}})
    assert done.matched_count == 2


async def _kill(stage: Stage, part: str) -> None:
    """Kill a process and wait until the supervisor has started it again."""

    async def runs() -> int | None:  # one that is being started again has no pid
        pid: int | None = stage.system.facts()["pids"].get(part)
        return pid

    pid = await until(runs, 60, f"{part} runs")
    os.kill(pid, signal.SIGKILL)

    async def again() -> bool:
        return await runs() not in (None, pid)

    await until(again, 60, f"{part} runs again")


async def _doctor(stage: Stage, tenant: str, lang: str = "en_GB.UTF-8") -> list[str]:
    """Return the lines of `paceline doctor` that name a tenant."""
    options = ["doctor", "--json", str(stage.system.file)]
    environment = {"COLUMNS": "400", "LANG": lang}
    done = await asyncio.to_thread(CliRunner().invoke, app, options, env=environment)
    connection.close()
    assert "look at kafka, documents" not in done.output, done.output
    return [line for line in done.output.splitlines() if f" {tenant} " in line]


async def test_a_topic_that_stands_still_holds_its_own_tenant_and_nobody_else(
    stage: Stage,
) -> None:
    monday = stage.weeks(1)
    tuesday, wednesday = monday + timedelta(days=1), monday + timedelta(days=2)
    (held, topic), other = await _with_topic(stage), await stage.tenant()
    goals = [await each.goal(monday, monday + timedelta(days=4), 100) for each in (held, other)]
    stage.clock(noon(monday))
    for each in (held, other):
        await each.on(monday, 100)
    other.close(monday)
    for each, goal in zip((held, other), goals, strict=True):
        assert (await each.judged(goal, monday))["light"] == "green"

    stage.clock(noon(tuesday))
    early = [held.event(noon(tuesday), 1) for _ in range(60)]
    await asyncio.to_thread(_produce, stage, topic, early)
    await held.total_becomes(goals[0], 160)
    await _mark_halted(stage, topic, {"reason": "gap", "detail": "by this test", "at_ms": 0})
    await _kill(stage, "metrics-ingest")  # what it has read already would be sent before it halts
    rest = [held.event(noon(tuesday), 1) for _ in range(40)]
    await asyncio.to_thread(_produce, stage, topic, rest)
    await other.on(tuesday, 100)
    other.close(tuesday)
    assert (await other.judged(goals[1], tuesday))["light"] == "green"
    seen = await held.api.get("metrics-ingest", "/v1/sources/crm/stats")
    assert seen["held"]["topics"] == [topic]
    assert "halted" in seen["held"]["why"]
    (line,) = await _doctor(stage, held.name)
    since = datetime.fromisoformat(line.partition("held since ")[2].partition(": ")[0])
    assert noon(monday) <= since <= noon(tuesday)
    assert f"topic {topic}, which is halted" in line
    assert "mend its position" in line
    (chinese,) = await _doctor(stage, held.name, "zh_CN.UTF-8")
    assert f"租户 {held.name}" in chinese
    assert f"topic {topic}（已停住）" in chinese
    assert await _doctor(stage, other.name) == []
    theirs = await other.api.get("metrics-ingest", "/v1/sources/crm/stats")
    assert theirs["held"] is None

    for part in ("metrics-ingest", "goal-service", "alerting", "relay"):
        await _kill(stage, part)  # what was held is so by no memory
    stage.clock(noon(wednesday))
    await other.on(wednesday, 100)
    other.close(wednesday)
    assert (await other.judged(goals[1], wednesday))["light"] == "green"
    assert await held.total(goals[0]) == 160
    light = await held.light(goals[0], tuesday)
    assert light is None or light["provisional"]
    assert [deed["light"] for deed in of_run(await held.deeds(goals[0]))] == ["green"]  # Monday's

    await _mark_halted(stage, topic, None)
    await _kill(stage, "metrics-ingest")
    judged = await held.judged(goals[0], tuesday)
    assert (judged["light"], judged["actual"]) == ("green", "100")
    assert (await held.judged(goals[0], wednesday))["actual"] == "0"
    await held.settled()
    assert await _doctor(stage, held.name) == []
    told = [(deed["span"]["start"], deed["light"]) for deed in of_run(await held.deeds(goals[0]))]
    assert [start for start, _ in told] == [str(monday), str(wednesday)]  # green again is no news


async def test_a_topic_that_is_deleted_holds_its_tenant_and_ends_no_process(stage: Stage) -> None:
    monday = stage.weeks(1)
    (held, topic), other = await _with_topic(stage), await stage.tenant()
    goals = [await each.goal(monday, monday + timedelta(days=4), 100) for each in (held, other)]
    stage.clock(noon(monday))
    await asyncio.to_thread(_produce, stage, topic, [held.event(noon(monday), 60)])
    await held.total_becomes(goals[0], 60)
    pid = stage.system.facts()["pids"]["metrics-ingest"]
    admin = AdminClient({"bootstrap.servers": stage.system.facts()["kafka"]})
    await asyncio.to_thread(admin.delete_topics([topic])[topic].result)

    async def why() -> str:
        stats = await held.api.get("metrics-ingest", "/v1/sources/crm/stats")
        return str(stats["held"]["why"]) if stats["held"] else ""

    async def unseen() -> bool:
        stage.clock(noon(monday) + timedelta(seconds=next(seconds)))
        return "does not show the topic" in await why()

    seconds = count(1)
    await until(unseen, 60, "the topic is missed")
    await other.on(monday, 100)
    other.close(monday)
    assert (await other.judged(goals[1], monday))["light"] == "green"
    light = await held.light(goals[0], monday)
    assert light is None or light["provisional"]
    assert stage.system.facts()["pids"]["metrics-ingest"] == pid
    (line,) = await _doctor(stage, held.name)
    assert f"topic {topic}, which is gone, or not to be read" in line
    assert "take the door out of source crm" in line

    source = await held.api.get("metrics-ingest", "/v1/sources/crm")
    body = {key: source[key] for key in ("name", "zone", "records", "doors")}
    del body["doors"][f"topic:{topic}"]
    await held.api.call("PUT", "metrics-ingest", "/v1/sources/crm", body | {"reason": "gone"})
    assert (await held.judged(goals[0], monday))["actual"] == "60"
    assert await why() == ""
    assert await _doctor(stage, held.name) == []
