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


async def positions(found: Running) -> list[Positions]:
    """Return every offset document of all services; raises Infrastructure, PyMongoError."""
    documents = []
    for service in SERVICES:
        store = Store.connect(found.mongodb, found.database_prefix + service.replace("-", "_"))
        try:
            documents += await store.db["offsets"].find({}, sort=[("_id", 1)]).to_list(None)
        finally:
            await store.close()
    keys = [_split(document["_id"]) for document in documents]
    broker = Broker(access_to(found.kafka), found.prefix, {"log_level": 0})
    ends = await broker.ends(sorted({partition for _, partition in keys}))
    return [
        Positions(group, partition, document["next"], ends[partition], document["halted"])
        for (group, partition), document in zip(keys, documents, strict=True)
    ]


def _split(identity: str) -> tuple[str, Partition]:
    group, topic, number = identity.rsplit("|", 2)
    return group, Partition(topic, int(number))
