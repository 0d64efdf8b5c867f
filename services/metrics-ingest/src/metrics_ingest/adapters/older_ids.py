"""Seen ids beyond what memory may hold, in files that nobody else sees.

A generation is written as it stands in memory and mapped again (domain.generations); a filter in
memory tells of nearly every new id that it is in none of the files, so that it costs no reading.
All of it is a cache: the truth is the collection ``seen``, from which a partition is loaded again.
"""

import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from metrics_ingest.domain.generations import ENTRY_WORDS, Filter, Generation, Mask, Words
from metrics_ingest.domain.window import find_in


class FileOlderIds:
    """The older ids of one partition (ports.OlderIds)."""

    def __init__(self) -> None:
        self._generations: list[Generation] = []

    def __len__(self) -> int:
        return sum(map(len, self._generations))

    def find(self, ids: Words) -> tuple[Mask, Words]:
        """Return for each id whether it is known, and its stamp."""
        return find_in(self._generations, ids)

    def add(self, generations: Sequence[Generation]) -> None:
        """Take generations over from memory, in the order of their age."""
        self._generations += [_on_disk(each) for each in generations]

    def prune(self, before_ms: int) -> None:
        """Drop what arrived before."""
        for each in self._generations:
            each.prune(before_ms)
        self._generations = [each for each in self._generations if len(each)]

    def close(self) -> None:
        """Drop everything."""
        self._generations.clear()


def _on_disk(full: Generation) -> Generation:
    entries = _mapped(full.entries[: full.filled]).reshape(-1, ENTRY_WORDS)
    mapped = Generation(entries, _mapped(full.slots), full.filled)
    mapped.floor, mapped.ends = full.floor, full.ends
    mapped.filter = Filter(full.entries[: full.filled])
    return mapped


def _mapped(array: Any) -> Any:
    """Return the array in a file that ends with the last use of it."""
    with tempfile.TemporaryFile() as file:
        array.tofile(file)
        file.flush()
        # Private and writable, for compiled loops are made anew for what cannot be written to.
        return np.asarray(np.memmap(file, array.dtype, "c"))
