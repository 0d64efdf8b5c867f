"""Messages that leave with the effect: rows written in the batch's own transaction.

A lane is (origin, destination partition). Its rows are numbered without a hole by a counter in the
origin's document: the offset document of an input partition, or the document of a timer or an API.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from service_kit.records import Partition
from service_kit.store import Document, Tx


@dataclass(frozen=True, slots=True)
class Message:
    """One message to send to ``to``; ``value`` None is a tombstone."""

    to: Partition
    key: bytes
    value: bytes | None


def lane_name(origin: str, to: Partition) -> str:
    """Return the lane's id, e.g. ``metrics-ingest:raw/0>facts/3``."""
    return f"{origin}>{to}"


def row_id(lane: str, seq: int) -> str:
    """Return the id of a lane's row. Rows are only ever asked for by it.

    A range of ids is a walk over the whole collection on one of the document servers in use.
    """
    return f"{lane}#{seq:012d}"


def slot(to: Partition) -> str:
    """Return the field of the origin's ``lanes`` that counts this destination."""
    return f"{to.topic}:{to.number}"


def partition_of(slot: str) -> Partition:
    """Return the destination of a slot."""
    topic, _, number = slot.rpartition(":")
    return Partition(topic, int(number))


def place_of(lane: str) -> tuple[str, str]:
    """Return a lane's origin and its slot there: what ``lane_name`` and ``slot`` were made of."""
    origin, _, to = lane.rpartition(">")
    topic, _, number = to.rpartition("/")
    return origin, f"{topic}:{number}"


class Outbox:
    """Collects the messages of one origin in one transaction and numbers them."""

    def __init__(self, origin: str, lanes: dict[str, int], start: int = 0, end: int = 0) -> None:
        self.origin = origin
        self.lanes = dict(lanes)
        self._range = [start, end]
        self._rows: list[Document] = []

    def __len__(self) -> int:
        return len(self._rows)

    def send(self, message: Message) -> None:
        """Append the message to its lane."""
        counter = slot(message.to)
        seq = self.lanes.get(counter, 0) + 1
        self.lanes[counter] = seq
        lane = lane_name(self.origin, message.to)
        self._rows.append(
            {
                "_id": row_id(lane, seq),
                "lane": lane,
                "seq": seq,
                "topic": message.to.topic,
                "partition": message.to.number,
                "range": self._range,
                "key": message.key,
                "value": message.value,
                "at": datetime.now(UTC),  # real time: how long a sent row is kept
            }
        )

    def send_all(self, messages: Iterable[Message]) -> None:
        """Append the messages in order."""
        for message in messages:
            self.send(message)

    async def write(self, tx: Tx) -> None:
        """Write the rows; the caller stores ``lanes`` in the origin's document in the same tx."""
        await tx["outbox"].insert_many(self._rows)


class Origin:
    """The lane counters of a timer or an API: what an offset document is for an input partition."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def open(self, tx: Tx) -> Outbox:
        """Read the counters; a second transaction doing the same conflicts at :meth:`close`."""
        document: dict[str, Any] = await tx["origins"].find_one({"_id": self.name}) or {}
        return Outbox(self.name, document.get("lanes", {}))

    async def close(self, tx: Tx, outbox: Outbox) -> None:
        """Write the rows and the counters; nothing when nothing was sent."""
        if len(outbox):
            await outbox.write(tx)
            await tx["origins"].update_one(
                {"_id": self.name}, {"$set": {"lanes": outbox.lanes}}, upsert=True
            )
