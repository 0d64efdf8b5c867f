"""What leaves through the door: JSON with exact amounts, lists, errors in the caller's language."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from fastapi import Request, Response

from service_kit.errors import UserError

JSON = "application/json"
_encoder = msgspec.json.Encoder(decimal_format="string")


def answer(obj: Any, status: int = 200) -> Response:
    """Return ``obj`` as JSON (amounts as text); a response passes through as it is."""
    if isinstance(obj, Response):
        return obj
    return Response(_encoder.encode(obj), status, media_type=JSON)


def page(items: Sequence[Any], next: str | None) -> Response:
    """Return one page of a list; ``next`` is the token for ``after=``, None at the end."""
    return answer({"items": items, "next": next})


def refuse(
    request: Request, error: UserError, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the error in the one shape, in Chinese or English as Accept-Language prefers."""
    language = language_of(request.headers.get("accept-language", ""))
    message = error.zh if language == "zh" else error.en
    content = {"error": {"code": error.code, "where": error.where, "message": message}}
    response = answer(content, error.status)
    response.headers["Content-Language"] = language
    response.headers.update(headers or {})
    return response


def language_of(accepted: str) -> str:
    """Return ``zh`` or ``en``, whichever the header weighs more; English when it says neither."""
    weights = {"en": 0.0, "zh": 0.0}
    for item in accepted.split(","):
        tag, _, parameter = item.partition(";")
        primary = tag.strip().lower().partition("-")[0]
        if primary in weights:
            weights[primary] = max(weights[primary], _weight(parameter))
    return "zh" if weights["zh"] > weights["en"] else "en"


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        return min(float(value), 1.0)
    except ValueError:
        return 0.0
