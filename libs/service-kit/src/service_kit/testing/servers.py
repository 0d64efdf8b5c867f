"""Broker and document server for tests: a pytest plugin, registered by the root's conftest.py.

Embedded ones, or with ``pytest --containers`` the images apache/kafka and mongo by testcontainers
(others by PACELINE_KAFKA_IMAGE and PACELINE_MONGO_IMAGE). Without an engine such tests are skipped
and say why; with PACELINE_REQUIRE=containers the run is refused.
"""

import os
import socket
from collections.abc import Iterator
from typing import Protocol

import pytest

from service_kit.embedded import DocumentStore, Kafka
from service_kit.testing import containers

_ports = iter(range(8310, 8350))


class KafkaServer(Protocol):
    """A broker that runs."""

    @property
    def bootstrap(self) -> str:
        """Where clients find it."""
        ...


class DocumentServer(Protocol):
    """A document server that runs."""

    @property
    def uri(self) -> str:
        """Where clients find it."""
        ...


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --containers."""
    help_ = "run on the images of Kafka and MongoDB instead of the embedded servers"
    parser.addoption("--containers", action="store_true", help=help_)


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a run that must have containers and cannot; raises UsageError."""
    required = "containers" in os.environ.get("PACELINE_REQUIRE", "")
    if required and config.getoption("--containers"):
        reason = containers.lacking()
        if reason is not None:
            raise pytest.UsageError(f"--containers: {reason}")


def next_port() -> int:
    """A port of the tests' range on which nobody listens."""
    for port in _ports:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise RuntimeError("no free port")


@pytest.fixture(scope="session")
def in_containers(pytestconfig: pytest.Config) -> bool:
    """Whether servers come from images; skips where they should and there is no engine."""
    if not pytestconfig.getoption("--containers"):
        return False
    reason = containers.lacking()
    if reason is not None:
        pytest.skip(f"--containers: {reason}")
    return True


@pytest.fixture(scope="session")
def kafka(in_containers: bool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """The broker of this run."""
    if in_containers:
        with containers.kafka(next_port()) as started:
            yield started
        return
    server = Kafka(tmp_path_factory.mktemp("kafka"), next_port(), next_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def documents(
    in_containers: bool, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DocumentServer]:
    """The document server of this run."""
    if in_containers:
        with containers.documents() as started:
            yield started
        return
    server = DocumentStore(tmp_path_factory.mktemp("documents"), next_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def servers_of_a_system(request: pytest.FixtureRequest, in_containers: bool) -> dict[str, str]:
    """The environment by which one `paceline up` of this run finds its servers; empty: embedded."""
    if not in_containers:
        return {}
    broker: KafkaServer = request.getfixturevalue("kafka")
    store: DocumentServer = request.getfixturevalue("documents")
    return {"PACELINE_KAFKA": broker.bootstrap, "PACELINE_MONGODB": store.uri}
