"""A producer of rows of bytes: records by the thousand are handed over in one call."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from service_kit.errors import Infrastructure
from service_kit.librdkafka.client import client, configuration
from service_kit.librdkafka.library import (
    COPY,
    ERROR_QUEUE_FULL,
    PRODUCER,
    TO_PARTITION,
    UNASSIGNED,
    Delivered,
    Message,
    library,
)

MESSAGE: Any = np.dtype(Message)
_FULL_MS = 20


class Rows(NamedTuple):
    """Records of one topic: keys and values as texts of one width, of which a size is meant."""

    keys: NDArray[np.bytes_]
    key_sizes: NDArray[np.int64]
    values: NDArray[np.bytes_]
    value_sizes: NDArray[np.int64]
    partitions: NDArray[np.int64]


class RowProducer:
    """Writes rows into one topic. One thread uses it; nothing is given up without an error."""

    def __init__(self, config: Mapping[str, Any], topic: str) -> None:
        """``config`` as librdkafka names it; ``topic`` is the topic's name on the broker.

        Raises OSError where librdkafka cannot be reached (library.library), Infrastructure if the
        configuration will not do.
        """
        self._library = library()
        self._failure = ""
        self._delivered = Delivered(self._on_failed)  # kept: librdkafka holds its address
        made = configuration({**config, "delivery.report.only.error": True})
        self._library.rd_kafka_conf_set_dr_msg_cb(made, self._delivered)
        self._handle = client(PRODUCER, made)
        self._topic = self._library.rd_kafka_topic_new(self._handle, topic.encode(), None)

    def send(self, rows: Rows) -> None:
        """Hand the rows over, which are free afterwards; a full queue is waited for.

        Raises Infrastructure if one of these, or of those before, cannot be written.
        """
        messages = _messages(rows)
        while len(messages):
            self._library.rd_kafka_produce_batch(
                self._topic,
                UNASSIGNED,
                COPY | TO_PARTITION,
                messages.ctypes.data,
                len(messages),
            )
            messages = messages[messages["err"] != 0]
            for code in set(messages["err"].tolist()) - {ERROR_QUEUE_FULL}:
                raise Infrastructure(f"writing: {self._text(code)}")
            messages["err"] = 0
            self._poll(_FULL_MS if len(messages) else 0)

    def _poll(self, wait_ms: int) -> None:
        self._library.rd_kafka_poll(self._handle, wait_ms)
        if self._failure:
            raise Infrastructure(f"writing: {self._failure}")

    def flush(self, seconds: float) -> None:
        """Return when the broker has acknowledged every row; raises Infrastructure if not."""
        code = self._library.rd_kafka_flush(self._handle, int(seconds * 1000))
        self._poll(0)
        if code:
            raise Infrastructure(f"writing: {self._text(code)}")

    def close(self) -> None:
        """Give up what was not flushed."""
        self._library.rd_kafka_topic_destroy(self._topic)
        self._library.rd_kafka_destroy(self._handle)

    def _on_failed(self, _handle: Any, message: Any, _opaque: Any) -> None:
        """Only failures are reported; nothing may be raised into librdkafka."""
        self._failure = self._text(message.contents.err)

    def _text(self, code: int) -> str:
        told: bytes = self._library.rd_kafka_err2str(code)
        return told.decode()


def _messages(rows: Rows) -> Any:
    """Return the rows as rd_kafka_message_t: it points into them."""
    messages = np.zeros(len(rows.keys), MESSAGE)
    numbers = np.arange(len(messages))
    messages["partition"] = rows.partitions
    messages["payload"] = rows.values.ctypes.data + numbers * rows.values.itemsize
    messages["len"] = rows.value_sizes
    messages["key"] = rows.keys.ctypes.data + numbers * rows.keys.itemsize
    messages["key_len"] = rows.key_sizes
    return messages
