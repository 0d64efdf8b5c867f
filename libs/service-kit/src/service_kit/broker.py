"""The broker as the services see it: where logs begin and end, and which topics there are."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicCollection
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # typed, not re-exported
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    TopicDescription,
)

from service_kit.batch import Bounds
from service_kit.errors import Infrastructure
from service_kit.records import Partition
from service_kit.security import KafkaAccess

FOREIGN = "foreign:"
TIMEOUT = 15.0
VISIBLE_WITHIN = 30.0
_specs: Any = OffsetSpec  # its methods are not typed
EARLIEST, LATEST = _specs.earliest(), _specs.latest()
# A broker that restarts, or a leader that has just been chosen: worth asking again.
PASSING = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError._NOENT,
    KafkaError._TRANSPORT,
}
DENIED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
}
# Of one topic, while the cluster goes on: it is gone, without a leader, or not for us.
OF_TOPIC = DENIED | {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError._UNKNOWN_PARTITION,
}

T = TypeVar("T")


def is_denied(error: Infrastructure) -> bool:
    """Whether the cluster does not let our user do it: both clients' errors carry Kafka's code."""
    return _code_of(error) in DENIED


def is_of_topic(error: Infrastructure) -> bool:
    """Whether it is the matter of one topic, and the cluster may be well."""
    return _code_of(error) in OF_TOPIC


def _code_of(error: Infrastructure) -> int | None:
    cause = error.__cause__
    return _code(cause) if isinstance(cause, KafkaException) else getattr(cause, "errno", None)


def physical_name(prefix: str, topic: str) -> str:
    """Return the topic's name on the broker; ``foreign:NAME`` is the organisation's own NAME."""
    return topic.removeprefix(FOREIGN) if topic.startswith(FOREIGN) else prefix + topic


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it shall be. ``name`` is logical; ``retention_ms`` -1 keeps records for ever."""

    name: str
    partitions: int
    retention_ms: int
    compacted: bool

    def config(self, replication: int) -> dict[str, str]:
        """Return the topic's settings on the broker. Retention counts from arrival.

        With three replicas or more a write stands on two of them before it is acknowledged.
        """
        settings = {
            "message.timestamp.type": "LogAppendTime",
            "cleanup.policy": "compact" if self.compacted else "delete",
            "retention.ms": str(self.retention_ms),
        }
        return settings | ({"min.insync.replicas": "2"} if replication >= 3 else {})


