"""The relay on an in-memory store: order, one query for all lanes, and what it removes."""

import asyncio
import socket
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service_kit.embedded import free_port
from service_kit.errors import Infrastructure, UserError
from service_kit.outbox import BUNDLE_BYTES, BUNDLE_ROWS, RECORD_BYTES, Message, Origin, Outbox
from service_kit.records import Partition
from service_kit.relay import LOOK_SECONDS, STEP, Relay
from service_kit.relay_hints import Teller, place_of
from service_kit.relay_trim import KEEP, Trimmer
from service_kit.relay_wake import DatabaseWake, Ear, told_by
from service_kit.store import Session, Store
from service_kit.testing.fake_mongo import FakeMongo
from service_kit.testing.outboxes import rows_in
from service_kit.testing.waiting import PATIENCE, until_awaited

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


async def write(
    store: Store, *to: Partition, origin: str = "o", value: bytes = b"v", times: int = 1
) -> None:
    """Send one message to each destination, in one transaction."""
    session = await store.session()

    async def body(tx: Any) -> None:
        sender = Origin(origin)
        outbox = await sender.open(tx)
        outbox.send_all(Message(p, b"k", value) for p in to * times)
        await sender.close(tx, outbox)

    await session.run(body)


async def relay_of(store: Store, look: float = 3600) -> tuple[Relay, Kept]:
    """Return a relay that holds the lease and has sent what there was; it looks when it is told."""
    kept = Kept()
    relay = Relay(store, kept, kept, "me", look)
    await relay._acquire()
    while await relay.step():
        pass
    return relay, kept


async def test_what_the_wake_tells_is_sent_without_a_look_and_nothing_twice(store: Store) -> None:
    await write(store, FACTS[1])  # the origin is known from then on
    relay, kept = await relay_of(store)
    await write(store, FACTS[0], FACTS[0])
    assert await relay.step({}) == 0  # nobody told, and the last look was just now
    await write(store, FACTS[0])
    assert await relay.step({"o": 2}) == 2
    assert await relay.step({"o": 3}) == 1
    assert await relay.step({"o": 2}) == 0
    assert kept.rows[1:] == [("o>facts/0", 1), ("o>facts/0", 2), ("o>facts/0", 3)]


async def test_what_nobody_told_of_is_sent_at_the_next_look(store: Store) -> None:
    relay, kept = await relay_of(store, LOOK_SECONDS)
    await write(store, FACTS[1])
    await asyncio.sleep(LOOK_SECONDS)
    assert await relay.step({}) == 1
    assert kept.rows == [("o>facts/1", 1)]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"next": 9}, {}),
        ({"next": 9, "lanes": {"facts:2": 17}, "bundles": 3}, {"g:raw/0": 3}),
    ],
)
def test_a_change_tells_the_bundle_that_it_counts(fields: Any, told: Any) -> None:
    change = {"ns": {"coll": "offsets"}, "documentKey": {"_id": "g|raw|0"}}
    assert told_by(change | {"updateDescription": {"updatedFields": fields}}) == told
    assert told_by(change) is None


async def test_a_wake_tells_all_that_came_since_and_asks_for_a_look_when_in_doubt() -> None:
    wake = DatabaseWake(lambda: True)
    assert await wake.wait(0.001) is None
    wake.tell({"o": 2, "p": 1})
    wake.tell({"o": 1})
    assert await wake.wait(5) == {"o": 2, "p": 1}
    wake.tell({})
    assert await wake.wait(0.001) is None
    wake.tell({"o": 3})
    wake.tell(None)
    assert await wake.wait(5) is None


async def test_a_word_reaches_the_wake_of_its_database_and_no_other() -> None:
    address = f"127.0.0.1:{free_port()}"
    ear = Ear(address)
    here, there = ear.of("db"), ear.of("other")
    listens = asyncio.create_task(ear.run())
    await asyncio.sleep(0.05)
    with closing(Teller(address, "db")) as teller:
        teller({"o": 3})
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(b"{no hint", place_of(address))
        teller({"p": 1})
        heard: dict[str, int] = {}
        while "p" not in heard:
            heard |= await here.wait(PATIENCE) or {}
        assert heard == {"o": 3, "p": 1}
        assert await there.wait(0.001) is None
        listens.cancel()
        await asyncio.gather(listens, return_exceptions=True)
        teller({"o": 4})  # nobody listens: nothing happens
        teller({"o": 5})


async def test_who_has_committed_tells_and_who_has_not_does_not(store: Store) -> None:
    told: list[Any] = []
    session = Session(store.db, store.client.start_session(), told.append)

    async def body(tx: Any) -> None:
        outbox = await Origin("o").open(tx)
        outbox.send(Message(FACTS[0], b"k", b"v"))
        await Origin("o").close(tx, outbox)

    async def failing(tx: Any) -> None:
        await body(tx)
        raise ValueError("no")

    await session.run(body)
    with pytest.raises(ValueError, match="no"):
        await session.run(failing)
    await session.run(body)
    assert told == [{"o": 1}, {"o": 2}]


