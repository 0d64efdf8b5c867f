"""The bulk fold and the general one come to the same, whatever stands in the log."""

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from event_contracts.wire import hash16

from .declared import only_revenue
from .drawn import records
from .folds import both, order, summary


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(records(), max_size=25), st.sets(st.sampled_from("abcd")))
def test_any_log_comes_to_the_same_in_bulk_and_one_by_one(
    log: list[tuple[bytes, bytes]], seen: set[str]
) -> None:
    known = {hash16("acme", "shop", name): 3 << 56 | number for number, name in enumerate(seen)}
    folded, plain, _ = both(log, known)
    assert summary(folded) == summary(plain)


def test_a_number_that_no_decimal_holds_is_a_letter_wherever_it_stands() -> None:
    """No door lets it through; written to the log, it must not end the fold."""
    number = msgspec.Raw(b"1e99999999999999999999")
    log = [order("o1", more=number), order("o2", number), order("o3")]
    folded, plain, _ = both(log, {}, only_revenue())
    assert summary(folded) == summary(plain)
    assert [letter.cause for letter in plain.letters] == ["unreadable"] * 2
