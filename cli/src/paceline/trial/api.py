"""Talking to a system whose parts may be dead just now: the same request again, the same ids."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import httpx
import msgspec

from paceline.trial.system import System, TrialFailed

PATIENCE = 90.0
_json = msgspec.json.Encoder(decimal_format="number")
_AGAIN = frozenset({429, 500, 502, 503, 504})


class Refused(TrialFailed):
    """A service answered that the request is wrong."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status
        self.text = text


class Api:
    """One tenant's view of a running system."""

    def __init__(self, system: System, key: str) -> None:
        self._urls = system.facts()["services"]
        self._http = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {key}"},
            timeout=httpx.Timeout(20),
            limits=httpx.Limits(max_connections=32),
        )

    async def __aenter__(self) -> "Api":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def call(
        self,
        method: str,
        service: str,
        path: str,
        body: Any = None,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the decoded answer; repeat while the service is not there. Raises Refused.

        A ``body`` of bytes is sent as it is, any other as JSON.
        """
        content = body if isinstance(body, bytes | None) else _json.encode(body)
        sent = {"Content-Type": "application/json"} | dict(headers or {})
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                answer = await self._http.request(
                    method,
                    self._urls[service] + path,
                    content=content,
                    params=params,
                    headers=sent,
                )
            except httpx.TransportError as error:
                problem = repr(error)
            else:
                if answer.status_code not in _AGAIN:
                    return _read(answer)
                problem = f"{answer.status_code} {answer.text[:300]}"
            if time.monotonic() > deadline:
                raise TrialFailed(f"{method} {service} {path}: {problem}")
            await asyncio.sleep(0.1)

    async def get(self, service: str, path: str, **params: Any) -> Any:
        """GET with query parameters."""
        return await self.call("GET", service, path, params=params)

    async def rule(self, document: Any) -> Any:
        """Make a rule of praise as soon as incentives knows its metric. Raises Refused."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return await self.call("POST", "incentives", "/v1/rules", document)
            except Refused as refused:
                if "metric-unknown" not in refused.text or time.monotonic() > deadline:
                    raise

    async def lights(self, goal: str, **asked: Any) -> Any:
        """Return a page of a goal's lights; None while alerting has not heard of the goal."""
        try:
            return await self.get("alerting", "/v1/lights", goal=goal, **asked)
        except Refused as refused:
            if refused.status != 404:
                raise
            return None

    async def items(self, service: str, path: str, **params: Any) -> AsyncIterator[Any]:
        """Yield all items of a list, page by page."""
        asked = {"limit": 1000} | params
        after: dict[str, Any] = {}
        while True:
            page = await self.get(service, path, **asked, **after)
            for item in page["items"]:
                yield item
            if not page.get("next"):
                return
            after = {"after": page["next"]}

    async def all(self, service: str, path: str, **params: Any) -> list[Any]:
        """Return all items of a list."""
        return [item async for item in self.items(service, path, **params)]

    async def send(self, events: Sequence[Any], source: str) -> None:
        """Send CloudEvents as one batch; return when it is accepted. Raises Refused."""
        answer = await self.call(
            "POST",
            "metrics-ingest",
            "/v1/events",
            events,
            headers={
                "Content-Type": "application/cloudevents-batch+json",
                "X-Paceline-Source": source,
            },
        )
        if answer.get("rejected"):
            raise Refused(202, str(answer["rejected"][:3]))


def _read(answer: httpx.Response) -> Any:
    if answer.status_code >= 400:
        raise Refused(answer.status_code, answer.text[:2000])
    return msgspec.json.decode(answer.content) if answer.content else None
