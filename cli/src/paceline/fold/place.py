"""Where a benchmark runs: a broker and a document server of its own, in a folder that goes away."""

import asyncio
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from paceline.topics import apply_topics
from service_kit.broker import Broker, TopicSpec
from service_kit.embedded import DocumentStore, Kafka, free_port
from service_kit.security import KafkaAccess
from service_kit.settings import Settings

DAY_MS = 86_400_000
JOIN_MS = 3000


class OwnKafka(Kafka):
    """The embedded broker, with Kafka's own default where two workers start at once.

    The first one to come waits for the second one, so that both begin with their own partitions.
    """

    def _broker_settings(self) -> Mapping[str, str | int]:
        settings = super()._broker_settings()
        return {**settings, "group.initial.rebalance.delay.ms": JOIN_MS}


class Place:
    """The servers, for one benchmark."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="paceline-fold-"))
        self._kafka = OwnKafka(self.folder / "kafka", free_port(), free_port())
        self._documents = DocumentStore(self.folder / "documents", free_port())

    def __enter__(self) -> "Place":
        self._kafka.start()
        self._documents.start()
        return self

    def renew_documents(self) -> None:
        """Begin with an empty document server.

        To drop a database takes the embedded one minutes; a new one is there in a second.
        """
        self._documents.stop()
        shutil.rmtree(self.folder / "documents", ignore_errors=True)
        self._documents = DocumentStore(self.folder / "documents", free_port())
        self._documents.start()

    def __exit__(self, *_: object) -> None:
        self._kafka.stop()
        self._documents.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def access(self) -> KafkaAccess:
        """How clients reach the broker."""
        return self._kafka.access

    @property
    def pids(self) -> dict[str, int]:
        """The servers' processes."""
        return {"kafka": self._kafka.pid, "documents": self._documents.pid}

    def settings(self, prefix: str, database_prefix: str, partitions: int) -> Settings:
        """Return the settings of a service of this place."""
        return replace(
            Settings("metrics-ingest"),
            kafka=self._kafka.bootstrap,
            mongodb=self._documents.uri,
            prefix=prefix,
            database_prefix=database_prefix,
            group_prefix=database_prefix,
            partitions=partitions,
        )

    def make_topics(self, settings: Settings) -> None:
        """Make all topics, and first positions at their logs' beginnings."""
        asyncio.run(apply_topics(settings))

    def make_topic(self, name: str, partitions: int) -> None:
        """Make one topic, by its name on the broker."""
        spec = TopicSpec(name, partitions, DAY_MS, compacted=False)
        asyncio.run(Broker(self.access, "").create([spec]))


def environment_of(settings: Settings, instance: str, port: int) -> dict[str, str]:
    """Return the variables under which a service's process has these settings."""
    found: dict[str, Any] = {
        "PACELINE_KAFKA": settings.kafka,
        "PACELINE_MONGODB": settings.mongodb,
        "PACELINE_PREFIX": settings.prefix,
        "PACELINE_DATABASE_PREFIX": settings.database_prefix,
        "PACELINE_KAFKA_GROUP_PREFIX": settings.group_prefix,
        "PACELINE_PARTITIONS": settings.partitions,
        "PACELINE_INSTANCE": instance,
        "PACELINE_HOST": "127.0.0.1",
        "PACELINE_PORT": port,
    }
    return {name: str(value) for name, value in found.items()}
