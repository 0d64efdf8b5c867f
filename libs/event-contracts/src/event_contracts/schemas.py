"""JSON schemas of every message, generated from the types and committed beside them.

    python -m event_contracts.schemas --check    fails when the committed files are not these types
    python -m event_contracts.schemas --write    writes them; refuses a breaking difference

A breaking change is a new version: a new type with its own tag, and an upcast for the old one.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from inspect import cleandoc
from pathlib import Path
from typing import Any, cast

import msgspec

from event_contracts.compatibility import Schema, breaking
from event_contracts.topics import TOPICS
from event_contracts.wire import type_of

FOLDER = Path(__file__).resolve().parents[2] / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def generated() -> dict[str, Schema]:
    """Return the schema of every message type by its name, e.g. ``facts.batch.v1``."""
    types = {type_of(message): message for topic in TOPICS for message in topic.types}
    return {name: schema_of(message) for name, message in sorted(types.items())}


def schema_of(message: Any) -> Schema:
    """Return the JSON schema of one message type, in plain JSON values."""
    schema: dict[str, Any] = {"$schema": DIALECT, **msgspec.json.schema(message)}
    for part in schema["$defs"].values():
        if "description" in part:  # Python 3.13 dedents docstrings, 3.11 does not
            part["description"] = cleandoc(part["description"])
    return cast(Schema, msgspec.json.decode(msgspec.json.encode(schema)))


def committed(folder: Path = FOLDER) -> dict[str, Schema]:
    """Return the committed schemas by type name; none when the folder is not there."""
    return {
        path.name.removesuffix(".json"): msgspec.json.decode(path.read_bytes())
        for path in sorted(folder.glob("*.json"))
    }


def breaks(old: Mapping[str, Schema], new: Mapping[str, Schema]) -> list[str]:
    """Return a sentence for every breaking difference between two sets of schemas."""
    gone = [
        f"{name}: the type is gone, its messages are still in the topics"
        for name in old.keys() - new
    ]
    return sorted(gone) + [
        f"{name} {sentence}"
        for name in sorted(old.keys() & new.keys())
        for sentence in breaking(old[name], new[name])
    ]


def stale(old: Mapping[str, Schema], new: Mapping[str, Schema]) -> list[str]:
    """Return the names whose committed schema is missing, left over or not the generated one."""
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def write(folder: Path = FOLDER) -> None:
    """Write every schema into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in generated().items():
        text = msgspec.json.format(msgspec.json.encode(schema), indent=2)
        (folder / f"{name}.json").write_bytes(text + b"\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="event_contracts.schemas")
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--check", action="store_true", help="compare the committed files")
    mode.add_argument("--write", action="store_true", help="write them")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    chosen = parser.parse_args(arguments)
    problems = breaks(committed(chosen.folder), generated())
    if chosen.write and not problems:
        write(chosen.folder)
    outdated = stale(committed(chosen.folder), generated())
    for line in problems + [f"{name}: not as generated, run --write" for name in outdated]:
        print(line, file=sys.stderr)
    return 1 if problems or outdated else 0


if __name__ == "__main__":
    sys.exit(main())
