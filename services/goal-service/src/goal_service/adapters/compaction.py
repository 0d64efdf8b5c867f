"""Folds the fact store's loose documents into blocks, while the facts keep coming."""

import asyncio
from typing import Any

from pymongo import ReplaceOne

from event_contracts.wire import key_of
from goal_service.adapters.facts import BLOCK, FACTS, HEADS, LOOSE, read_facts, write_body
from goal_service.domain.blocks import DAY_MINUTES, Block, Range, days_of, merged, sums_of, touched
from goal_service.domain.sheets import Sheet
from service_kit import heads
from service_kit.guards import Guards
from service_kit.store import Document, Session, Store, Tx, find_ids, portions

MOST_CELLS = 100_000


class Compactor:
    """Compacts each metric that has more than ``at`` loose documents. One session of its own.

    Reading and folding happen outside the transaction, which is short then: it touches the head,
    makes sure that no other compaction came between, and swaps the documents.
    """

    def __init__(self, store: Store, session: Session, guards: Guards, at: int) -> None:
        self._db = store.db
        self._session = session
        self._guards = guards
        self._at = at
        self._looked: dict[str, int] = {}

    async def run(self) -> int:
        """Compact what is due; return how many loose documents were folded."""
        folded = 0
        for head in await self._db[HEADS].find({}).to_list(None):
            if self._looked.get(head["_id"]) != head.get("rev", 0):
                folded += await self._metric(head["_id"])
                self._looked[head["_id"]] = head.get("rev", 0)
        return folded

    async def _metric(self, head: str) -> int:
        loose = await self._db[FACTS].count_documents({"head": head, "kind": LOOSE})
        folded = 0
        while loose - folded > self._at:
            done = await self._fold(head)
            if not done:
                break
            folded += done
        return folded

    async def _fold(self, head: str) -> int:
        """Fold the oldest loose documents; 0 when another process came first."""
        before = await self._db[HEADS].find_one({"_id": head})
        folds = (before or {}).get("folds", 0)
        loose = await self._loose(head)
        if not loose:
            return 0
        sums = await asyncio.to_thread(
            lambda: sums_of(sheet for each in loose for sheet in read_facts(each).sheets)
        )
        dealt = touched(sums, await self._ranges(head, days_of(sums)))
        ids = [_block_id(head, within) for within in dealt]
        found = await find_ids(self._db[FACTS], ids)
        existing = {document["_id"]: document for document in found}

        def fold() -> list[Document]:
            as_of_ms = max(each["as_of_ms"] for each in [*loose, *found])
            return [
                _document(head, block, as_of_ms)
                for within, part in dealt.items()
                for block in merged(within, part, _sheets(existing.get(_block_id(head, within))))
            ]

        blocks = await asyncio.to_thread(fold)
        done = [document["_id"] for document in loose]
        swapped = await self._session.run(lambda tx: self._swap(tx, head, folds, done, blocks))
        return len(done) if swapped else 0

    async def _swap(
        self, tx: Tx, head: str, folds: int, loose: list[str], blocks: list[Document]
    ) -> bool:
        document = await tx[HEADS].find_one({"_id": head}) or {}
        if document.get("folds", 0) != folds:
            return False
        await heads.touch(tx, HEADS, [head], self._guards)
        await tx[HEADS].update_one({"_id": head}, {"$set": {"folds": folds + 1}}, upsert=True)
        await tx[FACTS].bulk_write(
            [ReplaceOne({"_id": each["_id"]}, each, upsert=True) for each in blocks]
        )
        for portion in portions(loose):
            await tx[FACTS].delete_many({"_id": {"$in": portion}})
        return True

    async def _loose(self, head: str) -> list[Document]:
        """Return the oldest loose documents: at most ``at``, and not many more than MOST_CELLS."""
        query = {"head": head, "kind": LOOSE}
        sizes = await (
            self._db[FACTS]
            .find(query, projection=["cells"], sort=[("_id", 1)], limit=self._at)
            .to_list(None)
        )
        ids: list[str] = []
        cells = 0
        for document in sizes:
            if ids and cells + document["cells"] > MOST_CELLS:
                break
            ids.append(document["_id"])
            cells += document["cells"]
        found: list[Document] = await find_ids(self._db[FACTS], ids)
        return found

    async def _ranges(self, head: str, days: set[int]) -> list[Range]:
        query = {
            "head": head,
            "kind": BLOCK,
            "first": {"$gte": min(days) * DAY_MINUTES, "$lt": (max(days) + 1) * DAY_MINUTES},
        }
        found = await self._db[FACTS].find(query, projection=["first", "last"]).to_list(None)
        return [Range(document["first"], document["last"] + 1) for document in found]


def _block_id(head: str, within: Range) -> str:
    # The head is a key already: its parts must not be escaped again.
    return f"{head}|{key_of(BLOCK, f'{within.begin:012d}')}"


def _sheets(document: dict[str, Any] | None) -> tuple[Sheet, ...]:
    return read_facts(document).sheets if document else ()


def _document(head: str, block: Block, as_of_ms: int) -> Document:
    return {
        "_id": _block_id(head, block.range),
        "head": head,
        "kind": BLOCK,
        "first": block.range.begin,
        "last": block.range.end - 1,
        "cells": sum(sheet.weight for sheet in block.sheets),
        "as_of_ms": as_of_ms,
        "body": write_body(block.sheets),
    }