async def cursor(store: Store) -> int:
    (document,) = await store.db["relay"].find({}).to_list(None)
    assert document["_id"] == "o"
    return int(document["cursor"])


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

    async def written() -> bool:
        return await cursor(store) == 2

    await until_awaited(written)
    assert await relay.step() == 0


async def test_gives_every_waiting_origin_its_share_of_a_step(store: Store) -> None:
    relay, kept = await relay_of(store)
    for _ in range(STEP):
        await write(store, FACTS[0])
    await write(store, FACTS[1], origin="p")
    assert await relay.step() == STEP // 2 + 1
    assert ("p>facts/1", 1) in kept.rows
    assert await relay.step() == STEP // 2


async def test_a_large_transaction_is_several_bundles_in_the_order_of_its_rows(
    store: Store,
) -> None:
    relay, kept = await relay_of(store)
    await write(store, *([FACTS[0]] * (BUNDLE_ROWS + 1)))
    await write(store, FACTS[0], value=b"." * (BUNDLE_BYTES // 5), times=6)
    sizes = [len(bundle["rows"]) for bundle in await store.db["outbox"].find({}).to_list(None)]
    assert sizes == [BUNDLE_ROWS, 1, 5, 1]
    assert await relay.step() == BUNDLE_ROWS + 7
    assert [seq for _, seq in kept.rows] == list(range(1, BUNDLE_ROWS + 8))


async def test_a_missing_bundle_stops_the_relay(store: Store) -> None:
    relay, _ = await relay_of(store)
    await write(store, FACTS[0], FACTS[0])
    await store.db["outbox"].delete_one({"_id": "o#000000000001"})
    with pytest.raises(Infrastructure, match="o#000000000001"):
        await relay.step()


async def rows_left(store: Store) -> list[int]:
    return sorted(row["seq"] for row in await rows_in(store))


async def test_removes_bundles_that_were_sent_and_are_older_than_a_week(store: Store) -> None:
    now = datetime.now(UTC)
    for _ in range(8):
        await write(store, FACTS[0])
    old = {"$in": [f"o#{number:012d}" for number in (1, 2, 3, 4, 5)]}
    await store.db["outbox"].update_many(
        {"_id": old}, {"$set": {"at": now - KEEP - timedelta(seconds=1)}}
    )
    await store.db["relay"].insert_one({"_id": "o", "cursor": 3, "epoch": 1})
    trimmer = Trimmer(store, now=lambda: now)
    trimmer.begin({"o": 0})
    assert await trimmer.step({"o": 3}) == 3
    assert await rows_left(store) == [4, 5, 6, 7, 8]  # 4 and 5 are old but not sent
    again = Trimmer(store, now=lambda: now)
    again.begin({"o": 3})
    assert await again.step({"o": 8}) == 2  # of five, halved until all are old
    assert await rows_left(store) == [6, 7, 8]
    assert (await store.db["relay"].find_one({"_id": "o"}))["trimmed"] == 5


async def test_says_how_many_bundles_wait_while_the_broker_takes_none(store: Store) -> None:
    await write(store, FACTS[0], FACTS[1], FACTS[0])
    relay, kept = await relay_of(store)
    assert relay.waiting == 0
    await write(store, FACTS[0], FACTS[2])
    await write(store, FACTS[0])

    async def refuse(rows: Sequence[dict[str, Any]]) -> None:
        raise Infrastructure("no broker")

    kept.send = refuse
    with pytest.raises(Infrastructure):
        await relay.step()
    assert relay.waiting == 2


async def test_a_false_word_costs_a_look_and_nothing_else(store: Store) -> None:
    relay, kept = await relay_of(store)
    await write(store, FACTS[0])
    assert await relay.step({"o": 2**70, "nobody": 7}) == 1
    assert await relay.step({"o": 2}) == 0
    assert await relay.step({"o": -(2**70)}) == 0
    await write(store, FACTS[0])
    assert await relay.step({"o": 2}) == 1
    assert kept.rows == [("o>facts/0", 1), ("o>facts/0", 2)]
    assert [row["_id"] for row in await store.db["relay"].find({}).to_list(None)] == ["o"]


async def test_a_relay_killed_before_its_cursor_is_written_has_trimmed_nothing_behind_it(
    store: Store,
) -> None:
    for _ in range(3):
        await write(store, FACTS[0])
    long_ago = {"$set": {"at": datetime.now(UTC) - KEEP - timedelta(seconds=1)}}
    await store.db["outbox"].update_many({}, long_ago)
    kept = Kept()
    with pytest.raises(StopAsyncIteration):  # the wake's: it has sent, and trims no more
        await Relay(store, kept, kept, "me").run()
    assert len(kept.rows) == 3
    _, again = await relay_of(store)
    assert again.rows == kept.rows


def test_what_kafka_does_not_take_never_stands_in_an_outbox() -> None:
    outbox = Outbox("o", {})
    with pytest.raises(UserError) as raised:
        outbox.send(Message(FACTS[0], b"k", b"." * RECORD_BYTES))
    assert (raised.value.code, raised.value.status) == ("record-too-large", 413)
    assert len(outbox) == 0
    outbox.send(Message(FACTS[0], b"k", b"." * (RECORD_BYTES - 1)))
    assert outbox.lanes == {"facts:0": 1}
