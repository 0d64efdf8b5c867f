"""Paths, compiled: functions that find a value in an event."""

from collections.abc import Callable

import msgspec
import xxhash

from metrics_ingest.domain.causes import OUT_OF_RANGE, WRONG_KIND, Unfit, sort_of
from metrics_ingest.domain.mapping.paths import (
    PLACE,
    RECEIVED,
    Constant,
    Digits,
    End,
    Hash,
    Mark,
    Names,
    Path,
    Select,
    Template,
    parse,
    plain_steps,
)
from metrics_ingest.domain.values import text_of
from service_kit import strict_json
from service_kit.errors import UserError

Getter = Callable[[object], object]
_Take = Callable[[object, str], object]

_canonical = msgspec.json.Encoder(order="sorted", decimal_format="number").encode


class Texts(tuple[str, ...]):
    """The texts of a list, in their order."""

    __slots__ = ()


def getter(paths: tuple[str, ...] | list[str]) -> Getter:
    """Return a function that finds the first of the paths that exists; null is absent.

    It raises Unfit where a value is there and cannot be taken. Raises PathError.
    """
    parsed = [parse(path) for path in paths]
    plain = [steps for path in parsed if (steps := plain_steps(path)) is not None]
    if len(plain) == len(parsed):
        return _plain(plain)
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


def _taker(step: str | End) -> _Take:
    if step is Mark.JSON:
        return _inner_json
    if step is Mark.LIST:
        return _texts
    if isinstance(step, Select):
        return _selected(step)
    if isinstance(step, Digits):
        return _digits(step)
    return _member(step)


def _member(name: str) -> _Take:
    place = int(name) if PLACE.fullmatch(name) else None

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
        for item in node if type(node) is list else (node,):
            if type(item) is dict and _says(item.get(key), value):
                return item
        return None

    return take


def _says(found: object, text: str) -> bool:
    if type(found) is bool:
        return text == ("true" if found else "false")
    return found == text if type(found) is str else type(found) is int and str(found) == text


def _digits(wanted: Digits) -> _Take:
    most = wanted.number

    def take(node: object, where: str) -> object:
        text = text_of(node, where)
        if not (text.isascii() and text.isdigit()) or len(text) > most:
            detail = f"a whole number of at most {most} digits is wanted"
            raise Unfit(WRONG_KIND, where, detail)
        return text.zfill(most)

    return take


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
