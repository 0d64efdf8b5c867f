"""librdkafka's functions, of the very library that confluent_kafka has loaded.

What is declared here is part of rdkafka.h, which stays as it is within a major version.
"""

import ctypes
from ctypes import POINTER, c_char_p, c_int, c_int32, c_int64, c_size_t, c_ssize_t, c_void_p
from functools import cache
from typing import Any

from confluent_kafka import cimpl

MAJOR = 2
PRODUCER = 0  # RD_KAFKA_PRODUCER
CONSUMER = 1  # RD_KAFKA_CONSUMER
COPY = 0x2  # RD_KAFKA_MSG_F_COPY
TO_PARTITION = 0x8  # RD_KAFKA_MSG_F_PARTITION
UNASSIGNED = -1  # RD_KAFKA_PARTITION_UA
ERROR_QUEUE_FULL = -184  # RD_KAFKA_RESP_ERR__QUEUE_FULL
ERROR_ASSIGN = -175  # RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS
ERROR_REVOKE = -174  # RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS


class Message(ctypes.Structure):
    """rd_kafka_message_t."""

    _fields_ = (
        ("err", c_int),
        ("rkt", c_void_p),
        ("partition", c_int32),
        ("payload", c_void_p),
        ("len", c_size_t),
        ("key", c_void_p),
        ("key_len", c_size_t),
        ("offset", c_int64),
        ("_private", c_void_p),
    )


class TopicPartition(ctypes.Structure):
    """rd_kafka_topic_partition_t."""

    _fields_ = (
        ("topic", c_char_p),
        ("partition", c_int32),
        ("offset", c_int64),
        ("metadata", c_void_p),
        ("metadata_size", c_size_t),
        ("opaque", c_void_p),
        ("err", c_int),
        ("_private", c_void_p),
    )


class TopicPartitions(ctypes.Structure):
    """rd_kafka_topic_partition_list_t."""

    _fields_ = (("cnt", c_int), ("size", c_int), ("elems", POINTER(TopicPartition)))


Rebalanced = ctypes.CFUNCTYPE(None, c_void_p, c_int, POINTER(TopicPartitions), c_void_p)
Delivered = ctypes.CFUNCTYPE(None, c_void_p, POINTER(Message), c_void_p)

_List = POINTER(TopicPartitions)
_FUNCTIONS: dict[str, tuple[Any, ...]] = {  # the result, then the arguments
    "rd_kafka_version": (c_int,),
    "rd_kafka_err2str": (c_char_p, c_int),
    "rd_kafka_conf_new": (c_void_p,),
    "rd_kafka_conf_destroy": (None, c_void_p),
    "rd_kafka_conf_set": (c_int, c_void_p, c_char_p, c_char_p, c_char_p, c_size_t),
    "rd_kafka_conf_set_rebalance_cb": (None, c_void_p, Rebalanced),
    "rd_kafka_conf_set_dr_msg_cb": (None, c_void_p, Delivered),
    "rd_kafka_new": (c_void_p, c_int, c_void_p, c_char_p, c_size_t),
    "rd_kafka_poll_set_consumer": (c_int, c_void_p),
    "rd_kafka_consumer_close": (c_int, c_void_p),
    "rd_kafka_destroy": (None, c_void_p),
    "rd_kafka_queue_get_consumer": (c_void_p, c_void_p),
    "rd_kafka_queue_destroy": (None, c_void_p),
    "rd_kafka_consume_batch_queue": (c_ssize_t, c_void_p, c_int, c_void_p, c_size_t),
    "rd_kafka_last_error": (c_int,),
    "rd_kafka_message_errstr": (c_char_p, c_void_p),
    "rd_kafka_message_destroy": (None, c_void_p),
    "rd_kafka_topic_new": (c_void_p, c_void_p, c_char_p, c_void_p),
    "rd_kafka_topic_destroy": (None, c_void_p),
    "rd_kafka_produce_batch": (c_int, c_void_p, c_int32, c_int, c_void_p, c_int),
    "rd_kafka_poll": (c_int, c_void_p, c_int),
    "rd_kafka_flush": (c_int, c_void_p, c_int),
    "rd_kafka_topic_name": (c_char_p, c_void_p),
    "rd_kafka_topic_partition_list_new": (_List, c_int),
    "rd_kafka_topic_partition_list_destroy": (None, _List),
    "rd_kafka_topic_partition_list_add": (POINTER(TopicPartition), _List, c_char_p, c_int32),
    "rd_kafka_subscribe": (c_int, c_void_p, _List),
    "rd_kafka_assign": (c_int, c_void_p, _List),
    "rd_kafka_commit": (c_int, c_void_p, _List, c_int),
}


@cache
def library() -> Any:
    """Return the library; raises OSError where its functions cannot be reached.

    They are looked for behind confluent_kafka's own module, so that it is one library, and one
    version, wherever a wheel or a distribution has put it.
    """
    loaded = ctypes.CDLL(cimpl.__file__)
    for name, (result, *arguments) in _FUNCTIONS.items():
        try:
            function = getattr(loaded, name)
        except AttributeError as error:
            raise OSError(f"librdkafka shows no {name}") from error
        function.restype, function.argtypes = result, arguments
    if loaded.rd_kafka_version() >> 24 != MAJOR:
        raise OSError(f"librdkafka {loaded.rd_kafka_version():#x} is not of version {MAJOR}")
    return loaded
