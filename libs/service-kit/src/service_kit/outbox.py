"""Messages that leave with the effect: rows written in the batch's own transaction.

    outbox  {_id: "origin#000000000012", at, range: [start, end],
             rows: [[topic, partition, seq, key, value]]}

A lane is (origin, destination partition). Its rows are numbered without a hole by a counter in the
origin's document: the offset document of an input partition, or the document of a timer or an API.
All rows of a transaction stand in one document, a bundle: a document each cost the server more
than what they say (decision 0027). Bundles are numbered like rows, by ``bundles`` beside ``lanes``.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from service_kit.errors import UserError
from service_kit.records import Partition
from service_kit.store import Document, Tx

# More the producer does not take, and what is once written here it would try again for ever.
RECORD_BYTES = 900_000
# A bundle stays far below MongoDB's 16 MB: a record has at most 512 KB.
BUNDLE_ROWS = 1000
BUNDLE_BYTES = 4_000_000


@dataclass(frozen=True, slots=True)
class Message:
    """One message to send to ``to``; ``value`` None is a tombstone."""

    to: Partition
    key: bytes
    value: bytes | None


def lane_name(origin: str, to: Partition) -> str:
    """Return the lane's id, e.g. ``metrics-ingest:raw/0>facts/3``."""
    return f"{origin}>{to}"


def bundle_id(origin: str, number: int) -> str:
    """Return the id of an origin's bundle. Bundles are only ever asked for by it.

    A range of ids is a walk over the whole collection on one of the document servers in use.
    """
    return f"{origin}#{number:012d}"


def slot(to: Partition) -> str:
    """Return the field of the origin's ``lanes`` that counts this destination."""
    return f"{to.topic}:{to.number}"


def rows_of(bundle: Document) -> Iterator[Document]:
    """Yield a bundle's rows, in the order in which they were sent."""
    origin = bundle["_id"].rpartition("#")[0]
    for topic, number, seq, key, value in bundle["rows"]:
        yield {
            "lane": lane_name(origin, Partition(topic, number)),
            "seq": seq,
            "topic": topic,
            "partition": number,
            "range": bundle["range"],
            "key": key,
            "value": value,
            "at": bundle["at"],
        }


class Outbox:
    """Collects the messages of one origin in one transaction and numbers them."""

    def __init__(
        self, origin: str, lanes: dict[str, int], start: int = 0, end: int = 0, bundles: int = 0
    ) -> None:
        self.origin = origin
        self.lanes = dict(lanes)
        self.bundles = bundles
        self._range = [start, end]
        self._rows: list[list[Any]] = []

    @classmethod
    def over(cls, origin: str, document: Document, start: int = 0, end: int = 0) -> "Outbox":
        """Return the outbox that goes on from an origin's document; {}: nothing sent yet."""
        return cls(origin, document.get("lanes", {}), start, end, document.get("bundles", 0))

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def counters(self) -> Document:
        """What the origin's document has to say once the rows are written."""
        return {"lanes": self.lanes, "bundles": self.bundles}

    def send(self, message: Message) -> None:
        """Append the message to its lane; raises UserError for one that is no record's size."""
        to = message.to
        size = len(message.key) + len(message.value or b"")
        if size > RECORD_BYTES:
            raise UserError(
                "record-too-large",
                "$",
                f"this comes to {size} bytes in a record of {to.topic}; "
                f"at most {RECORD_BYTES} are taken",
                f"写入 {to.topic} 的记录为 {size} 字节；最多 {RECORD_BYTES} 字节",
                status=413,
            )
        counter = slot(to)
        seq = self.lanes.get(counter, 0) + 1
        self.lanes[counter] = seq
        self._rows.append([to.topic, to.number, seq, message.key, message.value])

    def send_all(self, messages: Iterable[Message]) -> None:
        """Append the messages in order; raises UserError like :meth:`send`."""
        for message in messages:
            self.send(message)

    async def write(self, tx: Tx) -> None:
        """Write the rows; the caller stores :attr:`counters` in the origin's document after it."""
        documents = []
        for rows in _portions(self._rows):
            self.bundles += 1
            documents.append(
                {
                    "_id": bundle_id(self.origin, self.bundles),
                    "at": datetime.now(UTC),  # real time: how long a sent row is kept
                    "range": self._range,
                    "rows": rows,
                }
            )
        await tx["outbox"].insert_many(documents)
        if documents:
            tx.told[self.origin] = self.bundles


def _portions(rows: list[list[Any]]) -> Iterator[list[list[Any]]]:
    portion: list[list[Any]] = []
    size = 0
    for row in rows:
        portion.append(row)
        size += len(row[3]) + len(row[4] or b"")
        if len(portion) == BUNDLE_ROWS or size >= BUNDLE_BYTES:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


class Origin:
    """The lane counters of a timer or an API: what an offset document is for an input partition."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def open(self, tx: Tx) -> Outbox:
        """Read the counters; a second transaction doing the same conflicts at :meth:`close`."""
        return Outbox.over(self.name, await tx["origins"].find_one({"_id": self.name}) or {})

    async def close(self, tx: Tx, outbox: Outbox) -> None:
        """Write the rows and the counters; nothing when nothing was sent."""
        if len(outbox):
            await outbox.write(tx)
            await tx["origins"].update_one(
                {"_id": self.name}, {"$set": outbox.counters}, upsert=True
            )
