import pytest

from service_kit import dead_letters, metrics
from service_kit.outbox import Outbox
from service_kit.records import Partition, Record, Slice
from service_kit.store import Store, Tx
from service_kit.testing.fake_mongo import FakeMongo

RAW = Partition("raw", 0)


def value(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(f"paceline_{name}", labels) or 0.0


class OneBad:
    """Dead-letters the last record of every slice."""

    async def load(self, partition: Partition) -> None: ...

    async def apply(self, tx: Tx, batch: Slice, outbox: Outbox) -> str:
        row = dead_letters.row(
            batch.records[-1], tenant="demo", source="shop", cause="no-id", detail="x", at_ms=5
        )
        await dead_letters.write(tx, [row])
        return "effect"

    def committed(self, batch: Slice, effect: object) -> None:
        assert effect == "effect"

    def forget(self, partition: Partition) -> None: ...


async def test_what_was_committed_is_counted_once_however_often_it_ran() -> None:
    store = Store(FakeMongo(), "db")
    session = await store.session()
    handler = metrics.metered(OneBad(), "g1")
    batch = Slice(RAW, 0, 3, tuple(Record(RAW, offset, None, b"v") for offset in range(3)))
    for _ in range(2):  # the second run finds its row there
        effect = await session.run(lambda tx: handler.apply(tx, batch, Outbox("o", {})))
    handler.committed(batch, effect)
    assert value("batches_total", group="g1") == 1
    assert value("records_total", group="g1") == 3
    assert value("dead_letters_total", group="g1") == 1
    rows = await store.db["dead_letters"].find({}).to_list(None)
    assert rows == [
        {
            "_id": "raw/0/2",
            "tenant": "demo",
            "source": "shop",
            "cause": "no-id",
            "detail": "x",
            "at_ms": 5,
            "topic": "raw",
            "partition": 0,
            "offset": 2,
            "body": b"v",
            "state": "new",
        }
    ]


async def test_a_dead_letter_that_was_replayed_stays_replayed() -> None:
    store = Store(FakeMongo(), "db")
    session = await store.session()
    row = dead_letters.row(
        Record(RAW, 2, None, b"v"), tenant="demo", source="shop", cause="c", detail="d", at_ms=5
    )
    await session.run(lambda tx: dead_letters.write(tx, [row]))
    await store.db["dead_letters"].update_one({}, {"$set": {"state": "replayed"}})
    await session.run(lambda tx: dead_letters.write(tx, [row]))
    assert (await store.db["dead_letters"].find_one({}))["state"] == "replayed"


def test_the_same_definition_is_the_same_metric_and_another_is_refused() -> None:
    first = metrics.gauge("test_gauge", "A sentence.", ["a"])
    assert metrics.gauge("test_gauge", "A sentence.", ["a"]) is first
    with pytest.raises(ValueError, match="registered otherwise"):
        metrics.gauge("test_gauge", "Another sentence.", ["a"])
    with pytest.raises(ValueError, match="registered otherwise"):
        metrics.counter("test_gauge", "A sentence.", ["a"])


def test_every_metric_has_a_sentence() -> None:
    assert {"paceline_batches", "paceline_lag_records"} <= {e.name for e in metrics.register()}
    assert all(entry.sentence.endswith(".") for entry in metrics.register())


async def test_runs_beyond_the_first_are_counted_as_retries() -> None:
    mongo = FakeMongo()
    store = Store(mongo, "db")
    session = metrics.MeteredSession(store.db, store.client.start_session(causal_consistency=False))
    before = value("transaction_retries_total")
    runs = 0

    async def conflicted(tx: Tx) -> None:
        nonlocal runs
        runs += 1
        await tx["c"].find_one({"_id": 1})
        if runs == 1:  # somebody else writes what this transaction is about to write
            await store.db["c"].update_one({"_id": 1}, {"$inc": {"n": 1}}, upsert=True)
        await tx["c"].update_one({"_id": 1}, {"$inc": {"n": 1}}, upsert=True)

    await session.run(conflicted)
    assert runs == 2
    assert value("transaction_retries_total") - before == 1
    assert (await store.db["c"].find_one({"_id": 1}))["n"] == 2


async def test_every_transaction_is_timed() -> None:
    store = Store(FakeMongo(), "db")
    session = metrics.MeteredSession(store.db, store.client.start_session(causal_consistency=False))
    before = value("transaction_seconds_count")

    async def nothing(tx: Tx) -> None: ...

    await session.run(nothing)
    assert value("transaction_seconds_count") - before == 1


def test_the_start_of_the_process_is_told_so_that_restarts_show() -> None:
    assert b"\nprocess_start_time_seconds " in metrics.exposition()
