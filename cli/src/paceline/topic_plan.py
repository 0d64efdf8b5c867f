"""The topics as the register wants them beside the topics on the broker, and what may be changed.

Partitions and replicas of a topic that is there are never changed: the first would send a key to
another partition than before, the second is the cluster's operator's to move.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pymongo.errors import PyMongoError

from event_contracts.topics import TOPICS, Topic
from paceline.words import either
from service_kit import offsets
from service_kit.broker import Broker, TopicSpec, physical_name
from service_kit.errors import Infrastructure
from service_kit.records import Partition
from service_kit.settings import Settings
from service_kit.store import Store, find_ids
from service_kit.topic_admin import TopicAdmin, TopicFound

DAY_MS = 24 * 3600 * 1000
SERVICES = ("metrics-ingest", "goal-service", "alerting", "incentives")
LOOK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Standing:
    """A topic as wanted and as it is; ``found`` None: it is not there."""

    topic: Topic
    name: str
    spec: TopicSpec
    replication: int
    found: TopicFound | None

    @property
    def changes(self) -> dict[str, tuple[str | None, str]]:
        """The settings that `apply` would change: what they are, what they should be."""
        if self.found is None or self.found.config is None:
            return {}
        wanted, config = self.spec.config(self.replication), self.found.config
        return {k: (config.get(k), v) for k, v in wanted.items() if config.get(k) != v}

    @property
    def wrong_count(self) -> str:
        """What is wrong with the number of partitions; services cannot run on another one."""
        if self.found is None or self.found.partitions == self.spec.partitions:
            return ""
        has, wanted = self.found.partitions, self.spec.partitions
        return either(
            f"has {has} partitions, {wanted} are wanted: the count cannot be changed; set "
            f"PACELINE_PARTITIONS={has}, or have the empty topic made anew",
            f"有 {has} 个分区，需要 {wanted} 个：数量不能更改；请设 PACELINE_PARTITIONS={has}，"
            "或重建空主题",
        )

    @property
    def differs(self) -> list[str]:
        """What is other than wanted and not for `apply` to change."""
        found = self.found
        told = [self.wrong_count] if self.wrong_count else []
        if found is not None and self.replication not in (-1, found.replication):
            has, wanted = found.replication, self.replication
            told.append(
                either(
                    f"has {has} replicas, {wanted} are wanted: the cluster's operator moves them",
                    f"有 {has} 个副本，需要 {wanted} 个：须由集群管理员调整",
                )
            )
        if found is not None and found.config is None:
            told.append(
                either(
                    "its settings cannot be seen: grant DescribeConfigs",
                    "看不到其设置：请授予 DescribeConfigs",
                )
            )
        return told

    @property
    def in_order(self) -> bool:
        """Whether there is nothing to do and nothing to say."""
        return self.found is not None and not self.changes and not self.differs


def spec_of(topic: Topic, partitions: int) -> TopicSpec:
    """Return what the broker is asked for."""
    days = topic.retention_days
    return TopicSpec(topic.name, partitions, days * DAY_MS if days >= 0 else -1, topic.compacted)


async def standings(settings: Settings) -> list[Standing]:
    """Return every topic of the register as it is; raises Infrastructure (Denied)."""
    names = {topic.name: physical_name(settings.prefix, topic.name) for topic in TOPICS}
    found = await TopicAdmin(settings.access).look(names.values())
    return [
        Standing(
            topic,
            names[topic.name],
            spec_of(topic, settings.partitions),
            settings.replication,
            found[names[topic.name]],
        )
        for topic in TOPICS
    ]


def broker_of(settings: Settings) -> Broker:
    """Return the broker; a connection that breaks is no news to a command's reader."""
    return Broker(settings.access, settings.prefix, {"log_level": 0})


async def apply_standings(settings: Settings, found: list[Standing]) -> None:
    """Create what is missing, set what differs and may be set; raises Infrastructure."""
    broker = broker_of(settings)
    fresh = [each.spec for each in found if each.found is None]
    await broker.create(fresh, settings.replication)
    changes: Mapping[str, Mapping[str, str]] = {
        each.name: {key: wanted for key, (_, wanted) in each.changes.items()}
        for each in found
        if each.changes
    }
    if changes:
        await TopicAdmin(settings.access).change(changes)


async def seed_positions(settings: Settings) -> None:
    """Let each service begin each partition that it has never read at the log's start."""
    broker = broker_of(settings)
    for service in SERVICES:
        partitions = _read_by(service, settings.partitions)
        bounds = await broker.bounds(partitions)
        store = _store_of(settings, service)
        try:
            await store.check()
            for partition in partitions:
                at = bounds[partition]
                group = _group_of(service, partition)
                await offsets.seed(store, group, partition, at.low, at.topic_id)
        finally:
            await store.close()


async def unseeded(settings: Settings) -> int | None:
    """Return how many first positions are missing; None when the document server is silent."""
    try:
        return await asyncio.wait_for(_unseeded(settings), LOOK_SECONDS)
    except (TimeoutError, PyMongoError, Infrastructure):
        return None


async def _unseeded(settings: Settings) -> int:
    count = 0
    for service in SERVICES:
        read = _read_by(service, settings.partitions)
        wanted = [offsets.offset_id(_group_of(service, p), p) for p in read]
        store = _store_of(settings, service)
        try:
            count += len(wanted) - len(await find_ids(store.db["offsets"], wanted))
        finally:
            await store.close()
    return count


def _store_of(settings: Settings, service: str) -> Store:
    return Store.connect(settings.mongodb, replace(settings, service=service).database)


def _group_of(service: str, partition: Partition) -> str:
    topic = next(topic for topic in TOPICS if topic.name == partition.topic)
    return topic.group_of(service)


def _read_by(service: str, partitions: int) -> list[Partition]:
    read = [topic for topic in TOPICS if service in topic.consumers]
    return [Partition(topic.name, number) for topic in read for number in range(partitions)]
