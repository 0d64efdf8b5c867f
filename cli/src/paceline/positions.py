"""Where every consumer group stands, read from the databases: also while services are down."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from paceline.access import access_to
from paceline.running import Running
from paceline.topic_plan import SERVICES
from service_kit.broker import Broker
from service_kit.records import Partition
from service_kit.store import Store

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
    """One offset document beside the log's end."""

    group: str
    partition: Partition
    next: int
    end: int
    halted: dict[str, Any] | None

    @property
    def lag(self) -> int:
        """How far the group is behind."""
        return max(self.end - self.next, 0)


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
    ends = await (broker or broker_of(found)).ends(sorted({partition for _, partition in keys}))
    return [
        Positions(group, partition, document["next"], ends[partition], document["halted"])
        for (group, partition), document in zip(keys, documents, strict=True)
    ]


def _split(identity: str) -> tuple[str, Partition]:
    group, topic, number = identity.rsplit("|", 2)
    return group, Partition(topic, int(number))
