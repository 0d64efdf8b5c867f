"""Row T6: goal events, as a subscriber of the topic sees them."""

import asyncio
from datetime import timedelta

import msgspec
import pytest
from confluent_kafka import Consumer, TopicPartition

from paceline.trial.stage import Stage, noon
from paceline.trial.system import until


@pytest.mark.row("T6", "goal-missed")
async def test_799_of_a_floor_of_800_is_missed_at_the_close_and_800_is_not(stage: Stage) -> None:
    monday = stage.weeks(1)
    team = await stage.tenant()
    friday = monday + timedelta(days=4)
    tiers = {"floor": 800, "target": 900, "stretch": 1000}
    goal = await team.goal(monday, friday, 180, **tiers)
    content = [{"dim": "channel", "any_of": ["content"]}]
    other = await team.goal(monday, friday, 180, where=content, **tiers)
    days = [monday + timedelta(days=n) for n in range(5)]
    for number, day in enumerate(days):
        stage.clock(noon(day))
        # 160 a day for the one, a lead less on Friday for all together: 799 and 800.
        await team.on(day, 160 if number < 4 else 159, channel="content")
        await team.on(day, 0 if number < 4 else 1, channel="sem")
        team.close(day)
        await team.judged(goal, day)
        await team.judged(other, day)

    (missed,) = await team.deeds_become(other, "goal.missed", 1)
    await team.settled()

    assert missed["actual"] == "799"
    assert missed["floor"] == "800"
    assert missed["span"] == {"kind": "period", "start": str(monday), "end": str(friday)}
    assert await team.deeds(goal, "goal.missed") == []
    assert [d["tier"] for d in await team.deeds(goal, "goal.reached")] == ["floor"]


@pytest.mark.row("T6", "goal-reached")
@pytest.mark.row("T6", "on-the-topic")
async def test_each_tier_is_reached_once_and_the_topic_carries_the_same_deeds(stage: Stage) -> None:
    monday = stage.weeks(1)
    team = await stage.tenant()
    days = [monday + timedelta(days=n) for n in range(5)]
    tiers = {"floor": 800, "target": 900, "stretch": 1000}
    goal = await team.goal(monday, days[-1], 180, **tiers)

    lights = await team.play(goal, zip(days, (400, 399, 1, 100, 200), strict=True))

    assert lights == ["green", "green", "yellow", "yellow", "green"]
    reached = [(d["actual"], d["tier"]) for d in await team.deeds(goal, "goal.reached")]
    assert reached == [("800", "floor"), ("900", "target"), ("1100", "stretch")]
    await team.settled()
    deeds = await team.deeds(goal)

    async def on_the_topic() -> list[dict[str, object]]:
        found = await asyncio.to_thread(_published, stage, team.name)
        return found if len(found) >= len(deeds) else []

    published = await until(on_the_topic, 60, "the relay has sent every deed", every=0.5)
    assert [d["id"] for d in published] == [d["id"] for d in deeds]
    assert [d["seq"] for d in published] == list(range(1, len(published) + 1))


def _published(stage: Stage, tenant: str) -> list[dict[str, object]]:
    """Read the whole topic as a subscriber does; a re-sent deed is the same by its id."""
    settings = {"group.id": "rows", "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    consumer = Consumer({"bootstrap.servers": stage.system.facts()["kafka"], **settings})
    topic = "paceline.goal-events"
    found: dict[str, dict[str, object]] = {}
    try:
        for number in consumer.list_topics(topic, 10).topics[topic].partitions:
            _, end = consumer.get_watermark_offsets(TopicPartition(topic, number), 10)
            consumer.assign([TopicPartition(topic, number, 0)])
            position = 0
            while position < end:
                message = consumer.poll(10)
                assert message is not None
                assert message.error() is None
                position = message.offset() + 1
                deed = msgspec.json.decode(message.value())
                if deed["tenant"] == tenant:
                    found.setdefault(deed["id"], deed)
    finally:
        consumer.close()
    return list(found.values())
