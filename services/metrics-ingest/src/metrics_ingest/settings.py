"""What can be set for this service beyond service_kit.settings, from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from metrics_ingest.domain.topics_of import ANY_TOPIC, TopicsOf
from service_kit.errors import SettingError
from service_kit.settings import Settings, integer, seconds, setting

_LEAST_KEY = 24


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """What metrics-ingest adds; what has no variable is set in code."""

    window_bytes: int = setting(2**30, "Bounds the seen ids in memory; older ones go to disk.")
    batch: int = setting(200_000, "How many records one transaction takes at most.")
    look_seconds: float = setting(1.0, "How often new doors to foreign topics are looked for.")
    hold_seconds: float = setting(
        30.0,
        "How long watermarks wait for a tenant's own topics; then the tenant alone is held.",
        "PACELINE_HOLD_SECONDS",
    )
    held_tenants: int = setting(
        100,
        "How many tenants are held alone at a time; with more, or with 0, everybody waits.",
        "PACELINE_HELD_TENANTS",
    )
    public_url: str = setting(
        "",
        "How vendors reach this service; part of the address that some of them sign.",
        "PACELINE_PUBLIC_URL",
        "http://HOST:PORT",
    )
    secrets_keys: tuple[str, ...] = setting(
        (),
        "Seals the secrets of webhooks. Several, with commas: the first seals, all of them open.",
        "PACELINE_SECRETS_KEY",
        "none: no secrets can be kept",
    )
    sender_events: int = setting(
        20_000,
        "Events a second that one key or hook may send, and for five seconds at once; 0: no limit. "
        "A key may have a limit of its own: paceline keys.",
        "PACELINE_SENDER_EVENTS",
    )
    sender_bytes: int = setting(32 * 2**20, "The same in bytes of bodies.", "PACELINE_SENDER_BYTES")
    room_bytes: int = setting(
        32 * 2**20,
        "Bytes of bodies in memory at once; beyond it senders are told 503. A sender with several "
        "leaves free as much as it holds, or is told 429.",
        "PACELINE_ROOM_BYTES",
    )
    registry: str = setting(
        "",
        "Where Avro's schemas are fetched: a schema registry with the API of Confluent's.",
        "PACELINE_SCHEMA_REGISTRY",
        "none: topics in Avro cannot be declared",
    )
    registry_user: str = setting(
        "", "Signs in there, if it asks for it.", "PACELINE_SCHEMA_REGISTRY_USER", "none"
    )
    registry_password: str = setting(
        "", "The user's password.", "PACELINE_SCHEMA_REGISTRY_PASSWORD", "none"
    )

    topics: TopicsOf = setting(
        ANY_TOPIC,
        "Which of the organisation's topics each tenant may name as a source's door, with * for "
        "any characters: TENANT=NAME,NAME; TENANT=NAME. A tenant without a line may name none.",
        "PACELINE_TOPICS_OF",
        "every tenant any topic that is not ours",
    )

    @classmethod
    def from_environment(
        cls, settings: Settings, environment: Mapping[str, str] | None = None
    ) -> "IngestSettings":
        """Read the variables; raises SettingError."""
        env = os.environ if environment is None else environment
        own = f"http://{settings.host}:{settings.port}"
        defaults = cls()
        return cls(
            hold_seconds=seconds(env, "PACELINE_HOLD_SECONDS", defaults.hold_seconds),
            held_tenants=integer(env, "PACELINE_HELD_TENANTS", defaults.held_tenants, 0, 1000),
            public_url=_address("PACELINE_PUBLIC_URL", env.get("PACELINE_PUBLIC_URL") or own),
            secrets_keys=_keys(env.get("PACELINE_SECRETS_KEY", "")),
            sender_events=integer(
                env, "PACELINE_SENDER_EVENTS", defaults.sender_events, 0, 10_000_000
            ),
            sender_bytes=integer(env, "PACELINE_SENDER_BYTES", defaults.sender_bytes, 0, 2**40),
            room_bytes=integer(env, "PACELINE_ROOM_BYTES", defaults.room_bytes, 2**16, 2**40),
            registry=_registry(env.get("PACELINE_SCHEMA_REGISTRY", "")),
            registry_user=env.get("PACELINE_SCHEMA_REGISTRY_USER", ""),
            registry_password=env.get("PACELINE_SCHEMA_REGISTRY_PASSWORD", ""),
            topics=_topics(env.get("PACELINE_TOPICS_OF", "")),
        )


def _topics(text: str) -> TopicsOf:
    try:
        return TopicsOf.read(text)
    except ValueError as error:
        raise SettingError(
            f"PACELINE_TOPICS_OF: {error}",
            "lines such as acme=acme.*,crm-acme; globex=globex-* are needed",
            "应为 acme=acme.*,crm-acme; globex=globex-* 这样的写法",
        ) from None


def _registry(text: str) -> str:
    if "@" in urlsplit(text).netloc:
        raise SettingError(
            "PACELINE_SCHEMA_REGISTRY",
            "its user and password stand in PACELINE_SCHEMA_REGISTRY_USER and _PASSWORD",
            "用户名和密码应写在 PACELINE_SCHEMA_REGISTRY_USER 和 _PASSWORD 中",
        )
    return _address("PACELINE_SCHEMA_REGISTRY", text) if text else ""


def _address(name: str, text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise SettingError(
            f"{name}={text!r}",
            "an address such as https://in.example.com is needed",
            "应为 https://in.example.com 这样的地址",
        )
    return text.rstrip("/")


def _keys(text: str) -> tuple[str, ...]:
    keys = tuple(key for each in text.split(",") if (key := each.strip()))
    if any(len(key) < _LEAST_KEY for key in keys):
        raise SettingError(
            "PACELINE_SECRETS_KEY",
            f"each key needs {_LEAST_KEY} characters or more, drawn at random",
            f"每个密钥至少 {_LEAST_KEY} 个随机字符",
        )
    return keys
