"""What goes in columns, and which single events leave them."""

from decimal import Decimal
from typing import Any

import pytest

from event_contracts.wire import hash16

from .declared import only_revenue
from .folds import both, order, summary


def test_plain_orders_go_in_columns_and_so_do_their_copies_by_either_door() -> None:
    log = [order(f"o{n}", Decimal(n) / 100) for n in range(500)]
    log += [order("o7", Decimal("0.070"), "http"), order("o8", 99), order("o9", Decimal("0.09"))]
    folded, plain, in_columns = both(log, {})
    assert in_columns == 503
    counts = folded.counts["acme", "shop"]
    assert (counts.duplicates, counts.conflicts) == (3, 1)
    assert summary(folded) == summary(plain)


def test_a_copy_of_an_event_that_was_read_with_other_definitions_is_no_conflict() -> None:
    folded, plain, in_columns = both([order("o1")], {hash16("acme", "shop", "o1"): 2 << 56 | 5})
    counts = folded.counts["acme", "shop"]
    assert (in_columns, counts.duplicates, counts.conflicts) == (1, 1, 0)
    assert summary(folded) == summary(plain)


def test_a_number_with_too_many_digits_goes_the_general_way_alone() -> None:
    log = [order("o1", Decimal("1E-13")), *[order(f"p{n}") for n in range(5)]]
    folded, plain, in_columns = both(log, {}, only_revenue())
    assert in_columns == 5
    assert [letter.unfit.cause for letter in folded.letters] == ["out-of-range"]
    assert summary(folded) == summary(plain)


def test_a_sum_beyond_64_bits_sends_the_slice_the_general_way() -> None:
    log = [order(f"p{n}", 10**14) for n in range(9)] + [order("q", Decimal("10.00000001"))]
    folded, plain, in_columns = both(log, {}, only_revenue())
    assert in_columns == 0
    assert summary(folded) == summary(plain)


def test_money_in_the_metrics_own_currency_goes_in_columns_and_foreign_money_does_not() -> None:
    currencies = [
        {},
        {"code": "eur"},
        {"currency": "EURO"},
        {"code": "-"},
        {"code": "usd"},
        {"code": 7},
    ]
    log = [
        order(f"o{n}", price=5, source="mixed", channel="web", **c)
        for n, c in enumerate(currencies)
    ]
    folded, plain, in_columns = both(log, {})
    assert in_columns == 3
    assert summary(folded) == summary(plain)
    turnover = folded.sources["acme", "mixed"].cells["mixed.turnover"]
    (cell,) = turnover.values()
    assert (cell.sum, cell.count) == (Decimal(24), 5)  # three of 5, two of 4.50; one has no code


@pytest.mark.parametrize(
    ("kind", "time"),
    [
        ("topic:s", 1_793_672_325),
        ("topic:ms", "1793672325250"),
        ("topic:us", 1_793_672_325_250_999),
        ("topic:day", "2026-11-03"),
        ("http", "2026-11-03T02:18:45Z"),
    ],
)
def test_times_of_other_forms_and_items_of_a_body_go_in_columns(kind: str, time: Any) -> None:
    log = [order(f"o{n}", n, kind, "mixed", channel="x", time=time) for n in range(9)]
    folded, plain, in_columns = both(log, {})
    assert in_columns == 9
    assert summary(folded) == summary(plain)


def test_the_first_of_some_paths_goes_in_columns_and_another_one_instead_does_not() -> None:
    first = {"euros": 1, "cents": 5, "price": 7, "place": {"note": "x"}, "code": "y", "who": "z"}
    bodies = [first, first | {"price": None}, first | {"place": {}}, first | {"euros": None}]
    bodies += [first | {"place": {}, "code": None}, first | {"who": None}]
    bodies += [first | {"cents": "0.00000000001"}, first | {"asked": "2026-11-03T02:18:45Z"}]
    more = {"type": "order", "time": "2026-11-03T02:18:45Z", "amount": 1}
    log = [order(f"o{n}", source="more", item=more | body) for n, body in enumerate(bodies)]
    folded, plain, in_columns = both(log, {})
    assert in_columns == 4  # the first, that without any note, without a subject, with a time
    assert summary(folded) == summary(plain)


def test_a_worked_text_that_is_required_and_not_there_is_a_letter() -> None:
    log = [order("o1", source="mixed", channel="web"), order("o2", source="mixed")]
    folded, plain, in_columns = both(log, {})
    assert in_columns == 1
    assert [letter.cause for letter in folded.letters] == ["missing-field"]
    assert summary(folded) == summary(plain)
