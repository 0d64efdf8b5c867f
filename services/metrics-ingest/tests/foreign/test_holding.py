"""A tenant whose topic stands still waits alone."""

import asyncio
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from metrics_ingest.domain.holding import Feed
from metrics_ingest.stream import waiting
from metrics_ingest.stream.rekeying import GROUP
from service_kit import offsets
from service_kit.errors import Infrastructure
from service_kit.marks import Mark
from service_kit.records import Partition
from service_kit.testing.waiting import PATIENCE, until_awaited

PLACE = Partition("foreign:shop.orders", 0)
SOON = 0.05


async def moved(stage: Any, number: int) -> None:
    """Let the re-keyer stand there."""
    query = {"_id": offsets.offset_id(GROUP, PLACE)}
    await stage.store.db["offsets"].update_one(query, {"$set": {"next": number}})


async def begun(foreign: Any, stage: Any, end: int = 5) -> Any:
    """Declare acme's shop, whose topic was begun with and has records up to ``end``."""
    await stage.declare()
    broker = foreign.Broker()
    broker.topics["foreign:shop.orders"], broker.end = 1, end
    await offsets.seed(stage.store, GROUP, PLACE, 3, "t")
    return broker


def marks(stage: Any) -> list[Mark]:
    """Return the newest probe of each raw partition."""
    return [each.completeness.newest for each in stage.handler.memory.partitions.values()]


async def until_complete(stage: Any, prober: Any) -> None:
    """Probe, a second of the clock apart, until nobody is held."""

    async def complete() -> bool:
        stage.clock.ms += 1000
        await prober.probe()
        return not prober.holding.held

    await until_awaited(complete)


async def test_after_its_patience_a_round_goes_on_without_the_tenant(
    foreign: Any, stage: Any
) -> None:
    prober = foreign.prober(stage, await begun(foreign, stage), SOON)
    await asyncio.wait_for(prober.probe(), PATIENCE)
    now = stage.clock.now_ms()
    assert marks(stage) == [Mark(now, {"acme": -1})] * 2
    held = prober.holding.held["acme"]
    assert (held.since_ms, held.late, held.unseen) == (now, {"shop.orders"}, set())


