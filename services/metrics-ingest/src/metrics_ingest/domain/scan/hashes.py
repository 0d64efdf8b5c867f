"""XXH3 of short texts, as the library ``xxhash`` gives it, for the inside of compiled loops.

Written from the published algorithm (xxHash, BSD-2-Clause) for the lengths that keys and mapped
values have; tests/test_scan.py compares every length with the library.
"""

from typing import Any

import numpy as np

from metrics_ingest.domain.scan.machine import folded, word_at
from service_kit.compiled import compiled

U = np.uint64
MOST_64 = 128
LEAST_128, MOST_128 = 17, 128

# The first 128 bytes of XXH3's default secret, as little-endian words.
_SECRET = np.array(
    [
        0xBE4BA423396CFEB8, 0x1CAD21F72C81017C, 0xDB979083E96DD4DE, 0x1F67B3B7A4A44072,
        0x78E5C0CC4EE679CB, 0x2172FFCC7DD05A82, 0x8E2443F7744608B8, 0x4C263A81E69035E0,
        0xCB00C391BB52283C, 0xA32E531B8B65D088, 0x4EF90DA297486471, 0xD8ACDEA946EF1938,
        0x3F349CE33F76FAA8, 0x1D4F0BC7C7BBDCF9, 0x3159B4CD4BE0518A, 0x647378D9C97E9FC8,
        0xC3EBD33483ACC5EA, 0xEB6313FAFFA081C5,
    ],
    np.uint64,
)  # fmt: skip
_P64_1 = U(0x9E3779B185EBCA87)
_P64_2 = U(0xC2B2AE3D27D4EB4F)
_P64_3 = U(0x165667B19E3779F9)
_P64_4 = U(0x85EBCA77C2B2AE63)
_MIX_1 = U(0x165667919E3779F9)
_MIX_2 = U(0x9FB21C651E98DF25)
_LOW = U(0xFFFFFFFF)


@compiled
def _read4(data: Any, at: int) -> Any:
    # An index without a sign needs no look whether it counts from the end.
    first = U(at)
    low = U(data[first]) | U(data[first + U(1)]) << U(8)
    return low | U(data[first + U(2)]) << U(16) | U(data[first + U(3)]) << U(24)


@compiled
def read8(data: Any, at: int) -> Any:
    """Return eight bytes as a word, the first one lowest."""
    return word_at(data, U(at))


@compiled
def first8(data: Any, start: int, end: int, limit: int) -> Any:
    """Return the first eight bytes of a text as a word, zeros behind it if it is shorter.

    Up to ``limit`` there is something to read.
    """
    if end - start >= 8:
        return read8(data, start)
    if start + 8 <= limit:
        return read8(data, start) & (U(1) << U(8 * (end - start))) - U(1)
    word = U(0)
    for place in range(end - 1, start - 1, -1):
        word = word << U(8) | U(data[U(place)])
    return word


@compiled
def same(data: Any, start: int, other: Any, first: int, size: int) -> Any:
    """Whether two texts of one size are the same."""
    if size < 8:
        for place in range(size):
            if data[U(start + place)] != other[U(first + place)]:
                return False
        return True
    for place in range(0, size - 8, 8):
        if read8(data, start + place) != read8(other, first + place):
            return False
    return read8(data, start + size - 8) == read8(other, first + size - 8)


@compiled
def _swap8(x: Any) -> Any:
    x = (x & U(0x00FF00FF00FF00FF)) << U(8) | (x >> U(8)) & U(0x00FF00FF00FF00FF)
    x = (x & U(0x0000FFFF0000FFFF)) << U(16) | (x >> U(16)) & U(0x0000FFFF0000FFFF)
    return x << U(32) | x >> U(32)


@compiled
def _rotate(x: Any, by: int) -> Any:
    return x << U(by) | x >> U(64 - by)


@compiled
def _avalanche(h: Any) -> Any:
    h = (h ^ h >> U(37)) * _MIX_1
    return h ^ h >> U(32)


@compiled
def _avalanche_old(h: Any) -> Any:
    h = (h ^ h >> U(33)) * _P64_2
    h = (h ^ h >> U(29)) * _P64_3
    return h ^ h >> U(32)


@compiled
def _mix16(data: Any, at: int, word: int) -> Any:
    return folded(read8(data, at) ^ _SECRET[word], read8(data, at + 8) ^ _SECRET[word + 1])


@compiled
def hash64(data: Any, start: int, end: int) -> Any:
    """Return the 64-bit hash of at most MOST_64 bytes."""
    size = end - start
    if size > 16:
        return _hash64_long(data, start, size)
    if size > 8:
        low = read8(data, start) ^ _SECRET[3] ^ _SECRET[4]
        high = read8(data, end - 8) ^ _SECRET[5] ^ _SECRET[6]
        return _avalanche(U(size) + _swap8(low) + high + folded(low, high))
    if size > 3:
        h = (_read4(data, end - 4) + (_read4(data, start) << U(32))) ^ _SECRET[1] ^ _SECRET[2]
        h = (h ^ _rotate(h, 49) ^ _rotate(h, 24)) * _MIX_2
        h = (h ^ (h >> U(35)) + U(size)) * _MIX_2
        return h ^ h >> U(28)
    if size > 0:
        h = U(data[start]) << U(16) | U(data[start + (size >> 1)]) << U(24)
        h |= U(data[end - 1]) | U(size) << U(8)
        return _avalanche_old(h ^ (_SECRET[0] ^ _SECRET[0] >> U(32)) & _LOW)
    return _avalanche_old(_SECRET[7] ^ _SECRET[8])


@compiled
def _hash64_long(data: Any, start: int, size: int) -> Any:
    end = start + size
    total = U(size) * _P64_1
    for step in range((size - 1) // 32, -1, -1):
        total += _mix16(data, start + 16 * step, 4 * step)
        total += _mix16(data, end - 16 * (step + 1), 4 * step + 2)
    return _avalanche(total)


@compiled
def hash128(data: Any, start: int, end: int) -> Any:
    """Return the 128-bit hash of LEAST_128 to MOST_128 bytes: its bytes as two words."""
    size = end - start
    low, high = U(size) * _P64_1, U(0)
    for step in range((size - 1) // 32, -1, -1):
        first, last = start + 16 * step, end - 16 * (step + 1)
        low += _mix16(data, first, 4 * step)
        low ^= read8(data, last) + read8(data, last + 8)
        high += _mix16(data, last, 4 * step + 2)
        high ^= read8(data, first) + read8(data, first + 8)
    total = low * _P64_1 + high * _P64_4 + U(size) * _P64_2
    # A digest is written from its highest byte on.
    return _swap8(U(0) - _avalanche(total)), _swap8(_avalanche(low + high))


@compiled
def keyed64(data: Any, start: int, end: int, seed: Any, other: Any) -> Any:
    """Return two hashes that nobody can foresee who does not know the seeds; of any length."""
    size = U(end - start) * _P64_1
    first, second = seed ^ size, other ^ size
    while start < end:
        word = U(0)
        if start + 8 <= end:
            word = read8(data, start)
        else:
            for place in range(start, end):
                word = word << U(8) | U(data[place])
        first = folded(first ^ word, seed | U(1)) + _P64_2
        second = folded(second ^ word, other | U(1)) + _P64_2
        start += 8
    return _avalanche(first), _avalanche(second)
