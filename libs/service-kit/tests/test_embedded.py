"""The embedded servers are real: they answer, survive kill -9 and die with their parent."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from pymongo import AsyncMongoClient, MongoClient
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import OperationFailure

from service_kit.broker import Broker, TopicSpec
from service_kit.embedded import DocumentStore, Kafka, StartError, end_leftovers, free_port
from service_kit.embedded.jars import JarsError, differing, jars, pinned
from service_kit.embedded.java import major_version
from service_kit.embedded.kafka import new_cluster_id
from service_kit.embedded.process import Child, Record, wait_for_port
from service_kit.records import Partition
from service_kit.security import KafkaAccess
from service_kit.testing.waiting import PATIENCE

SLEEP = ["/bin/sleep", "60"]


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    server = Kafka(tmp_path_factory.mktemp("kafka"), free_port(), free_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocumentStore]:
    server = DocumentStore(tmp_path_factory.mktemp("documents"), free_port())
    server.start()
    yield server
    server.stop()


def create_topic(kafka: Kafka, name: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    admin.create_topics([NewTopic(name, num_partitions=1)])[name].result(10)


def publish(kafka: Kafka, topic: str, values: list[bytes]) -> None:
    """Return when the broker has acknowledged every value."""
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "acks": "all"})
    for value in values:
        producer.produce(topic, value)
    assert producer.flush(10) == 0


def read(kafka: Kafka, topic: str, count: int) -> list[bytes | None]:
    consumer = Consumer(
        {"bootstrap.servers": kafka.bootstrap, "group.id": topic, "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    try:
        return [message.value() for message in consumer.consume(count, timeout=PATIENCE)]
    finally:
        consumer.close()


async def test_what_confluent_writes_aiokafka_reads_and_the_other_way_round(kafka: Kafka) -> None:
    create_topic(kafka, "both")
    publish(kafka, "both", [b"from confluent"])
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all") as producer:
        await producer.send_and_wait("both", b"from aiokafka")
    async with AIOKafkaConsumer(
        "both", bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest"
    ) as consumer:
        read_by_aiokafka = [(await consumer.getone()).value for _ in range(2)]
    assert read_by_aiokafka == [b"from confluent", b"from aiokafka"]
    assert read(kafka, "both", 2) == read_by_aiokafka


def test_acknowledged_records_survive_kill_9_of_the_broker(kafka: Kafka) -> None:
    create_topic(kafka, "durable")
    values = [b"%d" % number for number in range(500)]
    publish(kafka, "durable", values)
    first = kafka.pid
    kafka.kill()
    assert not kafka.alive
    kafka.start()
    assert kafka.pid != first
    assert read(kafka, "durable", len(values)) == values


async def test_the_ends_of_logs_are_known_again_once_a_killed_broker_is_back(kafka: Kafka) -> None:
    broker = Broker(KafkaAccess(kafka.bootstrap), "back.")
    await broker.create([TopicSpec("ends", 2, retention_ms=-1, compacted=False)])
    partitions = [Partition("ends", number) for number in range(2)]
    publish(kafka, "back.ends", [b"x"] * 5)
    before = await broker.ends(partitions)
    kafka.kill()
    kafka.start()
    assert await broker.ends(partitions) == before
    assert sum(before.values()) == 5


def test_a_topic_that_nobody_created_does_not_appear(kafka: Kafka) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "message.timeout.ms": 2000})
    errors: list[Any] = []
    producer.produce("never-created", b"x", on_delivery=lambda error, _: errors.append(error))
    producer.flush(10)
    assert errors[0] is not None
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    assert "never-created" not in admin.list_topics(timeout=10).topics


def test_the_broker_listens_on_loopback_only(kafka: Kafka) -> None:
    assert listening_addresses(kafka.pid) <= {"127.0.0.1", "::ffff:127.0.0.1"}


def test_the_document_store_listens_on_loopback_only(documents: DocumentStore) -> None:
    assert listening_addresses(documents.pid) == {"127.0.0.1"}


async def test_a_transaction_applies_all_or_nothing(documents: DocumentStore) -> None:
    async with AsyncMongoClient[dict[str, Any]](documents.uri) as client:
        database = client["transactions"]

        async def write(session: AsyncClientSession) -> None:
            await database["offsets"].insert_one({"_id": "p0", "next": 7}, session=session)
            await database["effects"].insert_one({"_id": "e1"}, session=session)

        async with client.start_session() as session:
            async with await session.start_transaction():
                await write(session)
                await session.abort_transaction()
            assert await database["effects"].count_documents({}) == 0
            async with await session.start_transaction():
                await write(session)
        assert await database["offsets"].find_one({"_id": "p0"}) == {"_id": "p0", "next": 7}
        assert await database["effects"].count_documents({}) == 1


async def test_killing_a_session_frees_what_its_dead_owner_had_locked(
    documents: DocumentStore,
) -> None:
    async with AsyncMongoClient[dict[str, Any]](documents.uri) as client:
        heads = client["sessions"]["heads"]
        await heads.insert_one({"_id": "metric", "version": 0})
        bump = {"$inc": {"version": 1}}
        async with client.start_session() as dead, client.start_session() as successor:
            await dead.start_transaction()
            await heads.update_one({"_id": "metric"}, bump, session=dead)
            await client.admin.command("killSessions", [dead.session_id])
            async with await successor.start_transaction():
                await heads.update_one({"_id": "metric"}, bump, session=successor)
            with pytest.raises(OperationFailure):
                await dead.commit_transaction()
        assert await heads.find_one({}) == {"_id": "metric", "version": 1}


async def test_the_second_writer_of_a_document_is_told_to_run_again(
    documents: DocumentStore,
) -> None:
    async with AsyncMongoClient[dict[str, Any]](documents.uri) as client:
        heads = client["conflicts"]["heads"]
        await heads.insert_one({"_id": "metric", "version": 0})
        bump = {"$inc": {"version": 1}}
        async with client.start_session() as first, client.start_session() as second:
            await first.start_transaction()
            await second.start_transaction()
            await heads.update_one({"_id": "metric"}, bump, session=first)
            with pytest.raises(OperationFailure) as refused:
                await heads.update_one({"_id": "metric"}, bump, session=second)
            assert refused.value.has_error_label("TransientTransactionError")
            await first.commit_transaction()
        assert await heads.find_one({}) == {"_id": "metric", "version": 1}


def test_acknowledged_transactions_survive_kill_9_of_the_document_store(
    documents: DocumentStore,
) -> None:
    with MongoClient[dict[str, Any]](documents.uri) as client:
        rows = client["durable"]["rows"]
        for number in range(100):
            with client.start_session() as session, session.start_transaction():
                rows.insert_one({"_id": number}, session=session)
    documents.kill()
    assert not documents.alive
    documents.start()
    with MongoClient[dict[str, Any]](documents.uri) as client:
        assert client["durable"]["rows"].distinct("_id") == list(range(100))


def test_a_child_that_cannot_start_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    child = Child("broken", ["/bin/sh", "-c", "echo no such disk; exit 3"], tmp_path, env={})
    with pytest.raises(StartError, match="no such disk"):
        wait_for_port(child, free_port(), timeout_seconds=10)


def test_a_child_that_is_never_ready_is_ended(tmp_path: Path) -> None:
    child = Child("slow", SLEEP, tmp_path, env={})
    with pytest.raises(StartError, match="within"):
        wait_for_port(child, free_port(), timeout_seconds=0.2)
    assert not child.alive
    assert not psutil.pid_exists(child.pid)


def test_a_child_dies_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent = start_parent(tmp_path)
    child = recorded_child(tmp_path)
    assert child.ppid() == parent.pid
    parent.kill()
    parent.wait()
    child.wait(PATIENCE)
    assert not child.is_running()


def test_a_leftover_is_ended_by_its_record(tmp_path: Path) -> None:
    leftover = subprocess.Popen(SLEEP)
    write_record(tmp_path / "kafka" / "kafka.pid.json", leftover.pid, drift_seconds=0)
    assert end_leftovers(tmp_path) == [leftover.pid]
    leftover.wait(5)
    assert not psutil.pid_exists(leftover.pid)
    assert end_leftovers(tmp_path) == []


def test_a_leftover_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    stubborn = subprocess.Popen(
        ["/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"],
        stdout=subprocess.PIPE,
    )
    assert stubborn.stdout is not None
    with stubborn.stdout as ready:
        ready.readline()
    write_record(tmp_path / "kafka.pid.json", stubborn.pid, drift_seconds=0)
    assert end_leftovers(tmp_path, grace_seconds=0.2) == [stubborn.pid]
    stubborn.wait(5)
    assert not psutil.pid_exists(stubborn.pid)


def test_a_process_that_took_over_a_recorded_pid_is_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen(SLEEP)
    try:
        write_record(tmp_path / "kafka.pid.json", stranger.pid, drift_seconds=60)
        assert end_leftovers(tmp_path) == []
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_damaged_record_ends_nothing_and_is_removed(tmp_path: Path) -> None:
    (tmp_path / "kafka.pid.json").write_text('{"pid": ')
    assert end_leftovers(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_missing_jars_are_reported_with_the_command_that_brings_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(JarsError, match="make setup"):
        jars()


def test_a_jar_with_another_content_is_noticed(tmp_path: Path) -> None:
    assert differing(jars()) == []
    name = next(iter(pinned()))
    (tmp_path / name).write_bytes(b"not the jar")
    assert name in differing(tmp_path)


@pytest.mark.parametrize(
    ("banner", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_401"', 1),
        ('openjdk version "25" 2025-09-16', 25),
        ("no such thing", 0),
    ],
)
def test_the_major_version_of_java_is_read_from_its_banner(banner: str, major: int) -> None:
    assert major_version(banner) == major


def test_cluster_ids_are_what_the_format_tool_accepts() -> None:
    ids = {new_cluster_id() for _ in range(500)}
    assert len(ids) == 500
    assert all(len(one) == 22 and not one.startswith("-") for one in ids)


def listening_addresses(pid: int) -> set[str]:
    connections = psutil.Process(pid).net_connections(kind="inet")
    return {one.laddr.ip for one in connections if one.status == psutil.CONN_LISTEN}


def start_parent(folder: Path) -> subprocess.Popen[bytes]:
    """A process that starts one child in the folder and waits."""
    code = (
        "import sys, time; from pathlib import Path\n"
        "from service_kit.embedded.process import Child\n"
        f"Child('child', {SLEEP!r}, Path(sys.argv[1]), env={{}}); time.sleep(60)"
    )
    return subprocess.Popen([sys.executable, "-c", code, str(folder)])


def recorded_child(folder: Path) -> psutil.Process:
    """The process in the folder's record, once it has become its program."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError):
            record = msgspec.json.decode((folder / "child.pid.json").read_bytes(), type=Record)
            process = psutil.Process(record.pid)
            if process.cmdline() == SLEEP:
                return process
        time.sleep(0.02)
    raise AssertionError("the child did not start")


def write_record(path: Path, pid: int, drift_seconds: float) -> None:
    path.parent.mkdir(exist_ok=True)
    record = Record(pid, psutil.Process(pid).create_time() - drift_seconds)
    path.write_bytes(msgspec.json.encode(record))
