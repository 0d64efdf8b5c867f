"""One door's events read into columns: a struct made from its mapping finds the mapped paths alone.

Only the plainest mappings are read so, and only events that hold what they should. Everything else
is refused here and read by mapping.Reader, which alone decides what is wrong with it.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Annotated, Any, Literal

import msgspec

from event_contracts.raw import RawEvent
from event_contracts.wire import type_of
from metrics_ingest.domain.definitions import FieldMapping, Kind, Mapping

Path = tuple[str, ...]
Tree = dict[str, Any]

# What the conversions take at once: a text or a whole number as text, any JSON number. Of others
# they are strict about, so a refused event is one that needs a closer look.
_TEXT = Annotated[str, msgspec.Meta(max_length=1024)] | int | None
_LEAVES: dict[Kind, Any] = {Kind.STRING: _TEXT, Kind.DECIMAL: Any, Kind.INTEGER: Any}
_TIME = str | None
_DOTTED = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*(\.[A-Za-z_$][A-Za-z0-9_$-]*)*", re.ASCII)


class BulkDoor:
    """Reads a door's raw events. ``type``, ``time``, ``subject`` and ``fields`` are the paths.

    ``instants`` are times in odd forms that have been read already.
    """

    def __init__(self, door: str, mapping: Mapping) -> None:
        """Raise ValueError if the mapping is none that can be read so."""
        leaves = _leaves_of(mapping)
        self.name = door
        self.instants: dict[str, int] = {}
        self.type: Path = _path(mapping.type)
        self.time: Path = _path(mapping.time)
        self.subject: Path | None = _path(mapping.subject) if mapping.subject else None
        self.fields = {name: _path(field.paths) for name, field in mapping.fields.items()}
        self.required = [name for name, field in mapping.fields.items() if field.required]
        self._tree = _tree(leaves)
        event = msgspec.defstruct(
            "BulkEvent",
            [
                ("door", Literal[door]),
                ("received_ms", int),
                ("body", _struct(self._tree)),
                # A record that the door could not read, or that repeats a dead letter, is refused.
                ("error", None, None),
                ("replay_of", None, None),
            ],
            tag_field="type",
            tag=type_of(RawEvent),
            gc=False,
        )
        # Where the type is open, numbers come as the general reading has them.
        self.decode = msgspec.json.Decoder(event, float_hook=Decimal).decode

    def columns(self, events: Sequence[Any]) -> dict[Path, list[Any]]:
        """Return what stands at each mapped path of the events, None where there is nothing."""
        found: dict[Path, list[Any]] = {}
        _collect(list(map(attrgetter("body"), events)), self._tree, (), found)
        return found


def _leaves_of(mapping: Mapping) -> dict[Path, Any]:
    plain = Mapping(
        id=mapping.id,
        type=mapping.type,
        time=mapping.time,
        subject=mapping.subject,
        fields=mapping.fields,
        drop=mapping.drop,
        known=mapping.known,
        wire=mapping.wire,
    )
    if mapping != plain:
        raise ValueError("more than paths")
    leaves: dict[Path, Any] = {}
    _use(leaves, _path(mapping.time), _TIME)
    _use(leaves, _path(mapping.type), _TEXT)
    if mapping.subject:
        _use(leaves, _path(mapping.subject), _TEXT)
    for field in mapping.fields.values():
        plain_field = FieldMapping(paths=field.paths, kind=field.kind, required=field.required)
        if field.kind not in _LEAVES or field != plain_field:
            raise ValueError("a field that is worked on")
        _use(leaves, _path(field.paths), _LEAVES[field.kind])
    return leaves


def _path(paths: Sequence[str]) -> Path:
    if len(paths) != 1 or not _DOTTED.fullmatch(paths[0]):
        raise ValueError("one path of plain names is wanted")
    return tuple(paths[0].split("."))


def _use(leaves: dict[Path, Any], path: Path, leaf: Any) -> None:
    if leaves.setdefault(path, leaf) != leaf:
        raise ValueError(f"{path} is read as two kinds")


def _tree(leaves: dict[Path, Any]) -> Tree:
    tree: Tree = {}
    for path, leaf in sorted(leaves.items(), key=lambda each: len(each[0]), reverse=True):
        node = tree
        for key in path[:-1]:
            node = node.setdefault(key, {})
        if path[-1] in node:
            raise ValueError(f"{path} is a value and has parts")
        node[path[-1]] = leaf
    return tree


def _struct(tree: Tree) -> Any:
    """Return a struct for a part of a body."""
    fields: list[tuple[str, Any, Any]] = []
    for number, node in enumerate(tree.values()):
        if isinstance(node, dict):
            part = _struct(node)
            fields.append((f"f{number}", part, _always(part())))
        else:
            fields.append((f"f{number}", node, None))
    names = {f"f{number}": key for number, key in enumerate(tree)}
    return msgspec.defstruct("BulkPart", fields, rename=names, gc=False)


def _always(empty: Any) -> Any:
    return msgspec.field(default_factory=lambda: empty)


def _collect(parts: list[Any], tree: Tree, before: Path, found: dict[Path, list[Any]]) -> None:
    for number, (key, node) in enumerate(tree.items()):
        column = list(map(attrgetter(f"f{number}"), parts))
        if isinstance(node, dict):
            _collect(column, node, (*before, key), found)
        else:
            found[*before, key] = column
