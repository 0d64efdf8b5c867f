"""A thread that writes raw events at a steady rate."""

import logging
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from confluent_kafka import KafkaError, Message, Producer

from event_contracts.topics import RAW
from paceline import running
from paceline.access import access_to
from paceline.fold.rows import Events
from paceline.fold.whole import Whole
from paceline.trial.system import TrialFailed
from service_kit.broker import physical_name
from service_kit.errors import Infrastructure
from service_kit.librdkafka.producer import RowProducer, Rows

log = logging.getLogger(__name__)

MOST = 5_000  # events handed over at once
TURN_SECONDS = 0.01
PATIENCE = 60.0
# As senders of many records are set: large batches, and compressed, for what is copied and kept
# (330 bytes an event, 34 as lz4) costs the broker more than unpacking costs us (decision 0039).
SETTINGS = {
    "acks": "all",
    "linger.ms": 50,
    "batch.num.messages": 10_000,
    "compression.type": "lz4",
}


class Writer(Protocol):
    """Where rows go; ``send`` and ``flush`` raise Infrastructure if one cannot be written."""

    def send(self, rows: Rows) -> None:
        """Hand the rows over; a full queue is waited for."""

    def flush(self, seconds: float) -> None:
        """Return when the broker has acknowledged every row."""

    def close(self) -> None:
        """Give up what was not flushed."""


class MessageWriter:
    """Writes with confluent_kafka's producer, message by message."""

    def __init__(self, config: Mapping[str, Any], topic: str) -> None:
        """As RowProducer."""
        self._topic = topic
        self._failure: KafkaError | None = None
        only = {"delivery.report.only.error": True, "on_delivery": self._delivered}
        self._producer = Producer({**config, **only})

    def send(self, rows: Rows) -> None:
        """Hand the rows over; a full queue is waited for. Raises Infrastructure."""
        columns = rows.keys.tolist(), rows.values.tolist(), rows.partitions.tolist()
        for key, value, partition in zip(*columns, strict=True):
            while True:
                try:
                    self._producer.produce(self._topic, value, key, partition)
                    break
                except BufferError:
                    self._producer.poll(0.1)
        self._producer.poll(0)
        self._raise_failure()

    def flush(self, seconds: float) -> None:
        """Return when the broker has acknowledged every row; raises Infrastructure if not."""
        left = self._producer.flush(seconds)
        self._raise_failure()
        if left:
            raise Infrastructure(f"writing: {left} records are left")

    def close(self) -> None:
        """Give up what was not flushed."""
        self._producer.purge()

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        self._failure = error or self._failure

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise Infrastructure(f"writing: {self._failure.str()}")


def writer(config: Mapping[str, Any], topic: str) -> Writer:
    """Return the cheapest writer that there is here."""
    try:
        return RowProducer(config, topic)
    except OSError as error:
        log.warning("events are written one by one, which costs the driver more: %s", error)
        return MessageWriter(config, topic)


class Pump:
    """Writes at a rate and counts what it wrote."""

    def __init__(self, whole: Whole, rate: int, seconds: float) -> None:
        self._whole = whole
        self._rate = rate
        self._seconds = seconds
        self._failure: BaseException | None = None
        self.events = Events(whole.shape, whole.tenants)
        self.written = 0
        self.took = 0.0
        self.thread = threading.Thread(target=self._run, daemon=True)

    def raise_failure(self) -> None:
        """Raise TrialFailed if something else than the end of its time ended the thread."""
        if self._failure is not None:
            raise TrialFailed(f"the driver: {self._failure}") from self._failure

    def _run(self) -> None:
        try:
            self._pump()
        except BaseException as failure:
            self._failure = failure

    def _pump(self) -> None:
        found = running.read(self._whole.system.file)
        config = {**access_to(found.kafka).librdkafka(), **SETTINGS}
        to = writer(config, physical_name(found.prefix, RAW.name))
        begin = time.monotonic()
        try:
            while (elapsed := time.monotonic() - begin) < self._seconds:
                due = int(elapsed * self._rate) - self.written
                if due:
                    self._write(to, min(due, MOST), found.partitions)
                if due <= MOST:
                    time.sleep(TURN_SECONDS)
            to.flush(PATIENCE)
            self.took = time.monotonic() - begin
        finally:
            to.close()

    def _write(self, to: Writer, count: int, partitions: int) -> None:
        to.send(self.events.rows(self.written, count, datetime.now(UTC), partitions))
        self.written += count
