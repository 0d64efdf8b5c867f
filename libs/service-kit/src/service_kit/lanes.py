"""Deltas count once: what a receiver knows of every lane that ends in its partition.

A row is applied if its seq is above ``high`` (the skipped ones go into ``missing``; deltas commute)
or in ``missing``; else it is dropped. While something is missing the lane's watermark is held. The
same seq with another input range means that two histories are mixed: the partition halts.
"""

from dataclasses import dataclass, field, replace

from service_kit import lane_documents
from service_kit.errors import LaneConflict
from service_kit.guards import Guards
from service_kit.lane_documents import Ranges, mark_of
from service_kit.marks import UNKNOWN, Mark, least
from service_kit.records import Partition, Record
from service_kit.store import Document, Store, Tx

KEEP_RANGES = 10_000


@dataclass(frozen=True, slots=True)
class Stamp:
    """The lane headers of one record: which row of which lane, and the input that it covers."""

    origin: str
    seq: int
    start: int
    end: int

    def headers(self) -> list[tuple[str, bytes]]:
        """Return the Kafka headers."""
        return [
            ("lane", self.origin.encode()),
            ("seq", str(self.seq).encode()),
            ("range", f"{self.start}-{self.end}".encode()),
        ]

    @classmethod
    def of(cls, record: Record) -> "Stamp":
        """Read the headers; raises KeyError or ValueError when they are not there or not right."""
        start, _, end = record.headers["range"].decode().partition("-")
        return cls(
            record.headers["lane"].decode(), int(record.headers["seq"]), int(start), int(end)
        )


@dataclass(frozen=True, slots=True)
class Lane:
    """What has come through one lane."""

    high: int = 0
    missing: frozenset[int] = frozenset()
    mark: Mark = UNKNOWN
    ranges: dict[int, tuple[int, int]] = field(default_factory=dict)

    def covers(self, seq: int) -> bool:
        """Whether the row with this seq has been applied."""
        return seq <= self.high and seq not in self.missing

    def with_row(self, stamp: Stamp) -> "Lane":
        """Return the lane after the row was applied (ranges are kept by the receiver)."""
        if stamp.seq > self.high:
            skipped = frozenset(range(self.high + 1, stamp.seq))
            return replace(self, high=stamp.seq, missing=self.missing | skipped)
        return replace(self, missing=self.missing - {stamp.seq})


class Receiver:
    """The lanes into one partition of one consumer group.

    ``fork`` before a batch, ``admit`` each record on the fork, ``save`` it in the transaction, and
    adopt it (keep the fork as the receiver) only after the commit.
    """

    def __init__(self, group: str, partition: Partition, guards: Guards) -> None:
        self._group = group
        self._partition = partition
        self._guards = guards
        self.lanes: dict[str, Lane] = {}
        self._ranges = Ranges()
        self._new: dict[str, dict[int, tuple[int, int]]] = {}

    async def load(self, store: Store) -> None:
        """Read all lanes of this partition from the store."""
        rows, self._ranges, known = await lane_documents.read(store, self._group, self._partition)
        for row in rows:
            ranges = known.get(row["origin"], {})
            self.lanes[row["origin"]] = Lane(
                row["high"], frozenset(row["missing"]), mark_of(row), ranges
            )

    def fork(self) -> "Receiver":
        """Return a copy to change in a transaction that may fail."""
        other = Receiver(self._group, self._partition, self._guards)
        other.lanes = dict(self.lanes)
        other._ranges = self._ranges
        return other

    def admit(self, stamp: Stamp) -> bool:
        """Note the row; return whether it is to be applied. Raises LaneConflict."""
        if not self._guards.lane:
            return True
        lane = self.lanes.get(stamp.origin) or Lane()
        fresh = self._new.setdefault(stamp.origin, {})
        seen = fresh.get(stamp.seq) or lane.ranges.get(stamp.seq)
        if seen is not None and seen != (stamp.start, stamp.end):
            raise LaneConflict(
                self._partition,
                f"lane {stamp.origin} seq {stamp.seq} covers {stamp.start}-{stamp.end}, "
                f"before it covered {seen[0]}-{seen[1]}",
            )
        if lane.covers(stamp.seq):
            return False
        if stamp.seq - lane.high > KEEP_RANGES:
            raise LaneConflict(
                self._partition, f"lane {stamp.origin} jumps from {lane.high} to {stamp.seq}"
            )
        self.lanes[stamp.origin] = lane.with_row(stamp)
        fresh[stamp.seq] = (stamp.start, stamp.end)
        return True

    def note_watermark(self, origin: str, mark: Mark) -> None:
        """Take the watermark of a lane, unless something is missing before it.

        Nobody's goes back: of a tenant that is held the lane keeps what it knew.
        """
        lane = self.lanes.get(origin) or Lane()
        joined = lane.mark.joined(mark)
        if not lane.missing and joined != lane.mark:
            self.lanes[origin] = replace(lane, mark=joined)
            self._new.setdefault(origin, {})

    def mark(self, origins: frozenset[str]) -> Mark:
        """Return the minimum over the origins; -1 while one of them has never been seen."""
        return least(self.lanes[each].mark if each in self.lanes else UNKNOWN for each in origins)

    async def save(self, tx: Tx) -> None:
        """Write the lanes, if any changed since the fork."""
        if not self._new:
            return
        oldest = {origin: lane.high - KEEP_RANGES for origin, lane in self.lanes.items()}
        rows = [_row(origin, lane) for origin, lane in sorted(self.lanes.items())]
        self._ranges = await lane_documents.write(
            tx, self._group, self._partition, rows, self._ranges.plus(self._new), oldest
        )

    def adopt(self) -> None:
        """Make what :meth:`save` wrote part of the memory; call after the commit."""
        for origin, fresh in self._new.items():
            lane = self.lanes.get(origin)
            if lane is not None:
                lane.ranges.update(fresh)
                for seq in list(lane.ranges)[: max(0, len(lane.ranges) - KEEP_RANGES)]:
                    del lane.ranges[seq]
        self._new = {}


def _row(origin: str, lane: Lane) -> Document:
    return {
        "origin": origin,
        "high": lane.high,
        "missing": sorted(lane.missing),
        "watermark_ms": lane.mark.at_ms,
    } | ({"held": lane.mark.rows()} if lane.mark.held else {})
