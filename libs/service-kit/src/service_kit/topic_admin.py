"""What an operator asks of a cluster: how topics are, whose ACLs there are, what one may do.

Beside broker.Broker, which is what a service needs: these calls want rights that no service has.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # typed, not re-exported
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ConfigResource,
    ResourcePatternType,
    ResourceType,
)

from service_kit.broker import DENIED, change_configs
from service_kit.errors import Infrastructure
from service_kit.security import KafkaAccess

TIMEOUT = 15.0

T = TypeVar("T")


class Denied(Infrastructure):
    """The cluster does not let this user do it."""


class Unguarded(Infrastructure):
    """The cluster has no authorizer: everybody may do everything."""


@dataclass(frozen=True, slots=True)
class Acl:
    """One ACL: ``operation`` in capitals; ``kind`` topic, group, cluster, or another, in words."""

    principal: str
    kind: str
    name: str
    prefixed: bool
    operation: str
    allows: bool


@dataclass(frozen=True, slots=True)
class TopicFound:
    """A topic as it is. ``config`` None: this user may not see its settings."""

    partitions: int
    replication: int
    config: Mapping[str, str] | None


class TopicAdmin:
    """One cluster, with the operator's rights. Its calls block in a thread."""

    def __init__(self, kafka: KafkaAccess) -> None:
        self.bootstrap = kafka.bootstrap
        self._admin = AdminClient({**kafka.librdkafka(), "log_level": 0})

    async def look(self, names: Collection[str]) -> dict[str, TopicFound | None]:
        """Return each topic by its name on the broker, None where there is none.

        Raises Denied when one may not be described.
        """
        return await self._in_thread(lambda: self._look(sorted(names)))

    async def change(self, changes: Mapping[str, Mapping[str, str]]) -> None:
        """Set these settings of topics, and no other."""
        await self._in_thread(lambda: change_configs(self._admin, changes))

    async def acls(self, principals: Collection[str]) -> list[Acl]:
        """Return the ACLs of the principals and of everybody; raises Denied, Unguarded."""
        wanted = sorted({*principals, "User:*"})
        return await self._in_thread(lambda: self._all_acls(wanted))

    async def rights(self, kind: str, name: str) -> frozenset[str]:
        """Return what this user may do with the ``topic`` or ``group``, in capitals.

        Nothing where it may not even be described, or where there is no such topic.
        """
        try:
            return await self._in_thread(lambda: self._rights(kind, name))
        except Denied:
            return frozenset()

    async def _in_thread(self, call: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(call)
        except KafkaException as error:
            text, code = f"Kafka at {self.bootstrap}: {error}", _code(error)
            if code in DENIED:
                raise Denied(text) from error
            raise Infrastructure(text) from error

    def _look(self, names: list[str]) -> dict[str, TopicFound | None]:
        asked = self._admin.describe_topics(TopicCollection(names), request_timeout=TIMEOUT)
        topics = {name: _or_none(answer) for name, answer in asked.items()}
        configs = self._configs([name for name, topic in topics.items() if topic is not None])
        return {
            name: None
            if topic is None
            else TopicFound(len(topic.partitions), len(topic.partitions[0].replicas), configs[name])
            for name, topic in topics.items()
        }

    def _configs(self, names: list[str]) -> dict[str, Mapping[str, str] | None]:
        resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
        if not resources:
            return {}
        found: dict[str, Mapping[str, str] | None] = {}
        for resource, answer in self._admin.describe_configs(
            resources, request_timeout=TIMEOUT
        ).items():
            try:
                entries = answer.result().values()
                found[resource.name] = {entry.name: entry.value for entry in entries}
            except KafkaException as error:
                if _code(error) not in DENIED:
                    raise
                found[resource.name] = None
        return found

    def _all_acls(self, principals: Collection[str]) -> list[Acl]:
        found = [acl for principal in principals for acl in self._acls(principal)]
        if not found:
            self._explain_nothing()
        return found

    def _explain_nothing(self) -> None:
        """Raise Denied or Unguarded where that is why there are no ACLs.

        librdkafka drops the error of DescribeAcls and answers with an empty list instead.
        """
        cluster = self._admin.describe_cluster(
            include_authorized_operations=True, request_timeout=TIMEOUT
        ).result()
        allowed = {operation.name for operation in cluster.authorized_operations or ()}
        if "DESCRIBE" not in allowed:
            raise Denied(f"Kafka at {self.bootstrap}: ACLs may not be described")
        if "DESCRIBE_CONFIGS" in allowed and not self._authorizer(str(cluster.nodes[0].id)):
            raise Unguarded(f"Kafka at {self.bootstrap}: there is no authorizer")

    def _authorizer(self, broker: str) -> str:
        resource = ConfigResource(ConfigResource.Type.BROKER, broker)
        [answer] = self._admin.describe_configs([resource], request_timeout=TIMEOUT).values()
        return str(answer.result()["authorizer.class.name"].value or "")

    def _acls(self, principal: str) -> list[Acl]:
        whatever: Any = None  # typed as text, documented as "matches everything"
        everything = AclBindingFilter(
            ResourceType.ANY,
            whatever,
            ResourcePatternType.ANY,
            principal,
            whatever,
            AclOperation.ANY,
            AclPermissionType.ANY,
        )
        found = self._admin.describe_acls(everything, request_timeout=TIMEOUT).result()
        return [_acl(binding) for binding in found]

    def _rights(self, kind: str, name: str) -> frozenset[str]:
        options: dict[str, Any] = {
            "include_authorized_operations": True,
            "request_timeout": TIMEOUT,
        }
        if kind == "topic":
            topics = self._admin.describe_topics(TopicCollection([name]), **options)
            found = _or_none(topics[name])
        else:
            found = self._admin.describe_consumer_groups([name], **options)[name].result()
        allowed = found.authorized_operations if found is not None else ()
        return frozenset(operation.name for operation in allowed or ())


def _acl(binding: AclBinding) -> Acl:
    found: Any = binding  # its enums are typed as what may be given for them, too
    kind = "cluster" if found.restype.name == "BROKER" else found.restype.name.lower()
    return Acl(
        found.principal,
        kind,
        found.name,
        found.resource_pattern_type.name == "PREFIXED",
        found.operation.name,
        found.permission_type.name == "ALLOW",
    )


def _or_none(answer: Any) -> Any:
    try:
        return answer.result()
    except KafkaException as error:
        if _code(error) == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return None
        raise


def _code(error: KafkaException) -> int:
    return int(error.args[0].code())
