"""JSON from strangers: a value that all of the system stores exactly, or a refusal with its place.

Numbers never pass through a float. A whole number within int64 is an ``int``; any other number is
a ``Decimal`` that Decimal128 holds exactly. Parsers differ on everything refused here (duplicate
keys, NaN, lone surrogates, NUL), so letting it through would mean another value further on.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from service_kit.errors import UserError

MAX_DEPTH = 64
MAX_DIGITS = 34
MAX_MAGNITUDE = 30  # |x| < 10^30
MIN_EXPONENT = -6176  # Decimal128
_INT64 = 2**63
_BOM = b"\xef\xbb\xbf"
_SURROGATE = re.compile("[\ud800-\udfff]")
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]*")

TEXTS: dict[str, tuple[str, str]] = {
    "json-empty": ("the body is empty; send a JSON document", "正文为空；请发送 JSON 文档"),
    "json-bom": (
        "the text begins with a byte order mark; send UTF-8 without it",
        "文本以字节顺序标记（BOM）开头；请发送不带 BOM 的 UTF-8",
    ),
    "json-utf8": ("the text is not valid UTF-8", "文本不是有效的 UTF-8"),
    "json-syntax": ("this is not JSON: {}", "不是有效的 JSON：{}"),
    "json-trailing": (
        "something follows the JSON value; send exactly one",
        "JSON 值之后还有多余内容；只能发送一个值",
    ),
    "json-depth": (
        f"nested deeper than {MAX_DEPTH} levels",
        f"嵌套超过 {MAX_DEPTH} 层",
    ),
    "json-not-a-number": (
        "{} is no JSON number; leave the field out or send null",
        "{} 不是 JSON 数字；请省略该字段或发送 null",
    ),
    "json-number-range": (
        "the number is too large or too small; its amount must be below 10^30",
        "数字过大或过小；绝对值必须小于 10^30",
    ),
    "json-number-digits": (
        f"the number has more than {MAX_DIGITS} significant digits",
        f"数字的有效位数超过 {MAX_DIGITS} 位",
    ),
    "json-duplicate-key": (
        "the key {} occurs twice in one object; keep one",
        "同一对象中键 {} 出现两次；请只保留一个",
    ),
    "json-surrogate": (
        "the text holds half of a surrogate pair; send whole characters",
        "文本含有不成对的代理字符；请发送完整字符",
    ),
    "json-nul": (
        "the text holds the character NUL; leave it out",
        "文本含有 NUL 字符；请去掉",
    ),
}


@dataclass(frozen=True, slots=True)
class _Flaw:
    """Stands in the parsed value where something cannot be taken; the walk finds its place."""

    code: str
    detail: str = ""


class _Doubt(Exception):
    """The text has to be read with care, to say what is wrong and where."""


def loads(data: bytes) -> Any:
    """Return the value of one UTF-8 JSON text.

    Objects are dicts, arrays lists, numbers int (within int64) or Decimal, the rest as usual.
    Raises UserError: ``code`` is a key of TEXTS, ``where`` the JSON path (``$.data.items[3]``) or,
    for text that is no JSON, line and column.
    """
    try:
        return _quick(data)
    except (_Doubt, ValueError, RecursionError):
        value = parse(data)
        check(value)
        return value


def _quick(data: bytes) -> Any:
    """Return the value of a text in which nothing can be wrong that only a walk would find.

    Without an escaped code point a text holds neither NUL nor half a pair, and with so few
    brackets it is not too deep. Raises whatever tells that the text has to be read with care.
    """
    if b"\\u" in data or data.count(b"{") + data.count(b"[") > MAX_DEPTH:
        raise _Doubt
    text = data.decode().strip(" \t\r\n")
    value, end = _quick_decoder.raw_decode(text)
    if end != len(text):
        raise _Doubt
    return value


def parse(data: bytes) -> Any:
    """Return the value of one JSON text of which no part may be used before :func:`check`.

    So the sound items of a list can be taken although another one is not. Raises UserError for
    text that is no JSON.
    """
    text = _decode(data)
    try:
        return _decoder.decode(text)
    except json.JSONDecodeError as error:
        code = "json-trailing" if error.msg == "Extra data" else "json-syntax"
        where = f"line {error.lineno}, column {error.colno}"
        raise _refusal(_Flaw(code, error.msg), where) from None
    except RecursionError:
        raise _refusal(_Flaw("json-depth"), "$") from None


def dumps(value: object) -> bytes:
    """Return JSON that :func:`loads` reads back as the same value: decimals stay numbers."""
    return _encoder.encode(value)


def _decode(data: bytes) -> str:
    if data.startswith(_BOM):
        raise _refusal(_Flaw("json-bom"), "line 1, column 1")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise _refusal(_Flaw("json-utf8"), f"byte {error.start}") from None
    if not text.strip(" \t\r\n"):
        raise _refusal(_Flaw("json-empty"), "$")
    return text


def _decoder_of(flaw: Callable[..., _Flaw]) -> json.JSONDecoder:
    """Return a decoder that puts ``flaw(code, detail)`` where something cannot be taken."""

    def integer(text: str) -> int | Decimal | _Flaw:
        if len(text) > MAX_MAGNITUDE + 1:  # beyond the bound, without the cost of converting it
            return flaw("json-number-range")
        number = int(text)
        if -_INT64 <= number < _INT64:
            return number
        return Decimal(number) if abs(number) < 10**MAX_MAGNITUDE else flaw("json-number-range")

    def fraction(text: str) -> Decimal | _Flaw:
        if len(text) <= MAX_MAGNITUDE and "e" not in text and "E" not in text:
            return Decimal(text)  # nothing so short is beyond any bound
        try:
            number = Decimal(text)
        except InvalidOperation:  # an exponent beyond what the type can count
            return flaw("json-number-range")
        sign, digits, exponent = number.as_tuple()
        if not number:
            small = isinstance(exponent, int) and -MAX_DIGITS <= exponent <= 0
            return number if small else Decimal((sign, (0,), 0))
        if not isinstance(exponent, int) or exponent < MIN_EXPONENT:
            return flaw("json-number-range")
        if number.adjusted() >= MAX_MAGNITUDE:
            return flaw("json-number-range")
        return number if len(digits) <= MAX_DIGITS else flaw("json-number-digits")

    def constant(name: str) -> _Flaw:
        return flaw("json-not-a-number", name)

    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Flaw:
        value = dict(pairs)
        if len(value) == len(pairs):
            return value
        return flaw("json-duplicate-key", _quoted(_repeated(pairs)))

    return json.JSONDecoder(
        object_pairs_hook=object_of,
        parse_int=integer,
        parse_float=fraction,
        parse_constant=constant,
    )


def _repeated(pairs: list[tuple[str, Any]]) -> str:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            return key
        seen.add(key)
    raise AssertionError("fewer keys than pairs, and no key twice")


def _doubt(code: str, detail: str = "") -> _Flaw:
    raise _Doubt


_decoder = _decoder_of(_Flaw)
_quick_decoder = _decoder_of(_doubt)
_encoder = msgspec.json.Encoder(decimal_format="number")


def check(root: Any) -> None:
    """Raise UserError for the first flaw of a parsed value, in the order of the document."""
    pending: list[tuple[Any, int, _Path | None]] = [(root, 0, None)]
    while pending:
        value, depth, path = pending.pop()
        kind = type(value)
        flaw = None
        if kind is str:
            flaw = _text_flaw(value)
        elif kind is dict or kind is list:
            flaw = _Flaw("json-depth") if depth == MAX_DEPTH else _key_flaw(value)
            if flaw is None:
                pending += _children(value, depth + 1, path)
        elif kind is _Flaw:
            flaw = value
        if flaw is not None:
            raise _refusal(flaw, _where(path))


# A path is a linked list: only a refusal pays for writing it out.
_Path = tuple[Any, str | int]


def _children(
    value: dict[str, Any] | list[Any], depth: int, path: _Path | None
) -> Iterator[tuple[Any, int, _Path]]:
    """Yield the parts, last first: the walk takes them from the end."""
    if isinstance(value, dict):
        return ((value[key], depth, (path, key)) for key in reversed(value))
    return ((value[i], depth, (path, i)) for i in range(len(value) - 1, -1, -1))


def _key_flaw(value: dict[str, Any] | list[Any]) -> _Flaw | None:
    if isinstance(value, list):
        return None
    return next((flaw for key in value if (flaw := _text_flaw(key)) is not None), None)


def _text_flaw(text: str) -> _Flaw | None:
    if "\0" in text:
        return _Flaw("json-nul")
    if not text.isascii() and _SURROGATE.search(text):
        return _Flaw("json-surrogate")
    return None


def _where(path: _Path | None) -> str:
    steps: list[str] = []
    while path is not None:
        path, step = path
        if isinstance(step, int):
            steps.append(f"[{step}]")
        else:
            steps.append(f".{step}" if _PLAIN_KEY.fullmatch(step) else f"[{_quoted(step)}]")
    return "$" + "".join(reversed(steps))


def _quoted(key: str) -> str:
    """Write a stranger's key so that it can stand in any message."""
    return json.dumps(key if len(key) <= 100 else key[:100] + "...")


def _refusal(flaw: _Flaw, where: str) -> UserError:
    en, zh = TEXTS[flaw.code]
    return UserError(flaw.code, where, en.format(flaw.detail), zh.format(flaw.detail))
