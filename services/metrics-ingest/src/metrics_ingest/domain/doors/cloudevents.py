"""CloudEvents 1.0 as JSON objects: structured, batched and binary, over HTTP and on Kafka.

Attributes stand at the top level and the payload under ``data``; what is no JSON stands as base64
under ``data_base64``. References: the spec's HTTP and Kafka bindings, version 1.0.2.
"""

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from service_kit import strict_json
from service_kit.errors import UserError

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
_REQUIRED = ("id", "source", "type")
_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
# A text that does not end is met once, and not anew from each quote that stands in it.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|(?P<open>))|[\[\]{},]', re.DOTALL)
_MARK = re.compile(rb"[\[\]{},]")
_JSON_TYPE = re.compile(r"(application|text)/([\w.\-]+\+)?json\s*(;.*)?", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"[a-z0-9]{1,64}", re.ASCII)


def check(event: Any, where: str = "$") -> None:
    """Raise UserError unless the value is a CloudEvent that can be taken. null counts as absent."""
    if not isinstance(event, dict):
        raise _refusal(
            "not-an-object", where, "a CloudEvent is a JSON object", "CloudEvent 必须是 JSON 对象"
        )
    if event.get("specversion") != "1.0":
        raise _refusal(
            "wrong-specversion",
            f"{where}.specversion",
            'specversion "1.0" is needed',
            '需要 specversion "1.0"',
        )
    for name in _REQUIRED:
        value = event.get(name)
        if not isinstance(value, str) or not value:
            raise _refusal(
                "missing-attribute",
                f"{where}.{name}",
                f"the attribute {name} is required, as a text that is not empty",
                f"缺少必填属性 {name}（非空文本）",
            )
    if event.get("data") is not None and event.get("data_base64") is not None:
        raise _refusal(
            "two-payloads",
            f"{where}.data_base64",
            "data and data_base64 exclude each other",
            "data 与 data_base64 不能同时出现",
        )


def split_batch(body: bytes) -> list[bytes]:
    """Return the texts of the items of a JSON array; raises UserError when it is none.

    Items are cut at the commas of the array, not parsed: one bad item refuses itself only.
    """
    try:
        return [bytes(item) for item in _items(body)]
    except (msgspec.DecodeError, RecursionError):
        return cut_at_commas(body)


def cut_at_commas(body: bytes) -> list[bytes]:
    """Cut what is not JSON throughout, as far as its commas and brackets tell."""
    text = body.strip(b" \t\r\n")
    if text[:1] != b"[":
        raise _refusal("not-an-array", "$", "a batch is a JSON array", "批量必须是 JSON 数组")
    items = [text[start:end].strip(b" \t\r\n") for start, end in _cuts(text)]
    return [] if items == [b""] else items


def _cuts(text: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each item begins and ends."""
    depth, start = 0, 1
    for token in _tokens(text):
        mark = text[token.start()]
        if mark in b"[{":
            depth += 1
        elif mark in b"]}":
            depth -= 1
            if depth == 0:
                yield start, token.start()
                if mark != ord("]") or token.end() != len(text):
                    break
                return
        elif mark in b"," and depth == 1:
            yield start, token.start()
            start = token.end()
    raise _refusal("json-syntax", "$", "the array does not end as it began", "数组没有正确结束")


def _tokens(text: bytes) -> Iterator[re.Match[bytes]]:
    """Yield texts, commas and brackets; of a text without an end what stands in it."""
    for token in _TOKEN.finditer(text):
        if token["open"] is not None:
            yield from _MARK.finditer(text, token.start())
            return
        yield token


def from_http(headers: Mapping[str, str], body: bytes) -> bytes:
    """Return the JSON text of a binary event: ``ce-`` headers, percent-decoded once, and the body.

    Raises UserError on headers and bodies that cannot be read.
    """
    found = {name.lower(): value for name, value in headers.items()}
    attributes = _attributes(found, "ce-", _percent_decoded)
    return _join(attributes, found.get("content-type"), body)


def from_kafka(headers: Mapping[str, bytes], value: bytes | None) -> bytes | None:
    """Return the JSON text of a record: its value, or in binary mode ``ce_`` headers and value.

    None for a record without value that is no event (a tombstone). Raises UserError on headers
    that are no UTF-8.
    """
    if "ce_specversion" not in headers:
        return value
    try:
        found = {name.lower(): raw.decode() for name, raw in headers.items()}
    except UnicodeDecodeError:
        raise _refusal("bad-header", "headers", "UTF-8 is needed", "必须是 UTF-8") from None
    return _join(_attributes(found, "ce_", str), found.get("content-type"), value or b"")


def _attributes(
    headers: Mapping[str, str], prefix: str, read: Callable[[str], str]
) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    for header, value in headers.items():
        if header.startswith(prefix):
            name = header[len(prefix) :]
            if not _ATTRIBUTE.fullmatch(name) or name in ("data", "database64"):
                raise _refusal(
                    "bad-header",
                    f"header.{header}",
                    "an attribute's name has lower-case letters and digits",
                    "属性名只能含小写字母和数字",
                )
            attributes[name] = read(value)
    return attributes


def _percent_decoded(value: str) -> str:
    """Decode once. HTTP servers show header bytes as Latin-1."""
    try:
        return unquote_to_bytes(value.encode("latin-1")).decode()
    except (UnicodeDecodeError, UnicodeEncodeError):
        raise _refusal(
            "bad-header", "header", "percent-encoded UTF-8 is needed", "必须是百分号编码的 UTF-8"
        ) from None


def _join(attributes: dict[str, Any], content_type: str | None, body: bytes) -> bytes:
    if content_type is not None:
        attributes["datacontenttype"] = content_type
    text = msgspec.json.encode(attributes)
    if not body:
        return text
    separator = b"," if attributes else b""
    if content_type is None or _JSON_TYPE.fullmatch(content_type.strip()):
        strict_json.loads(body)  # else it could end the object early and go on with other fields
        return text[:-1] + separator + b'"data":' + body + b"}"
    return text[:-1] + separator + b'"data_base64":"' + base64.b64encode(body) + b'"}'


def _refusal(code: str, where: str, en: str, zh: str) -> UserError:
    return UserError(code, where, en, zh)
