"""Tenants whose own topics stand still: their completeness waits, nobody else's (decision 0040)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from service_kit.marks import Mark
from service_kit.records import Partition

_FOREIGN = "foreign:"  # what stands before the names of the organisation's own topics
Ends = Mapping[Partition, int]


@dataclass(frozen=True, slots=True)
class Feed:
    """What feeds a tenant: its foreign partitions, and topics that were read and are not seen.

    ``logs`` has the ids of those that are seen: a topic that was made anew is another log.
    """

    partitions: frozenset[Partition] = frozenset()
    unseen: frozenset[str] = frozenset()
    logs: Mapping[str, str] = field(default_factory=dict)

    def plus(
        self, partitions: Collection[Partition], unseen: Collection[str], logs: Mapping[str, str]
    ) -> "Feed":
        """Return it with those of one more topic."""
        return Feed(
            self.partitions | set(partitions), self.unseen | set(unseen), {**self.logs, **logs}
        )

    def made_anew(self, logs: Mapping[str, str]) -> bool:
        """Whether a topic is another log than it was: ends in the old one are never reached."""
        return any(logs.get(topic, log) != log for topic, log in self.logs.items())

    def left(self, ends: Ends) -> dict[Partition, int]:
        """Return those ends that are still waited for: all but of topics that were taken away.

        What is only out of sight has reached nothing by that.
        """
        return {p: end for p, end in ends.items() if p in self.partitions or self._hides(p)}

    def _hides(self, partition: Partition) -> bool:
        return partition.topic.removeprefix(_FOREIGN) in self.unseen


@dataclass(slots=True)
class Held:
    """A tenant that waits since ``since_ms``: all of it before ``good_ms`` stands in the raw log.

    ``good_ms`` -1: not known, what was told before holds. Once ``ends`` are re-keyed it is
    ``asked_ms``; None: the broker has not told the ends. ``logs`` are the ids of their topics,
    ``late`` those topics that are waited for, ``unseen`` those of them that the broker does not
    show us.
    """

    since_ms: int
    good_ms: int = -1
    asked_ms: int = -1
    ends: Ends | None = None
    logs: Mapping[str, str] = field(default_factory=dict)
    late: frozenset[str] = frozenset()
    unseen: frozenset[str] = frozenset()


class Holding:
    """The held tenants. Memory only: after a restart they are found again before anything is told.

    Nothing said here is needed to be safe: a mark promises nothing of who is held, and who reads
    it keeps the tenant's earlier mark.
    """

    def __init__(self) -> None:
        self.held: dict[str, Held] = {}

    def keep(self, feeds: Mapping[str, Feed]) -> None:
        """Forget tenants without a topic; a topic that was taken away is waited for no more.

        Of one that was made anew the ends have to be asked for anew.
        """
        for tenant in self.held.keys() - feeds.keys():
            del self.held[tenant]
        for tenant, held in self.held.items():
            if held.ends is not None:
                feed = feeds[tenant]
                held.ends = None if feed.made_anew(held.logs) else feed.left(held.ends)

    @property
    def ends(self) -> Ends:
        """All ends that held tenants have still to reach."""
        every = [held.ends for held in self.held.values() if held.ends is not None]
        return {partition: end for ends in every for partition, end in ends.items()}

    @property
    def unasked(self) -> list[str]:
        """The tenants of whose topics the ends are not known."""
        return [tenant for tenant, held in self.held.items() if held.ends is None]

    def caught_up(self, reached: Collection[Partition]) -> set[str]:
        """Note who has reached all its ends; return them: they may ask for the next.

        Who got its ends after the positions were looked at is not among them.
        """
        there = set()
        for tenant, held in self.held.items():
            if held.ends is not None and all(each in reached for each in held.ends):
                held.good_ms, held.ends = held.asked_ms, None
                there.add(tenant)
        return there

    def hold(self, tenant: str, at_ms: int, ends: Ends | None, feed: Feed) -> None:
        """Hold a tenant, or hold it on: complete to ``at_ms`` once ``ends`` are reached."""
        held = self.held.setdefault(tenant, Held(at_ms))
        held.asked_ms, held.ends, held.logs = at_ms, ends, feed.logs

    def note(self, behind: Collection[Partition], feeds: Mapping[str, Feed]) -> None:
        """Note which topics are waited for, for those who ask."""
        for tenant, held in self.held.items():
            its = feeds[tenant].partitions if held.ends is None else held.ends.keys() & set(behind)
            held.unseen = feeds[tenant].unseen
            held.late = frozenset(p.topic.removeprefix(_FOREIGN) for p in its) | held.unseen

    def release(self, tenant: str) -> None:
        """Hold a tenant no longer."""
        self.held.pop(tenant, None)

    def mark(self, at_ms: int) -> Mark:
        """Return what is true at an instant through whose ends all others are re-keyed."""
        late = {t: held.good_ms for t, held in sorted(self.held.items()) if held.good_ms < at_ms}
        return Mark(at_ms, late)
