"""What the simulator has found in the kit, one small test each."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any

from service_kit import offsets
from service_kit.batch import Applier, Bounds
from service_kit.clock import SystemClock
from service_kit.guards import Guards
from service_kit.outbox import Message, Origin
from service_kit.owners import Fence
from service_kit.records import Partition
from service_kit.relay import Relay
from service_kit.store import Document, Store, Tx
from service_kit.testing.fake_mongo import FakeMongo, Server
from service_kit.testing.sim.loop import SimLoop

FACTS = Partition("facts", 0)


class Nothing:
    """A handler that does nothing."""

    async def load(self, partition: Partition) -> None: ...

    async def apply(self, tx: Tx, batch: Any, outbox: Any) -> None: ...

    def committed(self, batch: Any, effect: Any) -> None: ...

    def forget(self, partition: Partition) -> None: ...


async def test_a_peer_that_moves_a_partition_while_it_is_taken_does_not_halt_it() -> None:
    store = Store(FakeMongo(), "s")
    await offsets.seed(store, "g", FACTS, 0, "id")
    fence = Fence(store, "g-0", "boot")
    await fence.raise_flag()

    async def bounds(partitions: Sequence[Partition]) -> dict[Partition, Bounds]:
        answer = {partition: Bounds("id", 0, 0) for partition in partitions}
        # After the broker has answered, one more record is appended and a peer applies it.
        await store.db["offsets"].update_one({"_id": "g|facts|0"}, {"$set": {"next": 1}})
        return answer

    applier = Applier(
        store=store,
        session=await store.session(),
        fence=fence,
        group="g",
        handler=Nothing(),
        bounds=bounds,
        gapless=frozenset({"facts"}),
        clock=SystemClock(),
        guards=Guards(),
    )
    assert await applier.take([FACTS]) == {FACTS: 0}
    assert applier.halted == {}


async def test_a_duplicate_key_in_a_bulk_runs_the_body_again() -> None:
    server = Server()
    server.says_duplicate = True
    store = Store(FakeMongo(server), "s")
    await store.db["c"].insert_one({"_id": "other"})
    runs = 0

    async def body(tx: Tx) -> None:
        nonlocal runs
        runs += 1
        found = await tx["c"].find_one({"_id": "a"})
        if runs == 1:
            await store.db["c"].insert_one({"_id": "a"})
        if found is None:
            await tx["c"].insert_many([{"_id": "a"}])

    await (await store.session()).run(body)
    assert runs == 2


class Nowhere:
    """A producer and a wake-up that do nothing."""

    async def send(self, rows: Sequence[Document]) -> None: ...

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def _send_one(store: Store) -> None:
    origin = Origin("o")

    async def body(tx: Tx) -> None:
        outbox = await origin.open(tx)
        outbox.send(Message(FACTS, b"", b""))
        await origin.close(tx, outbox)

    await (await store.session()).run(body)


async def _two_relays_of_which_one_freezes() -> list[int]:
    """Return the cursor: when the successor has moved it twice, and after the first woke up."""
    server, wakes = Server(), asyncio.Event()

    async def point(what: str) -> None:
        if what == "bulk_write:relay":
            await wakes.wait()

    store = Store(FakeMongo(server), "s")
    await _send_one(store)
    first = Relay(Store(FakeMongo(server, point), "s"), Nowhere(), Nowhere(), "first")
    second = Relay(store, Nowhere(), Nowhere(), "second")
    tasks = [asyncio.create_task(first.run())]
    await asyncio.sleep(1)
    tasks.append(asyncio.create_task(second.run()))
    await asyncio.sleep(10)
    await _send_one(store)
    await asyncio.sleep(1)
    cursors = [await _cursor(store)]
    wakes.set()
    await asyncio.sleep(20)
    cursors.append(await _cursor(store))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return cursors


async def _cursor(store: Store) -> int:
    document = await store.db["relay"].find_one({"_id": "o"})
    assert document is not None
    return int(document["cursor"])


def test_a_relay_that_was_frozen_does_not_move_a_cursor_back() -> None:
    loop = SimLoop(random.Random(0))
    assert loop.run(_two_relays_of_which_one_freezes()) == [2, 2]
