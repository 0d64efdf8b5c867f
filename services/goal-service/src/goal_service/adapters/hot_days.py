"""The days that goals are at now: many of them in one document, a stripe.

    {_id: "facts/2|5", body: hot days in MessagePack, the one least recently changed first}

A document costs the server much the same whether it holds one day or two hundred, and a slice of
the facts log changes one day of each goal it meets. So the days that change stand in few stripes,
which are written whole; what has not changed for longest makes room (adapters.progress).

Only the worker that holds the facts partition writes its stripes, so what it has written or read
once is right as long as its compare-and-set matches.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from zlib import crc32

import msgspec

from goal_service.domain.progress import DayValue
from goal_service.ports import Place
from service_kit.records import Partition
from service_kit.store import Store

HOT_DAYS = "hot_days"
STRIPES = 8
MOST_DAYS = 256  # of a stripe, some 70 bytes each


class HotDay(msgspec.Struct, frozen=True, array_like=True):
    """A goal's day. ``told``: whoever reads progress has been sent this version."""

    tenant: str
    goal: str
    metric: str
    day: date
    part: str
    value: Decimal
    count: int
    version: int
    as_of_ms: int
    goal_version: int
    told: bool = False

    @classmethod
    def of(cls, place: Place, value: DayValue) -> "HotDay":
        """Return a value that nobody has been told yet."""
        return cls(
            *place, value.value, value.count, value.version, value.as_of_ms, value.goal_version
        )

    @property
    def place(self) -> Place:
        """Which day of what it is."""
        return Place(self.tenant, self.goal, self.metric, self.day, self.part)

    @property
    def day_value(self) -> DayValue:
        """What it has come to."""
        return DayValue(self.value, self.count, self.version, self.as_of_ms, self.goal_version)


Stripe = Mapping[Place, HotDay]
_encoder = msgspec.msgpack.Encoder(decimal_format="string")
_decoder = msgspec.msgpack.Decoder(tuple[HotDay, ...])


def stripe_of(tenant: str, goal: str) -> int:
    """Return the number of the stripe for all days of a goal."""
    return crc32(f"{tenant}|{goal}".encode()) % STRIPES


def stripe_id(partition: Partition, number: int) -> str:
    """Return the id of a stripe's document."""
    return f"{partition}|{number}"


def write_stripe(days: Iterable[HotDay]) -> bytes:
    """Return the days as a document keeps them, in their order."""
    return _encoder.encode(tuple(days))


def read_stripe(body: bytes) -> dict[Place, HotDay]:
    """Return the days of a document, in their order."""
    return {day.place: day for day in _decoder.decode(body)}


async def load_stripes(store: Store, partition: Partition) -> list[Stripe]:
    """Return all stripes of a facts partition."""
    return [await stored_stripe(store, partition, number) for number in range(STRIPES)]


async def stored_stripe(store: Store, partition: Partition, number: int) -> Stripe:
    """Return one stripe of a facts partition as it is stored."""
    found = await store.db[HOT_DAYS].find_one({"_id": stripe_id(partition, number)})
    return read_stripe(found["body"]) if found else {}
