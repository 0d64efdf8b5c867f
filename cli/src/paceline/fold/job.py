"""The job: how many events of what shape, and the truth that every run is compared with."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

SOURCE = "ads"
DOOR = "topic:ads"
BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
BEGIN_MINUTE = int(BEGIN.timestamp()) // 60
MANY = 2_000_000

Group = tuple[str, str, str, int]
"""Tenant, type, campaign and minute (UTC epoch minutes); the channel follows from the campaign."""


@dataclass(frozen=True, slots=True)
class Job:
    """How much of what. ``group_size`` is about how many events fall into one group.

    Events come in the order of their minutes. ``resent`` and ``malformed`` are shares of them.
    """

    events: int = MANY
    group_size: float = 14.0
    types: int = 20
    campaigns: int = 40
    channels: int = 8
    tenants: int = 3
    partitions: int = 4
    resent: float = 0.01
    malformed: float = 0.001
    seed: int = 6

    @property
    def a_minute(self) -> int:
        """Groups of one minute."""
        return self.types * self.campaigns * self.tenants

    @property
    def minutes(self) -> int:
        """How many minutes the events fill."""
        return max(1, round(self.events / (self.group_size * self.a_minute)))

    @property
    def groups(self) -> int:
        """Different groups there can be."""
        return self.a_minute * self.minutes

    def index(self, minute: int, tenant: int, kind: int, campaign: int) -> int:
        """Return a group's place in the truth; ``minute`` counts from the first one."""
        return ((minute * self.tenants + tenant) * self.types + kind) * self.campaigns + campaign

    def index_of(self, tenant: str, kind: str, campaign: str, minute: int) -> int:
        """Return the place of a group by its names; raises ValueError for one that is none."""
        place = self.index(minute - BEGIN_MINUTE, int(tenant[1:]), int(kind[5:]), int(campaign[1:]))
        if not 0 <= place < self.groups or self.names(place) != (tenant, kind, campaign, minute):
            raise ValueError(f"no such group: {(tenant, kind, campaign, minute)}")
        return place

    def names(self, index: int) -> Group:
        """Return what a group is called."""
        rest, campaign = divmod(index, self.campaigns)
        rest, kind = divmod(rest, self.types)
        minute, tenant = divmod(rest, self.tenants)
        return tenant_name(tenant), type_name(kind), campaign_name(campaign), BEGIN_MINUTE + minute


def tenant_name(number: int) -> str:
    """Return a tenant's name."""
    return f"t{number}"


def type_name(number: int) -> str:
    """Return the name of a type of event; the metric that sums it is called the same."""
    return f"type-{number:02}"


def campaign_name(number: int) -> str:
    """Return a campaign's name."""
    return f"c{number:02}"


def channel_name(campaign: int, channels: int) -> str:
    """Return the name of a campaign's channel."""
    return f"ch{campaign % channels}"


@dataclass(slots=True)
class Truth:
    """What a run has to come to: sums (cents) and counts by group, and how much was dropped."""

    sums: "array[int]"
    counts: "array[int]"
    duplicates: int = 0
    malformed: int = 0
    records: int = 0
    bytes: int = 0
    by_partition: dict[int, int] = field(default_factory=dict)

    @classmethod
    def empty(cls, job: Job) -> "Truth":
        """Return the truth of no events."""
        return cls(array("q", bytes(8 * job.groups)), array("q", bytes(8 * job.groups)))

    @property
    def counted(self) -> int:
        """Events that count."""
        return sum(self.counts)

    @property
    def filled(self) -> int:
        """Groups that hold something."""
        return sum(1 for count in self.counts if count)

    def add(self, index: int, cents: int, count: int = 1) -> None:
        """Add to a group."""
        self.sums[index] += cents
        self.counts[index] += count

    def copy(self) -> "Truth":
        """Return one to change."""
        return Truth(
            self.sums[:],
            self.counts[:],
            self.duplicates,
            self.malformed,
            self.records,
            self.bytes,
            dict(self.by_partition),
        )


def differences(job: Job, wanted: Truth, found: Truth, most: int = 5) -> list[str]:
    """Return in words where the groups of a run are not those of the truth; none: it is right."""
    told = list(_differing(job, wanted, found))
    more = [f"and {len(told) - most} more groups"] if len(told) > most else []
    return told[:most] + more


def _differing(job: Job, wanted: Truth, found: Truth) -> Iterator[str]:
    if wanted.sums == found.sums and wanted.counts == found.counts:
        return
    pairs = zip(wanted.sums, wanted.counts, found.sums, found.counts, strict=True)
    for index, (sum_, count, found_sum, found_count) in enumerate(pairs):
        if (sum_, count) != (found_sum, found_count):
            yield (
                f"{job.names(index)}: {found_count} events of {count}, "
                f"{found_sum / 100:.2f} of {sum_ / 100:.2f}"
            )
