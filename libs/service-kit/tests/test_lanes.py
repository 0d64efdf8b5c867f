"""What a receiver keeps survives a restart, in few documents."""

from typing import Any

import pytest

from service_kit import lane_documents, lanes
from service_kit.errors import LaneConflict
from service_kit.guards import Guards
from service_kit.lanes import Receiver, Stamp
from service_kit.marks import Mark
from service_kit.records import Partition
from service_kit.store import Store, Tx
from service_kit.testing.fake_mongo import FakeMongo

TO = Partition("facts", 1)
GROUP = "goal-service"


@pytest.fixture
def store() -> Store:
    """An empty store."""
    return Store(FakeMongo(), "test")


async def loaded(store: Store) -> Receiver:
    """Return what a worker that takes the partition knows."""
    receiver = Receiver(GROUP, TO, Guards())
    await receiver.load(store)
    return receiver


async def heard(store: Store, receiver: Receiver, *stamps: Stamp) -> Receiver:
    """Return the receiver after a batch of these rows."""
    session = await store.session()
    fork = receiver.fork()

    async def body(tx: Tx) -> None:
        for stamp in stamps:
            fork.admit(stamp)
            fork.note_watermark(stamp.origin, Mark(stamp.end))
        await fork.save(tx)

    await session.run(body)
    fork.adopt()
    return fork


def row(seq: int, origin: str = "raw/0") -> Stamp:
    """Return the stamp of a lane's row."""
    return Stamp(origin, seq, seq * 10, seq * 10 + 10)


async def documents(store: Store, collection: str) -> list[Any]:
    """Return all documents of a collection."""
    found: list[Any] = await store.db[collection].find({}).to_list(None)
    return found


async def test_a_successor_knows_highs_watermarks_and_ranges(store: Store) -> None:
    receiver = await heard(store, await loaded(store), row(1), row(2), row(5, "raw/1"))
    after = await loaded(store)
    assert after.lanes == receiver.lanes
    assert after.lanes["raw/1"].missing == {1, 2, 3, 4}
    assert after.lanes["raw/0"].mark == Mark(30)
    assert not after.fork().admit(row(2))
    with pytest.raises(LaneConflict):
        after.fork().admit(Stamp("raw/0", 2, 99, 100))


async def test_all_lanes_of_a_partition_are_one_document(store: Store) -> None:
    receiver = await loaded(store)
    for seq in range(1, 4):
        receiver = await heard(store, receiver, *(row(seq, f"raw/{n}") for n in range(8)))
    (kept,) = await documents(store, lane_documents.LANES)
    assert kept["_id"] == "goal-service|facts/1"
    assert await lane_documents.watermarks(store, GROUP, TO) == {
        f"raw/{n}": Mark(40) for n in range(8)
    }
    assert await documents(store, lane_documents.RANGES) == []


async def test_ranges_outlive_their_chunk_and_go_when_they_are_old(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_documents, "CHUNK_ROWS", 10)
    monkeypatch.setattr(lanes, "KEEP_RANGES", 40)
    receiver = await loaded(store)
    for start in range(1, 100, 5):
        receiver = await heard(store, receiver, *(row(seq) for seq in range(start, start + 5)))
    assert len(await documents(store, lane_documents.RANGES)) <= 5
    after = await loaded(store)
    assert set(range(61, 101)) <= set(after.lanes["raw/0"].ranges)
    assert after.fork().admit(row(101))
    with pytest.raises(LaneConflict):
        after.fork().admit(Stamp("raw/0", 61, 1, 2))


async def test_a_tenant_that_is_held_keeps_its_mark_through_a_restart(store: Store) -> None:
    session, receiver = await store.session(), (await loaded(store)).fork()

    async def body(tx: Tx) -> None:
        receiver.note_watermark("raw/0", Mark(100))
        receiver.note_watermark("raw/0", Mark(200, {"acme.de": -1}))
        await receiver.save(tx)

    await session.run(body)
    after = (await loaded(store)).fork()
    mark = after.mark(frozenset({"raw/0"}))
    assert (mark.at_ms, mark.of("acme.de"), mark.of("other")) == (200, 100, 200)
    after.note_watermark("raw/0", Mark(150))  # an older word that is repeated
    assert after.mark(frozenset({"raw/0"})).of("acme.de") == 150
    after.note_watermark("raw/0", Mark(200))
    assert after.mark(frozenset({"raw/0"})) == Mark(200)


async def test_the_least_of_two_lanes_is_taken_tenant_by_tenant(store: Store) -> None:
    receiver = (await loaded(store)).fork()
    receiver.note_watermark("raw/0", Mark(300, {"acme": 100}))
    both = frozenset({"raw/0", "raw/1"})
    assert receiver.mark(both) == Mark(-1)  # raw/1 was never heard
    receiver.note_watermark("raw/1", Mark(200, {"birch": 50}))
    mark = receiver.mark(both)
    assert [mark.of(tenant) for tenant in ("acme", "birch", "cedar")] == [100, 50, 200]