class Broker:
    """One Kafka cluster. Its calls block in a thread; what fails is Infrastructure."""

    def __init__(
        self, kafka: KafkaAccess, prefix: str, extra: Mapping[str, Any] | None = None
    ) -> None:
        """``extra`` are further settings of librdkafka, such as how much it logs."""
        self.bootstrap = kafka.bootstrap
        self.prefix = prefix
        self._admin = AdminClient({**kafka.librdkafka(), **(extra or {})})

    def physical(self, topic: str) -> str:
        """Return the topic's name on the broker."""
        return physical_name(self.prefix, topic)

    async def bounds(self, partitions: Sequence[Partition]) -> dict[Partition, Bounds]:
        """Return topic id, first offset and end of each log; raises Infrastructure."""
        return await self._in_thread(lambda: self._bounds(partitions))

    async def ends(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """Return the offset behind the last record that can be read, for each partition.

        In a foreign topic what stands in an open transaction cannot be read yet.
        """
        return await self._in_thread(lambda: self._ends(partitions))

    async def partition_count(self, topic: str) -> int:
        """Return how many partitions the topic has; raises Infrastructure when there is none."""
        name = self.physical(topic)
        found = await self._in_thread(lambda: self._describe([name]))
        return len(found[name].partitions)

    async def shape(self, topic: str) -> tuple[str, int]:
        """Return the topic's id and partition count; raises Infrastructure."""
        name = self.physical(topic)
        found = await self._in_thread(lambda: self._describe([name]))
        return str(found[name].topic_id), len(found[name].partitions)

    async def create(self, topics: Sequence[TopicSpec], replication: int = -1) -> None:
        """Make the topics be as specified; return when each has a leader everywhere.

        ``replication`` -1 is the cluster's default. May be called again: an existing topic gets the
        settings, and another partition count than wanted raises Infrastructure.
        """
        await self._in_thread(lambda: self._create(topics, replication))

    async def _in_thread(self, call: Callable[[], T]) -> T:
        deadline = time.monotonic() + TIMEOUT
        while True:
            try:
                return await asyncio.to_thread(call)
            except KafkaException as error:
                if _code(error) not in PASSING or time.monotonic() > deadline:
                    raise Infrastructure(f"Kafka at {self.bootstrap}: {error}") from error
            await asyncio.sleep(0.05)
            await asyncio.to_thread(self._look_again)

    def _look_again(self) -> None:
        """Ask who leads what. After a broker's restart the client would keep the old leaders'
        epochs, and be refused with them, for five minutes.
        """
        with contextlib.suppress(KafkaException):
            self._admin.list_topics(timeout=1)

    def _bounds(self, partitions: Sequence[Partition]) -> dict[Partition, Bounds]:
        names = {partition.topic: self.physical(partition.topic) for partition in partitions}
        topics = self._describe(names.values())
        low = self._offsets(partitions, EARLIEST, committed=False)
        high = self._offsets(partitions, LATEST, committed=False)
        return {
            p: Bounds(str(topics[names[p.topic]].topic_id), low[p], high[p]) for p in partitions
        }

    def _ends(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        foreign = [p for p in partitions if p.topic.startswith(FOREIGN)]
        own = [p for p in partitions if not p.topic.startswith(FOREIGN)]
        return self._offsets(own, LATEST, committed=False) | self._offsets(
            foreign, LATEST, committed=True
        )

    def _offsets(
        self, partitions: Sequence[Partition], which: OffsetSpec, *, committed: bool
    ) -> dict[Partition, int]:
        if not partitions:
            return {}
        wanted = {KafkaPartition(self.physical(p.topic), p.number): p for p in partitions}
        level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
        asked = self._admin.list_offsets(
            dict.fromkeys(wanted, which), isolation_level=level, request_timeout=TIMEOUT
        )
        return {wanted[key]: answer.result().offset for key, answer in asked.items()}

    def _describe(self, names: Collection[str]) -> dict[str, TopicDescription]:
        asked = self._admin.describe_topics(
            TopicCollection(sorted(set(names))), request_timeout=TIMEOUT
        )
        return {name: answer.result() for name, answer in asked.items()}

    def _create(self, topics: Sequence[TopicSpec], replication: int) -> None:
        if not topics:
            return
        specs = {self.physical(topic.name): topic for topic in topics}
        existing = self._create_missing(specs, replication)
        self._wait_until_visible(specs)
        if existing:
            self._configure({name: specs[name] for name in existing}, replication)

    def _create_missing(self, specs: Mapping[str, TopicSpec], replication: int) -> list[str]:
        wanted = [
            NewTopic(name, spec.partitions, replication, config=spec.config(replication))
            for name, spec in specs.items()
        ]
        answers = self._admin.create_topics(wanted, request_timeout=TIMEOUT)
        return [name for name, answer in answers.items() if not _was_created(answer)]

    def _wait_until_visible(self, specs: Mapping[str, TopicSpec]) -> None:
        deadline = time.monotonic() + VISIBLE_WITHIN
        while not self._visible(specs):
            if time.monotonic() > deadline:
                raise Infrastructure(f"no leaders for {sorted(specs)} after {VISIBLE_WITHIN:g} s")
            time.sleep(0.05)

    def _visible(self, specs: Mapping[str, TopicSpec]) -> bool:
        partitions = [Partition(s.name, n) for s in specs.values() for n in range(s.partitions)]
        try:
            found = self._describe(specs)
            _check_counts(found, specs)
            self._offsets(partitions, LATEST, committed=False)
        except KafkaException as error:
            if _code(error) in PASSING | {KafkaError.UNKNOWN_TOPIC_OR_PART}:
                return False
            raise
        return True

    def _configure(self, specs: Mapping[str, TopicSpec], replication: int) -> None:
        change_configs(self._admin, {name: s.config(replication) for name, s in specs.items()})


def change_configs(admin: AdminClient, changes: Mapping[str, Mapping[str, str]]) -> None:
    """Set these settings of topics, by their names on the broker, and no other.

    Raises KafkaException.
    """
    resources = [
        ConfigResource(
            ConfigResource.Type.TOPIC,
            name,
            incremental_configs=[
                ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
                for key, value in settings.items()
            ],
        )
        for name, settings in changes.items()
    ]
    for answer in admin.incremental_alter_configs(resources).values():
        answer.result()


def _check_counts(found: Mapping[str, TopicDescription], specs: Mapping[str, TopicSpec]) -> None:
    for name, spec in specs.items():
        count = len(found[name].partitions)
        if count != spec.partitions:
            raise Infrastructure(
                f"topic {name} has {count} partitions, {spec.partitions} are wanted: "
                "the count is fixed when a topic is created"
            )


def _code(error: KafkaException) -> int:
    return int(error.args[0].code())


def _was_created(answer: "Future[None]") -> bool:
    try:
        answer.result()
    except KafkaException as error:
        if _code(error) == KafkaError.TOPIC_ALREADY_EXISTS:
            return False
        raise
    return True
