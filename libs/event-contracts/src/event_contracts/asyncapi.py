"""The AsyncAPI 3 document of all topics, ``asyncapi.json``, generated from register and examples.

    python -m event_contracts.asyncapi --check    fails when the committed file is not this one
    python -m event_contracts.asyncapi --write    writes it

It stands alone: every schema is inside, so that a subscriber can load the one file into a viewer
or a generator. Addresses have the default prefix; a deployment may have another.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from inspect import cleandoc
from pathlib import Path
from typing import Any

import msgspec

from event_contracts.examples import Example, examples
from event_contracts.schemas import generated
from event_contracts.topics import TOPICS, Kind, Topic
from event_contracts.wire import type_of

FILE = Path(__file__).resolve().parents[2] / "asyncapi.json"
PREFIX = "paceline."
_BINDING = "0.5.0"
_SCHEMA_FORMAT = "application/schema+json;version=draft-2020-12"
_DAY_MS = 86_400_000
_INFO = {
    "title": "Paceline",
    "version": "1",
    "description": "What the services of Paceline tell each other, and other systems.",
    "license": {"name": "Apache-2.0"},
}
_HEADERS = {
    "type": "object",
    "description": "The lane and the place in it; `range`: offsets of the input that this covers.",
    "properties": {name: {"type": "string"} for name in ("lane", "seq", "range")},
    "required": ["lane", "seq", "range"],
}

Node = dict[str, Any]


def document() -> Node:
    """Return the whole document in plain JSON values."""
    shown = examples()
    messages = {type_of(one): _message(topic, one, shown) for topic, one in _messages()}
    return {
        "asyncapi": "3.0.0",
        "info": _INFO,
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": dict(_operations()),
        "components": {"messages": dict(sorted(messages.items()))},
    }


def text() -> bytes:
    """Return the document as its file holds it."""
    return msgspec.json.format(msgspec.json.encode(document()), indent=2) + b"\n"


def _messages() -> Iterator[tuple[Topic, Any]]:
    return ((topic, message) for topic in TOPICS for message in topic.types)


def _channel(topic: Topic) -> Node:
    kept: Node = {"cleanup.policy": ["compact" if topic.compacted else "delete"]}
    kept["retention.ms"] = -1 if topic.compacted else topic.retention_days * _DAY_MS
    names = [type_of(message) for message in topic.types]
    return {
        "address": f"{PREFIX}{topic.name}",
        "description": f"{topic.promise} Kind: {topic.kind.value}. Key: {topic.key}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"kafka": {"topicConfiguration": kept, "bindingVersion": _BINDING}},
    }


def _operations() -> Iterator[tuple[str, Node]]:
    for topic in TOPICS:
        for action, services in (("send", topic.producers), ("receive", topic.consumers)):
            for service in services:
                yield f"{service}.{action}.{topic.name}", _operation(topic, action, service)


def _operation(topic: Topic, action: str, service: str) -> Node:
    channel = f"#/channels/{topic.name}"
    names = [type_of(message) for message in topic.types]
    return {
        "action": action,
        "channel": {"$ref": channel},
        "tags": [{"name": service}],
        "messages": [{"$ref": f"{channel}/messages/{name}"} for name in names],
    }


def _message(topic: Topic, message: Any, shown: Sequence[Example]) -> Node:
    name = type_of(message)
    headers = {} if topic.kind is Kind.INPUT else {"headers": _HEADERS}
    return {
        "name": name,
        "contentType": "application/json",
        "description": cleandoc(message.__doc__ or ""),
        **headers,
        "payload": {"schemaFormat": _SCHEMA_FORMAT, "schema": _schema(name)},
        "bindings": {"kafka": {"key": {"type": "string"}, "bindingVersion": _BINDING}},
        "examples": [_example(one) for one in shown if one.fields["type"] == name],
    }


def _schema(name: str) -> Any:
    """Return a message's schema, its references pointing to where it stands in this document."""
    return _moved(generated()[name], f"#/components/messages/{name}/payload/schema")


def _moved(value: Any, root: str) -> Any:
    if isinstance(value, Mapping):
        moved = {key: _moved(part, root) for key, part in value.items()}
        if "$ref" in moved:
            moved["$ref"] = root + moved["$ref"].removeprefix("#")
        return moved
    if isinstance(value, list):
        return [_moved(part, root) for part in value]
    return value


def _example(one: Example) -> Node:
    headers = {name: header.decode() for name, header in one.headers.items()}
    said = {"name": str(one), "summary": one.about, "payload": one.fields}
    return said | ({"headers": headers} if headers else {})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="event_contracts.asyncapi")
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--check", action="store_true", help="compare the committed file")
    mode.add_argument("--write", action="store_true", help="write it")
    parser.add_argument("--file", type=Path, default=FILE)
    chosen = parser.parse_args(arguments)
    if chosen.write:
        chosen.file.write_bytes(text())
    if not chosen.file.exists() or chosen.file.read_bytes() != text():
        print(f"{chosen.file} is not as generated: run --write", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
