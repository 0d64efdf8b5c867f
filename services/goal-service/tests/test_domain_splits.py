"""Splits conserve: the parts and the rest are the whole, to the digit."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goal_service.domain.drafts import Amount, Share
from goal_service.domain.splits import SplitPart, allot, check_parts
from service_kit.errors import UserError


def test_40_and_60_percent_of_1500000_are_600000_and_900000() -> None:
    found = allot(Decimal(1_500_000), [Share(Decimal("0.4")), Share(Decimal("0.6"))])
    assert found == ((600_000, 900_000), 0)


def test_whole_units_go_to_the_largest_remainders_and_the_earlier_part_first() -> None:
    # Quotas 33.3, 33.3 and 33.4: the unit left over goes to the last.
    shares = [Share(Decimal("0.333")), Share(Decimal("0.333")), Share(Decimal("0.334"))]
    assert allot(Decimal(100), shares).amounts == (33, 33, 34)
    halves = [Share(Decimal("0.5")), Share(Decimal("0.5"))]
    assert allot(Decimal(3), halves).amounts == (2, 1)
    assert allot(Decimal("0.05"), halves).amounts == (Decimal("0.03"), Decimal("0.02"))


def test_amounts_stay_as_they_are_and_shares_are_of_the_whole() -> None:
    sizes: list[Amount] = [Decimal("300000.5"), Share(Decimal("0.5"))]
    assert allot(Decimal(900_000), sizes, allow_rest=True) == (
        (Decimal("300000.5"), 450_000),
        Decimal("149999.5"),
    )


def test_parts_have_to_be_the_whole_unless_a_rest_is_allowed_and_never_more() -> None:
    short = [Share(Decimal("0.4")), Share(Decimal("0.5999"))]
    with pytest.raises(UserError) as caught:
        allot(Decimal(1_500_000), short)
    assert caught.value.code == "parts-do-not-add-up"
    assert "99.99 %" in caught.value.en
    assert allot(Decimal(1_500_000), short, allow_rest=True).rest == 150
    more = [Share(Decimal("0.4")), Share(Decimal("0.6001"))]
    for allow_rest in (True, False):
        with pytest.raises(UserError) as caught:
            allot(Decimal(1_500_000), more, allow_rest=allow_rest)
        assert caught.value.code == "parts-exceed-the-whole"


AMOUNTS = st.decimals(min_value=0, max_value=10**12, places=2).filter(lambda amount: amount > 0)


@given(
    st.one_of(AMOUNTS, st.integers(1, 10**12).map(Decimal)),
    st.lists(st.integers(1, 2_000).map(lambda n: Share(Decimal(n) / 10_000)), max_size=5),
    st.lists(st.integers(0, 1_000), max_size=3),
)
def test_a_split_conserves_and_no_share_is_a_unit_off(
    whole: Decimal, shares: list[Share], thousandths: list[int]
) -> None:
    fixed = [round(whole * n / 10_000, 2) for n in thousandths]
    sizes: list[Amount] = [*shares, *fixed]
    if sum(share.of_target for share in shares) * whole + sum(fixed) > whole:
        with pytest.raises(UserError):
            allot(whole, sizes, allow_rest=True)
        return
    found = allot(whole, sizes, allow_rest=True)
    assert sum(found.amounts) + found.rest == whole
    assert found.rest >= 0
    assert list(found.amounts[len(shares) :]) == fixed
    integral = all(amount == int(amount) for amount in (whole, sum(fixed)))
    unit = 1 if integral else Decimal("0.01")
    for share, got in zip(shares, found.amounts, strict=False):
        assert abs(got - share.of_target * whole) < unit


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ([], "parts-missing"),
        ([SplitPart("a", "a", Share(Decimal(0)))], "part-empty"),
        ([SplitPart("a", "a", Decimal(-1))], "part-empty"),
        ([SplitPart("a", "a", Share(Decimal("0.12345")))], "share-invalid"),
        ([SplitPart("a", "a", Decimal("NaN"))], "amount-invalid"),
        ([SplitPart("a", "a", Decimal(1)), SplitPart("a", "b", Decimal(1))], "part-twice"),
    ],
)
def test_parts_that_are_none_are_refused(parts: list[SplitPart], code: str) -> None:
    with pytest.raises(UserError) as caught:
        check_parts(parts)
    assert caught.value.code == code
