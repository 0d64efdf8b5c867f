"""A generation: many seen ids in one array, found through one table of places.

An id is 16 bytes of a good hash, taken as two 64-bit words; its entry is these and the word of its
stamp. Entries stand in the order of their arrival; ``slots`` is a hash table with open addressing
whose words are 0 (free) or eight bits of the id and the place of its entry, counted from 1. Both
are plain arrays, so that a generation on disk is the same thing mapped (adapters.older_ids), and
whole batches are looked up at once: a Python dict takes 230 bytes an id, this about 31.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Mask = NDArray[np.bool_]

ENTRY_WORDS = 3
_PLACE_BITS = np.uint32(24)
_PLACE_MASK = np.uint32(2**24 - 1)
_MARK_SHIFT = np.uint64(56)
_FULL = 0.6  # of the slots: beyond it chains grow long
_LEAST_SLOTS = 1024
MOST_SLOTS = 2**24  # a place has 24 bits
MOST_IDS = int(MOST_SLOTS * _FULL)


class Generation:
    """Ids by arrival. ``floor`` is the place of the first one that still counts.

    ``filter`` stands before one whose arrays are slow to read.
    """

    def __init__(self, entries: Words, slots: NDArray[np.uint32], filled: int = 0) -> None:
        self.entries = entries
        self.slots = slots
        self.filled = filled
        self.floor = 0
        self.filter: Filter | None = None
        self.ends: list[tuple[int, int]] = []

    @classmethod
    def empty(cls) -> "Generation":
        """Return a small one; it grows."""
        return cls(*_room(_LEAST_SLOTS))

    def __len__(self) -> int:
        return self.filled - self.floor

    def find(self, ids: Words) -> tuple[NDArray[np.bool_], Words]:
        """Return for each id, (n, 2) words, whether it is here, and its stamp as it was given."""
        places = np.zeros(len(ids), np.int64)
        mask = np.uint64(len(self.slots) - 1)
        slot = ids[:, 1] & mask
        marks = _marks(ids)
        left = np.arange(len(ids)) if self.filter is None else self.filter.may_have(ids)
        while len(left):
            words = self.slots[slot[left]]
            taken = words != 0
            left, words = left[taken], words[taken]
            like = np.flatnonzero(words >> _PLACE_BITS == marks[left])
            found = (words[like] & _PLACE_MASK).astype(np.int64)
            entries = self.entries[found - 1]
            rows = left[like]
            same = (entries[:, 0] == ids[rows, 0]) & (entries[:, 1] == ids[rows, 1])
            same &= found > self.floor
            places[rows[same]] = found[same]
            left = np.delete(left, like[same])
            slot[left] = slot[left] + np.uint64(1) & mask
        here = places > 0
        stamps = np.zeros(len(ids), np.uint64)
        stamps[here] = self.entries[places[here] - 1, 2]
        return here, stamps

    def add(self, at_ms: int, entries: Words) -> None:
        """Take entries, (n, 3) words, of ids that are not here."""
        end = self.filled + len(entries)
        if end > len(self.entries):
            self._grow(end)
        self.entries[self.filled : end] = entries
        self._place(entries, self.filled)
        self.filled = end
        self.ends.append((at_ms, end))

    def prune(self, before_ms: int) -> int:
        """Count no more what arrived before; return how many ids that were."""
        floor = self.floor
        for at_ms, end in self.ends:
            if at_ms < before_ms:
                self.floor = max(self.floor, end)
        return self.floor - floor

    def blocks(self) -> Iterator[tuple[int, Words]]:
        """Yield what still counts by arrival."""
        start = 0
        for at_ms, end in self.ends:
            if start >= self.floor:
                yield at_ms, self.entries[start:end]
            start = end

    def _grow(self, ids: int) -> None:
        size = len(self.slots)
        while size * _FULL < ids:
            size *= 2
        old, filled = self.entries, self.filled
        self.entries, self.slots = _room(size)
        self.entries[:filled] = old[:filled]
        self._place(old[:filled], 0)

    def _place(self, entries: Words, first: int) -> None:
        mask = np.uint64(len(self.slots) - 1)
        words = np.arange(first + 1, first + 1 + len(entries), dtype=np.uint32)
        words |= _marks(entries) << _PLACE_BITS
        slot = entries[:, 1] & mask
        left = np.arange(len(entries))
        while len(left):
            free = left[self.slots[slot[left]] == 0]
            # Of several that want one slot the last gets it; the others see that and go on.
            self.slots[slot[free]] = words[free]
            left = left[self.slots[slot[left]] != words[left]]
            slot[left] = slot[left] + np.uint64(1) & mask


class Filter:
    """A Bloom filter: five bits of one word for each id, two bytes an id.

    Of ids that are not in it about three in a thousand pass.
    """

    def __init__(self, ids: Words) -> None:
        self._words = np.zeros(max(1, len(ids) // 4), np.uint64)
        np.bitwise_or.at(self._words, self._places(ids), _bits(ids))

    def may_have(self, ids: Words) -> NDArray[np.int64]:
        """Return the rows of the ids that pass."""
        bits = _bits(ids)
        return np.flatnonzero(self._words[self._places(ids)] & bits == bits)

    def _places(self, ids: Words) -> Words:
        return ids[:, 0] % np.uint64(len(self._words))


def _bits(ids: Words) -> Words:
    bits = np.zeros(len(ids), np.uint64)
    for shift in range(24, 54, 6):
        bits |= np.uint64(1) << (ids[:, 1] >> np.uint64(shift) & np.uint64(63))
    return bits


def first_of(ids: Words) -> NDArray[np.int64]:
    """Return for each id the row where it stands first."""
    first = np.arange(len(ids))
    size = 1 << max(4, (4 * len(ids)).bit_length())
    mask = np.uint64(size - 1)
    left = first.copy()
    table = np.zeros(size, np.int64)
    for shift in range(0, 64, 8):
        slot = ids[left, 1] >> np.uint64(shift) & mask
        # Of several that want one slot the last written gets it: from behind, the first.
        table[slot[::-1]] = left[::-1]
        holders = table[slot]
        # Copies want the same slot, so each meets its first, or stays with it for the next round.
        others = left != holders
        left, holders = left[others], holders[others]
        same = (ids[left] == ids[holders]).all(axis=1)
        first[left[same]] = holders[same]
        left = left[~same]
        if not len(left):
            return first
    met: dict[bytes, int] = {}
    for row in left.tolist():
        first[row] = met.setdefault(ids[row].tobytes(), row)
    return first


def _room(slots: int) -> tuple[Words, NDArray[np.uint32]]:
    # What is not written yet costs no memory.
    entries = np.empty((int(slots * _FULL), ENTRY_WORDS), np.uint64)
    return entries, np.zeros(slots, np.uint32)


def _marks(ids: NDArray[Any]) -> NDArray[np.uint32]:
    return (ids[:, 0] >> _MARK_SHIFT).astype(np.uint32)
