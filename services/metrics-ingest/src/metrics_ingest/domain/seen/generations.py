"""A generation: many seen ids in one array, found through one table of places.

An id is 16 bytes of a good hash, taken as two 64-bit words; its entry is these and the word of its
stamp. Entries stand in the order of their arrival; ``slots`` is a hash table of their places
(scan.ids). Both are plain arrays, so that a generation on disk is the same thing mapped
(adapters.older_ids): a Python dict takes 230 bytes an id, this about 31.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from metrics_ingest.domain.scan.ids import MOST_SLOTS, find_ids, first_rows, place_ids

Words = NDArray[np.uint64]
Mask = NDArray[np.bool_]

ENTRY_WORDS = 3
_FULL = 0.6  # of the slots: beyond it chains grow long
_SOON = 0.75  # of what is full
_LEAST_SLOTS = 1024
_LARGE_SLOTS = 2**18
MOST_IDS = int(MOST_SLOTS * _FULL)


class Generation:
    """Ids by arrival. ``floor`` is the place of the first one that still counts."""

    def __init__(self, entries: Words, slots: NDArray[np.uint32], filled: int = 0) -> None:
        self.entries = entries
        self.slots = slots
        self.filled = filled
        self.floor = 0
        self.ends: list[tuple[int, int]] = []

    @classmethod
    def empty(cls) -> "Generation":
        """Return a small one; it grows."""
        return cls(_entries(_LEAST_SLOTS), np.zeros(_LEAST_SLOTS, np.uint32))

    def __len__(self) -> int:
        return self.filled - self.floor

    def find(self, ids: Words) -> tuple[NDArray[np.bool_], Words]:
        """Return for each id, (n, 2) words, whether it is here, and its stamp as it was given."""
        here, stamps = np.zeros(len(ids), np.bool_), np.zeros(len(ids), np.uint64)
        find_ids(ids, np.arange(len(ids)), self.entries, self.slots, self.floor, here, stamps)
        return here, stamps

    def add(self, at_ms: int, entries: Words) -> None:
        """Take entries, (n, 3) words, of ids that are not here."""
        end = self.filled + len(entries)
        if end > len(self.slots) * _FULL:
            self._grow(end)
        self.entries[self.filled : end] = entries
        place_ids(self.entries, self.filled, end, self.slots)
        self.filled = end
        self.ends.append((at_ms, end))

    def make_room(self) -> None:
        """Let the table grow now if that is due soon: between two slices it makes them wait."""
        most = len(self.slots) * _FULL
        if most * _SOON < self.filled and len(self.slots) < MOST_SLOTS:
            self._grow(int(most) + 1)

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
        if ids > len(self.entries):
            old, self.entries = self.entries, _entries(size)
            self.entries[: self.filled] = old[: self.filled]
        self.slots = np.zeros(size, np.uint32)
        place_ids(self.entries, 0, self.filled, self.slots)


def first_of(ids: Words) -> NDArray[np.int64]:
    """Return for each id the row where it stands first."""
    first = np.empty(len(ids), np.int64)
    slots = np.full(1 << max(4, (2 * len(ids)).bit_length()), -1, np.int64)
    first_rows(ids, slots, first)
    return first


def _entries(slots: int) -> Words:
    """Return room for the ids of a table; of a large one, for all that may ever come.

    What is not written yet costs no memory, and what is written need not be copied when the table
    grows: two and a half million ids took 0.2 s, most of it the kernel's for fresh memory.
    """
    ids = MOST_IDS if slots >= _LARGE_SLOTS else int(slots * _FULL)
    return np.empty((ids, ENTRY_WORDS), np.uint64)
