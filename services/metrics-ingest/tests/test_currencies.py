"""The table of currencies."""

import re

import pytest

from metrics_ingest.domain.money.currencies import EXPONENTS, is_currency, minor_exponent


@pytest.mark.parametrize(
    ("code", "digits"), [("CNY", 2), ("USD", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("ISK", 0)]
)
def test_a_currency_has_the_digits_of_its_minor_unit(code: str, digits: int) -> None:
    assert minor_exponent(code) == digits


def test_codes_are_three_capital_letters_and_few_have_no_cents() -> None:
    assert all(re.fullmatch("[A-Z]{3}", code) for code in EXPONENTS)
    assert len(EXPONENTS) > 160


@pytest.mark.parametrize("code", ["", "usd", "RMB", "XXX", "XAU", "US"])
def test_what_is_no_currency_is_told(code: str) -> None:
    assert not is_currency(code)
    with pytest.raises(KeyError):
        minor_exponent(code)
