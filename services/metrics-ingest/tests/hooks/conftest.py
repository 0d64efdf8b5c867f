"""A source with a signed webhook."""

import json
from typing import Any

import httpx
import msgspec
import pytest

from event_contracts.raw import RawEvent
from metrics_ingest.domain.doors import signing


class Crm:
    """A source with a signed hook, and its address."""

    SECRET = "the app's secret"

    def __init__(self, stage: Any) -> None:
        self.stage = stage
        self.path = ""

    async def declare(self, signature: str | None = "hub-sha256", **more: Any) -> None:
        source = {"name": "crm.eu", "doors": {"hook": self.mapping(**more)}, "signature": signature}
        await self.stage.done("POST", "/v1/sources", source)
        await self.keep(self.SECRET)
        await self.look()

    async def look(self) -> None:
        found = await self.stage.done("GET", "/v1/sources/crm.eu/hook")
        assert found["url"].startswith("https://in.example.com/v1/hooks/crm.eu.")
        self.path = found["url"].removeprefix("https://in.example.com")

    async def keep(self, *secrets: str, keep: tuple[str, ...] = ()) -> list[str]:
        body = {"secrets": secrets, "keep": keep}
        found = await self.stage.done("PUT", "/v1/sources/crm.eu/secrets", body)
        return [each["fingerprint"] for each in found["secrets"]]

    async def post(self, body: bytes, path: str = "", **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        found: httpx.Response = await self.stage.http.post(
            path or self.path, content=body, headers=named
        )
        return found

    async def signed(self, body: Any, secret: str = SECRET, **options: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        signature = signing.hub_sha256(secret, content)
        return await self.post(content, x_hub_signature_256=signature, **options)

    def events(self) -> list[RawEvent]:
        records = [value for rows in self.stage.log.records.values() for value in rows]
        return [msgspec.json.decode(value, type=RawEvent) for value in records]

    @staticmethod
    def mapping(**more: Any) -> dict[str, Any]:
        return {"id": ["id"], "type": ["type"], "time": ["at"]} | more

    @staticmethod
    def deal(identity: str = "d1", **more: Any) -> dict[str, Any]:
        return {"id": identity, "type": "deal", "at": "2011-05-06T12:00:00Z"} | more


@pytest.fixture
async def crm(stage: Any) -> Crm:
    return Crm(stage)
