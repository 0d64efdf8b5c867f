"""The settings of a service, from the environment. No other module of a service reads it."""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from service_kit.errors import SettingError
from service_kit.security import OPEN, KafkaAccess, KafkaSecurity
from service_kit.security_environment import read_security

T = TypeVar("T")

LOOPS = ("faust", "confluent", "aiokafka")


def setting(default: T, tells: str, variable: str = "", shown: str = "") -> T:
    """Return a field with its sentence for the operator (docs/operators/settings.md).

    ``variable`` sets it; without one it can be set in code only. ``shown`` stands in the table
    for a default that is no plain value.
    """
    return field(default=default, metadata={"tells": tells, "variable": variable, "shown": shown})


def needed(tells: str, variable: str, shown: str) -> Any:
    """Return a field like :func:`setting` that the code has to fill."""
    return field(metadata={"tells": tells, "variable": variable, "shown": shown})


@dataclass(frozen=True, slots=True)
class Settings:
    """Where a service runs and what it talks to."""

    service: str
    kafka: str = setting(
        "127.0.0.1:9092", "The brokers to ask first, HOST:PORT,...", "PACELINE_KAFKA"
    )
    mongodb: str = setting(
        "mongodb://127.0.0.1:27017",
        "The database's connection string; a replica set.",
        "PACELINE_MONGODB",
    )
    prefix: str = setting(
        "paceline.", "Stands before every topic on the broker.", "PACELINE_PREFIX"
    )
    database_prefix: str = setting(
        "paceline_", "Stands before every database.", "PACELINE_DATABASE_PREFIX"
    )
    partitions: int = setting(
        4,
        "How many partitions every topic has; fixed when they are made.",
        "PACELINE_PARTITIONS",
    )
    instance: str = setting(
        "",
        "Names the process: each of one service has its own, the same after a restart.",
        "PACELINE_INSTANCE",
        "SERVICE-0",
    )
    host: str = setting("127.0.0.1", "Where the HTTP door listens.", "PACELINE_HOST")
    port: int = setting(
        0,
        "The HTTP door's port; a relay without one has no door.",
        "PACELINE_PORT",
        "8100 to 8104; relay: none",
    )
    relay: str | None = setting(
        None,
        "Where the relay hears what was written, IPv4:PORT (UDP); without it the relay follows "
        "a change stream.",
        "PACELINE_RELAY",
        "none",
    )
    loop: str | None = setting(
        None,
        "The client that reads Kafka: `faust`, `confluent` or `aiokafka`.",
        "PACELINE_LOOP",
        "the service's own",
    )
    watermark_seconds: float = setting(
        1.0, "How often watermarks are sent.", "PACELINE_WATERMARK_SECONDS"
    )
    nice: int = setting(
        0,
        "How far the process stands back where processors are short, 0 to 19 as of `nice`; "
        "`paceline up` lets those that judge stand behind those that count.",
        "PACELINE_NICE",
    )
    log: str = setting("INFO", "The least level that is logged.", "PACELINE_LOG")
    issuer: str | None = setting(
        None,
        "The OpenID Connect issuer whose tokens let people in; without one only keys do.",
        "PACELINE_OIDC_ISSUER",
        "none",
    )
    audience: str = setting(
        "paceline", "Whom the issuer's tokens must be meant for.", "PACELINE_OIDC_AUDIENCE"
    )
    issuer_inside: str | None = setting(
        None,
        "Where containers reach an issuer whose own address is this machine's loopback.",
        "PACELINE_OIDC_INSIDE",
        "none",
    )
    security: KafkaSecurity = setting(
        OPEN,
        "Protocol, user, certificates: docs/guest.md names each variable.",
        "PACELINE_KAFKA_*",
        "no encryption, no user",
    )
    group_prefix: str | None = setting(
        None,
        "Stands before every consumer group on the broker.",
        "PACELINE_KAFKA_GROUP_PREFIX",
        "that of the topics",
    )
    client_prefix: str | None = setting(
        None,
        "Stands before every client's name on the broker.",
        "PACELINE_KAFKA_CLIENT_PREFIX",
        "that of the topics",
    )
    replication: int = setting(
        -1,
        "Of topics that are made.",
        "PACELINE_KAFKA_REPLICATION",
        "the cluster's default",
    )

    @property
    def access(self) -> KafkaAccess:
        """How the clients of this process reach the broker."""
        before = self.prefix if self.client_prefix is None else self.client_prefix
        return KafkaAccess(self.kafka, self.security, before + (self.instance or self.service))

    @property
    def groups(self) -> str:
        """What stands before the consumer groups on the broker."""
        return self.prefix if self.group_prefix is None else self.group_prefix

    @property
    def database(self) -> str:
        """The service's own database, e.g. ``paceline_goal_service``."""
        return self.database_prefix + self.service.replace("-", "_")

    @property
    def keys_database(self) -> str:
        """The database of the API keys, which all services read."""
        return self.database_prefix + "keys"

    @classmethod
    def from_environment(
        cls,
        service: str,
        port: int,
        environment: Mapping[str, str] | None = None,
        *,
        broker: bool = True,
    ) -> "Settings":
        """Read the variables named in docs/design.md; ``port`` is the default of the HTTP door.

        Without ``broker`` the credentials for it are not looked at: who makes no client needs none.

        Raises SettingError.
        """
        env = os.environ if environment is None else environment
        defaults = cls(service)
        return cls(
            service=service,
            kafka=env.get("PACELINE_KAFKA", defaults.kafka),
            mongodb=env.get("PACELINE_MONGODB", defaults.mongodb),
            prefix=env.get("PACELINE_PREFIX", defaults.prefix),
            database_prefix=env.get("PACELINE_DATABASE_PREFIX", defaults.database_prefix),
            partitions=integer(env, "PACELINE_PARTITIONS", defaults.partitions, 1, 10_000),
            instance=env.get("PACELINE_INSTANCE") or f"{service}-0",
            host=env.get("PACELINE_HOST", defaults.host),
            port=integer(env, "PACELINE_PORT", port, 0, 65_535),
            relay=_address(env, "PACELINE_RELAY"),
            loop=_loop(env),
            watermark_seconds=seconds(env, "PACELINE_WATERMARK_SECONDS", 1.0),
            nice=integer(env, "PACELINE_NICE", 0, 0, 19),
            log=env.get("PACELINE_LOG", defaults.log).upper(),
            issuer=env.get("PACELINE_OIDC_ISSUER") or None,
            audience=env.get("PACELINE_OIDC_AUDIENCE") or defaults.audience,
            issuer_inside=env.get("PACELINE_OIDC_INSIDE") or None,
            security=read_security(service, env) if broker else OPEN,
            group_prefix=env.get("PACELINE_KAFKA_GROUP_PREFIX"),
            client_prefix=env.get("PACELINE_KAFKA_CLIENT_PREFIX"),
            replication=integer(env, "PACELINE_KAFKA_REPLICATION", -1, 1, 100),
        )


