"""What a worker remembers of its positions and counters holds only while nobody else has written.

``next`` alone would not tell: a tick sends something and moves no position.
"""

from collections.abc import Sequence
from typing import Any

from service_kit import offsets
from service_kit.batch import Applier, Bounds
from service_kit.clock import SystemClock
from service_kit.guards import Guards
from service_kit.outbox import Message, Outbox
from service_kit.owners import Fence
from service_kit.records import Partition, Slice
from service_kit.store import Store, Tx
from service_kit.testing.fake_mongo import FakeMongo
from service_kit.testing.outboxes import rows_in

IN, OUT = Partition("in", 0), Partition("out", 0)


class Sends:
    """Sends one row with every slice, and counts how often it was loaded."""

    def __init__(self, name: bytes) -> None:
        self._name = name
        self.loaded = 0

    async def load(self, partition: Partition) -> None:
        self.loaded += 1

    async def apply(self, tx: Tx, batch: Slice, outbox: Outbox) -> None:
        outbox.send(Message(OUT, b"k", self._name))

    def committed(self, batch: Slice, effect: None) -> None:
        pass

    def forget(self, partition: Partition) -> None:
        pass


async def bounds(partitions: Sequence[Partition]) -> dict[Partition, Bounds]:
    return {partition: Bounds("topic", 0, 100) for partition in partitions}


async def worker(store: Store, name: str) -> tuple[Applier, Sends]:
    """Return a worker that has taken the partition; nobody has told the other one."""
    fence = Fence(store, name, name)
    await fence.raise_flag()
    handler = Sends(name.encode())
    applier = Applier(
        store=store,
        session=await store.session(),
        fence=fence,
        group="g",
        handler=handler,
        bounds=bounds,
        gapless=frozenset(),
        clock=SystemClock(),
        guards=Guards(),
    )
    await applier.take([IN])
    return applier, handler


async def two_workers(store: Store) -> tuple[tuple[Applier, Sends], tuple[Applier, Sends]]:
    await offsets.seed(store, "g", IN, 0, "topic")
    return await worker(store, "a"), await worker(store, "b")


async def test_a_tick_of_another_worker_at_the_same_position_is_noticed() -> None:
    store = Store(FakeMongo(), "db")
    (a, a_handler), (b, _) = await two_workers(store)
    await b.tick()
    await a.tick()
    rows: list[Any] = await rows_in(store)
    assert [(row["seq"], row["value"]) for row in rows] == [(1, b"b"), (2, b"a")]
    assert a_handler.loaded == 2


async def test_a_mark_that_somebody_set_stops_the_partition() -> None:
    store = Store(FakeMongo(), "db")
    (a, _), _ = await two_workers(store)
    await store.db["offsets"].update_one(
        {}, {"$set": {"halted": {"reason": "lane-conflict", "detail": "", "at_ms": 1}}}
    )
    await a.tick()
    assert a.halted == {IN: "lane-conflict"}
    assert await rows_in(store) == []


async def test_a_worker_asks_for_its_own_offset_documents_once() -> None:
    asked: list[str] = []

    async def note(call: str) -> None:
        asked.append(call)

    store = Store(FakeMongo(point=note), "db")
    (a, _), _ = await two_workers(store)
    asked.clear()
    for _ in range(3):
        await a.tick()
    assert [call for call in asked if call.startswith("find")] == []
    assert len(await rows_in(store)) == 3
