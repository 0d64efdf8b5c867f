"""The loop over keys: whose record it is, and the id of the event."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from metrics_ingest.domain.scan.hashes import LEAST_128, MOST_64, MOST_128, hash64, hash128
from service_kit.compiled import compiled
from service_kit.records import Texts

NOBODY = -1
_BAR = ord("|")


class Prefixes:
    """A table of the texts that stand before the last bar of a key: tenant and source."""

    def __init__(self, prefixes: Sequence[bytes]) -> None:
        self._texts = Texts.of(prefixes)
        size = 1 << max(4, (4 * len(prefixes)).bit_length())
        self._slots = np.full(size, NOBODY, np.int64)
        _fill(self._texts.bytes, self._texts.ends, self._slots)

    def read(self, keys: Texts) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """Return for each key which prefix it has, or NOBODY, and its 128-bit hash, two words."""
        owners = np.empty(len(keys), np.int64)
        ids = np.zeros((len(keys), 2), np.uint64)
        hashed = np.empty(len(keys), np.bool_)
        texts = self._texts
        _read(keys.bytes, keys.ends, texts.bytes, texts.ends, self._slots, owners, ids, hashed)
        for row in np.flatnonzero(~hashed).tolist():
            ids[row] = np.frombuffer(xxhash.xxh3_128_digest(keys[row]), np.uint64)
        return owners, ids


@compiled
def _read(
    data: Any,
    ends: Any,
    texts: Any,
    text_ends: Any,
    slots: Any,
    owners: Any,
    ids: Any,
    hashed: Any,
) -> None:
    start = 0
    for row in range(len(ends)):
        end = ends[row]
        bar = end - 1
        while bar >= start and data[bar] != _BAR:
            bar -= 1
        owners[row] = _owner(data, start, bar, texts, text_ends, slots) if bar > start else NOBODY
        hashed[row] = LEAST_128 <= end - start <= MOST_128
        if hashed[row]:
            ids[row, 0], ids[row, 1] = hash128(data, start, end)
        start = end


@compiled
def _owner(data: Any, start: int, end: int, texts: Any, text_ends: Any, slots: Any) -> Any:
    slot = _first_slot(data, start, end, len(slots))
    while slots[slot] != NOBODY:
        first = text_ends[slots[slot] - 1] if slots[slot] else 0
        size = text_ends[slots[slot]] - first
        if size == end - start:
            place = 0
            while place < size and texts[first + place] == data[start + place]:
                place += 1
            if place == size:
                return slots[slot]
        slot = (slot + 1) % len(slots)
    return NOBODY


@compiled
def _first_slot(data: Any, start: int, end: int, slots: int) -> Any:
    """Return where the search begins; of long ones the beginning has to do."""
    return np.int64(hash64(data, start, min(end, start + MOST_64)) % np.uint64(slots))


@compiled
def _fill(texts: Any, ends: Any, slots: Any) -> None:
    start = 0
    for number in range(len(ends)):
        slot = _first_slot(texts, start, ends[number], len(slots))
        while slots[slot] != NOBODY:
            slot = (slot + 1) % len(slots)
        slots[slot] = number
        start = ends[number]
