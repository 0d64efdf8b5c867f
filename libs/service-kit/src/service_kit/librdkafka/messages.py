"""The loops over messages where librdkafka keeps them: addresses in, columns of bytes out.

Nothing here outlives a message: what is kept was copied before ``release``.
"""

import ctypes
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from service_kit.compiled import compiled
from service_kit.librdkafka.library import Message
from service_kit.records import Texts

ERROR, TOPIC, PARTITION, OFFSET, KEY, KEY_SIZE, VALUE, VALUE_SIZE, BEGINS = range(9)
FIELDS = 9

_I64, _I32, _I8 = ir.IntType(64), ir.IntType(32), ir.IntType(8)
_ERR, _RKT, _PARTITION = (getattr(Message, name).offset for name in ("err", "rkt", "partition"))
_PAYLOAD, _LEN = Message.payload.offset, Message.len.offset
_KEY, _KEY_LEN = Message.key.offset, Message.key_len.offset
_OFFSET = Message.offset.offset


def _reading(kind: Any, result: Any) -> Any:
    """Return what a compiled loop calls to read an integer at an address."""

    def read(_typing: Any, address: Any) -> Any:
        def made(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.load(builder.inttoptr(arguments[0], kind.as_pointer()))

        return result(types.int64), made

    return intrinsic(read)


_at64, _at32 = _reading(_I64, types.int64), _reading(_I32, types.int32)


def _copying(_typing: Any, to: Any, source: Any, size: Any) -> Any:
    def made(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        there, here = (builder.inttoptr(each, _I8.as_pointer()) for each in arguments[:2])
        raw_memcpy(builder, there, here, arguments[2], 1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), made


def _calling(_typing: Any, function: Any, address: Any) -> Any:
    def made(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [_I64])
        builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), [arguments[1]])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), made


raw_memcpy: Any = cgutils.raw_memcpy
_copy: Any = intrinsic(_copying)
_call: Any = intrinsic(_calling)


@compiled
def look(messages: Any, count: int, found: Any) -> None:
    """Write the FIELDS of each message; BEGINS: it does not follow the one before it."""
    for row in range(count):
        at = messages[row]
        found[row, ERROR] = _at32(at + _ERR)
        found[row, TOPIC] = _at64(at + _RKT)
        found[row, PARTITION] = _at32(at + _PARTITION)
        found[row, OFFSET] = _at64(at + _OFFSET)
        found[row, KEY] = _at64(at + _KEY)
        found[row, KEY_SIZE] = _at64(at + _KEY_LEN)
        found[row, VALUE] = _at64(at + _PAYLOAD)
        found[row, VALUE_SIZE] = _at64(at + _LEN)
        found[row, BEGINS] = (
            row == 0
            or found[row, TOPIC] != found[row - 1, TOPIC]
            or found[row, PARTITION] != found[row - 1, PARTITION]
            or found[row, OFFSET] != found[row - 1, OFFSET] + 1
        )


def texts(found: NDArray[np.int64], first: int) -> Texts:
    """Copy the keys (KEY) or values (VALUE) of messages that were looked at."""
    joined = np.empty(int(found[:, first + 1].sum()), np.uint8)
    ends = np.empty(len(found), np.int64)
    _join(found, first, joined.ctypes.data, ends)
    return Texts(joined, ends)


@compiled
def _join(found: Any, first: int, to: int, ends: Any) -> None:
    end = 0
    for row in range(len(found)):
        size = found[row, first + 1]
        if size:
            _copy(to + end, found[row, first], size)
        end += size
        ends[row] = end


@compiled
def release(messages: Any, count: int, destroy: int) -> None:
    """Give the messages back; ``destroy`` is the address of the function that does it."""
    for row in range(count):
        _call(destroy, messages[row])


def warm() -> None:
    """Compile, or take what was compiled before; raises RuntimeError if a message is misread."""
    value = ctypes.create_string_buffer(b"value")
    at = ctypes.addressof(value)
    made = [
        Message(partition=2, offset=7 + n, payload=at, len=5, key=at, key_len=n) for n in (0, 1)
    ]
    messages = np.array([ctypes.addressof(each) for each in made], np.int64)
    found = np.empty((2, FIELDS), np.int64)
    look(messages, 2, found)
    keys, values = texts(found, KEY), texts(found, VALUE)
    release(messages, 0, 0)
    right = found[:, OFFSET].tolist() == [7, 8] and found[:, BEGINS].tolist() == [1, 0]
    right &= keys[0] == b"" and keys[1] == b"v" and values[1] == b"value"
    if not right:
        raise RuntimeError("librdkafka's messages are misread")


if __name__ == "__main__":
    warm()
