"""Paths: where a value stands in an event, what it is composed of, or the value itself.

a.b.0.c                      names joined by dots; a number is also the place in a list
a[name=email].value          of the list ``a`` the first item whose ``name`` is ``email``, or
                             the object ``a`` itself, if its ``name`` is
a:json.b                     ``a`` is a text that holds JSON
a:list                       a list of texts, joined by commas
a:0000                       a whole number with four digits, zeros before it
a\\.b                         a backslash takes the next character as it stands
=meta.lead                   this text
{a}/{b.c}/{#d}               composed: all parts are needed
#    #a.b                    the hash (xxh3-128) of all of the event, of a part of it
@received                    when the event arrived
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

RECEIVED = "@received"
PATH_LIMIT = 500
STEPS = 16

_NAME = r"(?:\\.|[^\\.\[\]{}\x00-\x1f])"
_SELECT = r"\[(?P<key>(?:\\.|[^\\\[\]={}\x00-\x1f])+)=(?P<value>(?:\\.|[^\\\[\]\x00-\x1f])*)\]"
_ENDS = re.compile(rf"{_SELECT}|(?P<json>:json)|(?P<list>:list)|:(?P<zeros>0{{1,18}})")
_STEP = re.compile(
    rf"(?P<name>{_NAME}+?)"
    rf"(?P<ends>(?:{re.sub(r'P<[a-z]+>', ':', _SELECT)}|:json|:list|:0{{1,18}})*)(?:\.|\Z)"
)
_PIECE = re.compile(r"\{(?P<path>(?:\\.|[^\\{}])*)\}|(?P<text>(?:\\.|[^\\{}])+)")
PLACE = re.compile(r"[0-9]{1,6}", re.ASCII)


class PathError(ValueError):
    """A text that is no path; says what would be right, in English and Chinese."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.en = en
        self.zh = zh


class Select(NamedTuple):
    """Of a list, the first object whose ``key`` is ``value``; or an object, if its is."""

    key: str
    value: str


class Mark(Enum):
    """What is done with the value that a step has come to."""

    JSON = "json"
    LIST = "list"


class Digits(NamedTuple):
    """A whole number, written with so many digits: composed numbers are in order then."""

    number: int


End = Select | Mark | Digits


class Names(NamedTuple):
    """Steps from the event inwards; a text is the name of a member."""

    steps: tuple[str | End, ...]


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
    steps: list[str | End] = []
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


def _end(found: re.Match[str]) -> End:
    if found["zeros"]:
        return Digits(len(found["zeros"]))
    if found["json"]:
        return Mark.JSON
    if found["list"]:
        return Mark.LIST
    return Select(_bare(found["key"]), _bare(found["value"]))


def _bare(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def plain_steps(path: Path) -> tuple[str, ...] | None:
    """Return a path's names if it has names of members only, else None."""
    if not isinstance(path, Names):
        return None
    names = tuple(
        step
        for step in path.steps
        if isinstance(step, str) and not PLACE.fullmatch(step) and step != RECEIVED
    )
    return names if len(names) == len(path.steps) else None
