"""Units in the reader's language."""

import pytest

from console.domain.units import unit_name, with_units


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("「G」（1,000 leads）支撑", "「G」（1,000 条线索）支撑"),
        ("2 leads，3 clicks", "2 条线索，3 次点击"),
        ("the leads of 3 leadsmen", "the leads of 3 leadsmen"),
        ("5 CNY", "5 CNY"),
    ],
)
def test_a_unit_behind_a_number_is_put_into_chinese_and_nothing_else(text: str, shown: str) -> None:
    assert with_units(text, "zh") == shown
    assert with_units(text, "en") == text


def test_an_unknown_unit_stays_as_it_is() -> None:
    assert (unit_name("leads", "zh"), unit_name("leads", "en")) == ("条线索", "leads")
    assert unit_name("widgets", "zh") == "widgets"
