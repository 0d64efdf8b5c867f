"""A consumer whose records come as columns: as much of one as the loop needs."""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from service_kit.errors import Infrastructure
from service_kit.librdkafka.client import client, configuration
from service_kit.librdkafka.columns import PIECE, Columns
from service_kit.librdkafka.library import (
    CONSUMER,
    ERROR_ASSIGN,
    ERROR_REVOKE,
    Rebalanced,
    library,
)
from service_kit.librdkafka.messages import (
    BEGINS,
    ERROR,
    FIELDS,
    KEY,
    OFFSET,
    PARTITION,
    TOPIC,
    VALUE,
    look,
    release,
    texts,
    warm,
)

OnRebalance = Callable[[Any, list[KafkaPartition]], None]


class ColumnConsumer:
    """Named after confluent_kafka.Consumer: the same calls do the same.

    One thread uses it. Callbacks run inside ``take`` and ``close``.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        """``config`` as librdkafka names it; raises Infrastructure if it will not do.

        Raises OSError where librdkafka cannot be reached (library.library).
        """
        self._library = library()
        warm()
        destroy = ctypes.cast(self._library.rd_kafka_message_destroy, ctypes.c_void_p)
        self._destroy = int(destroy.value or 0)
        self._rebalanced = Rebalanced(self._on_rebalance)  # kept: librdkafka holds its address
        self._failure: BaseException | None = None
        self._messages = np.zeros(PIECE, np.int64)
        self._found = np.empty((PIECE, FIELDS), np.int64)
        self._handle = self._made(config)
        self._library.rd_kafka_poll_set_consumer(self._handle)
        self._queue = self._library.rd_kafka_queue_get_consumer(self._handle)

    def _made(self, config: Mapping[str, Any]) -> Any:
        made = configuration(config)
        self._library.rd_kafka_conf_set_rebalance_cb(made, self._rebalanced)
        return client(CONSUMER, made)

    def subscribe(
        self, topics: Sequence[str], *, on_assign: OnRebalance, on_revoke: OnRebalance
    ) -> None:
        """Join the group for these topics. ``on_assign`` calls ``assign``."""
        self._on_assign, self._on_revoke = on_assign, on_revoke
        self._with(self._library.rd_kafka_subscribe, [KafkaPartition(name) for name in topics])

    def assign(self, partitions: Sequence[KafkaPartition]) -> None:
        """Read these partitions from these offsets on."""
        self._with(self._library.rd_kafka_assign, partitions)

    def commit(self, *, offsets: Sequence[KafkaPartition], asynchronous: bool) -> None:
        """Commit offsets; raises KafkaException."""
        self._with(self._library.rd_kafka_commit, offsets, int(asynchronous))

    def take(self, most: int, seconds: float) -> tuple[int, list[Columns]]:
        """Wait for up to PIECE records; return how many came, and them.

        Raises Infrastructure on an error among them, and what a callback raised.
        """
        count = self._library.rd_kafka_consume_batch_queue(
            self._queue, int(seconds * 1000), self._messages.ctypes.data, min(most, PIECE)
        )
        if count < 0:
            raise Infrastructure(f"reading: {self._text(self._library.rd_kafka_last_error())}")
        try:
            self._raise_failure()
            return count, self._apart(count)
        finally:
            release(self._messages, count, self._destroy)

    def _apart(self, count: int) -> list[Columns]:
        look(self._messages, count, self._found)
        found = self._found[:count]
        for row in np.flatnonzero(found[:, ERROR]).tolist():
            told = self._library.rd_kafka_message_errstr(int(self._messages[row]))
            topic, partition = self._topic(found[row]), found[row, PARTITION]
            raise Infrastructure(f"reading {topic}/{partition}: {(told or b'').decode()}")
        runs = np.split(found, np.flatnonzero(found[:, BEGINS])[1:]) if count else []
        return [
            Columns(
                self._topic(run[0]),
                int(run[0, PARTITION]),
                int(run[0, OFFSET]),
                texts(run, KEY),
                texts(run, VALUE),
            )
            for run in runs
        ]

    def _topic(self, message: Any) -> str:
        """Return the topic's name; an error may come without one."""
        if not message[TOPIC]:
            return "-"
        name: bytes = self._library.rd_kafka_topic_name(int(message[TOPIC]))
        return name.decode()

    def close(self) -> None:
        """Leave the group; raises what a callback raised."""
        self._library.rd_kafka_consumer_close(self._handle)
        self._library.rd_kafka_queue_destroy(self._queue)
        self._library.rd_kafka_destroy(self._handle)
        self._raise_failure()

    def _on_rebalance(self, _handle: Any, error: int, partitions: Any, _opaque: Any) -> None:
        """Nothing may be raised into librdkafka: ``take`` or ``close`` raises it."""
        listed = partitions.contents
        moved = [
            KafkaPartition(each.topic.decode(), each.partition)
            for each in listed.elems[: listed.cnt]
        ]
        try:
            if error == ERROR_ASSIGN:
                self._on_assign(self, moved)
                return
            if error == ERROR_REVOKE:
                self._on_revoke(self, moved)
        except BaseException as failure:
            self._failure = failure
        # librdkafka waits for this answer; after a failure nothing is read any more.
        self._library.rd_kafka_assign(self._handle, None)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def _with(self, call: Any, partitions: Sequence[KafkaPartition], *more: int) -> None:
        """Call with a list of partitions; raises KafkaException."""
        listed = self._library.rd_kafka_topic_partition_list_new(len(partitions))
        try:
            for each in partitions:
                added = self._library.rd_kafka_topic_partition_list_add(
                    listed, each.topic.encode(), each.partition
                )
                added.contents.offset = each.offset
            code = call(self._handle, listed, *more)
        finally:
            self._library.rd_kafka_topic_partition_list_destroy(listed)
        if code:
            raise KafkaException(KafkaError(code, self._text(code)))

    def _text(self, code: int) -> str:
        told: bytes = self._library.rd_kafka_err2str(code)
        return told.decode()