async def test_who_is_held_is_not_waited_for_again(
    foreign: Any, stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    prober = foreign.prober(stage, await begun(foreign, stage), SOON)
    await prober.probe()
    monkeypatch.setattr(waiting, "LOOK_SECONDS", 3600)  # who waits, waits for ever
    stage.clock.ms += 1000
    await asyncio.wait_for(prober.probe(), PATIENCE)
    assert marks(stage) == [Mark(stage.clock.now_ms(), {"acme": -1})] * 2


async def test_a_tenant_that_has_caught_up_is_released_also_while_the_clock_stands(
    foreign: Any, stage: Any
) -> None:
    prober = foreign.prober(stage, await begun(foreign, stage), SOON)
    await prober.probe()
    await moved(stage, 5)
    await prober.probe()
    assert marks(stage) == [Mark(stage.clock.now_ms())] * 2
    assert prober.holding.held == {}


async def test_a_tenant_that_stays_behind_moves_on_by_what_it_has_reached(
    foreign: Any, stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "RETURN_SECONDS", SOON)
    broker = await begun(foreign, stage)
    prober = foreign.prober(stage, broker, SOON)
    await prober.probe()
    first = stage.clock.now_ms()
    await moved(stage, 5)
    broker.end, stage.clock.ms = 9, first + 1000
    await prober.probe()
    assert marks(stage) == [Mark(first + 1000, {"acme": first})] * 2
    stage.clock.ms = first + 2000
    await prober.probe()
    assert marks(stage) == [Mark(first + 2000, {"acme": first})] * 2
    await moved(stage, 9)
    await prober.probe()
    assert marks(stage) == [Mark(first + 2000)] * 2


async def test_a_restart_promises_nothing_of_a_tenant_that_still_stands(
    foreign: Any, stage: Any
) -> None:
    broker = await begun(foreign, stage)
    await foreign.prober(stage, broker, SOON).probe()
    stage.clock.ms += 1000
    await foreign.prober(stage, broker, SOON).probe()  # knows nothing of the one before
    assert marks(stage) == [Mark(stage.clock.now_ms(), {"acme": -1})] * 2


async def test_a_topic_that_was_read_and_is_gone_holds_its_tenant_and_one_never_read_does_not(
    foreign: Any, stage: Any
) -> None:
    broker = await begun(foreign, stage, end=3)
    prober = foreign.prober(stage, broker, SOON)
    await prober.probe()
    assert prober.holding.held == {}
    del broker.topics["foreign:shop.orders"]
    stage.clock.ms += 1000
    await prober.probe()
    assert marks(stage) == [Mark(stage.clock.now_ms(), {"acme": -1})] * 2
    assert prober.holding.held["acme"].unseen == {"shop.orders"}
    broker.topics["foreign:shop.orders"] = 1
    await until_complete(stage, prober)  # it is seen, asked for, and found complete
    await stage.store.db["offsets"].delete_many({})
    del broker.topics["foreign:shop.orders"]
    stage.clock.ms += 1000
    await prober.probe()
    assert marks(stage) == [Mark(stage.clock.now_ms())] * 2


@pytest.mark.parametrize("wrong", ["halted", "another log"])
async def test_a_position_that_is_halted_or_of_another_log_reaches_nothing(
    foreign: Any, stage: Any, wrong: str
) -> None:
    broker = await begun(foreign, stage, end=3)  # all that there is was read
    if wrong == "halted":
        document = {"_id": offsets.offset_id(GROUP, PLACE)}
        await stage.store.db["offsets"].update_one(
            document, {"$set": {"halted": {"reason": "gap"}}}
        )
    else:
        broker.id = "of the topic that was made anew"
    await foreign.prober(stage, broker, SOON).probe()
    assert marks(stage) == [Mark(stage.clock.now_ms(), {"acme": -1})] * 2


async def test_a_topic_without_a_leader_holds_its_tenant(foreign: Any, stage: Any) -> None:
    broker = await begun(foreign, stage, end=3)
    broker.topics["raw"], told = 1, broker.ends

    async def away(partitions: Any) -> Any:
        error = Infrastructure("no leader")
        error.__cause__ = KafkaException(KafkaError(KafkaError.LEADER_NOT_AVAILABLE))
        raise error

    prober = foreign.prober(stage, broker, SOON)
    broker.ends = away
    await prober.probe()
    assert marks(stage) == [Mark(stage.clock.now_ms(), {"acme": -1})] * 2
    broker.ends = told
    await until_complete(stage, prober)
    assert marks(stage) == [Mark(stage.clock.now_ms())] * 2


async def test_with_too_many_tenants_to_name_the_round_waits_for_all(
    foreign: Any, stage: Any
) -> None:
    prober = foreign.prober(stage, await begun(foreign, stage), SOON, most=0)
    probing = asyncio.create_task(prober.probe())
    await asyncio.sleep(4 * SOON)
    assert not probing.done()
    await moved(stage, 5)
    await asyncio.wait_for(probing, PATIENCE)
    assert marks(stage) == [Mark(stage.clock.now_ms())] * 2


async def test_a_door_that_is_taken_away_releases_its_tenant(
    foreign: Any, stage: Any, make: Any
) -> None:
    prober = foreign.prober(stage, await begun(foreign, stage), SOON)
    await prober.probe()
    source = make.shop()
    del source["doors"]["topic:shop.orders"]
    await stage.done("PUT", "/v1/sources/shop", source)
    await prober.probe()
    assert marks(stage) == [Mark(stage.clock.now_ms())] * 2


async def test_a_sources_numbers_say_that_its_topic_is_waited_for_and_why(
    foreign: Any, stage: Any
) -> None:
    prober = foreign.prober(stage, await begun(foreign, stage), SOON)
    assert (await stage.done("GET", "/v1/sources/shop/stats"))["held"] is None
    await prober.probe()
    stage.holding.held.update(prober.holding.held)
    held = (await stage.done("GET", "/v1/sources/shop/stats"))["held"]
    assert (held["topics"], held["complete_to_ms"]) == (["shop.orders"], None)
    assert "paceline doctor" in held["why"]


async def test_a_held_topic_that_is_taken_from_our_sight_has_not_reached_its_ends(
    foreign: Any, stage: Any
) -> None:
    broker = await begun(foreign, stage)
    prober = foreign.prober(stage, broker, SOON)
    await prober.probe()
    del broker.topics["foreign:shop.orders"]
    stage.clock.ms += 1000
    await prober.probe()
    assert marks(stage) == [Mark(stage.clock.now_ms(), {"acme": -1})] * 2
    first = stage.clock.now_ms() - 1000
    broker.topics["foreign:shop.orders"] = 1
    await moved(stage, 5)  # it was only out of sight
    stage.clock.ms += 1000
    await prober.probe()
    assert prober.holding.held.get("acme") is None or prober.holding.held["acme"].good_ms >= first


async def test_a_topic_that_goes_while_it_is_waited_for_has_not_reached_its_ends(
    foreign: Any, stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "DOORS_EVERY", 1)
    broker = await begun(foreign, stage)
    probing = asyncio.create_task(foreign.prober(stage, broker, 0.5).probe())
    await asyncio.sleep(SOON)
    del broker.topics["foreign:shop.orders"]
    await asyncio.wait_for(probing, PATIENCE)
    assert marks(stage) == [Mark(stage.clock.now_ms(), {"acme": -1})] * 2


async def test_ends_that_come_while_the_others_are_looked_at_are_not_reached_by_that(
    foreign: Any, stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    prober = foreign.prober(stage, await begun(foreign, stage), SOON)
    await prober.probe()
    holding, first = prober.holding, stage.clock.now_ms()
    holding.hold("globex", first, {Partition("foreign:bolts", 0): 7}, Feed())
    holding.hold("acme", first, None, Feed())  # its ends are being asked beside the rounds
    topics = prober._waits._foreign
    looked = topics.behind

    async def behind(ends: Any) -> Any:
        found = await looked(ends)
        if holding.held["acme"].ends is None:
            # The answer comes while the database is asked.
            holding.hold("acme", first, {PLACE: 5}, Feed())
        return found

    monkeypatch.setattr(topics, "behind", behind)
    await prober._waits._caught_up()
    assert holding.held["acme"].good_ms == -1


async def test_a_topic_that_was_made_anew_holds_until_its_new_ends_are_reached_not_the_old_ones(
    foreign: Any, stage: Any
) -> None:
    broker = await begun(foreign, stage, end=1_000_000)
    prober = foreign.prober(stage, broker, SOON)
    await prober.probe()
    broker.id, broker.end = "another log", 7
    await moved(stage, 1_000_000)  # what the old log had says nothing of the new one
    for _ in range(3):
        stage.clock.ms += 1000
        await prober.probe()
        await asyncio.sleep(SOON)
    assert marks(stage) == [Mark(stage.clock.now_ms(), {"acme": -1})] * 2
    document = {"_id": offsets.offset_id(GROUP, PLACE)}
    await stage.store.db["offsets"].update_one(
        document, {"$set": {"next": 7, "topic_id": "another log"}}
    )
    await until_complete(stage, prober)
    assert marks(stage) == [Mark(stage.clock.now_ms())] * 2
