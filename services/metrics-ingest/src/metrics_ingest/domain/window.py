"""The ids that have been seen: what makes a re-sent event count once.

An entry is 24 bytes: 16 of hash16(tenant, source, id) and 8 of the content's stamp. Entries are
kept in blocks as they arrived, one block per committed slice; a block leaves when it is older than
the window, or when memory is full (then it moves to where older ids are looked up).
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

KEY = 16
ENTRY = 24
# A dict entry with its key and value objects, and the block's 24 bytes: measured, CPython 3.11.
BYTES_PER_ID = 230


@dataclass(frozen=True, slots=True)
class Block:
    """The ids of one slice, ENTRY bytes each, and when it arrived (epoch milliseconds)."""

    at_ms: int
    entries: bytes

    def __len__(self) -> int:
        return len(self.entries) // ENTRY

    def items(self) -> Iterator[tuple[bytes, int]]:
        """Yield each key with its stamp."""
        data = self.entries
        for start in range(0, len(data), ENTRY):
            middle = start + KEY
            yield data[start:middle], int.from_bytes(data[middle : start + ENTRY], "big")


def pack(entries: Iterable[tuple[bytes, int]]) -> bytes:
    """Write keys and stamps as a block's bytes."""
    return b"".join(key + stamp.to_bytes(8, "big") for key, stamp in entries)


class Window:
    """The seen ids of one partition that are held in memory."""

    def __init__(self) -> None:
        self._stamps: dict[bytes, int] = {}
        self._blocks: deque[Block] = deque()

    def __len__(self) -> int:
        return len(self._stamps)

    @property
    def oldest_ms(self) -> int | None:
        """When the oldest block arrived; None when there is none."""
        return self._blocks[0].at_ms if self._blocks else None

    def get(self, key: bytes) -> int | None:
        """Return the stamp of a seen id, None for one that has not been seen."""
        return self._stamps.get(key)

    def add(self, block: Block) -> None:
        """Take the ids of a committed slice. Blocks come in the order of their arrival."""
        if block.entries:
            self._blocks.append(block)
            self._stamps.update(block.items())

    def prune(self, before_ms: int) -> int:
        """Drop what arrived before ``before_ms``; return how many ids that were."""
        dropped = 0
        while self._blocks and self._blocks[0].at_ms < before_ms:
            dropped += len(self._drop())
        return dropped

    def shrink(self, limit: int) -> list[Block]:
        """Drop the oldest blocks until ``limit`` ids are left; return them, oldest first."""
        gone = []
        while self._blocks and len(self._stamps) > limit:
            gone.append(self._drop())
        return gone

    def _drop(self) -> Block:
        block = self._blocks.popleft()
        for key, _ in block.items():
            self._stamps.pop(key, None)
        return block
