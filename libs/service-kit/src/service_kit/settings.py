"""The settings of a service, from the environment. No other module of a service reads it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

LOOPS = ("faust", "confluent", "aiokafka")


class UnreadableSetting(ValueError):
    """Names a variable, what it holds and what would be right."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where a service runs and what it talks to.

    ``kafka`` is a bootstrap list, ``mongodb`` a connection string, ``prefix`` stands before every
    topic and group on the broker, ``database_prefix`` before every database. ``loop`` is None
    unless the environment chooses one: each service has its own. ``issuer`` is the address of the
    OpenID Connect issuer whose tokens for ``audience`` let people in; None: only keys do.
    """

    service: str
    kafka: str = "127.0.0.1:9092"
    mongodb: str = "mongodb://127.0.0.1:27017"
    prefix: str = "paceline."
    database_prefix: str = "paceline_"
    partitions: int = 4
    instance: str = ""
    host: str = "127.0.0.1"
    port: int = 0
    loop: str | None = None
    watermark_seconds: float = 1.0
    log: str = "INFO"
    issuer: str | None = None
    audience: str = "paceline"

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
        cls, service: str, port: int, environment: Mapping[str, str] | None = None
    ) -> "Settings":
        """Read the variables named in docs/design.md; ``port`` is the default of the HTTP door.

        Raises UnreadableSetting.
        """
        env = os.environ if environment is None else environment
        defaults = cls(service)
        return cls(
            service=service,
            kafka=env.get("PACELINE_KAFKA", defaults.kafka),
            mongodb=env.get("PACELINE_MONGODB", defaults.mongodb),
            prefix=env.get("PACELINE_PREFIX", defaults.prefix),
            database_prefix=env.get("PACELINE_DATABASE_PREFIX", defaults.database_prefix),
            partitions=_integer(env, "PACELINE_PARTITIONS", defaults.partitions, 1, 10_000),
            instance=env.get("PACELINE_INSTANCE") or f"{service}-0",
            host=env.get("PACELINE_HOST", defaults.host),
            port=_integer(env, "PACELINE_PORT", port, 0, 65_535),
            loop=_loop(env),
            watermark_seconds=seconds(env, "PACELINE_WATERMARK_SECONDS", 1.0),
            log=env.get("PACELINE_LOG", defaults.log).upper(),
            issuer=env.get("PACELINE_OIDC_ISSUER") or None,
            audience=env.get("PACELINE_OIDC_AUDIENCE") or defaults.audience,
        )


def _integer(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = env.get(name)
    if text is None:
        return default
    if not text.isdecimal() or not low <= int(text) <= high:
        raise UnreadableSetting(f"{name}={text!r}: a whole number from {low} to {high} is needed")
    return int(text)


def seconds(env: Mapping[str, str], name: str, default: float) -> float:
    """Return a length of time, above 0, at most an hour. Raises UnreadableSetting."""
    text = env.get(name)
    if text is None:
        return default
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found <= 3600:
        raise UnreadableSetting(f"{name}={text!r}: seconds above 0, at most 3600, are needed")
    return found


def _loop(env: Mapping[str, str]) -> str | None:
    text = env.get("PACELINE_LOOP") or None
    if text is not None and text not in LOOPS:
        raise UnreadableSetting(f"PACELINE_LOOP={text!r}: one of {', '.join(LOOPS)} is needed")
    return text
