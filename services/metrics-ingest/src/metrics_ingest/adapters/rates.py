"""Rates of exchange in MongoDB, a year of a pair to a document.

    rates   {_id: key_of(tenant, base, quote, year), tenant, base, quote, year, text}

``text`` is the JSON list of all versions. A year is what a load touches and a fold reads: five
years of ten pairs are fifty documents of some 30 KB, and not twelve thousand.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Any

import msgspec

from event_contracts.wire import key_of
from metrics_ingest.adapters.heads import head_of, move_head
from metrics_ingest.domain.money.rates import Rate
from service_kit import audit
from service_kit.store import Document, Store, Tx

RATES = "rates"

_encoder = msgspec.json.Encoder(decimal_format="string")
_decode = msgspec.json.Decoder(list[Rate]).decode


async def rates_into(tx: Tx, tenant: str, quotes: Collection[str]) -> list[Rate]:
    """Return all versions of the tenant's rates into these currencies."""
    if not quotes:
        return []
    query = {"tenant": tenant, "quote": {"$in": sorted(quotes)}}
    return _all(await tx[RATES].find(query))


async def stored_rates(store: Store, tenant: str, quotes: Collection[str]) -> list[Rate]:
    """Return the same outside of a transaction."""
    if not quotes:
        return []
    query = {"tenant": tenant, "quote": {"$in": sorted(quotes)}}
    return _all(await store.db[RATES].find(query).to_list(None))


class MongoRates:
    """The rates inside the transaction of a load (ports.definitions.RateStore)."""

    def __init__(self, tx: Tx, now_ms: int) -> None:
        self._tx = tx
        self._now_ms = now_ms

    async def year(self, tenant: str, base: str, quote: str, year: int) -> list[Rate]:
        """Return all versions of the pair's rates of a year."""
        identity = key_of(tenant, base, quote, str(year))
        found = await self._tx[RATES].find_one({"_id": identity})
        return [] if found is None else _decode(found["text"])

    async def write_year(
        self, tenant: str, base: str, quote: str, year: int, rates: Sequence[Rate]
    ) -> None:
        """Write all versions of the pair's rates of a year."""
        ordered = sorted(rates, key=lambda rate: (rate.date, rate.version))
        fields: dict[str, Any] = {
            "tenant": tenant,
            "base": base,
            "quote": quote,
            "year": year,
            "text": _encoder.encode(ordered).decode(),
        }
        identity = key_of(tenant, base, quote, str(year))
        await self._tx[RATES].update_one({"_id": identity}, {"$set": fields}, upsert=True)

    async def move_head(self, tenant: str) -> int:
        """Move the head of the tenant's definitions and return where it stands then."""
        await move_head(self._tx, tenant)
        return await head_of(self._tx, tenant)

    async def note(
        self, tenant: str, actor: str, action: str, subject: str, detail: dict[str, Any]
    ) -> None:
        """Append to the audit trail."""
        await audit.append(self._tx, tenant, actor, action, subject, detail, self._now_ms)


async def list_rates(
    store: Store, tenant: str, pair: tuple[str | None, str | None], span: tuple[date, date]
) -> list[Rate]:
    """Return all versions of rates from day to day, both included, by pair, day and version."""
    base, quote = pair
    query: Document = {"tenant": tenant, "year": {"$gte": span[0].year, "$lte": span[1].year}}
    query |= {} if base is None else {"base": base}
    query |= {} if quote is None else {"quote": quote}
    found = _all(await store.db[RATES].find(query).to_list(None))
    within = [rate for rate in found if span[0] <= rate.date <= span[1]]
    return sorted(within, key=lambda rate: (*rate.day, rate.version))


def _all(documents: Iterable[Document]) -> list[Rate]:
    return [rate for document in documents for rate in _decode(document["text"])]
