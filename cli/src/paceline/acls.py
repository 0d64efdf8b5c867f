"""The least that each service needs on a guarded cluster, from the register of topics.

A service reads its topics under its own group and writes nothing to Kafka: what it sends goes
through its outbox, and the relay writes it. The one exception is the door for events.
"""

import shlex
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from event_contracts.topics import FACTS, METRIC_DEFINITIONS, RAW, SUBJECTS, TOPICS
from paceline.access import COMMAND
from paceline.topic_plan import SERVICES
from service_kit.security_environment import principal_of
from service_kit.settings import Settings
from service_kit.topic_admin import Acl

RELAY = "relay"
# A 202 is answered once the event stands in Kafka, so the door cannot go through the outbox.
DIRECT = {"metrics-ingest": (RAW.name,)}
# metrics-ingest asks at start over how many partitions it spreads what the relay writes.
COUNTED = {"metrics-ingest": (SUBJECTS.name, FACTS.name, METRIC_DEFINITIONS.name)}
# The group that copies a topic of the organisation into raw has that topic's name in its own.
REKEY = "metrics-ingest-rekey."

CLUSTER = "kafka-cluster"
# What one operation allows besides itself (Kafka's rule for ALLOW).
_IMPLIED = {
    "Describe": {"Read", "Write", "Delete", "Alter"},
    "DescribeConfigs": {"AlterConfigs"},
}


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One ACL that a service needs; ``kind`` is topic, group or cluster."""

    service: str
    kind: str
    operation: str
    name: str
    prefixed: bool = False

    @property
    def resource(self) -> str:
        """What it is about, in words."""
        return f"{self.kind} {self.name}{'*' if self.prefixed else ''}"


def grants(settings: Settings, foreign: Sequence[str] = ()) -> list[Grant]:
    """Return what every service needs; ``foreign`` names topics of the organisation to be read."""
    found: set[Grant] = set()
    for topic in TOPICS:
        name = settings.prefix + topic.name
        if set(topic.producers) & set(SERVICES):
            found.add(Grant(RELAY, "topic", "Write", name))
        for service in SERVICES:
            if service in topic.consumers:
                found.add(Grant(service, "topic", "Read", name))
                found.add(
                    Grant(service, "group", "Read", settings.groups + topic.group_of(service))
                )
            if topic.name in DIRECT.get(service, ()):
                found.add(Grant(service, "topic", "Write", name))
            if topic.name in COUNTED.get(service, ()):
                found.add(Grant(service, "topic", "Describe", name))
    for name in foreign:
        found.add(Grant("metrics-ingest", "topic", "Read", name))
        found.add(Grant("metrics-ingest", "group", "Read", settings.groups + REKEY + name))
        found.add(Grant(COMMAND, "topic", "Describe", name))  # doctor shows how far it is read
    return sorted(found | _operators(settings))


def _operators(settings: Settings) -> set[Grant]:
    """What `paceline topics apply` and `doctor` need; without Create the topics come from you."""
    own = ("Create", "Describe", "AlterConfigs")
    return {Grant(COMMAND, "topic", operation, settings.prefix, True) for operation in own} | {
        Grant(COMMAND, "cluster", "Describe", CLUSTER)
    }


def principals(found: Iterable[Grant]) -> dict[str, str]:
    """Return as whom the broker knows each service."""
    return {service: principal_of(service) for service in sorted({g.service for g in found})}


def commands(found: Iterable[Grant], bootstrap: str, file: str) -> list[str]:
    """Return lines for a shell with Kafka's own tool; ``file`` are its administrator's settings."""
    groups: dict[tuple[str, str, str, bool], list[str]] = defaultdict(list)
    for grant in sorted(found):
        who = principal_of(grant.service)
        names = groups[who, grant.kind, grant.operation, grant.prefixed]
        if grant.name not in names:  # two services may come as one user
            names.append(grant.name)
    tool = ["kafka-acls.sh", "--bootstrap-server", bootstrap, "--command-config", file, "--add"]
    return [
        shlex.join(
            [
                *tool,
                *("--allow-principal", who, "--operation", operation),
                *_resources(kind, names),
                *(("--resource-pattern-type", "prefixed") if prefixed else ()),
            ]
        )
        for (who, kind, operation, prefixed), names in groups.items()
    ]


def _resources(kind: str, names: Sequence[str]) -> list[str]:
    if kind == "cluster":
        return ["--cluster"]
    return [word for name in names for word in (f"--{kind}", name)]


def missing(found: Iterable[Grant], acls: Sequence[Acl]) -> list[Grant]:
    """Return the grants that these ACLs do not give, or that one of them takes away."""
    return [grant for grant in found if not _given(grant, acls)]


def enough(operation: str) -> set[str]:
    """Return the operations, in capitals, of which each allows this one."""
    return {_capitals(each) for each in ("All", operation, *_IMPLIED.get(operation, ()))}


def _given(grant: Grant, acls: Sequence[Acl]) -> bool:
    who = {principal_of(grant.service), "User:*"}
    about = [acl for acl in acls if acl.principal in who and _covers(grant, acl)]
    denied = {"ALL", _capitals(grant.operation)}
    if any(acl.operation in denied for acl in about if not acl.allows):
        return False
    return any(acl.operation in enough(grant.operation) for acl in about if acl.allows)


def _covers(grant: Grant, acl: Acl) -> bool:
    if acl.kind != grant.kind:
        return False
    if acl.prefixed:
        return grant.name.startswith(acl.name)
    return acl.name == "*" or (acl.name == grant.name and not grant.prefixed)


def _capitals(operation: str) -> str:
    """Return the name as the protocol has it: DescribeConfigs is DESCRIBE_CONFIGS."""
    return "".join(f"_{c}" if c.isupper() else c.upper() for c in operation).lstrip("_").upper()
