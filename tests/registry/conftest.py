"""A real registry, a running system that asks it, and what writes Avro as others do."""

import asyncio
import io
import os
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import fastavro
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from paceline.trial.stage import OPENING, Stage
from paceline.trial.system import System
from service_kit.embedded import free_port
from service_kit.testing.registry import Registry, program

PORT = int(os.environ.get("PACELINE_REGISTRY_PORT", "8720"))


class Writer:
    """An application of the organisation: it registers schemas and writes to topics."""

    def __init__(self, registry: Registry, kafka: str) -> None:
        self.registry = registry
        self._admin = AdminClient({"bootstrap.servers": kafka})
        self._producer = Producer({"bootstrap.servers": kafka})

    async def topic(self, name: str) -> None:
        """Create a topic of two partitions."""
        made = self._admin.create_topics([NewTopic(name, 2, 1)])
        await asyncio.to_thread(made[name].result)

    def written(self, schema_id: int, schema: Any, value: Any) -> bytes:
        """Return the value as Confluent's serialisers write it."""
        out = io.BytesIO()
        out.write(b"\x00" + schema_id.to_bytes(4, "big"))
        fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
        return out.getvalue()

    def send(self, topic: str, *values: bytes | None) -> None:
        """Write records to one partition, in their order, and wait for the broker."""
        for value in values:
            self._producer.produce(topic, value=value, partition=1)
        assert self._producer.flush(30) == 0


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    jar = program()
    if jar is None:
        missing = "Maven has not brought Apicurio Registry (service_kit.testing.registry says how)"
        if "registry" in os.environ.get("PACELINE_REQUIRE", ""):
            pytest.fail(missing)
        pytest.skip(missing)
    found = Registry(jar, tmp_path_factory.mktemp("registry"), free_port())
    found.start()
    yield found
    found.kill()


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory,
    servers_of_a_system: dict[str, str],
    registry: Registry,
) -> Iterator[Stage]:
    data: Path = tmp_path_factory.mktemp("avro")
    opening = datetime.combine(OPENING, time(8), UTC).timestamp()
    own = {"PACELINE_WATERMARK_SECONDS": "0.1", "PACELINE_SCHEMA_REGISTRY": registry.address}
    with System(data, PORT, opening, own | servers_of_a_system) as system:
        yield Stage(system)


@pytest.fixture
async def stage(running: Stage) -> AsyncIterator[Stage]:
    yield running
    await running.close()


@pytest.fixture
def writer(registry: Registry, running: Stage) -> Writer:
    return Writer(registry, running.system.facts()["kafka"])