def _address(env: Mapping[str, str], name: str) -> str | None:
    text = env.get(name)
    if not text:
        return None
    host, _, port = text.rpartition(":")
    try:
        ipaddress.IPv4Address(host)  # a name would be looked up at every word
    except ValueError:
        host = ""
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise SettingError(f"{name}={text!r}", "IPv4:PORT is needed", "应为 IPv4:端口")
    return text


def integer(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    """Return a whole number from ``low`` to ``high``. Raises SettingError."""
    text = env.get(name)
    if text is None:
        return default
    if not text.isdecimal() or not low <= int(text) <= high:
        raise SettingError(
            f"{name}={text!r}",
            f"a whole number from {low} to {high} is needed",
            f"应为 {low} 到 {high} 的整数",
        )
    return int(text)


def seconds(env: Mapping[str, str], name: str, default: float) -> float:
    """Return a length of time, above 0, at most an hour. Raises SettingError."""
    text = env.get(name)
    if text is None:
        return default
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found <= 3600:
        raise SettingError(
            f"{name}={text!r}",
            "seconds above 0, at most 3600, are needed",
            "应为大于 0、不超过 3600 的秒数",
        )
    return found


def _loop(env: Mapping[str, str]) -> str | None:
    text = env.get("PACELINE_LOOP") or None
    if text is not None and text not in LOOPS:
        raise SettingError(
            f"PACELINE_LOOP={text!r}",
            f"one of {', '.join(LOOPS)} is needed",
            f"应为 {'、'.join(LOOPS)} 之一",
        )
    return text
