"""docker-compose.yml beside what else names services, ports and settings.

That it runs is shown by `make compose-check`; here is what can go wrong without an engine.
"""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

from paceline.system import HELPERS, MODULES
from service_kit.testing.containers import kafka_environment

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
BASE_PORT = 8100


def standin() -> ModuleType:
    path = ROOT / "deploy" / "check" / "standins" / "kafka.py"
    spec = importlib.util.spec_from_file_location("standin_kafka", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_process_of_up_is_a_service_with_the_same_port() -> None:
    body = COMPOSE.partition("\nservices:\n")[2]
    blocks = dict(re.findall(r"(?ms)^  ([a-z-]+):\n(.*?)(?=^  \S|^\S|\Z)", body))
    for number, name in enumerate(MODULES):
        assert f"PACELINE_PORT: {BASE_PORT + number}" in blocks[name], name
        assert "healthcheck: *" + ("alive" if name in HELPERS else "ready") in blocks[name], name


def test_every_setting_of_the_file_stands_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    used = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE))
    assert set(re.findall(r"(?m)^(?:# )?([A-Z_]+)=", example)) == used


def test_the_example_holds_no_secret() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert re.findall(r"(?m)^([A-Z_]+)=(.*)$", example) == [
        ("GRAFANA_PASSWORD", ""),
        ("PACELINE_CONSOLE_SECRET", ""),
        ("PACELINE_SECRETS_KEY", ""),
    ]


def test_the_standin_reads_a_variable_as_the_image_writes_it() -> None:
    found = standin().properties(kafka_environment("localhost:9999"))
    assert found["advertised.listeners"].startswith("PLAINTEXT://localhost:9999,")
    assert found["offsets.topic.replication.factor"] == "1"
    assert standin().properties({"KAFKA_A_B__C___D": "1", "PATH": "/"}) == {"a.b_c-d": "1"}
