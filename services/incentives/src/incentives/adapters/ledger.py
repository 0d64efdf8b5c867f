"""Totals and awards inside the transaction of one batch."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from pymongo import InsertOne, UpdateOne

from event_contracts.wire import key_of
from incentives.adapters.awards import document_of, numbers
from incentives.adapters.directory import MongoDirectory
from incentives.adapters.rules import RuleReader
from incentives.adapters.waiting import touch_recipients
from incentives.domain.addresses import Address
from incentives.domain.praise import Award, Total, Window
from incentives.domain.rules import Rule
from service_kit.guards import Guards
from service_kit.store import Document, Tx


class MongoLedger:
    """Collects what a slice of one facts partition changes; :meth:`flush` writes it once.

    Totals need no head: a (tenant, metric) lives in one facts partition, whose offset document
    lets one transaction at a time through.
    """

    def __init__(self, tx: Tx, rules: RuleReader, partition: int, guards: Guards) -> None:
        self._tx = tx
        self._rules = rules
        self._partition = partition
        self._guards = guards
        self._directory = MongoDirectory(tx)
        self._changed: dict[Window, Total] = {}
        self.granted: list[Award] = []

    async def rules_on(self, tenant: str, metric: str) -> Sequence[Rule]:
        """Return the rules that run on the metric, as they stand in this transaction."""
        return await self._rules.on(tenant, metric)

    async def totals(self, windows: Iterable[Window]) -> dict[Window, Total]:
        """Return the totals of the windows that have one, this batch's own changes included."""
        wanted = list(windows)
        stored = [_id(window) for window in wanted if window not in self._changed]
        found = await self._tx["totals"].find_ids(stored) if stored else []
        totals = dict(_total(document) for document in found)
        return totals | {w: self._changed[w] for w in wanted if w in self._changed}

    async def address(self, tenant: str, dim_is: str, value: str) -> Address:
        """Return where a praise of the value goes, as the directory stands in this transaction."""
        return await self._directory.address(tenant, dim_is, value)

    def put(self, totals: Mapping[Window, Total]) -> None:
        """Keep new totals."""
        self._changed.update(totals)

    def grant(self, awards: Iterable[Award]) -> None:
        """Keep the awards; who flushes sends them."""
        self.granted.extend(awards)

    async def flush(self) -> None:
        """Write what was kept."""
        await self._tx["totals"].bulk_write(
            [
                UpdateOne({"_id": _id(window)}, {"$set": _fields(window, total)}, upsert=True)
                for window, total in self._changed.items()
            ]
        )
        await touch_recipients(self._tx, self.granted, self._guards)
        by_tenant: dict[str, list[Award]] = {}
        for award in self.granted:
            by_tenant.setdefault(award.rule.tenant, []).append(award)
        for tenant, awards in by_tenant.items():
            await self._number(tenant, awards)

    async def _number(self, tenant: str, awards: Sequence[Award]) -> None:
        """Number the awards per (tenant, partition), so that a reader can go on where it was."""
        taken = await numbers(self._tx, tenant, self._partition, len(awards))
        await self._tx["awards"].bulk_write(
            [
                InsertOne(document_of(award) | {"partition": self._partition, "n": n})
                for n, award in zip(taken, awards, strict=True)
            ]
        )


def _id(window: Window) -> str:
    return key_of(window.tenant, window.rule, window.value, window.day.isoformat())


def _fields(window: Window, total: Total) -> Document:
    return {
        "tenant": window.tenant,
        "rule": window.rule,
        "value": window.value,
        "day": window.day.isoformat(),
        "amount": total.amount,
        "count": total.count,
        "praised": total.praised,
    }


def _total(document: Document) -> tuple[Window, Total]:
    window = Window(
        document["tenant"],
        document["rule"],
        document["value"],
        date.fromisoformat(document["day"]),
    )
    return window, Total(document["amount"], document["count"], document["praised"])
