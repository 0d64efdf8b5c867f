"""One guarded broker, one user per service, and the ACLs that `paceline topics acls` prints."""

import argparse
import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time
from pathlib import Path

import pytest
from click.testing import Result
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from typer.testing import CliRunner

from paceline import connection
from paceline.main import app
from paceline.trial.stage import OPENING
from paceline.trial.system import System
from service_kit.embedded import free_port
from service_kit.embedded.jars import jars
from service_kit.embedded.java import java
from service_kit.testing.guarded_kafka import ADMIN, MECHANISM, GuardedKafka

NAMES = ("paceline", "metrics-ingest", "goal-service", "alerting", "incentives", "relay")
PORT = int(os.environ.get("PACELINE_GUEST_PORT", "8640"))


class House:
    """The organisation: its broker, its administrator, and what it gave us."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        users = {ADMIN: "admin-secret"} | {f"mkt-{name}": f"{name}-secret" for name in NAMES}
        ports = (free_port(), free_port(), free_port())
        self.kafka = GuardedKafka(folder / "kafka", ports, users)
        self.kafka.start()
        self.admin = AdminClient(self.kafka.access.librdkafka())
        for name in NAMES:
            (folder / f"{name}.password").write_text(f"{name}-secret\n")
            self.kafka.authority.issue(name)

    def guest(self, **more: str) -> dict[str, str]:
        """Return the environment of a guest with user and password."""
        return self._environment(
            self.kafka.bootstrap,
            PROTOCOL="SASL_SSL",
            MECHANISM=MECHANISM,
            USER="mkt-{service}",
            PASSWORD_FILE=f"{self.folder}/{{service}}.password",
        ) | {"PACELINE_PREFIX": "mkt.prod.", **more}

    def certified(self, **more: str) -> dict[str, str]:
        """Return the environment of a guest with a certificate alone."""
        folder = self.kafka.authority.folder
        return self._environment(
            self.kafka.mutual,
            PROTOCOL="SSL",
            CERTIFICATE_FILE=f"{folder}/{{service}}.crt",
            KEY_FILE=f"{folder}/{{service}}.key",
        ) | {"PACELINE_PREFIX": "mkt.cert.", **more}

    def _environment(self, address: str, **told: str) -> dict[str, str]:
        named = {f"PACELINE_KAFKA_{name}": text for name, text in told.items()}
        ca = {"PACELINE_KAFKA_CA_FILE": str(self.kafka.authority.certificate)}
        return {"PACELINE_KAFKA": address, "LC_ALL": "C", "COLUMNS": "1000"} | ca | named

    def paceline(self, environment: Mapping[str, str], *words: str) -> Result:
        """Run `paceline` with these words in this environment."""
        try:
            return CliRunner().invoke(app, list(words), env=dict(environment))
        finally:
            connection.close()  # as the end of the command's process does

    def acl(self, principal: str, operation: str, kind: str, name: str) -> AclBinding:
        """Return one ACL of those that were printed."""
        return AclBinding(
            ResourceType[kind.upper()],
            name,
            ResourcePatternType.LITERAL,
            principal,
            "*",
            AclOperation[operation],
            AclPermissionType.ALLOW,
        )

    def let_in(self, environment: Mapping[str, str], *more: str) -> None:
        """Do exactly what the printed lines say; one of them by Kafka's own tool."""
        lines = self.paceline(environment, "topics", "acls", *more).output.splitlines()
        first = next(line for line in lines if "AlterConfigs" in line)
        self._by_the_tool(first)
        bindings = [b for line in lines if line != first for b in bindings_of(line)]
        for answer in self.admin.create_acls(bindings).values():
            answer.result(15)

    def _by_the_tool(self, line: str) -> None:
        ca, admin = self.kafka.authority.certificate, f'username="{ADMIN}" password="admin-secret"'
        login = "org.apache.kafka.common.security.scram.ScramLoginModule"
        file = self.folder / "admin.properties"
        file.write_text(
            f"security.protocol=SASL_SSL\nsasl.mechanism={MECHANISM}\n"
            f"ssl.truststore.type=PEM\nssl.truststore.location={ca}\n"
            f"sasl.jaas.config={login} required {admin};\n"
        )
        words = shlex.split(line)[1:]
        words[words.index("--bootstrap-server") + 1] = self.kafka.bootstrap
        words[words.index("--command-config") + 1] = str(file)
        tool = [java(), "-cp", f"{jars()}/*", "org.apache.kafka.tools.AclCommand"]
        done = subprocess.run([*tool, *words], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr

    def take_away(self, binding: AclBinding) -> None:
        """Remove one ACL."""
        one = AclBindingFilter(
            binding.restype,
            binding.name,
            binding.resource_pattern_type,
            binding.principal,
            binding.host,
            binding.operation,
            binding.permission_type,
        )
        assert self.admin.delete_acls([one])[one].result(15)

    def give_back(self, binding: AclBinding) -> None:
        """Create it again."""
        self.admin.create_acls([binding])[binding].result(15)


def bindings_of(line: str) -> list[AclBinding]:
    """Return what a printed line of kafka-acls grants."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    for name in ("--bootstrap-server", "--command-config", "--allow-principal", "--operation"):
        parser.add_argument(name, required=True)
    for name in ("--topic", "--group"):
        parser.add_argument(name, action="append", default=[])
    parser.add_argument("--resource-pattern-type", default="literal")
    for name in ("--add", "--cluster"):
        parser.add_argument(name, action="store_true")
    tool, *words = shlex.split(line)
    told = parser.parse_args(words)
    assert tool == "kafka-acls.sh"
    assert told.add
    pattern = ResourcePatternType[told.resource_pattern_type.upper()]
    named = [(ResourceType.TOPIC, name) for name in told.topic]
    named += [(ResourceType.GROUP, name) for name in told.group]
    named += [(ResourceType.BROKER, "kafka-cluster")] if told.cluster else []
    spelled = {"AlterConfigs": "ALTER_CONFIGS"}.get(told.operation, told.operation.upper())
    return [
        AclBinding(
            kind,
            name,
            pattern,
            told.allow_principal,
            "*",
            AclOperation[spelled],
            AclPermissionType.ALLOW,
        )
        for kind, name in named
    ]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    found = House(tmp_path_factory.mktemp("house"))
    yield found
    found.kafka.stop()


@pytest.fixture(scope="module")
def running(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    environment = house.guest(PACELINE_WATERMARK_SECONDS="0.1")
    house.let_in(environment, "--foreign", "legacy.leads")
    opening = datetime.combine(OPENING, time(8), UTC).timestamp()
    with System(tmp_path_factory.mktemp("guest"), PORT, opening, environment) as system:
        yield system
