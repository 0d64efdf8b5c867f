"""Kafka Streams 4.1 as a peer: its jars, its compiled program, its run, and what it put out."""

import shutil
import tempfile
from pathlib import Path

import msgspec
from confluent_kafka import Consumer, KafkaError, TopicPartition

from paceline.fold.feed import Filled
from paceline.fold.job import Job, Truth, channel_name, differences
from paceline.fold.outcome import Outcome
from paceline.fold.peers import PEERS, QUIET, run
from paceline.fold.place import Place
from service_kit.embedded import jars
from service_kit.security import KafkaAccess

STREAMS = "Kafka Streams"
COORDINATES = (f"org.apache.kafka:kafka-streams:{jars.VERSION}",)
HERE = PEERS / "streams"
THREADS = 2


class NoStreams(Exception):
    """The peer cannot be built here; says why."""


def bring() -> Path:
    """Return the folder with jars and compiled program, made once; raises NoStreams.

    Its jars are pinned by checksum; of Kafka's own the broker's are used.
    """
    source, list_ = HERE / "Fold.java", HERE / "jars.sha256"
    if not source.exists():
        raise NoStreams(f"there is no {source}: it is built from the repository")
    compiler = shutil.which("javac")
    if compiler is None:
        raise NoStreams("there is no javac: a JDK of version 17 or newer is needed")
    folder = jars.cache_folder() / f"streams-{jars.VERSION}"
    sums = {name: digest for digest, name in map(str.split, list_.read_text().splitlines())}
    if any(jars.sha256(folder / name) != digest for name, digest in sums.items()):
        _download(folder, sums)
    classes = folder / f"fold-{jars.sha256(source)}"
    if not classes.exists():
        _compile(compiler, source, folder, classes)
    return classes


def _download(folder: Path, sums: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="jars-") as work:
        try:
            jars.resolve(COORDINATES, Path(work) / "repository", Path(work))
        except jars.JarsError as error:
            raise NoStreams(str(error)) from None
        for jar in (Path(work) / "repository").rglob("*.jar"):
            if jars.sha256(jar) == sums.get(jar.name):
                jar.replace(folder / jar.name)
    wrong = [name for name, digest in sums.items() if jars.sha256(folder / name) != digest]
    if wrong:
        raise NoStreams(f"downloaded, but missing or not as pinned: {', '.join(wrong)}")


def _compile(compiler: str, source: Path, folder: Path, classes: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder, prefix="fold-") as work:
        out = Path(work) / "classes"
        run([compiler, "-d", str(out), "-cp", _jars(folder), str(source)])
        out.rename(classes)


def _jars(folder: Path) -> str:
    return f"{folder}/*:{jars.jars()}/*"


def streams(place: Place, filled: Filled, number: int) -> Outcome:
    """Run the job on Kafka Streams; its output topic is read to the end and compared."""
    outcome = Outcome(STREAMS, filled.truth.records)
    try:
        classes = bring()
    except NoStreams as reason:
        outcome.skipped = str(reason)
        return outcome
    output, application = f"streams-out-{number}", f"streams-{number}"
    place.make_topic(output, filled.job.partitions)
    given = [place.access.bootstrap, filled.name, output, application]
    given += [str(place.folder / application), str(THREADS), str(filled.truth.counted)]
    java = shutil.which("java") or "java"
    answer = run([java, QUIET, "-cp", f"{classes}:{_jars(classes.parent)}", "Fold", *given])
    outcome.seconds = msgspec.json.decode(answer)["seconds"]
    found = _read(place.access, output, filled.job)
    outcome.wrong = differences(filled.job, filled.truth, found)
    outcome.more = {"records_out": found.records}
    return outcome


def _read(access: KafkaAccess, topic: str, job: Job) -> Truth:
    """Return the last sums of all groups in the output topic."""
    consumer = Consumer(
        {
            **access.librdkafka(),
            "group.id": topic,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "fetch.queue.backoff.ms": 5,
        }
    )
    found, open_ = Truth.empty(job), set(range(job.partitions))
    consumer.assign([TopicPartition(topic, number, 0) for number in open_])
    while open_:
        for message in consumer.consume(10_000, 1.0):
            error = message.error()
            if error is not None and error.code() == KafkaError._PARTITION_EOF:
                open_.discard(message.partition() or 0)
            elif error is not None:
                raise RuntimeError(f"reading {topic}: {error}")
            else:
                found.records += 1
                _take(job, found, message.key() or b"", message.value() or b"")
    consumer.close()
    return found


def _take(job: Job, found: Truth, key: bytes, value: bytes) -> None:
    place = place_of(job, key.decode())
    found.sums[place] = int.from_bytes(value[:8], "big", signed=True)
    found.counts[place] = int.from_bytes(value[8:], "big", signed=True)


def place_of(job: Job, group: str) -> int:
    """Return the place in the truth of a group that a peer calls ``tenant|type|channel|...``."""
    tenant, kind, channel, campaign, minute = group.split("|")
    if channel != channel_name(int(campaign[1:]), job.channels):
        raise ValueError(f"no such group: {group}")
    return job.index_of(tenant, kind, campaign, int(minute))
