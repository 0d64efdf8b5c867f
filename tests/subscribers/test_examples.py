"""The example subscribers of docs/subscribers act once per deed, on a real broker."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from event_contracts.examples import Example, examples
from service_kit.embedded import Kafka, free_port
from service_kit.embedded.jars import jars
from service_kit.embedded.java import java

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "subscribers"
PATIENCE_SECONDS = 180.0  # only a crowded machine takes a tenth of it
DEEDS = examples("goal-events")
Command = Callable[[], Sequence[str]]


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    server = Kafka(tmp_path_factory.mktemp("kafka"), free_port(), free_port())
    server.start()
    yield server
    server.stop()


def in_python() -> Sequence[str]:
    return [sys.executable, str(FOLDER / "subscriber.py")]


def in_java() -> Sequence[str]:
    modules = subprocess.run([java(), "--list-modules"], capture_output=True, text=True)
    if "jdk.compiler" not in modules.stdout:
        pytest.skip("this Java runs classes only: single files need a JDK")
    options = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
    return [java(), *options, "-cp", f"{jars()}/*", str(FOLDER / "Subscriber.java")]


def marker(number: int) -> bytes:
    """Return a deed that is behind all others: once it was acted on, so were they."""
    first = DEEDS[0].fields
    return msgspec.json.encode({**first, "id": f"marker-{number}", "goal": f"marker-{number}"})


def send(kafka: Kafka, topic: str, deeds: Sequence[Example], last: bytes) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "acks": "all"})
    for deed in deeds:
        producer.produce(topic, deed.value, deed.key)
    producer.produce(topic, last)
    assert producer.flush(60) == 0


def run_until(command: Sequence[str], text: str, log: Path) -> None:
    """Run the subscriber until it says the text, then kill it."""
    with log.open("ab") as out:
        child = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + PATIENCE_SECONDS
        while text not in log.read_text() and child.poll() is None and time.monotonic() < end:
            time.sleep(0.1)
        assert text in log.read_text(), log.read_text()
    finally:
        child.kill()
        child.wait()


def acted(log: Path) -> list[str]:
    """Return what the subscriber said, without the notes of its client."""
    return [line for line in log.read_text().splitlines() if " of " in line and ": " in line]


def line_of(fields: dict[str, str]) -> str:
    return f"{fields['kind']} {fields['goal']}: {fields['actual']} of {fields['plan']}"


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(in_python, id="python", marks=pytest.mark.row("T6", "acted-on-once")),
        pytest.param(in_java, id="java"),
    ],
)
def test_a_deed_sent_twice_and_again_after_a_crash_is_acted_on_once(
    make: Command, kafka: Kafka, tmp_path: Path
) -> None:
    program, topic = make(), f"goal-events.{make.__name__}"
    # Of its own: a group waits for a killed member until its session is over, which is 45 s.
    groups = [f"{make.__name__}-{number}" for number in (1, 2)]
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    admin.create_topics([NewTopic(topic, num_partitions=1)])[topic].result(60)
    send(kafka, topic, [*DEEDS, *DEEDS], marker(1))
    log, memory = tmp_path / "log", str(tmp_path / "handled")
    run_until([*program, kafka.bootstrap, topic, groups[0], memory], "marker-1:", log)
    send(kafka, topic, DEEDS, marker(2))
    # Another group has no offsets: everything comes again, as after offsets that were lost.
    run_until([*program, kafka.bootstrap, topic, groups[1], memory], "marker-2:", log)
    wanted = [line_of(deed.fields) for deed in DEEDS]
    markers = [line_of(msgspec.json.decode(marker(number))) for number in (1, 2)]
    assert sorted(acted(log)) == sorted(wanted + markers)


@pytest.mark.parametrize("name", ["subscriber.py", "Subscriber.java"])
def test_an_example_fits_on_a_page(name: str) -> None:
    assert len((FOLDER / name).read_text(encoding="utf-8").splitlines()) < 60
