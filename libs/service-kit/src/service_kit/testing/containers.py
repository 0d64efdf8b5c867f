"""Apache Kafka and MongoDB as containers, by testcontainers, which is imported when it is needed.

The ready-made classes of testcontainers do not do: its Kafka knows other vendors' images alone, its
MongoDB has no replica set and so no transactions.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from service_kit.embedded.kafka import broker_settings
from service_kit.security import KafkaAccess

KAFKA_IMAGE = "apache/kafka:4.1.1"
MONGO_IMAGE = "mongo:8"
KAFKA_PORT, CONTROLLER_PORT, INSIDE_PORT, MONGO_PORT = 9092, 9093, 9094, 27017
READY_SECONDS = 90.0
# How the image writes a property as a variable.
ESCAPES = str.maketrans({".": "_", "_": "__", "-": "___"})
REPLICA_SET = "rs0"
MEMBERS = [{"_id": 0, "host": f"127.0.0.1:{MONGO_PORT}"}]


class StartedKafka(NamedTuple):
    """A broker in a container."""

    bootstrap: str


class StartedDocuments(NamedTuple):
    """A document server in a container."""

    uri: str


def lacking() -> str | None:
    """Return what is missing for containers, None when an engine answers."""
    try:
        import docker
    except ImportError:
        return "testcontainers is not installed"
    try:
        client = docker.from_env(timeout=10)
    except docker.errors.DockerException as error:
        return f"no container engine answers (DOCKER_HOST): {error}"
    client.close()
    return None


@contextmanager
def kafka(port: int) -> Iterator[StartedKafka]:
    """Run a broker with the embedded one's settings, published at this port of the engine."""
    from testcontainers.core.container import DockerContainer

    image = os.environ.get("PACELINE_KAFKA_IMAGE", KAFKA_IMAGE)
    container = DockerContainer(image).with_bind_ports(KAFKA_PORT, port)
    bootstrap = f"{container.get_docker_client().host()}:{port}"
    with container.with_envs(**kafka_environment(bootstrap)):
        admin = AdminClient({**KafkaAccess(bootstrap).librdkafka(), "log_level": 0})
        _wait(lambda: _answers(admin), image)
        yield StartedKafka(bootstrap)


@contextmanager
def documents() -> Iterator[StartedDocuments]:
    """Run a document server as the only member of a replica set."""
    from testcontainers.core.container import DockerContainer

    image = os.environ.get("PACELINE_MONGO_IMAGE", MONGO_IMAGE)
    command = ["--replSet", REPLICA_SET, "--bind_ip_all"]
    server = DockerContainer(image).with_exposed_ports(MONGO_PORT).with_command(command)
    with server as container:
        host = container.get_container_host_ip()
        uri = f"mongodb://{host}:{container.get_exposed_port(MONGO_PORT)}/?directConnection=true"
        client: MongoClient[dict[str, Any]]
        with MongoClient(uri, serverSelectionTimeoutMS=1000) as client:
            _wait(lambda: _is_primary(client), image)
        yield StartedDocuments(uri)


def kafka_environment(bootstrap: str) -> dict[str, str]:
    """Return the embedded broker's settings as the image's variables."""
    settings = dict(broker_settings(Path("/var/lib/kafka/data"), KAFKA_PORT, CONTROLLER_PORT))
    # The broker writes to itself, too (transactions): inside, where the published one is not.
    own, inner = f"INSIDE://127.0.0.1:{INSIDE_PORT}", f"CONTROLLER://127.0.0.1:{CONTROLLER_PORT}"
    protocols = settings["listener.security.protocol.map"]
    settings |= {
        "listeners": f"PLAINTEXT://:{KAFKA_PORT},{own},{inner}",
        "advertised.listeners": f"PLAINTEXT://{bootstrap},{own}",
        "listener.security.protocol.map": f"{protocols},INSIDE:PLAINTEXT",
        "inter.broker.listener.name": "INSIDE",
    }
    return {_variable(name): str(text) for name, text in settings.items()}


def _variable(name: str) -> str:
    return "KAFKA_" + name.translate(ESCAPES).upper()


def _wait(ready: Callable[[], bool], image: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{image} was not ready within {READY_SECONDS:g} s")
        time.sleep(0.2)


def _answers(admin: AdminClient) -> bool:
    try:
        return bool(admin.list_topics(timeout=1).brokers)
    except KafkaException:
        return False


def _is_primary(client: MongoClient[dict[str, Any]]) -> bool:
    """Whether the server takes writes; one that is in no replica set yet gets its own."""
    try:
        told = client.admin.command("hello")
        if "setName" not in told:
            client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": MEMBERS})
        return bool(told.get("isWritablePrimary")) and "setName" in told
    except PyMongoError:
        return False
