"""Where every consumer group stands, read from the databases: also while services are down."""

import contextlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from paceline.access import access_to
from paceline.running import Running
from paceline.topic_plan import SERVICES
from service_kit.broker import FOREIGN, Broker
from service_kit.errors import Infrastructure
from service_kit.records import Partition
from service_kit.store import Store

UNSEEN = -1
# What to do about a halt, by the reason in the offset document.
_LOOK = "records were lost in the log or the position is of another log: "
REMEDIES = defaultdict(
    lambda: "read the service's log, then report it",
    {
        "gap": _LOOK + "restore the log, or seed this position anew after a repair",
        "log-moved": _LOOK + "restore the topic, or seed this position anew after a repair",
        "lane-conflict": "two histories are mixed: restore broker and database of one moment",
    },
)


@dataclass(frozen=True, slots=True)
class Positions:
    """One offset document beside the log's end; UNSEEN when the broker does not tell it."""

    group: str
    partition: Partition
    next: int
    end: int
    halted: dict[str, Any] | None

    @property
    def lag(self) -> int:
        """How far the group is behind."""
        return max(self.end - self.next, 0)

    @property
    def unseen(self) -> bool:
        """Whether the topic is gone, without a leader, or not for our user to read."""
        return self.end == UNSEEN


def broker_of(found: Running) -> Broker:
    """Return a client of the broker for ``positions``."""
    return Broker(access_to(found.kafka), found.prefix, {"log_level": 0})


async def positions(found: Running, broker: Broker | None = None) -> list[Positions]:
    """Return every offset document of all services; raises Infrastructure, PyMongoError.

    Who asks again and again keeps the ``broker``: librdkafka's first answer may take three seconds,
    and what arrives meanwhile looks as if it waited.
    """
    documents = []
    for service in SERVICES:
        store = Store.connect(found.mongodb, found.database_prefix + service.replace("-", "_"))
        try:
            documents += await store.db["offsets"].find({}, sort=[("_id", 1)]).to_list(None)
        finally:
            await store.close()
    keys = [_split(document["_id"]) for document in documents]
    ends = await _ends(broker or broker_of(found), sorted({partition for _, partition in keys}))
    return [
        Positions(group, p, document["next"], ends.get(p, UNSEEN), document["halted"])
        for (group, p), document in zip(keys, documents, strict=True)
    ]


async def _ends(broker: Broker, partitions: Sequence[Partition]) -> dict[Partition, int]:
    """Return the ends that the broker tells: of the organisation's topics it may not tell some."""
    foreign = [each for each in partitions if each.topic.startswith(FOREIGN)]
    ends = await broker.ends([each for each in partitions if each not in foreign])
    for topic in sorted({each.topic for each in foreign}):
        # The cluster has just answered: it is this topic that is gone, or not for our user.
        with contextlib.suppress(Infrastructure):
            await broker.shape(topic)  # of a topic that is gone the ends are waited for in vain
            ends |= await broker.ends([each for each in foreign if each.topic == topic])
    return ends


def _split(identity: str) -> tuple[str, Partition]:
    group, topic, number = identity.rsplit("|", 2)
    return group, Partition(topic, int(number))
