"""Folds the fact store's loose documents into blocks, while the facts keep coming."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import ReplaceOne

from event_contracts.wire import key_of
from goal_service.adapters.facts import FACTS, HEADS, fold_head, read_block
from goal_service.adapters.loose_facts import LOOSE, loose_facts, write_sheets
from goal_service.domain.blocks import (
    DAY_MINUTES,
    Block,
    Range,
    Sums,
    days_of,
    merged,
    sums_of,
    touched,
)
from goal_service.domain.sheets import Sheet
from service_kit.store import Document, Session, Store, Tx, find_ids, portions

MOST_CELLS = 10_000
"""Of one step: a hundred thousand took the interpreter from the facts for two seconds."""


class Compactor:
    """Compacts each facts partition that has more than ``at`` loose documents. One session.

    Reading and folding happen outside the transaction, which is short then: it makes sure that no
    other compaction came between, and swaps the documents. New facts only add documents.
    """

    def __init__(self, store: Store, session: Session, partitions: int, at: int) -> None:
        self._db = store.db
        self._session = session
        self._partitions = partitions
        self._at = at

    async def run(self) -> int:
        """Compact what is due; return how many loose documents were folded."""
        return sum([await self._partition(number) for number in range(self._partitions)])

    async def _partition(self, number: int) -> int:
        loose = await self._db[LOOSE].count_documents({"partition": number})
        folded = 0
        while loose - folded > self._at:
            done = await self._fold(number)
            if not done:
                break
            folded += done
        return folded

    async def _fold(self, number: int) -> int:
        """Fold the oldest loose documents; 0 when another process came first."""
        before = await self._db[HEADS].find_one({"_id": fold_head(number)})
        folds = (before or {}).get("folds", 0)
        loose = await self._loose(number)
        if not loose:
            return 0
        sums, as_of_ms = await asyncio.to_thread(_sums, loose)
        blocks: list[Document] = []
        for head, of_metric in sums.items():
            blocks += await self._blocks(head, of_metric, as_of_ms[head])
        done = [document["_id"] for document in loose]
        swapped = await self._session.run(lambda tx: self._swap(tx, number, folds, done, blocks))
        return len(done) if swapped else 0

    async def _blocks(self, head: str, sums: Sums, as_of_ms: int) -> list[Document]:
        """Return a metric's blocks with the sums added."""
        dealt = touched(sums, await self._ranges(head, days_of(sums)))
        found = await find_ids(self._db[FACTS], [_block_id(head, within) for within in dealt])
        existing = {document["_id"]: document for document in found}
        newest_ms = max([as_of_ms, *(document["as_of_ms"] for document in found)])

        def fold() -> list[Document]:
            return [
                _document(head, block, newest_ms)
                for within, part in dealt.items()
                for block in merged(within, part, _sheets(existing.get(_block_id(head, within))))
            ]

        return await asyncio.to_thread(fold)

    async def _swap(
        self, tx: Tx, number: int, folds: int, loose: list[str], blocks: list[Document]
    ) -> bool:
        head = fold_head(number)
        document = await tx[HEADS].find_one({"_id": head}) or {}
        if document.get("folds", 0) != folds:
            return False
        await tx[HEADS].update_one({"_id": head}, {"$set": {"folds": folds + 1}}, upsert=True)
        await tx[FACTS].bulk_write(
            [ReplaceOne({"_id": each["_id"]}, each, upsert=True) for each in blocks]
        )
        for portion in portions(loose):
            await tx[LOOSE].delete_many({"_id": {"$in": portion}})
        return True

    async def _loose(self, number: int) -> list[Document]:
        """Return the oldest loose documents: at most ``at``, and not many more than MOST_CELLS."""
        sizes = await (
            self._db[LOOSE]
            .find({"partition": number}, projection=["cells"], sort=[("_id", 1)], limit=self._at)
            .to_list(None)
        )
        ids: list[str] = []
        cells = 0
        for document in sizes:
            if ids and cells + document["cells"] > MOST_CELLS:
                break
            ids.append(document["_id"])
            cells += document["cells"]
        found: list[Document] = await find_ids(self._db[LOOSE], ids)
        return found

    async def _ranges(self, head: str, days: set[int]) -> list[Range]:
        query = {
            "head": head,
            "first": {"$gte": min(days) * DAY_MINUTES, "$lt": (max(days) + 1) * DAY_MINUTES},
        }
        found = await self._db[FACTS].find(query, projection=["first", "last"]).to_list(None)
        return [Range(document["first"], document["last"] + 1) for document in found]


def _sums(loose: Sequence[Document]) -> tuple[Mapping[str, Sums], Mapping[str, int]]:
    """Return the sums of each metric in the documents, and the latest acceptance among them."""
    sheets: dict[str, list[Sheet]] = {}
    as_of_ms: dict[str, int] = {}
    for document in loose:
        for head, facts in loose_facts(document).items():
            sheets.setdefault(head, []).extend(facts.sheets)
            as_of_ms[head] = max(facts.as_of_ms, as_of_ms.get(head, facts.as_of_ms))
    return {head: sums_of(found) for head, found in sheets.items()}, as_of_ms


def _block_id(head: str, within: Range) -> str:
    # The head is a key already: its parts must not be escaped again.
    return f"{head}|{key_of('block', f'{within.begin:012d}')}"


def _sheets(document: dict[str, Any] | None) -> tuple[Sheet, ...]:
    return read_block(document).sheets if document else ()


def _document(head: str, block: Block, as_of_ms: int) -> Document:
    return {
        "_id": _block_id(head, block.range),
        "head": head,
        "first": block.range.begin,
        "last": block.range.end - 1,
        "cells": sum(sheet.weight for sheet in block.sheets),
        "as_of_ms": as_of_ms,
        "body": write_sheets(block.sheets),
    }
