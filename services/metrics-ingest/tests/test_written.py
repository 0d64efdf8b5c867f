"""Numbers and times as people write them: exact in their form, refused in any other."""

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_ingest.domain.causes import Unfit
from metrics_ingest.domain.check_mapping import check_mapping
from metrics_ingest.domain.definitions import Mapping
from metrics_ingest.domain.mapping import Reader
from metrics_ingest.domain.times import FORMATS
from metrics_ingest.domain.written import FORMS, number_reader
from service_kit.errors import UserError

UTC = ZoneInfo("UTC")
MARKS = {form: (form[1], form[5]) for form in FORMS}


@pytest.mark.parametrize(
    ("form", "text", "number"),
    [
        ("1,234.56", "1,234.56", "1234.56"),
        ("1,234.56", "-12,345,678.90", "-12345678.90"),
        ("1,234.56", "1234.5", "1234.5"),
        ("1,234.56", "0.005", "0.005"),
        ("1,234.56", "1,204", "1204"),
        ("1.234,56", "1,204", "1.204"),
        ("1.234,56", "1.204", "1204"),
        ("1 234,56", "1 234,56", "1234.56"),
        ("1 234,56", "1\u00a0234\u00a0567", "1234567"),
        ("1 234,56", "1\u202f234,5", "1234.5"),
        ("1'234.56", "1'234'567.8", "1234567.8"),
        ("1'234.56", "1\u2019234", "1234"),
    ],
)
def test_a_number_is_read_in_its_form(form: str, text: str, number: str) -> None:
    assert number_reader(form)(text, "spend") == Decimal(number)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "text",
    ["", "-", "1,2,3.4", "12,34", "1,23,456", ",123", "1,234,", "1.234.5", "1,2345", "€1", "1e5",
     "+1", "1,234.56 ", "1..2", "NaN", "1'23", "1 23", "1,234 567", "１,２３４"],
)  # fmt: skip
def test_what_is_no_whole_number_in_any_form_is_refused(form: str, text: str) -> None:
    if text in ("12,34", "1,2345") and MARKS[form][1] == ",":
        return  # a fraction there
    with pytest.raises(Unfit) as caught:
        number_reader(form)(text, "spend")
    assert caught.value.detail == f"a number like {form} is wanted"


@given(
    st.sampled_from(FORMS),
    st.decimals(-(10**15), 10**15, places=6, allow_nan=False, allow_infinity=False),
)
def test_what_is_written_in_a_form_is_read_back_to_the_digit(form: str, number: Decimal) -> None:
    group, point = MARKS[form]
    text = f"{number:,.6f}".replace(",", "G").replace(".", point).replace("G", group)
    assert number_reader(form)(text, "spend") == number
    assert number_reader(form)(number, "spend") == number  # JSON's number stays what it is


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-12 19:00 Europe/Berlin", "2026-11-12T18:00:00Z"),
        ("2026-07-12 19:00:30 Europe/Berlin", "2026-07-12T17:00:30Z"),
        ("2026-11-12T19:00:00[America/Sao_Paulo]", "2026-11-12T22:00:00Z"),
        ("2026-11-12T19:00:00.250+01:00[Europe/Berlin]", "2026-11-12T18:00:00.250Z"),
        ("2026-10-25T02:30:00+01:00[Europe/Berlin]", "2026-10-25T01:30:00Z"),  # the second pass
        ("2026-10-25 02:30 Europe/Berlin", "2026-10-25T00:30:00Z"),  # the first
        ("2026-11-12 19:00 UTC", "2026-11-12T19:00:00Z"),
        ("2026-11-12 19:00 Etc/GMT+5", "2026-11-13T00:00:00Z"),
    ],
)
def test_a_local_time_with_the_name_of_its_zone_is_an_instant(text: str, instant: str) -> None:
    found = FORMATS["iso_zone"](text, "hour", ZoneInfo("Asia/Shanghai"))
    assert found == FORMATS["iso"](instant, "hour", UTC)


@pytest.mark.parametrize(
    "text",
    ["2026-11-12 19:00", "2026-11-12 19:00 Europe/Berlinn", "2026-11-12 19:00 CST",
     "2026-11-12 19:00 ../../etc/passwd", "2026-11-12 19:00 [Europe/Berlin", "Europe/Berlin",
     "2026-13-12 19:00 UTC", "2026-11-12 19:00 europe/berlin", "[UTC]", 7, None,
     "2026-11-12 19:00 " + "A" * 5000, " " * 5000 + "UTC"],
)  # fmt: skip
def test_another_text_is_no_time_with_its_zone(text: object) -> None:
    with pytest.raises(Unfit) as caught:
        FORMATS["iso_zone"](text, "hour", UTC)
    assert caught.value.cause == "bad-time"


@pytest.mark.parametrize(
    ("field", "fits"),
    [
        ({"kind": "decimal", "format": "1.234,56"}, True),
        ({"kind": "decimal", "format": "1,234.56", "scale": "0.01"}, True),
        ({"kind": "decimal", "format": "1,23"}, False),
        ({"kind": "integer", "format": "1,234.56"}, False),
        ({"kind": "string", "format": "1,234.56"}, False),
    ],
)
def test_only_a_decimal_has_such_a_form(field: dict[str, Any], fits: bool) -> None:
    fields = {"n": {"paths": ["n"]} | field}
    read = msgspec.convert({"id": ["id"], "type": ["t"], "time": ["at"], "fields": fields}, Mapping)
    if not fits:
        with pytest.raises(UserError) as caught:
            check_mapping(read, "$")
        assert caught.value.where == "$.fields.n.format"
        return
    check_mapping(read, "$")
    found = Reader(read, UTC).fields_of({"n": field["format"]})
    assert found["n"] == Decimal("1234.56") * Decimal(field.get("scale", "1"))
