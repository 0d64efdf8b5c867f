"""Paths: where a value stands in an event, what it is composed of, or the value itself.

a.b.0.c                      names joined by dots; a number is also the place in a list
a[name=email].value          of the list ``a`` the first item whose ``name`` is ``email``
a:json.b                     ``a`` is a text that holds JSON
a:list                       a list of texts, joined by commas
a\\.b                         a backslash takes the next character as it stands
=meta.lead                   this text
{a}/{b.c}/{#d}               composed: all parts are needed
#    #a.b                    the hash (xxh3-128) of all of the event, of a part of it
@received                    when the event arrived
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

import msgspec
import xxhash

from metrics_ingest.domain.causes import OUT_OF_RANGE, WRONG_KIND, Unfit, sort_of
from metrics_ingest.domain.values import text_of
from service_kit import strict_json
from service_kit.errors import UserError

RECEIVED = "@received"
PATH_LIMIT = 500
STEPS = 16

Getter = Callable[[object], object]
_Take = Callable[[object, str], object]

_NAME = r"(?:\\.|[^\\.\[\]{}\x00-\x1f])"
_SELECT = r"\[(?P<key>(?:\\.|[^\\\[\]={}\x00-\x1f])+)=(?P<value>(?:\\.|[^\\\[\]\x00-\x1f])*)\]"
_ENDS = re.compile(rf"{_SELECT}|(?P<json>:json)|(?P<list>:list)")
_STEP = re.compile(
    rf"(?P<name>{_NAME}+?)(?P<ends>(?:{re.sub(r'P<[a-z]+>', ':', _SELECT)}|:json|:list)*)(?:\.|\Z)"
)
_PIECE = re.compile(r"\{(?P<path>(?:\\.|[^\\{}])*)\}|(?P<text>(?:\\.|[^\\{}])+)")
_PLACE = re.compile(r"[0-9]{1,6}", re.ASCII)
_canonical = msgspec.json.Encoder(order="sorted", decimal_format="number").encode


class PathError(ValueError):
    """A text that is no path; says what would be right, in English and Chinese."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.en = en
        self.zh = zh


class Select(NamedTuple):
    """Of a list, the first object whose ``key`` is ``value``."""

    key: str
    value: str


class Mark(Enum):
    """What is done with the value that a step has come to."""

    JSON = "json"
    LIST = "list"


class Names(NamedTuple):
    """Steps from the event inwards; a text is the name of a member."""

    steps: tuple[str | Select | Mark, ...]


class Constant(NamedTuple):
    """The value itself."""

    text: str


class Hash(NamedTuple):
    """The hash of what stands at the steps; none: of all of the event."""

    names: Names


@dataclass(frozen=True, slots=True)
class Template:
    """Texts and paths, joined."""

    pieces: tuple[str | Names | Hash, ...]


Path = Names | Constant | Hash | Template


class Texts(tuple[str, ...]):
    """The texts of a list, in their order."""

    __slots__ = ()


def parse(text: str) -> Path:
    """Read a path; raises PathError."""
    if len(text) > PATH_LIMIT:
        raise PathError(f"at most {PATH_LIMIT} characters", f"最多 {PATH_LIMIT} 个字符")
    if text.startswith("="):
        return Constant(text[1:])
    if re.search(r"(?<!\\)(?:\\\\)*\{", text):
        return Template(tuple(_pieces(text)))
    return _one(text)


def _one(text: str) -> Names | Hash:
    if text.startswith("#"):
        return Hash(_names(text[1:]) if text != "#" else Names(()))
    return _names(text)


def _pieces(text: str) -> list[str | Names | Hash]:
    pieces: list[str | Names | Hash] = []
    place = 0
    while place < len(text):
        found = _PIECE.match(text, place)
        if found is None:
            raise PathError(
                "a template joins texts and paths in braces, such as {account}/{date}",
                "模板由文本和花括号内的路径组成，例如 {account}/{date}",
            )
        place = found.end()
        path = found["path"]
        pieces.append(_bare(found["text"]) if path is None else _one(path))
    return pieces


def _names(text: str) -> Names:
    steps: list[str | Select | Mark] = []
    place, open_end = 0, True
    while place < len(text):
        found = _STEP.match(text, place)
        if found is None:
            break
        steps.append(_bare(found["name"]))
        steps += [_end(end) for end in _ENDS.finditer(found["ends"])]
        open_end = found[0].endswith(".") and not found["name"].endswith("\\.")
        place = found.end()
    if place < len(text) or open_end or len(steps) > STEPS:
        raise PathError(
            f"a path is at most {STEPS} names joined by dots, such as data.dims.country; of a list"
            " a place (items.0) or the item with a value (items[name=email]); \\ before a dot that"
            " belongs to a name",
            f"路径由最多 {STEPS} 个名称以点连接，例如 data.dims.country；列表可用序号（items.0）"
            "或按值选取（items[name=email]）；名称中的点前加 \\",
        )
    return Names(tuple(steps))


