"""The relay on an in-memory store: order, one query for all lanes, and what it removes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service_kit.errors import Infrastructure
from service_kit.outbox import Message, Origin
from service_kit.records import Partition
from service_kit.relay import STEP, Relay
from service_kit.relay_trim import KEEP, Trimmer
from service_kit.store import Store
from service_kit.testing.fake_mongo import FakeMongo

FACTS = [Partition("facts", n) for n in range(3)]


class Kept:
    """A producer that keeps what it was given, and a wake that never waits."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, int]] = []

    async def send(self, rows: Sequence[dict[str, Any]]) -> None:
        self.rows += [(row["lane"], row["seq"]) for row in rows]

    async def wait(self, seconds: float) -> None:
        raise StopAsyncIteration


@pytest.fixture
def store() -> Store:
    return Store(FakeMongo(), "db")


async def write(store: Store, *to: Partition) -> None:
    """Send one message to each destination, from the origin ``o``."""
    session = await store.session()

    async def body(tx: Any) -> None:
        origin = Origin("o")
        outbox = await origin.open(tx)
        outbox.send_all(Message(p, b"k", b"v") for p in to)
        await origin.close(tx, outbox)

    await session.run(body)


async def relay_of(store: Store) -> tuple[Relay, Kept]:
    kept = Kept()
    relay = Relay(store, kept, kept, "me")
    with pytest.raises((StopAsyncIteration, RuntimeError)):
        await relay.run()
    return relay, kept


async def cursors(store: Store) -> dict[str, int]:
    found = await store.db["relay"].find({}).to_list(None)
    (document,) = found
    assert document["_id"] == "o"
    return dict(document["cursors"])


async def test_sends_every_lane_in_its_order_and_moves_its_cursor(store: Store) -> None:
    await write(store, FACTS[0], FACTS[1], FACTS[0])
    await write(store, FACTS[2], FACTS[0])
    relay, kept = await relay_of(store)
    assert sorted(kept.rows) == [
        ("o>facts/0", 1),
        ("o>facts/0", 2),
        ("o>facts/0", 3),
        ("o>facts/1", 1),
        ("o>facts/2", 1),
    ]
    assert [seq for lane, seq in kept.rows if lane == "o>facts/0"] == [1, 2, 3]
    assert await cursors(store) == {"facts:0": 3, "facts:1": 1, "facts:2": 1}
    assert await relay.step() == 0


async def test_gives_every_waiting_lane_its_share_of_a_step(store: Store) -> None:
    relay, kept = await relay_of(store)
    await write(store, *([FACTS[0]] * STEP), FACTS[1])
    assert await relay.step() == STEP // 2 + 1
    assert ("o>facts/1", 1) in kept.rows
    assert await relay.step() == STEP // 2


async def test_a_missing_row_stops_the_relay(store: Store) -> None:
    relay, _ = await relay_of(store)
    await write(store, FACTS[0], FACTS[0])
    await store.db["outbox"].delete_one({"_id": "o>facts/0#000000000001"})
    with pytest.raises(Infrastructure, match="o>facts/0#000000000001"):
        await relay.step()


async def rows_left(store: Store) -> list[int]:
    return sorted(row["seq"] for row in await store.db["outbox"].find({}).to_list(None))


async def test_removes_rows_that_were_sent_and_are_older_than_a_week(store: Store) -> None:
    now = datetime.now(UTC)
    await write(store, *([FACTS[0]] * 4))
    await write(store, *([FACTS[0]] * 4))
    old = {"$in": [f"o>facts/0#{seq:012d}" for seq in (1, 2, 3, 4, 5)]}
    await store.db["outbox"].update_many(
        {"_id": old}, {"$set": {"at": now - KEEP - timedelta(seconds=1)}}
    )
    await store.db["relay"].insert_one({"_id": "o", "cursors": {"facts:0": 3}, "epoch": 1})
    trimmer = Trimmer(store, now=lambda: now)
    trimmer.begin({"o>facts/0": 0})
    assert await trimmer.step({"o>facts/0": 3}) == 3
    assert await rows_left(store) == [4, 5, 6, 7, 8]  # 4 and 5 are old but not sent
    again = Trimmer(store, now=lambda: now)
    again.begin({"o>facts/0": 3})
    assert await again.step({"o>facts/0": 8}) == 2  # of five, halved until all are old
    assert await rows_left(store) == [6, 7, 8]
    assert (await store.db["relay"].find_one({"_id": "o"}))["trimmed"] == {"facts:0": 5}


async def test_says_how_many_rows_wait_while_the_broker_takes_none(store: Store) -> None:
    await write(store, FACTS[0], FACTS[1], FACTS[0])
    relay, kept = await relay_of(store)
    assert relay.waiting == 0
    await write(store, FACTS[0], FACTS[2])

    async def refuse(rows: Sequence[dict[str, Any]]) -> None:
        raise Infrastructure("no broker")

    kept.send = refuse  # type: ignore[method-assign]
    with pytest.raises(Infrastructure):
        await relay.step()
    assert relay.waiting == 2
