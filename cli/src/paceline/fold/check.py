"""What the service wrote, read from its database and added up again."""

from collections.abc import AsyncIterator
from typing import Any

from event_contracts.facts import FactBatch, FactsMessage, batches_of
from event_contracts.topics import FACTS, RAW
from event_contracts.wire import decoder_of
from paceline.fold.job import SOURCE, Job, Truth, channel_name, differences
from service_kit.outbox import rows_of
from service_kit.records import Partition
from service_kit.store import Document, Store

_decode = decoder_of(FactsMessage)


async def check(store: Store, job: Job, truth: Truth) -> tuple[list[str], dict[str, Any]]:
    """Return what is wrong, in words, and what was counted on the way.

    Every fact row of the outbox is read, and each cell added to its group.
    """
    found, counted = Truth.empty(job), {"rows": 0, "cells": 0, "batches": 0}
    wrong: list[str] = []
    ranges: set[tuple[Any, ...]] = set()
    async for row in _facts(store):
        facts = batches_of(_decode(row["value"]))
        if not facts:
            continue
        counted["rows"] += 1
        counted["cells"] += sum(len(batch.cells) for batch in facts)
        ranges.add((row["lane"].partition(">")[0], *row["range"]))
        for batch in facts:
            wrong += _add(job, found, batch)
    counted["batches"] = len(ranges)
    wrong += differences(job, truth, found)
    wrong += await _stats(store, truth)
    return wrong[:20], counted


async def _facts(store: Store) -> AsyncIterator[Document]:
    async for bundle in store.db["outbox"].find({}):
        for row in rows_of(bundle):
            if row["topic"] == FACTS.name:
                yield row


def _add(job: Job, found: Truth, batch: FactBatch) -> list[str]:
    if batch.source != SOURCE:
        return [f"facts of an unknown source {batch.source}"]
    wrong = []
    for cell in batch.cells:
        dims = batch.dims[cell.dims]
        try:
            place = job.index_of(batch.tenant, batch.metric, dims["campaign"], cell.minute)
            cents = int(cell.sum * 100)
            exact = cents == cell.sum * 100
        except (ValueError, KeyError) as error:
            wrong.append(f"a cell that the job does not have: {error}")
            continue
        if dims != _dims(job, dims["campaign"]) or not exact:
            wrong.append(f"a cell with other dimensions or digits: {dims} {cell}")
        found.add(place, cents, cell.count)
    return wrong


def _dims(job: Job, campaign: str) -> dict[str, str]:
    return {"channel": channel_name(int(campaign[1:]), job.channels), "campaign": campaign}


async def _stats(store: Store, truth: Truth) -> list[str]:
    """Return where counters and dead letters differ from what was sent."""
    # The service's own code, which the image of `paceline prepare` does not have.
    from metrics_ingest.adapters.tallies import STATS, tallies_in

    found = {"accepted": 0, "duplicates": 0, "dead_letters": 0}
    async for document in store.db[STATS].find({}):
        for tally in tallies_in(document).values():
            for name in found:
                found[name] += getattr(tally, name)
    wanted = {
        "accepted": truth.counted,
        "duplicates": truth.duplicates,
        "dead_letters": truth.malformed,
    }
    letters = 0
    async for document in store.db["dead_letters"].find({}, projection=["count"]):
        letters += document["count"]
    wrong = [f"{found[k]} {k}, {wanted[k]} are right" for k in found if found[k] != wanted[k]]
    if letters != truth.malformed:
        wrong.append(f"{letters} dead letters kept, {truth.malformed} are right")
    return wrong


async def positions(store: Store, partitions: int, group: str) -> dict[int, int]:
    """Return where the group stands in each partition of the raw log."""
    ids = {f"{group}|{RAW.name}|{number}": number for number in range(partitions)}
    rows = await store.db["offsets"].find({"_id": {"$in": list(ids)}}).to_list(None)
    halted = [str(Partition(RAW.name, ids[r["_id"]])) for r in rows if r["halted"]]
    if halted:
        raise RuntimeError(f"halted: {', '.join(halted)}")
    return {ids[row["_id"]]: row["next"] for row in rows}
