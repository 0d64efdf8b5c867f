"""The services' APIs over HTTP, in the name of one person."""

import logging
from collections.abc import Mapping
from types import GenericAlias
from typing import Any, TypeVar

import httpx
import msgspec

from console.metrics import CALLS, FAILURES
from console.ports import Refused, SignedOut, Silent

log = logging.getLogger(__name__)
T = TypeVar("T")

TIMEOUT_SECONDS = 20.0
PAGE = 1000


class Gateway:
    """Asks the services with a person's token, in that person's language."""

    def __init__(
        self, http: httpx.AsyncClient, urls: Mapping[str, str], token: str, language: str
    ) -> None:
        self._http = http
        self._urls = urls
        self._headers = {"Authorization": f"Bearer {token}", "Accept-Language": language}

    async def get(self, service: str, path: str, type: type[T], **query: Any) -> T:
        """Return one answer."""
        answer = await self._call("GET", service, path, query)
        return _read(service, answer.content, type)

    async def all(
        self, service: str, path: str, type: type[T], *, most: int = 10_000, **query: Any
    ) -> list[T]:
        """Return the items of all pages of a list, at most ``most``."""
        wanted: dict[str, Any] = {"limit": PAGE} | query
        found: list[T] = []
        while True:
            answer = await self._call("GET", service, path, wanted)
            items = _read(service, answer.content, dict[str, msgspec.Raw])
            listed: Any = GenericAlias(list, (type,))
            found += _read(service, items.get("items", b"[]"), listed)
            following: Any = _read(service, items.get("next", b"null"), Any)
            # A list that can be followed has a token on its last page, too, but no items behind it.
            if following is None or len(found) >= most or following == wanted.get("after"):
                return found[:most]
            wanted |= {"after": following}

    async def send(
        self,
        method: str,
        service: str,
        path: str,
        body: Any,
        headers: Mapping[str, str] | None = None,
        **query: Any,
    ) -> Any:
        """Send a body and return the JSON answer."""
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        answer = await self._call(method, service, path, query, content, headers)
        return _read(service, answer.content, Any)

    async def _call(
        self,
        method: str,
        service: str,
        path: str,
        query: Mapping[str, Any],
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        params = {name: value for name, value in query.items() if value is not None}
        request = self._http.build_request(
            method,
            self._urls[service].rstrip("/") + path,
            params=params,
            content=content,
            headers=self._headers | dict(headers or {}),
            timeout=TIMEOUT_SECONDS,
        )
        with CALLS.labels(service).time():
            try:
                answer = await self._sent(request)
            except httpx.HTTPError as error:
                raise _silent(service, f"{type(error).__name__}: {error}") from None
        _check(service, answer)
        return answer

    async def _sent(self, request: httpx.Request) -> httpx.Response:
        """Send; a question whose kept connection was closed meanwhile is asked once more."""
        try:
            return await self._http.send(request)
        except (httpx.RemoteProtocolError, httpx.ReadError):
            if request.method != "GET":
                raise
            return await self._http.send(request)


def _silent(service: str, detail: str) -> Silent:
    FAILURES.labels(service).inc()
    log.warning("%s: %s", service, detail)
    return Silent(service, detail)


def _check(service: str, answer: httpx.Response) -> None:
    status = answer.status_code
    if status < 400:
        return
    if status == 401:
        raise SignedOut
    if status >= 500:
        raise _silent(service, f"{status}: {answer.text[:200]}")
    try:
        body = answer.json()
    except ValueError:
        body = None
    error = body.get("error", {}) if isinstance(body, dict) else {}
    raise Refused(
        service,
        status,
        str(error.get("code", "")),
        str(error.get("where", "")),
        str(error.get("message", answer.text[:200])),
        body,
    )


def _read(service: str, content: Any, type: type[T]) -> T:
    try:
        return msgspec.json.decode(content, type=type, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _silent(service, f"its answer cannot be read: {error}") from None
