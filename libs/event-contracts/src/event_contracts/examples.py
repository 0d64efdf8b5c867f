"""The golden examples: real-looking messages that every consumer is run on.

    examples/<topic>/<version>/<name>.json: {"about", "key", "headers", "value"}

A file is never edited once it has landed; what changes its shape is a new version.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from event_contracts.topics import TOPICS, Topic

FOLDER = Path(__file__).resolve().parents[2] / "examples"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    about: str
    key: str
    headers: dict[str, str]
    value: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Example:
    """One message as it stands in its topic. ``about`` says what it shows."""

    topic: Topic
    version: str
    name: str
    about: str
    key: bytes
    headers: dict[str, bytes]
    value: bytes

    @property
    def fields(self) -> dict[str, Any]:
        """The message's fields as plain JSON values."""
        fields: dict[str, Any] = msgspec.json.decode(self.value)
        return fields

    def __str__(self) -> str:
        return f"{self.topic.name}/{self.version}/{self.name}"


def examples(*topics: str, folder: Path = FOLDER) -> list[Example]:
    """Return the examples of the named topics, by default of all, in the order of their paths.

    Raises msgspec.ValidationError on a file that is no example, KeyError on a folder that is no
    topic.
    """
    known = {topic.name: topic for topic in TOPICS}
    found = [_read(path, known) for path in sorted(folder.rglob("*.json"))]
    return [example for example in found if not topics or example.topic.name in topics]


def _read(path: Path, known: dict[str, Topic]) -> Example:
    file = msgspec.json.decode(path.read_bytes(), type=_File)
    return Example(
        topic=known[path.parts[-3]],
        version=path.parts[-2],
        name=path.stem,
        about=file.about,
        key=file.key.encode(),
        headers={name: text.encode() for name, text in file.headers.items()},
        value=msgspec.json.format(bytes(file.value), indent=-1),
    )
