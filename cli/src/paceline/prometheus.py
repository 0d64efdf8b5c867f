"""Prometheus beside a system, on a machine where it is installed."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from paceline.supervisor import Service

NAME = "prometheus"
PORT = 9  # counted from the base port
SCRAPE_SECONDS = 5
RETENTION = "15d"
RULES = Path(__file__).resolve().parents[3] / "deploy" / "prometheus" / "rules"


def installed() -> str | None:
    """Return the program, None where there is none."""
    return shutil.which("prometheus")


def configuration(services: Mapping[str, str], rules: Path = RULES) -> bytes:
    """Return a configuration that scrapes the services, by name and address, under the rules.

    JSON is YAML. Without the repository beside this package there are no rules.
    """
    every = f"{SCRAPE_SECONDS}s"
    targets = [
        {"targets": [urlsplit(url).netloc], "labels": {"service": name}}
        for name, url in services.items()
    ]
    document = {
        "global": {"scrape_interval": every, "evaluation_interval": every},
        "rule_files": [str(rules / "*.yml")] if rules.is_dir() else [],
        "scrape_configs": [{"job_name": "paceline", "static_configs": targets}],
    }
    return msgspec.json.format(msgspec.json.encode(document)) + b"\n"


def prometheus(
    program: str, data: Path, host: str, port: int, services: Mapping[str, str]
) -> Service:
    """Return Prometheus as a program that can be kept running; its data stand in ``data``."""
    folder = data / NAME
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "prometheus.yml"
    file.write_bytes(configuration(services))
    argv = [
        program,
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--storage.tsdb.retention.time={RETENTION}",
        f"--web.listen-address={host}:{port}",
    ]
    return Service(NAME, argv, data / "services", {})
