"""A log folded in bulk and in general, and what either comes to."""

from collections.abc import Iterable
from decimal import Decimal
from itertools import zip_longest
from typing import Any

import msgspec

from event_contracts.facts import FactBatch
from event_contracts.raw import RawEvent
from event_contracts.wire import decoder_of, encode, key_of
from metrics_ingest.domain.bulk.fold import fold_prepared
from metrics_ingest.domain.facts.batches import accepted_of, fact_batches
from metrics_ingest.domain.facts.cells import CellKey, CellSum
from metrics_ingest.domain.facts.parts import Part, WrittenPart, parts_of
from metrics_ingest.domain.folding import Folded, SourceFold, fold
from metrics_ingest.domain.plans import TenantPlan
from metrics_ingest.domain.seen.window import ENTRY, Block, Window, pack
from metrics_ingest.stream.raw_records import PlannedReader, SliceRecords
from service_kit.records import Partition, Record, Slice
from service_kit.sketches import Ranks, Sketch

from .declared import NOW, TENANTS, plans_of

RAW = Partition("raw", 0)
_write = msgspec.json.Encoder(decimal_format="number").encode


def raw(body: Any) -> msgspec.Raw:
    return msgspec.Raw(_write(body))


def order(
    name: str,
    amount: Any = 5,
    door: str = "topic:orders",
    source: str = "shop",
    owner: str = "acme",
    **more: Any,
) -> tuple[bytes, bytes]:
    """Return the record of a good order, or of another type."""
    body = {"type": "order", "time": "2026-11-03T02:18:45Z", "amount": amount} | more
    if door == "http":
        body = {"type": "order", "data": body} if source == "shop" else {"item": body}
    event = RawEvent(
        tenant=owner, source=source, id=name, door=door, received_ms=NOW, body=raw(body)
    )
    return key_of(owner, source, name).encode(), encode(event)


def _cells(cells: dict[CellKey, CellSum]) -> dict[CellKey, Any]:
    """Return cells so that sketches of the same are the same."""
    return {
        key: (each.sum, each.count, each.over, _sketch(each.sketch)) for key, each in cells.items()
    }


def _sketch(sketch: Sketch | None) -> Any:
    if isinstance(sketch, Ranks):
        return [sketch.quantile(Decimal(n) / 20) for n in range(21)]
    return sketch and sketch.estimate()


def summary(folded: Folded) -> dict[str, Any]:
    """Return what a fold comes to, in an order that says nothing."""
    entries = folded.packed
    packed = Block(0, entries)
    assert len(entries) % ENTRY == 0
    fresh = dict(packed.items())
    assert not fresh.keys() & folded.fresh.keys()
    for source in folded.sources.values():
        for metric in list(source.columns):
            source.merge_columns(metric)
    return {
        "sources": {
            name: {
                "accepted": each.accepted,
                "unmatched": each.unmatched,
                "quarters": each.quarters,
                "cells": {name: _cells(cells) for name, cells in each.cells.items()},
                "diverted": sorted(each.diverted, key=lambda event: (event.id, event.name)),
                "records": [(record.arrival.offset, record.event) for record in each.records],
            }
            for name, each in folded.sources.items()
        },
        "counts": folded.counts,
        "letters": sorted(
            (each.arrival.offset, each.unfit.cause, each.unfit.where, str(each.unfit))
            for each in folded.letters
        ),
        "fresh": fresh | folded.fresh,
    }


def both(
    log: list[tuple[bytes, bytes]],
    known: dict[bytes, int],
    tenants: dict[str, TenantPlan] = TENANTS,
) -> tuple[Folded, Folded, int]:
    """Fold a log in bulk and in general; return both, and how many went in columns."""
    made = [Record(RAW, n, key, value) for n, (key, value) in enumerate(log)]
    reading = SliceRecords(Slice(RAW, 0, len(made), made), PlannedReader(), NOW)
    window = Window()
    window.add(Block(1, pack(known.items())))
    plans = plans_of(tenants)
    prepared = reading.read(tenants)
    folded, general = fold_prepared(prepared, reading.arrivals, plans, window.find)
    plain = fold(reading.arrivals(range(len(made))), plans, known.get)
    return folded, plain, len(made) - len(general)


read_facts = decoder_of(FactBatch)


def facts_of(source: SourceFold) -> dict[str, tuple[set[Any], int]]:
    """Return what is written of each metric: its cells, and how many denominators."""
    found = {}
    for metric in source.plan.metrics:
        name = metric.definition.name
        columns = source.columns.get(name)
        if columns and columns[0].sketches:
            source.merge_columns(name)
            columns = None
        parts: Iterable[Part | WrittenPart] = parts_of(metric, source.cells.get(name, {}))
        if columns:
            parts = columns[0].parts()
        batches = fact_batches(source, metric, parts, accepted_of(source), NOW)
        read = [read_facts(encode(batch)) for batch in batches]
        cells = [
            (cell.minute, str(batch.dims[cell.dims]), cell.sum, cell.count, over)
            for batch in read
            for cell, over in zip_longest(batch.cells, batch.over)
        ]
        assert len(cells) == len(set(cells))
        found[name] = set(cells), sum(len(batch.over) for batch in read)
    return found
