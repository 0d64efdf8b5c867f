"""What the bulk fold keeps: compiled loops, shapes and slices."""

import gc
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

from metrics_ingest.domain.bulk import reading as bulk_reading
from metrics_ingest.domain.bulk import shapes as bulk_shapes
from metrics_ingest.domain.bulk.fold import fold_prepared
from metrics_ingest.domain.folding import fold
from metrics_ingest.domain.seen.window import Window
from metrics_ingest.stream.raw_records import PlannedReader, SliceRecords
from service_kit.records import Bulk, Record, Slice, Texts

from .declared import NOW, TENANTS, plans_of
from .folds import RAW, order, summary


def test_shapes_that_never_come_again_do_not_fill_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bulk_shapes, "MOST_TARGETS", 40)
    monkeypatch.setattr(bulk_reading, "MOST_HELD", 60)
    reader, plans = PlannedReader(), plans_of(TENANTS)
    for turn in range(5):
        log = [order(f"{turn}.{n}", place={"country": f"{turn}.{n}"}) for n in range(30)]
        log += [order(f"{turn}h{n}", 5, "http", channel=f"{turn}.{n}") for n in range(30)]
        made = [Record(RAW, n, key, value) for n, (key, value) in enumerate(log)]
        reading = SliceRecords(Slice(RAW, 0, len(made), made), reader, NOW)
        prepared = reading.read(TENANTS)
        assert all(len(each.shapes.targets) < 50 for each in prepared.columns)
        folded, general = fold_prepared(prepared, reading.arrivals, plans, Window().find)
        assert 0 < len(general) < len(made)
        plain = fold(reading.arrivals(range(len(made))), plans, {}.get)
        assert summary(folded) == summary(plain)
    assert sum(plan.held for plan in reader._reader._sources) <= 60


def test_after_warming_up_a_log_compiles_nothing_more() -> None:
    code = """
import gc
from decimal import Decimal
from numba.core.dispatcher import Dispatcher
from bulk.folds import both, order
from metrics_ingest.domain.bulk.warm import warm
warm()
loops = [each for each in gc.get_objects() if isinstance(each, Dispatcher)]
before = [len(loop.signatures) for loop in loops]
log = [order(f"o{n}", Decimal(n) / 100) for n in range(500)]
log += [order(f"o{n}", Decimal(n), "http", channel="c") for n in range(700)]
more = {"type": "order", "time": "2026-11-03T02:18:45Z", "amount": 1, "price": 1, "cents": 1}
more["euros"] = 1
log += [order(f"m{n}", source="more", item=more) for n in range(9)]
folded, plain, in_columns = both(log, {})
assert in_columns == 1209, in_columns
for columns in folded.sources["acme", "shop"].columns.values():
    assert list(columns[0].parts())
assert [len(loop.signatures) for loop in loops] == before
print(sum(before))
"""
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[1], capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr
    assert int(found.stdout) >= 8


def fold_a_log_with_letters() -> "weakref.ref[Bulk]":
    log = [order("o1"), order("o2", "n/a"), (b"acme|shop|o3", b"cut off")]
    records = Bulk(RAW, 0, *(Texts.of([record[column] for record in log]) for column in (0, 1)))
    reading = SliceRecords(Slice(RAW, 0, 3, records), PlannedReader(), NOW)
    prepared, plans = reading.read(TENANTS), plans_of(TENANTS)
    folded, _ = fold_prepared(prepared, reading.arrivals, plans, Window().find)
    assert len(folded.letters) == 2
    return weakref.ref(records)


def test_dead_letters_hold_no_slice_until_the_garbage_collector_looks() -> None:
    gc.collect()
    gc.disable()
    try:
        assert fold_a_log_with_letters()() is None
    finally:
        gc.enable()
