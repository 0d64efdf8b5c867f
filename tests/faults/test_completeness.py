"""Nothing is judged on a part of the truth: a stopped part holds the lights back."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, time, timedelta

import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from paceline.trial.oracle import of_run
from paceline.trial.stage import OPENING, Stage, Tenant, noon
from paceline.trial.system import System

WATCHED_SECONDS = 3.0


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    opening = datetime.combine(OPENING, time(8), UTC).timestamp()
    port = int(os.environ.get("PACELINE_FAULTS_PORT", "8660"))
    fast = {"PACELINE_WATERMARK_SECONDS": "0.1"}
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
