"""What waits while a load runs: each kind held against its own trend and its own rate."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt
from statistics import median

KINDS = {
    "events": "metrics-ingest:raw",
    "fact records": "goal-service:facts",
    "fact records for rules": "incentives:facts",
    "progress records": "alerting:progress",
}
"""The group and topic of each kind of waiting."""
TOLERATED_SECONDS = 1.0
"""A second of a kind's own arrivals: what is flushed once a second comes and goes by that much."""
FEWEST_LOOKS = 6
"""In the second half: below that the noise of one look decides."""
SURE = 1.645
"""Of a normal deviate: what only comes and goes rises so clearly once in twenty times."""
SAID = {True: "GROWS", False: "does not grow", None: "too few looks to tell"}


@dataclass(frozen=True, slots=True)
class Look:
    """At one time, in seconds: how many records wait, and where their logs end, summed."""

    at: float
    waiting: int
    end: int


@dataclass(frozen=True, slots=True)
class Trend:
    """Where the waiting began and ended; what rises and arrives a second is of the second half.

    ``grows`` is None where too few looks were taken to tell.
    """

    first: int
    last: int
    most: int
    rises_per_second: float
    arrive_per_second: float
    grows: bool | None

    def __str__(self) -> str:
        return (
            f"{self.first:,} to {self.last:,} (most {self.most:,}), "
            f"{self.rises_per_second:+,.1f} a second where {self.arrive_per_second:,.1f} arrive: "
            f"{SAID[self.grows]}"
        )


def trend(looks: Sequence[Look]) -> Trend:
    """Say how the waiting of one kind went.

    It grows if over the second half of the time it rose, by the median of the slopes between any
    two looks (Theil and Sen: a few wild looks do not move it), by more than a second of what
    arrived, and if that is no accident of what comes and goes (Mann and Kendall). So a queue that
    fills once and then stands still does not grow; one that takes in 3.4 % more than it lets out
    for a minute does.
    """
    half = looks[len(looks) // 2 :]
    counts = [look.waiting for look in looks]
    seconds = half[-1].at - half[0].at
    if seconds <= 0:
        return Trend(counts[0], counts[-1], max(counts), 0.0, 0.0, None)
    rises = median((b.waiting - a.waiting) / (b.at - a.at) for a, b in combinations(half, 2))
    arrive = (half[-1].end - half[0].end) / seconds
    enough = len(half) >= FEWEST_LOOKS
    much = rises * seconds > TOLERATED_SECONDS * arrive
    grows = much and _clearly([look.waiting for look in half]) if enough else None
    return Trend(counts[0], counts[-1], max(counts), round(rises, 1), round(arrive, 1), grows)


def _clearly(counts: Sequence[int]) -> bool:
    """Whether counts rise by the one-sided test of Mann (1945) and Kendall.

    Of all pairs the later one is larger more often than chance explains. Ties are left in the
    variance, which makes the test a little slower to say so.
    """
    more = sum((b > a) - (b < a) for a, b in combinations(counts, 2))
    n = len(counts)
    return (more - 1) / sqrt(n * (n - 1) * (2 * n + 5) / 18) > SURE


def verdict(trends: Sequence[Trend]) -> bool | None:
    """Whether anything grows; None where nothing is seen to, but something cannot be told."""
    found = {each.grows for each in trends}
    return True if True in found else None if None in found else False
