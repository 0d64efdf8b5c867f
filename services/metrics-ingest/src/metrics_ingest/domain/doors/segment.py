"""Segment's HTTP calls: track, page, screen, identify, group, alias, alone or in a batch.

A call is kept as one message, as Segment itself would hand it on: with its type, a ``messageId``
and the time of arrival, what stands at the batch's root joined to each of its items, and without
the write key.
"""

from datetime import UTC, datetime
from typing import Any, NoReturn

import msgspec
import xxhash

from service_kit import strict_json
from service_kit.errors import UserError

CALLS = ("track", "page", "screen", "identify", "group", "alias")
CALL_BYTES = 32 * 1024
BATCH_BYTES = 500 * 1024
BATCH_ITEMS = 2_500
# What stands at the root is kept with each call: a small batch must not become a large one.
JOINED_BYTES = 8 * 2**20
ID_LENGTH = 100
WRITE_KEY = "writeKey"
# What else a call of this type must say, beside whose it is.
_NEEDS = {"track": "event", "group": "groupId", "alias": "previousId"}
_JOINED = ("context", "integrations", "sentAt")

Message = dict[str, Any]


def write_key_of(body: bytes) -> str | None:
    """Return the write key at the root of a body, None when there is none to be read."""
    try:
        root = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    found = root.get(WRITE_KEY) if isinstance(root, dict) else None
    return found if isinstance(found, str) else None


def read_call(kind: str, body: bytes) -> Message:
    """Return the call of a body; its type is that of its address. Raises UserError."""
    found = strict_json.loads(body)
    if not isinstance(found, dict):
        _refuse("not-an-object", "$", "a call is a JSON object", "调用必须是 JSON 对象")
    return found | {"type": kind}


def read_batch(body: bytes) -> list[Message | UserError]:
    """Return the calls of a batch; one that is no strict JSON stands as its refusal.

    Raises UserError when the batch itself cannot be taken.
    """
    root = strict_json.parse(body)
    items = root.get("batch") if isinstance(root, dict) else None
    if not isinstance(items, list):
        strict_json.check(root)
        _refuse("not-an-array", "$.batch", "a list of calls is needed", "需要调用列表")
    if len(items) > BATCH_ITEMS:
        raise too_large("$.batch", f"{BATCH_ITEMS} calls", f"{BATCH_ITEMS} 次调用")
    outer = {name: value for name, value in root.items() if name != "batch"}
    strict_json.check(outer)
    joined = {name: outer[name] for name in _JOINED if outer.get(name) is not None}
    if len(strict_json.dumps(joined)) * len(items) > JOINED_BYTES:
        raise too_large(
            "$.context",
            f"{JOINED_BYTES} bytes, times the calls",
            f"{JOINED_BYTES} 字节（乘以调用数）",
        )
    return [_read_item(joined, each) for each in items]


def _read_item(outer: Message, item: Any) -> Message | UserError:
    try:
        strict_json.check(item)
    except UserError as error:
        return error
    return _joined(outer, item)


def _joined(outer: Message, item: Any) -> Message | UserError:
    if not isinstance(item, dict):
        return _refusal("not-an-object", "$", "a call is a JSON object", "调用必须是 JSON 对象")
    kind = item.get("type")
    if kind not in CALLS:
        return _refusal(
            "invalid-value", "$.type", f"one of {', '.join(CALLS)}", f"应为 {'、'.join(CALLS)} 之一"
        )
    joined = outer | item
    for name in ("context", "integrations"):
        around, own = outer.get(name), item.get(name)
        if isinstance(around, dict) and isinstance(own, dict):
            joined[name] = around | own
    if len(strict_json.dumps(joined)) > CALL_BYTES:
        return too_large("$", f"{CALL_BYTES} bytes", f"{CALL_BYTES} 字节")
    return joined


def message(call: Message, source: str, now_ms: int) -> bytes:
    """Return the text of the message that is kept; raises UserError on a call that lacks a part."""
    kept = {name: value for name, value in call.items() if name != WRITE_KEY}
    _check(kept)
    if kept.get("messageId") is None:
        kept["messageId"] = _hash(source, kept)
    if kept.get("receivedAt") is None:
        kept["receivedAt"] = _instant(now_ms)
    return strict_json.dumps(kept)


def _check(call: Message) -> None:
    if not any(_is_text(call.get(name)) for name in ("userId", "anonymousId")):
        _refuse("missing-field", "$.userId", "userId or anonymousId", "需要 userId 或 anonymousId")
    needed = _NEEDS.get(call["type"])
    if needed is not None and not _is_text(call.get(needed)):
        _refuse("missing-field", f"$.{needed}", f"{needed} is required", f"缺少 {needed}")
    identity = call.get("messageId")
    if identity is not None and not (_is_text(identity) and len(identity) <= ID_LENGTH):
        _refuse(
            "invalid-value",
            "$.messageId",
            f"a text of 1 to {ID_LENGTH} characters",
            f"1 到 {ID_LENGTH} 个字符的文本",
        )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _hash(source: str, call: Message) -> str:
    """Return an id for a call without one: the same call sent again has the same."""
    of = "traits" if call["type"] in ("identify", "group") else "properties"
    parts = [source, call["type"], call.get("userId"), call.get("anonymousId"), call.get("event")]
    parts += [call.get("name"), call.get("timestamp") or call.get("originalTimestamp")]
    parts += [call.get(of), call.get("groupId"), call.get("previousId")]
    return "hash-" + xxhash.xxh3_128_hexdigest(_ordered.encode(parts))


_ordered = msgspec.json.Encoder(order="sorted", decimal_format="string")


def _instant(now_ms: int) -> str:
    whole = datetime.fromtimestamp(now_ms / 1000, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{now_ms % 1000:03d}Z"


def too_large(where: str, en: str, zh: str) -> UserError:
    """Return the refusal of what is beyond a limit of Segment's."""
    return UserError("body-too-large", where, f"at most {en}", f"最多 {zh}", status=413)


def _refusal(code: str, where: str, en: str, zh: str) -> UserError:
    return UserError(code, where, en, zh)


def _refuse(code: str, where: str, en: str, zh: str) -> NoReturn:
    raise _refusal(code, where, en, zh)
