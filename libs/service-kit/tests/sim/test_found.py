"""What the simulator has found in the kit, one small test each."""

from collections.abc import Sequence
from typing import Any

from service_kit import offsets
from service_kit.batch import Applier, Bounds
from service_kit.clock import SystemClock
from service_kit.guards import Guards
from service_kit.owners import Fence
from service_kit.records import Partition
from service_kit.store import Store, Tx
from service_kit.testing.fake_mongo import FakeMongo, Server

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
