"""A body is taken apart into its events, and secrets are taken out before anything is kept.

[]                    the body is a list of events
data.list[]           the events stand in a list inside the body
entry[].changes[]     in lists inside of lists
batch[]?              or the body itself is the event, when it has no such list (or part)
payload               one event, inside the body
"""

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, NamedTuple

import msgspec

from metrics_ingest.domain import definitions
from metrics_ingest.domain.mapping.paths import PATH_LIMIT, PathError
from service_kit import strict_json
from service_kit.errors import UserError

MOST_ITEMS = 10_000
MOST_BYTES = 32 * 1024 * 1024


class List(Enum):
    """A step into each item of a list."""

    ITEMS = "[]"


Steps = tuple[str | List, ...]
_STEP = re.compile(r"(?P<name>(?:\\.|[^\\.\[\]{}?\x00-\x1f])*)(?P<list>\[\])?(?:\.|\Z)")
_ABSENT: Any = object()


class _NoList(Exception):
    """The body has no such list."""


class Split(NamedTuple):
    """An event and what stands around it, without the lists."""

    item: Any
    root: Any


def parse_steps(text: str) -> Steps:
    """Read a path with lists; raises PathError."""
    steps: list[str | List] = []
    place, closed = 0, True
    while place < len(text) and len(text) <= PATH_LIMIT:
        found = _STEP.match(text, place)
        if found is None or not (found["name"] or (found["list"] and place == 0)):
            closed = True
            break
        if found["name"]:
            steps.append(re.sub(r"\\(.)", r"\1", found["name"]))
        if found["list"]:
            steps.append(List.ITEMS)
        place, closed = found.end(), found[0].endswith(".")
    if closed:
        raise PathError(
            "names joined by dots, with [] behind a list, such as entry[].changes[]",
            "以点连接的名称，列表后加 []，例如 entry[].changes[]",
        )
    return tuple(steps)


def parse_each(text: str) -> tuple[Steps, bool]:
    """Read where the events stand, and whether a body without it is an event itself.

    Raises PathError.
    """
    return parse_steps(text.removesuffix("?")), text.endswith("?")


def items_of(
    mapping: definitions.Mapping, body: bytes, query: Mapping[str, str] | None = None
) -> list[bytes | UserError]:
    """Return the JSON texts of the events of a body, in their order, secrets taken out.

    With ``each`` an event is ``{"item", "root", "query"}``: ``root`` is what stands around it,
    without the lists; ``query`` are the request's query parameters; what is empty is left out. An
    event that is no strict JSON stands as its UserError: it alone is refused. Without ``each`` and
    ``drop`` the body is handed on as it is, not read.

    Raises UserError when the body cannot be taken apart: no strict JSON, no such list, too much.
    """
    if mapping.each is None:
        return [without_secrets(mapping, body)]
    value = strict_json.parse(body)
    _drop_all(value, mapping)
    return _texts(_splits(value, *parse_each(mapping.each)), query)


def without_secrets(mapping: definitions.Mapping, body: bytes) -> bytes:
    """Return the text of one event, secrets taken out; raises UserError where it has to be read."""
    if not mapping.drop:
        return body
    value = strict_json.parse(body)
    _drop_all(value, mapping)
    strict_json.check(value)
    return strict_json.dumps(value)


def _drop_all(value: Any, mapping: definitions.Mapping) -> None:
    for path in mapping.drop:
        _drop(value, parse_steps(path))


def _drop(node: Any, steps: Steps) -> None:
    first, rest = steps[0], steps[1:]
    if isinstance(first, List):
        for item in node if type(node) is list else ():
            _drop(item, rest)
    elif type(node) is dict:
        if not rest:
            node.pop(first, None)
        elif first in node:
            _drop(node[first], rest)


def _splits(value: Any, steps: Steps, optional: bool) -> list[Split]:
    try:
        return list(_split(value, steps, False))
    except _NoList:
        if optional and type(value) is dict:
            return [Split(value, _ABSENT)]
        strict_json.check(value)
        raise _no_list(steps) from None


def _split(node: Any, steps: Steps, inside: bool) -> Iterator[Split]:
    """Yield the events; inside of a list an absent list is an empty one."""
    if not steps:
        yield Split(node, _ABSENT)
        return
    first, rest = steps[0], steps[1:]
    if isinstance(first, List):
        if type(node) is list:
            for item in node:
                yield from _split(item, rest, True)
        elif not inside:
            raise _NoList
    elif type(node) is dict and first in node:
        outer = {key: value for key, value in node.items() if key != first}
        last, around = _ABSENT, outer
        for item, root in _split(node[first], rest, inside):
            if root is not last:
                last, around = root, outer | {first: root}
            yield Split(item, around)
    elif not inside:
        raise _NoList


def _texts(splits: list[Split], query: Mapping[str, str] | None) -> list[bytes | UserError]:
    if len(splits) > MOST_ITEMS:
        raise _too_much(f"at most {MOST_ITEMS} events in one body", f"一次最多 {MOST_ITEMS} 个事件")
    texts: list[bytes | UserError] = []
    asked = b',"query":' + msgspec.json.encode(dict(query)) if query else b""
    last, around, size = _ABSENT, b"", 0
    for index, (item, root) in enumerate(splits):
        if root is not last:
            last, around = root, _around(root)
        text = _item(item, index)
        if isinstance(text, bytes):
            text = b'{"item":' + text + around + asked + b"}"
            size += len(text)
        if size > MOST_BYTES:
            raise _too_much(
                "the events with what stands around each of them come to more than 32 MiB",
                "事件连同各自的外围内容超过 32 MiB",
            )
        texts.append(text)
    return texts


def _around(root: Any) -> bytes:
    if not root:
        return b""
    strict_json.check(root)
    return b',"root":' + strict_json.dumps(root)


def _item(item: Any, index: int) -> bytes | UserError:
    try:
        strict_json.check(item)
    except UserError as error:
        return error
    return strict_json.dumps(item)


def _no_list(steps: Steps) -> UserError:
    path = "".join(f".{step}" if isinstance(step, str) else step.value for step in steps)
    return UserError(
        "no-such-list",
        f"${path}",
        "the body has no events there",
        "正文中该处没有事件",
    )


def _too_much(en: str, zh: str) -> UserError:
    return UserError("body-too-large", "$", en, zh, status=413)
