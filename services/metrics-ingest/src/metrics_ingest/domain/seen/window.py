"""The ids that have been seen: what makes a re-sent event count once.

An entry is 24 bytes: 16 of hash16(tenant, source, id) and 8 of the content's stamp. A committed
slice leaves a block of entries; blocks fill generations. A block stops to count when it is older
than the window; a generation leaves memory when that is full, to where older ids are looked up.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrics_ingest.domain.seen.generations import ENTRY_WORDS, MOST_IDS, Generation, Words

KEY = 16
ENTRY = 24
# An entry, the slots of its table and what growing leaves: measured with 10 million ids, 45.
BYTES_PER_ID = 46
_PARTS = 4
_BIG = np.dtype(">u8")
_NATIVE = np.dtype("=u8")

Stamps = Words


@dataclass(frozen=True, slots=True)
class Block:
    """The ids of one slice, ENTRY bytes each, and when it arrived (epoch milliseconds)."""

    at_ms: int
    entries: bytes

    def __len__(self) -> int:
        return len(self.entries) // ENTRY

    def having(self, keys: Collection[bytes]) -> set[bytes]:
        """Return which of a few keys are in the block."""
        ids = np.frombuffer(self.entries, _NATIVE).reshape(-1, ENTRY_WORDS)[:, :2].copy()
        wanted = Generation.empty()
        wanted.add(self.at_ms, np.pad(words_of(list(keys)), ((0, 0), (0, 1))))
        rows = np.flatnonzero(wanted.find(ids)[0])
        found = (self.entries[row * ENTRY : row * ENTRY + KEY] for row in rows.tolist())
        return set(found)

    def items(self) -> Iterator[tuple[bytes, int]]:
        """Yield each key with its stamp."""
        data = self.entries
        for start in range(0, len(data), ENTRY):
            middle = start + KEY
            yield data[start:middle], int.from_bytes(data[middle : start + ENTRY], "big")


def pack(entries: Iterable[tuple[bytes, int]]) -> bytes:
    """Write keys and stamps as a block's bytes."""
    return b"".join(key + stamp.to_bytes(8, "big") for key, stamp in entries)


def pack_words(ids: Words, stamps: Stamps) -> bytes:
    """Write ids, (n, 2) words, and their stamps as a block's bytes."""
    entries = np.empty((len(ids), ENTRY_WORDS), _NATIVE)
    entries[:, :2] = ids
    entries[:, 2] = stamps.astype(_BIG).view(_NATIVE)
    return entries.tobytes()


def words_of(keys: Sequence[bytes]) -> Words:
    """Return keys of 16 bytes as (n, 2) words."""
    return np.frombuffer(b"".join(keys), _NATIVE).reshape(-1, 2)


def find_in(generations: Sequence[Generation], ids: Words) -> tuple[NDArray[np.bool_], Stamps]:
    """Return for each id whether one of the generations has it, and its stamp."""
    here = np.zeros(len(ids), np.bool_)
    stamps = np.zeros(len(ids), _NATIVE)
    left = np.arange(len(ids))
    for generation in reversed(generations):
        found, words = generation.find(ids[left])
        rows = left[found]
        here[rows] = True
        stamps[rows] = words[found].view(_BIG)
        left = left[~found]
    return here, stamps


class Window:
    """The seen ids of one partition that are held in memory."""

    def __init__(self) -> None:
        self._generations: list[Generation] = []
        self._most = MOST_IDS

    def __len__(self) -> int:
        return sum(map(len, self._generations))

    def get(self, key: bytes) -> int | None:
        """Return the stamp of a seen id, None for one that has not been seen."""
        here, stamps = self.find(words_of([key]))
        return int(stamps[0]) if here[0] else None

    def find(self, ids: Words) -> tuple[NDArray[np.bool_], Stamps]:
        """Return for each id, (n, 2) words, whether it was seen, and its stamp."""
        return find_in(self._generations, ids)

    def add(self, block: Block) -> None:
        """Take the ids of a committed slice. Blocks come in the order of their arrival."""
        entries = np.frombuffer(block.entries, _NATIVE).reshape(-1, ENTRY_WORDS)
        for start in range(0, len(entries), MOST_IDS):
            self._add(block.at_ms, entries[start : start + MOST_IDS])

    def _add(self, at_ms: int, entries: Words) -> None:
        there = self._generations
        if not there or (there[-1].filled and there[-1].filled + len(entries) > self._most):
            there.append(Generation.empty())
        there[-1].add(at_ms, entries)

    def make_room(self) -> None:
        """Let the newest generation grow now if that is due soon: when a partition is loaded."""
        if self._generations:
            self._generations[-1].make_room()

    def prune(self, before_ms: int) -> int:
        """Drop what arrived before ``before_ms``; return how many ids that were."""
        dropped = sum(each.prune(before_ms) for each in self._generations)
        self._generations = [each for each in self._generations if len(each)]
        return dropped

    def shrink(self, limit: int) -> list[Generation]:
        """Drop the oldest generations until ``limit`` ids are left; return them, oldest first."""
        self._most = max(1, min(MOST_IDS, limit // _PARTS))
        gone = []
        left = len(self)
        while left > limit:
            gone.append(self._generations.pop(0))
            left -= len(gone[-1])
        return gone
