"""Which fields of an event no mapping knows: counted, or kept out, as the source's drift says.

A path is known when the mapping reads it, names it in ``known`` (with all that is below it) or
takes it out as a secret; and so are the attributes of CloudEvents. Lists have no steps of their
own.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from metrics_ingest.domain.causes import SCHEMA_DRIFT, Unfit, sort_of
from metrics_ingest.domain.definitions import Mapping

IGNORE = "ignore"
QUARANTINE = "quarantine"
MOST_PATHS = 100
_LONGEST = 200
_ENVELOPE = (
    *("specversion", "id", "source", "type", "subject", "time"),
    *("datacontenttype", "dataschema", "dataref", "traceparent", "tracestate", "partitionkey"),
    "@received",
)
_AROUND = ("root", "query")
# The marks that a path may have beside names: see the language of paths in the mapping.
_PIECE = re.compile(r"\{#?([^{}]*)\}")
_ENDS = re.compile(r"\[([^\[\]=]*)=[^\]]*\]|\[\]|:json|:list|:0+")
_DOT = re.compile(r"(?<!\\)\.(?![^\[\]]*\])")  # but none of a value in brackets

_Tree = dict[str, Any]


class Known:
    """The paths that a mapping knows, as a tree; an empty branch knows all that is below it."""

    def __init__(self, tree: _Tree) -> None:
        self._tree = tree

    @classmethod
    def of(cls, mapping: Mapping) -> "Known":
        """Return what the mapping of a door knows."""
        tree: _Tree = {}
        read = (mapping.id, mapping.type, mapping.time, mapping.subject)
        fields = [each.paths for each in mapping.fields.values()]
        for paths in (*read, *fields, mapping.drop, mapping.known):
            for path in paths:
                for steps in steps_of(path):
                    _plant(tree, steps)
        # A CloudEvent's own attributes; of another body the mapping says what it has. What stands
        # around the item of a list, and when it arrived, is added by the door.
        for name in _ENVELOPE + (_AROUND if mapping.each is not None else ()):
            tree.setdefault(name, {})
        return cls(tree)

    def unknown(self, event: object) -> Iterator[tuple[str, object]]:
        """Yield the paths of what is not known, not what stands below them."""
        yield from _unknown(event, self._tree, "")

    def has(self, path: str) -> bool:
        """Whether a path, as :meth:`unknown` writes it, is known by now."""
        tree = self._tree
        for name in path.split("."):
            if name not in tree:
                return False
            tree = tree[name]
            if not tree:
                return True
        return True

    def check(self, event: object) -> None:
        """Raise Unfit at the first path that is not known."""
        for path, value in self.unknown(event):
            raise Unfit(
                SCHEMA_DRIFT, path, "a field that the mapping names is wanted", sort_of(value)
            )


def steps_of(path: str) -> Iterator[list[str]]:
    """Yield the names, from the event inwards, of everything that a path reads."""
    if path.startswith(("=", "@")):
        return
    for piece in _PIECE.findall(path) or [path.lstrip("#")]:
        steps: list[str] = []
        for step in _DOT.split(piece):
            name = _ENDS.sub("", step).replace("\\", "")
            if name and not name.isdigit():
                steps.append(name)
            for key in _ENDS.findall(step):
                if key:
                    yield [*steps, key]
            if ":json" in step:
                break
        if steps:
            yield steps


def _plant(tree: _Tree, steps: list[str]) -> None:
    """Add a path; what is known as a whole stays so."""
    for index, name in enumerate(steps):
        if name in tree and not tree[name]:
            return
        if index == len(steps) - 1:
            tree[name] = {}
        else:
            tree = tree.setdefault(name, {})


def _unknown(value: object, tree: _Tree, at: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, list):
        for item in value:
            yield from _unknown(item, tree, at)
    elif isinstance(value, dict):
        for name, part in value.items():
            path = f"{at}.{name}" if at else name
            if name not in tree:
                yield path[:_LONGEST], part
            elif tree[name]:
                yield from _unknown(part, tree[name], path)


@dataclass(slots=True)
class Seen:
    """An unknown path, as sampled: how many events had it, and when the first and the last did."""

    count: int
    first_ms: int
    last_ms: int
    sort: str


@dataclass(slots=True)
class Sampled:
    """What samples of one source have shown: ``sampled`` events, the unknown paths among them.

    At most MOST_PATHS are told apart; ``others`` counts what else there was.
    """

    sampled: int = 0
    others: int = 0
    paths: dict[str, Seen] = field(default_factory=dict)

    def look(self, event: object, known: Known, now_ms: int) -> None:
        """Take in one event."""
        self.sampled += 1
        for path, value in dict(known.unknown(event)).items():
            self._count(path, Seen(1, now_ms, now_ms, sort_of(value)))

    def merge(self, other: "Sampled") -> None:
        """Add what another sample has shown."""
        self.sampled += other.sampled
        self.others += other.others
        for path, seen in other.paths.items():
            self._count(path, seen)

    def _count(self, path: str, seen: Seen) -> None:
        there = self.paths.get(path)
        if there is not None:
            there.count += seen.count
            there.first_ms = min(there.first_ms, seen.first_ms)
            there.last_ms = max(there.last_ms, seen.last_ms)
        elif len(self.paths) < MOST_PATHS:
            self.paths[path] = Seen(seen.count, seen.first_ms, seen.last_ms, seen.sort)
        else:
            self.others += seen.count
