"""When a source is so bad that its records are no longer tried."""

from typing import NamedTuple

BLOCK = 1000


class Record(NamedTuple):
    """How many of a source's records since the last verdict were good and bad."""

    good: int = 0
    bad: int = 0

    def plus(self, good: int, bad: int) -> "Record":
        """Return the record with more outcomes."""
        return Record(self.good + good, self.bad + bad)

    @property
    def ripe(self) -> bool:
        """Whether there are enough outcomes for a verdict: a thousand or more."""
        return self.good + self.bad >= BLOCK

    @property
    def mostly_bad(self) -> bool:
        """Whether more than half of a thousand records or more were bad."""
        return self.ripe and self.bad > self.good


NOTHING = Record()
