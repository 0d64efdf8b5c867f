"""Facts as they come: what a slice of the facts log brought, of all its metrics, in one document.

    loose_facts  {_id: "facts/2|000000000017|0", partition: 2, cells: their weight,
                  body: {"tenant|metric": (as_of_ms, sheets)} in MessagePack}

A document for each metric cost the server more than the cells in it. Whoever reads one metric
unpacks that one's sheets alone. Compaction folds them into blocks (adapters.facts).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from event_contracts.wire import key_of
from goal_service.domain.blocks import BLOCK_CELLS
from goal_service.domain.sheets import Sheet
from goal_service.ports import Facts, MetricKey
from service_kit.store import Document

LOOSE = "loose_facts"
_encoder = msgspec.msgpack.Encoder(decimal_format="string")
_sheets = msgspec.msgpack.Decoder(tuple[Sheet, ...])
_body = msgspec.msgpack.Decoder(dict[str, tuple[int, bytes]])


def head_of(metric: MetricKey) -> str:
    """Return the key by which the store knows the metric."""
    return key_of(metric.tenant, metric.metric)


def write_sheets(sheets: Sequence[Sheet]) -> bytes:
    """Return sheets as a document keeps them, decimals as text."""
    return _encoder.encode(tuple(sheets))


def read_sheets(body: bytes) -> tuple[Sheet, ...]:
    """Return what :func:`write_sheets` has written."""
    return _sheets.decode(body)


def loose_documents(
    partition: int, origin: str, facts: Mapping[MetricKey, Facts]
) -> Iterator[Document]:
    """Yield the slice's facts as documents: one, unless they are very many.

    ``origin`` is unique to the slice. One sheet comes from one record of at most 512 KB, so that a
    document stays far below MongoDB's 16 MB.
    """
    for number, (body, cells) in enumerate(_portions(facts)):
        yield {
            "_id": key_of(origin, str(number)),
            "partition": partition,
            "cells": cells,
            "body": _encoder.encode(body),
        }


def loose_facts(document: Document) -> dict[str, Facts]:
    """Return a document's facts by metric's key."""
    return {head: _facts(part) for head, part in _body.decode(document["body"]).items()}


def facts_of(document: Document, metric: MetricKey) -> Facts | None:
    """Return a metric's facts in the document, if it has any."""
    part = _body.decode(document["body"]).get(head_of(metric))
    return None if part is None else _facts(part)


def _facts(part: tuple[int, bytes]) -> Facts:
    as_of_ms, sheets = part
    return Facts(read_sheets(sheets), as_of_ms)


def _portions(facts: Mapping[MetricKey, Facts]) -> Iterator[tuple[dict[str, Any], int]]:
    body: dict[str, Any] = {}
    cells = 0
    for metric, found in facts.items():
        for sheets in _of_block_size(found.sheets):
            weight = sum(sheet.weight for sheet in sheets)
            if body and cells + weight > BLOCK_CELLS:
                yield body, cells
                body, cells = {}, 0
            body[head_of(metric)] = found.as_of_ms, write_sheets(sheets)
            cells += weight
    if body:
        yield body, cells


def _of_block_size(sheets: Sequence[Sheet]) -> Iterator[Sequence[Sheet]]:
    portion: list[Sheet] = []
    cells = 0
    for sheet in sheets:
        portion.append(sheet)
        cells += sheet.weight
        if cells >= BLOCK_CELLS:
            yield portion
            portion, cells = [], 0
    if portion:
        yield portion
