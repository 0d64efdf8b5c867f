"""The connectors that are shipped: one YAML file each, beside this package."""

from functools import cache
from importlib import resources
from typing import Any

import msgspec
import yaml

from metrics_ingest.domain.connectors import Connector

FOLDER = resources.files("metrics_ingest") / "connectors"


@cache
def connectors() -> dict[str, Connector]:
    """Return the connectors by name, in the order of their names."""
    names = sorted(file.name for file in FOLDER.iterdir() if file.name.endswith(".yaml"))
    return {name.removesuffix(".yaml"): read(name) for name in names}


def read(file: str) -> Connector:
    """Return the connector that a file holds."""
    name = file.removesuffix(".yaml")
    return msgspec.convert(document(name) | {"name": name}, Connector)


def document(name: str) -> Any:
    """Return a shipped connector as it is written."""
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
