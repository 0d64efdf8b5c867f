"""Messages are read where librdkafka keeps them."""

import ctypes
from pathlib import Path

import numpy as np
import pytest

from service_kit.errors import Infrastructure
from service_kit.librdkafka.consumer import ColumnConsumer
from service_kit.librdkafka.library import Message, library
from service_kit.librdkafka.messages import BEGINS, FIELDS, KEY, VALUE, look, release, texts


def messages(rows: list[tuple[int, int, bytes | None, bytes | None]]) -> list[Message]:
    made = []
    for partition, offset, key, value in rows:
        message = Message(partition=partition, offset=offset, rkt=1)
        if key is not None:
            message.kept_key = ctypes.create_string_buffer(key)
            message.key, message.key_len = ctypes.addressof(message.kept_key), len(key)
        if value is not None:
            message.kept = ctypes.create_string_buffer(value)
            message.payload, message.len = ctypes.addressof(message.kept), len(value)
        made.append(message)
    return made


def test_keys_and_values_are_copied_and_a_run_begins_where_an_offset_does_not_follow() -> None:
    made = messages(
        [
            (0, 5, b"k5", b"v5"),
            (0, 6, None, b""),
            (0, 8, b"k8", None),
            (1, 9, b"", b"v" * 3000),
            (1, 10, b"k10", b"v10"),
        ]
    )
    found = np.empty((len(made), FIELDS), np.int64)
    look(np.array([ctypes.addressof(each) for each in made], np.int64), len(made), found)
    assert found[:, BEGINS].tolist() == [1, 0, 1, 1, 0]
    keys, values = texts(found, KEY), texts(found, VALUE)
    assert [keys[row] for row in range(5)] == [b"k5", b"", b"k8", b"", b"k10"]
    assert [values[row] for row in range(5)] == [b"v5", b"", b"", b"v" * 3000, b"v10"]


def test_every_message_is_given_back() -> None:
    given: list[int] = []
    back = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda at: given.append(at or 0))
    address = ctypes.cast(back, ctypes.c_void_p).value
    assert address
    release(np.array([16, 32, 48], np.int64), 2, address)
    assert given == [16, 32]


def test_the_library_is_the_one_that_confluent_kafka_has_loaded() -> None:
    loaded = library()
    maps = Path("/proc/self/maps").read_text().splitlines()
    assert len({line.split()[-1] for line in maps if "librdkafka" in line}) == 1
    assert loaded.rd_kafka_version() >> 24 == 2


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("no.such.setting", "1", "no.such.setting"),
        ("ssl.ca.location", "/not/there", "ssl.ca.location failed"),
    ],
)
def test_a_setting_that_will_not_do_is_said(setting: str, value: str, told: str) -> None:
    config = {"bootstrap.servers": "127.0.0.1:1", "group.id": "g", "security.protocol": "ssl"}
    with pytest.raises(Infrastructure, match=told):
        ColumnConsumer(config | {setting: value})


def test_a_broker_that_is_not_there_is_waited_for() -> None:
    consumer = ColumnConsumer({"bootstrap.servers": "127.0.0.1:1", "group.id": "g"})
    try:
        assert consumer.take(10, 0.05) == (0, [])
    finally:
        consumer.close()
