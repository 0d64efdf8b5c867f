"""Apache Kafka as one combined KRaft node on 127.0.0.1."""

import base64
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from service_kit.embedded.jars import jars
from service_kit.embedded.java import java
from service_kit.embedded.process import LOOPBACK, Child, wait_for_port, wait_until
from service_kit.security import KafkaAccess

READY_SECONDS = 60.0
STOP_SECONDS = 15.0
MEBIBYTE = 1024 * 1024
# Records that wait for a slow consumer stay; the organisation's week is the default elsewhere too.
WEEK_MILLISECONDS = 7 * 24 * 3600 * 1000

JAVA_OPTIONS = (
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
)


class Kafka:
    """A broker that keeps its data in a folder and can be started again after kill -9.

    Its ports may change from one start to the next.
    """

    def __init__(self, data: Path, port: int, controller_port: int):
        self.bootstrap = f"{LOOPBACK}:{port}"
        self.access = KafkaAccess(self.bootstrap)
        self._data = data.absolute()
        self._port = port
        self._controller_port = controller_port
        self._child: Child | None = None

    @property
    def pid(self) -> int:
        """The broker's pid. Raises RuntimeError when it was not started."""
        return self._running().pid

    @property
    def alive(self) -> bool:
        """Whether the broker's process runs."""
        return self._child is not None and self._child.alive

    def start(self) -> None:
        """Return when the broker answers and every partition has a leader.

        Raises StartError with the end of its log, JarsError when `make setup` has not run.
        """
        self._write_settings()
        self._format_once()
        self._child = Child("kafka", self._command("kafka.Kafka"), self._data, env={})
        wait_for_port(self._child, self._port, READY_SECONDS)
        admin = AdminClient({**self.access.librdkafka(), "log_level": 0})
        wait_until(self._child, lambda: _has_leaders(admin), "leading", READY_SECONDS)

    def kill(self) -> None:
        """End the broker with SIGKILL, as a crash does."""
        self._running().kill()

    def stop(self) -> None:
        """End the broker in order; nothing happens when it was not started."""
        if self._child is not None:
            self._child.stop(STOP_SECONDS)

    def _running(self) -> Child:
        if self._child is None:
            raise RuntimeError("this Kafka was not started")
        return self._child

    @property
    def _settings(self) -> Path:
        return self._data / "server.properties"

    def _command(self, main: str, *arguments: str) -> list[str]:
        classpath = f"{jars()}/*"
        return [java(), *JAVA_OPTIONS, "-cp", classpath, main, *arguments, str(self._settings)]

    def _write_settings(self) -> None:
        self._data.mkdir(parents=True, exist_ok=True)
        settings = self._broker_settings()
        lines = (f"{name}={value}\n" for name, value in settings.items())
        self._settings.write_text("".join(lines))

    def _broker_settings(self) -> Mapping[str, str | int]:
        return broker_settings(self._data / "log", self._port, self._controller_port)

    def _format_arguments(self) -> Sequence[str]:
        """What the first format is told besides, such as users."""
        return ()

    def _format_once(self) -> None:
        """Give the empty folder its cluster id; a format that was interrupted is done again."""
        done = self._data / "formatted"
        if done.exists():
            return
        tool = self._command("kafka.tools.StorageTool", "format", "-t", self._cluster_id(), "-c")
        more = ["--ignore-formatted", *self._format_arguments()]
        answer = subprocess.run([*tool, *more], capture_output=True, text=True)
        if answer.returncode:
            raise RuntimeError(f"could not format {self._data}: {answer.stdout}{answer.stderr}")
        done.touch()

    def _cluster_id(self) -> str:
        """The folder's id, drawn once, so that a second format agrees with the first."""
        path = self._data / "cluster.id"
        if not path.exists():
            path.write_text(new_cluster_id())
        return path.read_text()


def broker_settings(log: Path, port: int, controller_port: int) -> Mapping[str, str | int]:
    """What server.properties says."""
    broker, controller = f"{LOOPBACK}:{port}", f"{LOOPBACK}:{controller_port}"
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{broker},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{broker}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(log),
        "num.partitions": 4,
        "auto.create.topics.enable": "false",
        "message.max.bytes": MEBIBYTE,
        # Retention counts from arrival: a record with an old event time is not deleted at once.
        "log.message.timestamp.type": "LogAppendTime",
        "log.retention.ms": WEEK_MILLISECONDS,
        "log.segment.bytes": 64 * MEBIBYTE,
        "offsets.topic.num.partitions": 4,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
        # A broker that was killed is fenced, and may come back, after 3 s and not after 9.
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 500,
    }


def new_cluster_id() -> str:
    """A fresh cluster id: 22 characters, not beginning with '-', which reads as an option."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text


def _has_leaders(admin: AdminClient) -> bool:
    try:
        cluster = admin.list_topics(timeout=1)
    except KafkaException:
        return False
    partitions = (p for topic in cluster.topics.values() for p in topic.partitions.values())
    return bool(cluster.brokers) and all(partition.leader >= 0 for partition in partitions)
