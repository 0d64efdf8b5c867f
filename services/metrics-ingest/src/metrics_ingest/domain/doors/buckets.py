"""Token buckets: how much a sender may bring, and when it may come again."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """So much a second on average; after a pause the amount of ``burst`` seconds at once.

    ``per_second`` 0 is no limit.
    """

    per_second: float
    burst_seconds: float = 5.0

    @property
    def most(self) -> float:
        """How much a full bucket holds."""
        return self.per_second * self.burst_seconds


class Bucket:
    """One sender's bucket. What is taken may go below nothing; then it has to fill up again.

    So a batch that is larger than a bucket can be sent, and is paid for afterwards. Times are
    seconds of any steady clock.
    """

    __slots__ = ("_left", "_rate", "_since")

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._left = rate.most
        self._since = now

    def wait(self, now: float) -> float:
        """Return for how many seconds nothing may be taken; 0 when something may."""
        if not self._rate.per_second:
            return 0.0
        self._fill(now)
        return 0.0 if self._left > 0 else (1 - self._left) / self._rate.per_second

    def take(self, amount: float, now: float) -> None:
        """Take an amount."""
        self._fill(now)
        self._left -= amount

    def full_at(self) -> float:
        """Return when the bucket is full again, if nothing else is taken."""
        if not self._rate.per_second:
            return self._since
        return self._since + (self._rate.most - self._left) / self._rate.per_second

    def _fill(self, now: float) -> None:
        gained = (now - self._since) * self._rate.per_second
        self._left = min(self._rate.most, self._left + gained)
        self._since = now


def whole_seconds(wait: float) -> int:
    """Return what a Retry-After says: whole seconds, at least one."""
    return max(1, math.ceil(wait))
