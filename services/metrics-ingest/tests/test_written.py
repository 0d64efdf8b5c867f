"""Cells that a compiled loop writes are what the contract's reader reads."""

from decimal import Decimal

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from event_contracts.facts import Cell
from metrics_ingest.domain.bulk.cells import by_metric
from metrics_ingest.domain.bulk.shapes import Adds, Targets
from metrics_ingest.domain.definitions import MetricKind
from metrics_ingest.domain.facts.parts import BATCH_BYTES
from metrics_ingest.domain.scan.cells import ONE
from metrics_ingest.domain.scan.groups import Sums
from metrics_ingest.domain.scan.written import MOST_BYTES, written, written_sums

compiling = settings(deadline=None)  # the first call of a loop compiles it
read = msgspec.json.Decoder(list[Cell]).decode

MOST = 9_000_000_000_000_000_000
LARGE = st.integers(-MOST, MOST)
ROW = st.tuples(LARGE, st.integers(0, 10_000), LARGE, st.integers(0, 30), LARGE)


def column(values: object) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.array(values, np.int64)


@compiling
@given(st.lists(ROW, min_size=1, max_size=20))
@example([(29_000_000, 0, 0, 2, 1), (29_000_000, 1, -5, 2, -1), (0, 2, 5, 0, 0)])
@example([(-MOST, 9999, -MOST, 30, -MOST)])
def test_any_cells_are_read_as_they_are(rows: list[tuple[int, int, int, int, int]]) -> None:
    minutes, dims, mantissa, places, counts = map(column, zip(*rows, strict=True))
    whole = column([len(rows)])
    (text,) = written(minutes, dims, Sums(mantissa, places, counts), whole)
    assert read(text) == [
        Cell(minute, place, Decimal(number).scaleb(-digits), count)
        for minute, place, number, digits, count in rows
    ]
    assert len(text) <= len(rows) * MOST_BYTES


def test_cells_of_groups_are_lists_of_their_own_and_none_are_an_empty_one() -> None:
    rows = np.arange(3)
    texts = written(rows, rows, Sums(rows, rows * 0, rows), column([0, 2, 2, 3]))
    assert texts == [b"[]", b'[[0,0,"0",0],[1,1,"1",1]]', b"[]", b'[[2,2,"2",2]]']


def test_sums_of_some_groups_are_lists_of_their_own() -> None:
    rows = np.arange(5)
    sums = Sums(rows, np.full(5, 1), rows)
    texts = written_sums(sums, column([0, 3, 4]), column([2, 3, 5]))
    assert texts == [b'["0.0","0.1"]', b"[]", b'["0.4"]']
    assert written_sums(sums, column([]), column([])) == []


@pytest.mark.parametrize("kind", [MetricKind.ADDITIVE, MetricKind.RATIO])
def test_a_part_holds_its_own_table_alone(kind: MetricKind) -> None:
    targets = Targets()
    adds = [Adds("sales", kind, ("campaign",), (f"c{n}-{'x' * 900}",), ONE) for n in range(200)]
    table = column([targets.number_of(0, each) for each in adds])
    rows = np.arange(4 * len(table))
    sums = Sums(rows * 100 + 5, np.full(len(rows), 2), rows)
    below = Sums(rows, rows * 0, rows)
    ((_, cells),) = by_metric(targets, 1, table[rows // 4], rows, sums, below, {})
    parts = list(cells.parts())
    assert len(parts) > 1
    found = {}
    for part in parts:
        assert len(bytes(part.cells)) + sum(len(bytes(line)) for line in part.dims) < BATCH_BYTES
        lines = [msgspec.json.decode(bytes(line)) for line in part.dims]
        there = read(bytes(part.cells))
        assert len({cell.dims for cell in there}) == len(lines)
        for cell in there:
            found[cell.minute] = lines[cell.dims]["campaign"][:4], cell.sum, cell.count
        over = [f"{cell.minute}" for cell in there] if kind is MetricKind.RATIO else []
        assert msgspec.json.decode(bytes(part.over) or b"[]") == over
    assert len(found) == len(rows)
    assert found[421] == ("c105", Decimal("421.05"), 421)
