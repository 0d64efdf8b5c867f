"""Seen ids beyond what memory may hold, in a file of SQLite that ends with the process.

It is a cache: the truth is the collection ``seen``, from which a partition is loaded again.
"""

import sqlite3
from collections.abc import Sequence

from metrics_ingest.domain.window import Block

_AT_ONCE = 500


class SqliteOlderIds:
    """The older ids of one partition (ports.OlderIds)."""

    def __init__(self) -> None:
        # An empty name is a temporary file that SQLite deletes when it is closed.
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute(
            "CREATE TABLE seen (key BLOB PRIMARY KEY, stamp BLOB, at_ms INTEGER) WITHOUT ROWID"
        )
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def find(self, keys: Sequence[bytes]) -> dict[bytes, int]:
        """Return the stamps of those keys that are known."""
        found: dict[bytes, int] = {}
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            rows = self._db.execute(f"SELECT key, stamp FROM seen WHERE key IN ({marks})", some)
            found |= {key: int.from_bytes(stamp, "big") for key, stamp in rows}
        return found

    def add(self, blocks: Sequence[Block]) -> None:
        """Take blocks over from memory."""
        self._db.execute("BEGIN")
        for block in blocks:
            self._db.executemany(
                "INSERT OR REPLACE INTO seen VALUES (?, ?, ?)",
                ((key, stamp.to_bytes(8, "big"), block.at_ms) for key, stamp in block.items()),
            )
        self._db.execute("COMMIT")
        self._recount()

    def prune(self, before_ms: int) -> None:
        """Drop what arrived before."""
        if self._count:
            self._db.execute("DELETE FROM seen WHERE at_ms < ?", (before_ms,))
            self._recount()

    def close(self) -> None:
        """Drop everything."""
        self._db.close()

    def _recount(self) -> None:
        (self._count,) = self._db.execute("SELECT count(*) FROM seen").fetchone()