def _end(found: re.Match[str]) -> Select | Mark:
    if found["json"]:
        return Mark.JSON
    if found["list"]:
        return Mark.LIST
    return Select(_bare(found["key"]), _bare(found["value"]))


def _bare(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def is_plain(path: Path) -> bool:
    """Whether a path has names of members only."""
    return isinstance(path, Names) and all(
        isinstance(step, str) and not _PLACE.fullmatch(step) and step != RECEIVED
        for step in path.steps
    )


def getter(paths: tuple[str, ...] | list[str]) -> Getter:
    """Return a function that finds the first of the paths that exists; null is absent.

    It raises Unfit where a value is there and cannot be taken. Raises PathError.
    """
    parsed = [parse(path) for path in paths]
    if all(is_plain(path) for path in parsed):
        return _plain([path.steps for path in parsed])  # type: ignore[union-attr, misc]
    where = " | ".join(paths)
    gets = [_getter(path, where) for path in parsed]
    return gets[0] if len(gets) == 1 else _first(gets)


def _plain(paths: list[tuple[str, ...]]) -> Getter:
    if len(paths) == 1 and len(paths[0]) == 1:
        ((key,),) = paths
        return lambda body: body.get(key) if type(body) is dict else None
    return lambda body: _walk(paths, body)


def _walk(paths: list[tuple[str, ...]], body: object) -> object:
    for path in paths:
        node = body
        for key in path:
            if type(node) is not dict:
                node = None
                break
            node = node.get(key)
        if node is not None:
            return node
    return None


def _first(gets: list[Getter]) -> Getter:
    def get(body: object) -> object:
        for each in gets:
            found = each(body)
            if found is not None:
                return found
        return None

    return get


def _getter(path: Path, where: str) -> Getter:
    match path:
        case Constant(text):
            return lambda body: text
        case Names(steps):
            return _steps([_taker(step) for step in steps], where)
        case Hash(names):
            return _hash(_getter(names, where), where)
        case Template(pieces):
            return _template(pieces, where)


def _steps(takers: list[_Take], where: str) -> Getter:
    def get(body: object) -> object:
        node = body
        for take in takers:
            node = take(node, where)
            if node is None:
                return None
        return node

    return get


def _taker(step: str | Select | Mark) -> _Take:
    if step is Mark.JSON:
        return _inner_json
    if step is Mark.LIST:
        return _texts
    if isinstance(step, Select):
        return _selected(step)
    return _member(step)


def _member(name: str) -> _Take:
    place = int(name) if _PLACE.fullmatch(name) else None

    def take(node: object, where: str) -> object:
        if type(node) is dict:
            return node.get(name)
        if type(node) is list and place is not None and place < len(node):
            return node[place]
        return None

    return take


def _selected(select: Select) -> _Take:
    key, value = select

    def take(node: object, where: str) -> object:
        for item in node if type(node) is list else ():
            if type(item) is dict and _says(item.get(key), value):
                return item
        return None

    return take


def _says(found: object, text: str) -> bool:
    if type(found) is bool:
        return text == ("true" if found else "false")
    return found == text if type(found) is str else type(found) is int and str(found) == text


def _inner_json(node: object, where: str) -> object:
    if type(node) is not str:
        raise Unfit(
            WRONG_KIND, where, f"a text that holds JSON is wanted, this is a {sort_of(node)}"
        )
    if not node:
        return None
    try:
        return strict_json.loads(node.encode("utf-8", "surrogatepass"))
    except UserError as error:
        raise Unfit(WRONG_KIND, where, f"the text is no JSON: {error.en}") from None


def _texts(node: object, where: str) -> object:
    if type(node) is not list:
        raise Unfit(WRONG_KIND, where, f"a list is wanted, this is a {sort_of(node)}")
    return Texts(text_of(item, where) for item in node) or None


def _hash(get: Getter, where: str) -> Getter:
    def take(body: object) -> object:
        found = get(body)
        if found is body and type(body) is dict and RECEIVED in body:
            found = {key: value for key, value in body.items() if key != RECEIVED}
        return None if found is None else hash_of(found, where)

    return take


def hash_of(value: object, where: str) -> str:
    """Return 32 hex digits for a JSON value, whatever the order of its members."""
    try:
        return xxhash.xxh3_128_hexdigest(_canonical(value))
    except (RecursionError, ValueError, TypeError, OverflowError):
        raise Unfit(OUT_OF_RANGE, where, "nested too deep") from None


def _template(pieces: tuple[str | Names | Hash, ...], where: str) -> Getter:
    gets = [piece if isinstance(piece, str) else _getter(piece, where) for piece in pieces]

    def get(body: object) -> object:
        texts = []
        for piece in gets:
            if isinstance(piece, str):
                texts.append(piece)
                continue
            found = piece(body)
            if found is None:
                return None
            texts.append(text_of(found, where))
        return "".join(texts)

    return get
