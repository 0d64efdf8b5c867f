"""What comes in: bodies of bounded size, strict JSON, fields that are known, or a refusal."""

import asyncio
import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar, cast

import msgspec
from fastapi import Request

from service_kit import strict_json
from service_kit.errors import UserError
from service_kit.web.misfits import refusal_of

MAX_BODY = 5 * 1024 * 1024
BODY_SECONDS = 30.0
_CLOSED = {"Connection": "close"}  # what is left of the body is not waited for

T = TypeVar("T")


async def read_bytes(
    request: Request, most: int = MAX_BODY, grown: Callable[[int], None] | None = None
) -> bytes:
    """Return the body, inflated if it was sent with gzip; ``grown`` hears of each part's size.

    Raises UserError: 413 as soon as it is beyond ``most``, sent or inflated; 408 when it has not
    come within BODY_SECONDS; 415 for another encoding; and whatever ``grown`` raises.
    """
    inflate = _inflater(request)
    parts: list[bytes] = []
    sent = size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                sent += len(part)
                plain = inflate.part(part, most + 1 - size) if inflate else part
                size += len(plain)
                if sent > most or size > most:
                    raise too_large(most)
                if grown is not None:
                    grown(len(plain))
                parts.append(plain)
    except TimeoutError:
        raise _too_slow() from None
    if inflate:
        inflate.end()
    return b"".join(parts)


class _Gunzip:
    """One gzip stream, inflated only as far as asked."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=31)

    def part(self, data: bytes, most: int) -> bytes:
        """Return what the data inflates to, at most so many bytes; raises UserError."""
        try:
            return self._stream.decompress(data, most) if data else b""
        except zlib.error:
            raise _bad_encoding() from None

    def end(self) -> None:
        """Raise UserError unless the stream is whole and nothing follows it."""
        if not self._stream.eof or self._stream.unused_data:
            raise _bad_encoding()


def _inflater(request: Request) -> _Gunzip | None:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding == "gzip":
        return _Gunzip()
    raise UserError(
        "unsupported-encoding",
        "header.Content-Encoding",
        "gzip, or none, is needed",
        "只支持 gzip 或不压缩",
        status=415,
    )


async def read_body(request: Request, type: type[T], most: int = MAX_BODY) -> T:
    """Return the JSON body of at most ``most`` bytes as ``type``, anything made of msgspec structs.

    Raises UserError: ``where`` is the JSON path of what is wrong, and the message says what
    would be right. Fields that the type does not know are refused.
    """
    return convert(strict_json.loads(await read_bytes(request, most)), type)


def convert(value: Any, type: type[T]) -> T:
    """Return a value of :func:`strict_json.loads` as ``type``; raises like :func:`read_body`."""
    try:
        result = msgspec.convert(value, type)
    except msgspec.ValidationError as error:
        raise refusal_of(str(error), _info(cast(Any, type))) from None
    _refuse_unknown(value, _info(cast(Any, type)), "$")
    return result


def too_large(most: int = MAX_BODY) -> UserError:
    """Return the refusal of a body beyond ``most`` bytes."""
    return UserError(
        "body-too-large",
        "body",
        f"the body is larger than {most} bytes; send it in parts",
        f"正文超过 {most} 字节；请分批发送",
        status=413,
        headers=_CLOSED,
    )


def _too_slow() -> UserError:
    return UserError(
        "body-too-slow",
        "body",
        f"the body did not come within {BODY_SECONDS:.0f} seconds",
        f"正文未在 {BODY_SECONDS:.0f} 秒内到达",
        status=408,
        headers=_CLOSED,
    )


def _bad_encoding() -> UserError:
    return UserError(
        "bad-encoding", "body", "this is not one whole gzip stream", "不是一个完整的 gzip 数据流"
    )


@lru_cache(maxsize=256)
def _info(type: Any) -> msgspec.inspect.Type:
    return msgspec.inspect.type_info(type)


def _refuse_unknown(value: Any, info: msgspec.inspect.Type, path: str) -> None:
    if isinstance(info, msgspec.inspect.UnionType):
        info = _member(value, info)
    if isinstance(info, msgspec.inspect.StructType) and isinstance(value, dict):
        fields = {field.encode_name: field.type for field in info.fields}
        known = fields.keys() | ({info.tag_field} if info.tag_field else set())
        for name, part in value.items():
            if name not in known:
                raise _unknown(f"{path}.{name}", sorted(known))
            if name in fields:
                _refuse_unknown(part, fields[name], f"{path}.{name}")
    elif isinstance(value, list) and isinstance(info, _LISTS):
        for index, part in enumerate(value):
            _refuse_unknown(part, info.item_type, f"{path}[{index}]")
    elif isinstance(value, dict) and isinstance(info, msgspec.inspect.DictType):
        for name, part in value.items():
            _refuse_unknown(part, info.value_type, f"{path}.{name}")


_LISTS = (
    msgspec.inspect.ListType,
    msgspec.inspect.VarTupleType,
    msgspec.inspect.SetType,
    msgspec.inspect.FrozenSetType,
)


def _member(value: Any, union: msgspec.inspect.UnionType) -> msgspec.inspect.Type:
    """Return the union's member that the value was read as."""
    if isinstance(value, dict):
        for member in union.types:
            if isinstance(member, msgspec.inspect.DictType):
                return member
            if isinstance(member, msgspec.inspect.StructType) and (
                member.tag_field is None or value.get(member.tag_field) == member.tag
            ):
                return member
    wanted = _LISTS if isinstance(value, list) else ()
    return next((member for member in union.types if isinstance(member, wanted)), union)


def _unknown(where: str, known: list[str]) -> UserError:
    names = ", ".join(known)
    return UserError(
        "unknown-field",
        where,
        f"this field is not known; known here are: {names}",
        f"未知字段；此处可用的字段有：{names}",
    )
