"""The organisation's own topics: which there are, and how far they are re-keyed."""

from collections.abc import Collection, Mapping, Sequence

from confluent_kafka import KafkaError, KafkaException

from event_contracts.topics import RAW
from service_kit import offsets
from service_kit.broker import FOREIGN, Broker, is_denied
from service_kit.errors import Infrastructure
from service_kit.records import Partition
from service_kit.store import Store, find_ids


class ForeignTopics:
    """Foreign partitions on the broker and the positions of the group that re-keys them."""

    def __init__(self, store: Store, broker: Broker, group: str) -> None:
        self._store = store
        self._broker = broker
        self._group = group
        self._ids: dict[str, str] = {}  # of the topics as they were seen last

    async def partitions(self, topic: str) -> list[Partition]:
        """Return the topic's partitions; raises Infrastructure.

        None without such a topic, or while we may not see it: whoever names it stops nobody else.
        """
        name = FOREIGN + topic
        try:
            self._ids[name], count = await self._broker.shape(name)
        except Infrastructure as error:
            if _unknown(error) or is_denied(error):
                return []
            raise
        return [Partition(name, number) for number in range(count)]

    def logs(self, names: Collection[str]) -> dict[str, str]:
        """Return the ids of these topics as they were seen last."""
        return {name: self._ids[name] for name in names}

    async def was_read(self, topic: str) -> bool:
        """Whether a partition of the topic has ever been begun with."""
        first = offsets.offset_id(self._group, Partition(FOREIGN + topic, 0))
        return await self._store.db["offsets"].find_one({"_id": first}) is not None

    async def check(self) -> None:
        """Return when the broker answers for a topic of ours; raises Infrastructure."""
        await self._broker.partition_count(RAW.name)

    async def seed(self, partitions: Sequence[Partition]) -> None:
        """Let partitions that were never read begin at the log's start."""
        for partition, bounds in (await self._broker.bounds(partitions)).items():
            await offsets.seed(self._store, self._group, partition, bounds.low, bounds.topic_id)

    async def ends(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """Return the end of what can be read."""
        return await self._broker.ends(partitions) if partitions else {}

    async def behind(self, ends: Mapping[Partition, int]) -> set[Partition]:
        """Return the partitions that are not yet re-keyed through these ends.

        A position that is halted, or of another log than the one there is now, reaches nothing.
        """
        names = {offsets.offset_id(self._group, partition): partition for partition in ends}
        found = await find_ids(self._store.db["offsets"], sorted(names))
        there = {
            names[document["_id"]]
            for document in found
            if document["next"] >= ends[names[document["_id"]]]
            and not document["halted"]
            and document["topic_id"] == self._ids.get(names[document["_id"]].topic)
        }
        return set(ends) - there


def _unknown(error: Infrastructure) -> bool:
    cause = error.__cause__
    if not isinstance(cause, KafkaException):
        return False
    code: int = cause.args[0].code()
    return code == KafkaError.UNKNOWN_TOPIC_OR_PART
