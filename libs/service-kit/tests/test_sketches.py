"""Sketches against published errors, and against every split and order of their values."""

import math
import random
from decimal import Decimal
from itertools import permutations

import datasketches
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service_kit.sketches import LG_M, BadSketch, Distinct, Ranks, merged, read

# reference/formulas.md: 1.04 / sqrt(8192).
RSE = 0.011490485


def distinct(values: range) -> Distinct:
    sketch = Distinct()
    for value in values:
        sketch.add(f"visitor-{value}")
    return sketch


def ranks(values: list[int]) -> Ranks:
    sketch = Ranks()
    for value in values:
        sketch.add(Decimal(value))
    return sketch


def test_the_relative_standard_error_is_the_published_one() -> None:
    assert math.isclose(1.04 / math.sqrt(2**LG_M), RSE, abs_tol=1e-9)
    # What DataSketches states for merged sketches: a constant of 1.0389 in place of 1.04.
    stated = datasketches.hll_sketch.get_rel_err(True, True, LG_M, 1)
    assert abs(stated) == pytest.approx(RSE, rel=0.02)


@pytest.mark.parametrize("count", [5_000, 20_000, 100_000])
def test_the_estimate_of_many_lies_within_three_standard_errors(count: int) -> None:
    found = distinct(range(count)).estimate()
    assert abs(float(found.value) / count - 1) < 3 * RSE
    assert found.low <= found.value <= found.high


def test_the_errors_of_many_sketches_have_the_stated_spread_and_no_bias() -> None:
    count, many = 20_000, 60
    errors = [
        float(distinct(range(n * count, (n + 1) * count)).estimate().value) / count - 1
        for n in range(many)
    ]
    spread = math.sqrt(sum(error**2 for error in errors) / many)
    assert spread < RSE * 1.35  # three standard errors of a spread of 60: 1 + 3 / sqrt(120)
    assert abs(sum(errors) / many) < 3 * RSE / math.sqrt(many)


def test_few_are_counted_exactly_and_in_few_bytes() -> None:
    assert distinct(range(0)).estimate() == (0, 0, 0)
    assert distinct(range(700)).estimate().value == 700
    assert [len(distinct(range(n)).to_bytes()) for n in (0, 1, 3)] == [8, 12, 20]
    assert len(distinct(range(50_000)).to_bytes()) < 4_300


def test_neither_the_order_of_merging_nor_the_split_changes_the_estimate() -> None:
    spans = [range(20_000), range(15_000, 15_100), range(19_990, 20_500), range(20_000, 50_000)]
    parts = [distinct(span).to_bytes() for span in spans]
    found = [merged(order) for order in permutations(parts)]
    assert {each and each.estimate() for each in found} == {distinct(range(50_000)).estimate()}


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 3_000), max_size=400), min_size=1, max_size=6))
def test_any_split_of_visitors_counts_what_all_of_them_count(parts: list[list[int]]) -> None:
    whole, blobs = Distinct(), []
    for part in parts:
        sketch = Distinct()
        for value in part:
            sketch.add(str(value))
            whole.add(str(value))
        blobs.append(sketch.to_bytes())
    together = merged(blobs)
    assert together is not None
    assert together.estimate() == whole.estimate()


@pytest.mark.parametrize("share", ["0.05", "0.25", "0.5", "0.9", "0.99"])
def test_a_quantile_of_many_is_off_by_no_more_than_the_published_rank_error(share: str) -> None:
    count = 50_000
    values = list(range(count))
    random.Random(7).shuffle(values)
    whole = ranks(values)
    pieces = merged(ranks(values[n : n + 5_000]).to_bytes() for n in range(0, count, 5_000))
    assert isinstance(pieces, Ranks)
    for sketch in (whole, pieces):
        found = sketch.quantile(Decimal(share))
        assert found is not None
        assert abs(float(found.value) / count - float(share)) < 0.0165
        assert found.low <= found.value <= found.high


def test_a_quantile_of_few_is_one_of_the_numbers_as_they_were_written() -> None:
    sketch = Ranks()
    for text in ("20000", "50000.10", "80000", "38000"):
        sketch.add(Decimal(text))
    assert sketch.quantile(Decimal("0.5")) == (Decimal(38000), Decimal(38000), Decimal(38000))
    assert sketch.quantile(Decimal("0.75")) == (Decimal("50000.1"),) * 3
    assert Ranks().quantile(Decimal("0.5")) is None


def test_bytes_that_are_no_sketch_are_refused() -> None:
    good = [distinct(range(3)).to_bytes(), ranks([1, 2]).to_bytes()]
    for blob in [b"", b"abc", b"\0" * 40, *(blob[:-3] for blob in good)]:
        with pytest.raises(BadSketch):
            read(blob)
    with pytest.raises(BadSketch):
        merged(good)
