"""`paceline send`: NDJSON in, events out, each with an id that no repetition changes.

A line is a CloudEvent, or any object that is wrapped as one. A connection that breaks or a
service that restarts is tried again with the same ids: what had arrived counts once.
"""

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from confluent_kafka import KafkaError, Message, Producer

from paceline.connection import ApiError, Connection, JsonFile, Key, Url, connect, settings_of
from paceline.show import console, errors, fail
from service_kit import strict_json
from service_kit.errors import UserError
from service_kit.security import KafkaAccess

BATCH_TYPE = "application/cloudevents-batch+json"
MAX_BATCH_BYTES = 4 * 1024 * 1024
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Wrap:
    """How an object becomes a CloudEvent: dotted paths into it; ``type`` may be ``=NAME``."""

    source: str
    type: str
    id: str
    time: str

    def event(self, value: Any) -> dict[str, Any]:
        """Return the event; raises ValueError that says what is missing."""
        if not isinstance(value, dict):
            raise ValueError("a JSON object is needed")
        if "specversion" in value:
            return value
        event = {
            "specversion": "1.0",
            "id": _at(value, self.id, "id"),
            "source": self.source,
            "type": self.type[1:] if self.type.startswith("=") else _at(value, self.type, "type"),
            "data": value,
        }
        if self.time:
            event["time"] = _at(value, self.time, "time")
        return event


@dataclass(slots=True)
class Tally:
    """What became of the lines."""

    accepted: int = 0
    refused: list[str] = field(default_factory=list)

    def refuse(self, where: str, why: str) -> None:
        """Note a line that was not taken, and show the first of them."""
        self.refused.append(where)
        if len(self.refused) <= SHOWN:
            errors.print(f"{where}: {why}", style="yellow", markup=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is to be sent, and where it stands."""

    where: str
    event: dict[str, Any]
    raw: bytes


def send(
    files: Annotated[list[Path], typer.Argument(help="NDJSON files; - is the standard input.")],
    source: Annotated[str, typer.Option(help="The source that the events belong to.")] = "",
    topic: Annotated[
        str | None, typer.Option(help="Produce the lines as they are to this topic instead.")
    ] = None,
    type: Annotated[str, typer.Option(help="Path of the type, or =NAME.")] = "type",
    id: Annotated[str, typer.Option(help="Path of the id.")] = "id",
    time: Annotated[str, typer.Option(help="Path of the time; empty: none.")] = "",
    batch: Annotated[int, typer.Option(min=1, max=5000, help="Events a request.")] = 500,
    patience: Annotated[float, typer.Option(help="Seconds to try again before giving up.")] = 300,
    url: Url = None,
    key: Key = None,
    json: JsonFile = None,
) -> None:
    """Send events from NDJSON files."""
    tally = Tally()
    with ExitStack() as stack:
        lines = read_lines(files, Wrap(source or "paceline-send", type, id, time), tally, stack)
        if topic is not None:
            settings = settings_of(json)
            produce(lines, settings.access, topic, tally)
        else:
            door = connect("metrics-ingest", url, key, json)
            for group in batches(lines, batch):
                post(door, group, source, patience, tally)
    console.print(f"accepted {tally.accepted}, refused {len(tally.refused)}")
    if tally.refused:
        raise typer.Exit(1)


def read_lines(files: Sequence[Path], wrap: Wrap, tally: Tally, stack: ExitStack) -> Iterator[Line]:
    """Yield the lines that are events; the others are noted as refused."""
    for path in files:
        stream = sys.stdin.buffer if str(path) == "-" else stack.enter_context(path.open("rb"))
        for number, raw in enumerate(stream, start=1):
            where = f"{path}:{number}"
            if not raw.strip():
                continue
            try:
                yield Line(where, wrap.event(strict_json.loads(raw)), raw.strip())
            except UserError as error:
                tally.refuse(where, f"{error.where}: {error.en}")
            except ValueError as error:
                tally.refuse(where, str(error))


def batches(lines: Iterable[Line], count: int) -> Iterator[list[Line]]:
    """Yield groups of at most ``count`` lines and about 4 MB."""
    group: list[Line] = []
    size = 0
    for line in lines:
        # An event is its line and an envelope around it.
        weight = len(line.raw) + 512
        if group and (len(group) == count or size + weight > MAX_BATCH_BYTES):
            yield group
            group, size = [], 0
        group.append(line)
        size += weight
    if group:
        yield group


def post(
    door: Connection, group: Sequence[Line], source: str, patience: float, tally: Tally
) -> None:
    """Send a group until it has been answered; leaves when the door does not let us in."""
    deadline = time.monotonic() + patience
    pause = FIRST_PAUSE
    headers = {"Content-Type": BATCH_TYPE} | ({"X-Paceline-Source": source} if source else {})
    content = strict_json.dumps([line.event for line in group])
    while True:
        try:
            answer = door.send("/v1/events", content, headers)
        except ApiError as error:
            if 0 < error.status < 500:
                fail(str(error))
            if time.monotonic() > deadline:
                fail(f"gave up after {patience:g} s: {error}; sending it all again is safe")
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        else:
            _count(group, answer, tally)
            return


def _count(group: Sequence[Line], answer: dict[str, Any], tally: Tally) -> None:
    rejected = answer.get("rejected", [])
    for item in rejected:
        tally.refuse(group[item["index"]].where, f"{item.get('where', '')}: {item['message']}")
    tally.accepted += len(group) - len(rejected)


def produce(lines: Iterable[Line], kafka: KafkaAccess, topic: str, tally: Tally) -> None:
    """Produce the lines as they are, keyed by id; every one is acknowledged by all replicas."""
    producer = Producer({**kafka.librdkafka(), "acks": "all", "enable.idempotence": True})

    def done(where: str, error: KafkaError | None) -> None:
        if error is None:
            tally.accepted += 1
        else:
            tally.refuse(where, str(error))

    for line in lines:

        def told(error: KafkaError | None, _: Message, where: str = line.where) -> None:
            done(where, error)

        while True:
            try:
                producer.produce(topic, line.raw, str(line.event["id"]), on_delivery=told)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    producer.flush()


def _at(value: dict[str, Any], path: str, what: str) -> str:
    """Return the text under a dotted path; raises ValueError."""
    found: Any = value
    for step in path.split("."):
        if not isinstance(found, dict) or step not in found:
            raise ValueError(f"no {what} at {path}; name its path by --{what}")
        found = found[step]
    if found is None or isinstance(found, dict | list | bool):
        raise ValueError(f"the {what} at {path} must be text or a number")
    return str(found)
