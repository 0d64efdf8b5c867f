"""Stripes: few documents for the days that changed last of a partition's goals.

{_id: "PARTITION|NUMBER", body: a Stripe as MessagePack, rev: how often it was written}

A goal's stripe is its head as well: whoever keeps a day writes it, and so does the judge, who
notes there how far he has judged by the days that he has read. Of two at once one runs again.
Nothing of it is remembered between transactions: the judge of a partition that has just moved may
be another process's.
"""

from collections.abc import Iterable, Mapping
from datetime import date

import msgspec

from alerting.domain.goal import GoalKey
from alerting.domain.stripes import Stripe
from event_contracts.wire import partition_of
from service_kit.guards import Guards
from service_kit.store import Document, Store, Tx, find_ids

STRIPES = 4
MOST = 512  # days in a stripe: some 40 KB, whose update costs little more than one of 1 KB

_decode = msgspec.msgpack.Decoder(Stripe).decode
_encode = msgspec.msgpack.Encoder().encode


class MongoStripes:
    """A partition's stripes inside one transaction."""

    def __init__(self, tx: Tx, partition: int, guards: Guards) -> None:
        self._stripes = tx["stripes"]
        self._partition = partition
        self._guards = guards
        self._known: dict[str, Stripe] = {}

    def id_of(self, key: GoalKey) -> str:
        """Return the id of the goal's stripe."""
        return _id(self._partition, key)

    async def read(self, keys: Iterable[GoalKey]) -> dict[str, Stripe]:
        """Return the stripes of these goals by their ids."""
        ids = sorted({self.id_of(key) for key in keys})
        unknown = [each for each in ids if each not in self._known]
        if unknown:
            self._known |= dict.fromkeys(unknown, Stripe())
            for document in await self._stripes.find_ids(unknown):
                self._known[document["_id"]] = self._trusted(_stripe(document))
        return {each: self._known[each] for each in ids}

    async def write(self, identity: str, stripe: Stripe) -> None:
        """Write a stripe that was read."""
        self._known[identity] = self._trusted(stripe)
        update = {"$set": {"body": _encode(self._known[identity])}, "$inc": {"rev": 1}}
        await self._stripes.update_one({"_id": identity}, update, upsert=True)

    async def note_judged(self, through: Mapping[GoalKey, date]) -> None:
        """Note how far goals are judged by their days as they stand here."""
        if self._guards.head:
            for identity, stripe in (await self.read(through)).items():
                mine = {key: day for key, day in through.items() if self.id_of(key) == identity}
                await self.write(identity, stripe.with_judged(mine))

    def _trusted(self, stripe: Stripe) -> Stripe:
        """Return the stripe without what the judge keeps there only as long as the guard is on."""
        return stripe if self._guards.head else Stripe(stripe.days)


async def stripes_in(store: Store, partitions: Mapping[GoalKey, int]) -> dict[GoalKey, Stripe]:
    """Return the stripes of goals of these partitions outside of any transaction."""
    ids = {key: _id(partition, key) for key, partition in partitions.items()}
    rows = await find_ids(store.db["stripes"], sorted(set(ids.values())))
    known = {row["_id"]: _stripe(row) for row in rows}
    return {key: known.get(identity, Stripe()) for key, identity in ids.items()}


def _id(partition: int, key: GoalKey) -> str:
    # Not by the goal's hash alone: it has already chosen the partition.
    return f"{partition}|{partition_of(STRIPES, 'stripe', *key)}"


def _stripe(document: Document) -> Stripe:
    return _decode(document["body"])
