"""What stands before ids that are slow to look up: it tells of nearly every new one that it is new.

A Bloom filter: five bits of one word for each id, two bytes an id. Of ids that are not in a full
one about three in a thousand pass.
"""

import numpy as np
from numpy.typing import NDArray

from metrics_ingest.domain.scan.ids import passing, put
from metrics_ingest.domain.seen.generations import Words

IDS_A_WORD = 4


class Filter:
    """A filter with room for so many ids."""

    def __init__(self, room: int) -> None:
        self.left = room
        self._words = np.zeros(max(1, room // IDS_A_WORD), np.uint64)

    def add(self, ids: Words) -> None:
        """Let these ids, rows of at least two words, pass from now on."""
        self.left -= len(ids)
        put(ids, self._words)

    def may_have(self, ids: Words) -> NDArray[np.int64]:
        """Return the rows of the ids that pass."""
        rows = np.empty(len(ids), np.int64)
        count: int = passing(ids, self._words, rows)
        return rows[:count]
