"""Which differences between two JSON schemas of one message break somebody who reads or writes it.

Old messages lie in the topics for weeks and workers are replaced one after the other, so both
directions count: what was written before must be readable now, and what is written now must be
readable by those who have not been replaced yet. Only a new field with a default is harmless.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

_PROSE = {"title", "description"}
_WALKED = {"properties", "required", "items", "additionalProperties", "prefixItems", "default"}


def breaking(old: Schema, new: Schema) -> list[str]:
    """Return a sentence for every breaking difference; none: the change may land as it is."""
    return list(_node("$", _Side(old, old), _Side(new, new)))


class _Side:
    """One schema node with the document in which its references are looked up."""

    def __init__(self, document: Schema, node: Any) -> None:
        self._document = document
        while isinstance(node, Mapping) and "$ref" in node:
            node = document["$defs"][node["$ref"].removeprefix("#/$defs/")]
        self.node = node

    def at(self, *path: str | int) -> "_Side":
        node = self.node
        for step in path:
            node = node[step]
        return _Side(self._document, node)

    def plain(self) -> Any:
        """Return the node with references resolved and prose left out, for comparison."""
        if isinstance(self.node, Mapping):
            return {k: self.at(k).plain() for k in self.node if k not in _PROSE | {"$defs"}}
        if isinstance(self.node, list):
            return [self.at(i).plain() for i in range(len(self.node))]
        return self.node


def _node(path: str, old: _Side, new: _Side) -> Iterator[str]:
    if not (isinstance(old.node, Mapping) and isinstance(new.node, Mapping)):
        if old.node != new.node:
            yield f"{path}: {old.node} became {new.node}"
        return
    yield from _keywords(path, old, new)
    for keyword in ("items", "additionalProperties"):
        if keyword in old.node and keyword in new.node:
            yield from _node(f"{path}[]", old.at(keyword), new.at(keyword))
    yield from _fields(path, old, new)
    yield from _positions(path, old, new)


def _keywords(path: str, old: _Side, new: _Side) -> Iterator[str]:
    names = (set(old.node) | set(new.node)) - _PROSE - _WALKED - {"$defs"}
    for name in sorted(names):
        before = old.at(name).plain() if name in old.node else None
        after = new.at(name).plain() if name in new.node else None
        if before != after:
            yield f"{path}: {name} was {before}, is {after}"
    for name in sorted(_WALKED - {"default", "required"}):
        if (name in old.node) != (name in new.node):
            yield f"{path}: {name} came or went"


def _fields(path: str, old: _Side, new: _Side) -> Iterator[str]:
    before, after = old.node.get("properties", {}), new.node.get("properties", {})
    required, requires = set(old.node.get("required", ())), set(new.node.get("required", ()))
    for name in sorted(required - requires & set(after)):
        yield f"{path}.{name}: no longer required, older readers need it"
    for name in sorted(requires - required):
        yield f"{path}.{name}: newly required, older messages lack it"
    for name in before:
        if name not in after:
            yield f"{path}.{name}: removed"
            continue
        yield from _default(f"{path}.{name}", before[name], after[name])
        yield from _node(f"{path}.{name}", old.at("properties", name), new.at("properties", name))


def _default(path: str, before: Schema, after: Schema) -> Iterator[str]:
    if "default" in before and "default" in after and before["default"] != after["default"]:
        yield (
            f"{path}: default was {before['default']}, is {after['default']}; "
            "messages that left it out change their meaning"
        )


def _positions(path: str, old: _Side, new: _Side) -> Iterator[str]:
    before, after = old.node.get("prefixItems", []), new.node.get("prefixItems", [])
    if len(after) < len(before):
        yield f"{path}: position {len(after)} removed"
    for i in range(min(len(before), len(after))):
        yield from _node(f"{path}[{i}]", old.at("prefixItems", i), new.at("prefixItems", i))
