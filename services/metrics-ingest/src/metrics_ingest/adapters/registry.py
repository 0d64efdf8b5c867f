"""The schema registry over HTTP, by the API of Confluent's: schemas by their ids, remembered.

What an id stands for never changes. Only an answer of the registry itself says that there is no
such schema; a wrong address, a refused password or a proxy's page leave the records waiting.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Set
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx

from metrics_ingest.domain.avro import AvroSchema, Unusable
from metrics_ingest.domain.causes import SCHEMA_UNKNOWN, SCHEMA_UNUSABLE, Unfit
from metrics_ingest.metrics import SCHEMAS
from metrics_ingest.ports.raw import RegistryDown

MOST_SCHEMAS = 500
MOST_UNKNOWN = 100_000
UNKNOWN_SECONDS = 30.0
MOST_BYTES = 1_000_000
MOST_REFERENCES = 50
ASK_SECONDS = 5.0
FIND_SECONDS = 15.0  # it waits inside a transaction

Schema = AvroSchema | Unfit
Now = Callable[[], float]


class Access(NamedTuple):
    """Where the registry is (empty: nowhere), and who asks."""

    address: str = ""
    user: str = ""
    password: str = ""


class _Absent(Exception):
    """The registry says that it does not hold what was asked for."""


class SchemaRegistry:
    """Finds schemas (ports.raw.Schemas)."""

    def __init__(
        self,
        access: Access,
        now: Now = time.monotonic,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._access = access
        self._now = now
        self._transport = transport
        self._known: OrderedDict[int, Schema] = OrderedDict()
        self._unknown: OrderedDict[int, float] = OrderedDict()

    async def find(self, ids: Set[int]) -> Mapping[int, Schema]:
        """Return each schema, or why its records cannot be read; raises RegistryDown."""
        found = {each: known for each in ids if (known := self._remembered(each))}
        asked = -1
        if len(found) == len(ids):
            return found
        try:
            async with asyncio.timeout(FIND_SECONDS), self._client() as http:
                for asked in sorted(ids - found.keys()):
                    found[asked] = await self._ask(http, asked)
        except TimeoutError:
            raise RegistryDown(asked, f"no answer within {FIND_SECONDS:.0f} s") from None
        return found

    def _remembered(self, schema_id: int) -> Schema | None:
        known = self._known.get(schema_id)
        if known is not None:
            self._known.move_to_end(schema_id)
            return known
        asked_at = self._unknown.get(schema_id)
        if asked_at is not None and self._now() - asked_at < UNKNOWN_SECONDS:
            return _unknown(schema_id)
        return None

    async def _ask(self, http: httpx.AsyncClient, schema_id: int) -> Schema:
        try:
            schema = await self._compiled(http, schema_id)
        except _Absent:
            self._unknown[schema_id] = self._now()
            _bound(self._unknown, MOST_UNKNOWN)
            SCHEMAS.labels("unknown").inc()
            return _unknown(schema_id)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, TypeError, LookupError) as error:
            SCHEMAS.labels("failed").inc()
            raise RegistryDown(schema_id, repr(error)) from error
        SCHEMAS.labels("unusable" if isinstance(schema, Unfit) else "fetched").inc()
        self._known[schema_id] = schema
        _bound(self._known, MOST_SCHEMAS)
        return schema

    async def _compiled(self, http: httpx.AsyncClient, schema_id: int) -> Schema:
        answer = await _get(http, f"/schemas/ids/{schema_id}")
        kind = answer.get("schemaType") or "AVRO"
        if kind != "AVRO":
            return _unusable(schema_id, f"Avro is wanted, this is {kind}")
        references: list[str] = []
        try:
            await _follow(http, answer, set(), references)
            return AvroSchema(answer["schema"], references)
        except Unusable as error:
            return _unusable(schema_id, str(error))

    def _client(self) -> httpx.AsyncClient:
        access = self._access
        sign_in = (access.user, access.password) if access.user else None
        return httpx.AsyncClient(
            base_url=access.address, auth=sign_in, timeout=ASK_SECONDS, transport=self._transport
        )


async def _follow(
    http: httpx.AsyncClient, answer: Mapping[str, Any], seen: set[str], found: list[str]
) -> None:
    """Find what a schema refers to, each behind what it refers to itself; raises Unusable."""
    for reference in answer.get("references") or ():
        subject, version = str(reference["subject"]), int(reference["version"])
        path = f"/subjects/{quote(subject, safe='')}/versions/{version}"
        if path in seen:
            continue
        seen.add(path)
        if len(seen) > MOST_REFERENCES:
            raise Unusable(f"at most {MOST_REFERENCES} references are followed")
        try:
            there = await _get(http, path)
        except _Absent:
            raise Unusable(f"the schema's reference {subject[:200]} is not there") from None
        await _follow(http, there, seen, found)
        found.append(there["schema"])


async def _get(http: httpx.AsyncClient, path: str) -> Any:
    """Return the registry's answer; raises _Absent, httpx.HTTPError or ValueError."""
    async with http.stream("GET", path) as response:
        content = b""
        async for part in response.aiter_bytes():
            content += part
            if len(content) > MOST_BYTES:
                raise ValueError(f"an answer of more than {MOST_BYTES} bytes")
    status = response.status_code
    answer = httpx.Response(status, content=content)
    if status == 404 and _says_absent(answer):
        raise _Absent
    if status != 200:
        raise ValueError(f"it answers {status}")
    told = answer.json()
    if not isinstance(told, dict) or not isinstance(told["schema"], str):
        raise ValueError("it answers with something else than a schema")
    return told


def _says_absent(answer: httpx.Response) -> bool:
    """Whether the registry itself says so: 40401 to 40403 are subject, version and schema."""
    try:
        return str(answer.json()["error_code"]) in ("40401", "40402", "40403")
    except (ValueError, LookupError, TypeError):
        return False


def _unknown(schema_id: int) -> Unfit:
    return Unfit(SCHEMA_UNKNOWN, f"schema {schema_id}", "no schema has this number")


def _unusable(schema_id: int, detail: str) -> Unfit:
    return Unfit(SCHEMA_UNUSABLE, f"schema {schema_id}", detail)


def _bound(kept: OrderedDict[int, Any], most: int) -> None:
    while len(kept) > most:
        kept.popitem(last=False)
