"""Seen ids beyond what memory may hold, in files that nobody else sees.

A generation is written as it stands in memory and mapped again (domain.seen.generations).
Generations stand on shelves, each with one filter in memory for all of its own: it tells of nearly
every new id that it is in none of the files, so that it costs no reading. With a filter for each
generation a new id would ask a dozen of them where the window holds a hundred million. All of it is
a cache: the truth is the collection ``seen``, from which a partition is loaded again.
"""

import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from metrics_ingest.domain.seen.filters import Filter
from metrics_ingest.domain.seen.generations import ENTRY_WORDS, Generation, Mask, Words
from metrics_ingest.domain.seen.window import find_in

_GENERATIONS = 8
"""For so many generations, of the size of the first one, a shelf's filter has room."""


class _Shelf:
    """Generations that share a filter. Of what is pruned its bits stay until the shelf goes."""

    def __init__(self, first: Generation) -> None:
        self.filter = Filter(_GENERATIONS * first.filled)
        self.generations: list[Generation] = []

    def take(self, full: Generation) -> bool:
        """Take a generation over from memory, if there is room."""
        if self.filter.left < full.filled:
            return False
        self.filter.add(full.entries[: full.filled])
        self.generations.append(_on_disk(full))
        return True


class FileOlderIds:
    """The older ids of one partition (ports.folds.OlderIds)."""

    def __init__(self) -> None:
        self._shelves: list[_Shelf] = []

    def __len__(self) -> int:
        return sum(len(each) for shelf in self._shelves for each in shelf.generations)

    def find(self, ids: Words) -> tuple[Mask, Words]:
        """Return for each id whether it is known, and its stamp."""
        here, stamps = np.zeros(len(ids), np.bool_), np.zeros(len(ids), np.uint64)
        for shelf in self._shelves:
            rows = shelf.filter.may_have(ids)
            found, words = find_in(shelf.generations, ids[rows])
            here[rows[found]] = True
            stamps[rows[found]] = words[found]
        return here, stamps

    def add(self, generations: Sequence[Generation]) -> None:
        """Take generations over from memory, in the order of their age."""
        for each in generations:
            if not (self._shelves and self._shelves[-1].take(each)):
                self._shelves.append(_Shelf(each))
                self._shelves[-1].take(each)

    def prune(self, before_ms: int) -> None:
        """Drop what arrived before."""
        for shelf in self._shelves:
            for each in shelf.generations:
                each.prune(before_ms)
            shelf.generations = [each for each in shelf.generations if len(each)]
        self._shelves = [shelf for shelf in self._shelves if shelf.generations]

    def close(self) -> None:
        """Drop everything."""
        self._shelves.clear()


def _on_disk(full: Generation) -> Generation:
    entries = _mapped(full.entries[: full.filled]).reshape(-1, ENTRY_WORDS)
    mapped = Generation(entries, _mapped(full.slots), full.filled)
    mapped.floor, mapped.ends = full.floor, full.ends
    return mapped


def _mapped(array: Any) -> Any:
    """Return the array in a file that ends with the last use of it."""
    with tempfile.TemporaryFile() as file:
        array.tofile(file)
        file.flush()
        # Private and writable, for compiled loops are made anew for what cannot be written to.
        return np.asarray(np.memmap(file, array.dtype, "c"))
