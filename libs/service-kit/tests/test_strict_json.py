import math
from decimal import Decimal
from typing import Any

import pytest
from bson import BSON
from hypothesis import given, settings
from hypothesis import strategies as st

from service_kit import strict_json
from service_kit.errors import UserError
from service_kit.store import CODEC
from service_kit.testing.hostile import Wild, encoded

REFUSED = [
    (b"", "json-empty", "$"),
    (b" \n\t", "json-empty", "$"),
    (b"\xef\xbb\xbf{}", "json-bom", "line 1, column 1"),
    (b'{"a": "\xff"}', "json-utf8", "byte 7"),
    (b'{"a": "\xed\xa0\x80"}', "json-utf8", "byte 7"),  # a surrogate, encoded
    ("{}".encode("utf-16"), "json-utf8", "byte 0"),
    (b'{"a": NaN}', "json-not-a-number", "$.a"),
    (b"[1, Infinity]", "json-not-a-number", "$[1]"),
    (b'{"a": [{"b": -Infinity}]}', "json-not-a-number", "$.a[0].b"),
    (b'{"a": 1e400}', "json-number-range", "$.a"),
    (b'{"a": -1e400}', "json-number-range", "$.a"),
    (b'{"a": 1e30}', "json-number-range", "$.a"),
    (b'{"a": 1e999999999999999999999}', "json-number-range", "$.a"),
    (b'{"a": 1e-6177}', "json-number-range", "$.a"),
    (b'{"a": 1e-999999999999999999999}', "json-number-range", "$.a"),
    (b'{"a": 1' + b"0" * 30 + b"}", "json-number-range", "$.a"),
    (b'{"a": ' + b"9" * 5000 + b"}", "json-number-range", "$.a"),
    (b'{"a": 0.' + b"1" * 35 + b"}", "json-number-digits", "$.a"),
    (b'{"a": 1, "a": 1}', "json-duplicate-key", "$"),
    (b'[{"x": {"k": 1, "\\u006b": 2}}]', "json-duplicate-key", "$[0].x"),
    (b'{"a": "\\ud800"}', "json-surrogate", "$.a"),
    (b'{"\\udfff": 1}', "json-surrogate", "$"),
    (b'{"a": ["x", "\\ude00\\ud83d"]}', "json-surrogate", "$.a[1]"),
    (b'{"a": "x\\u0000"}', "json-nul", "$.a"),
    (b'{"a": {"b\\u0000": 1}}', "json-nul", "$.a"),
    (b'{"a": "\x00"}', "json-syntax", "line 1, column 8"),  # raw, as a control character
    (b"[" * 65 + b"]" * 65, "json-depth", "$" + "[0]" * 64),
    (b"[" * 200_000 + b"]" * 200_000, "json-depth", "$"),
    (b'{"a":' * 200_000, "json-depth", "$"),
    (b"{} {}", "json-trailing", "line 1, column 4"),
    (b"1 2", "json-trailing", "line 1, column 3"),
    (b"{'a': 1}", "json-syntax", "line 1, column 2"),
    (b'{"a" 1}', "json-syntax", "line 1, column 6"),
    (b"01", "json-trailing", "line 1, column 2"),
    (b'{"a": +1}', "json-syntax", "line 1, column 7"),
    (b'{"a": .5}', "json-syntax", "line 1, column 7"),
    (b"nul", "json-syntax", "line 1, column 1"),
    (b'"a\nb"', "json-syntax", "line 1, column 3"),
    (b"\xc2\xa01", "json-syntax", "line 1, column 1"),  # a space, but not one of JSON's
    ('{"a": \u0663}'.encode(), "json-syntax", "line 1, column 7"),  # a digit of another script
]

TAKEN = [
    (b"null", None),
    (b'""', ""),
    (b"1", 1),
    (b"1.0", Decimal("1.0")),
    (b"-0", 0),
    (b"-0.0", Decimal("-0.0")),
    (b"0e400", Decimal(0)),
    (b"0.1", Decimal("0.1")),
    (b"1E3", Decimal("1E+3")),
    (b"9223372036854775807", 2**63 - 1),
    (b"-9223372036854775808", -(2**63)),
    (b"9223372036854775808", Decimal(2**63)),
    (b"18446744073709551616", Decimal(2**64)),
    (b"9" * 30, Decimal("9" * 30)),
    (b"-" + b"9" * 30, Decimal("-" + "9" * 30)),
    (b"9.99e29", Decimal("9.99E+29")),
    (b"5e-324", Decimal("5E-324")),
    (b"0." + b"1" * 34, Decimal("0." + "1" * 34)),
    (b'{"$set": 1, "a.b": [true, false]}', {"$set": 1, "a.b": [True, False]}),
    (b'"\\ud83d\\ude00"', "\U0001f600"),
    (b" [ ] ", []),
]


@pytest.mark.parametrize(("data", "code", "where"), REFUSED)
def test_what_parsers_disagree_on_is_refused_with_its_place(
    data: bytes, code: str, where: str
) -> None:
    with pytest.raises(UserError) as caught:
        strict_json.loads(data)
    error = caught.value
    assert (error.code, error.where, error.status) == (code, where, 422)
    assert error.en
    assert error.zh
    f"{error.where}{error.en}{error.zh}".encode()  # can be sent


@pytest.mark.parametrize(("data", "value"), TAKEN)
def test_what_is_taken_is_exact(data: bytes, value: Any) -> None:
    got = strict_json.loads(data)
    assert got == value
    assert repr(got) == repr(value)


@pytest.mark.parametrize("data", [b'{"a": 1,}', b"[1,]"])
def test_a_trailing_comma_is_no_json(data: bytes) -> None:
    with pytest.raises(UserError, match="this is not JSON"):  # Pythons differ on the column
        strict_json.loads(data)


def test_sixty_four_levels_are_taken() -> None:
    data = b"[" * 64 + b"]" * 64
    assert strict_json.dumps(strict_json.loads(data)) == data


def test_the_first_of_two_flaws_is_named() -> None:
    with pytest.raises(UserError) as caught:
        strict_json.loads(b'{"a": [1, "\\u0000"], "b": NaN}')
    assert (caught.value.code, caught.value.where) == ("json-nul", "$.a[1]")


def test_a_key_that_is_no_plain_name_stands_in_brackets() -> None:
    with pytest.raises(UserError) as caught:
        strict_json.loads('{"转化 率": {"a-b": NaN}}'.encode())
    assert caught.value.where == '$["\\u8f6c\\u5316 \\u7387"].a-b'


def _storable(value: Any) -> None:
    """Fail as the database would."""
    BSON.encode({"value": value}, codec_options=CODEC)


def attempt(data: bytes) -> tuple[Any, str | None]:
    """Return the value, or the code of the refusal; nothing else may be raised."""
    try:
        return strict_json.loads(data), None
    except UserError as error:
        return None, error.code


PIECES = st.sampled_from(
    [
        *'[]{}",:+-.eE019 \n\\/u',
        "NaN",
        "Infinity",
        "1e400",
        "null",
        "true",
        '"a"',
        '"a":',
        '"\\ud800"',
        '"\\u0000":',
        "9" * 20,
        "1" * 40,
        "e-7000",
        "\ufeff",
        "é",
    ]
)


@settings(max_examples=2000, deadline=None)
@given(
    st.one_of(st.binary(max_size=64), st.lists(PIECES, max_size=30).map("".join).map(str.encode))
)
def test_anything_gives_a_storable_value_or_a_refusal(data: bytes) -> None:
    value, code = attempt(data)
    if code is None:
        _storable(value)
        assert strict_json.loads(strict_json.dumps(value)) == value
    else:
        assert code in strict_json.TEXTS


def with_care(data: bytes) -> tuple[str, str | None]:
    """Return the same by the reading that walks through everything; a value as it is written."""
    try:
        value = strict_json.parse(data)
        strict_json.check(value)
    except UserError as error:
        return f"{error.where}", error.code
    return repr(value), None


@settings(max_examples=500, deadline=None)
@given(st.integers())
def test_the_quick_reading_takes_what_the_careful_one_takes_and_nothing_else(seed: int) -> None:
    for text in (Wild(seed).value(), f" {Wild(seed).value()}\n"):
        data = encoded(text)
        try:
            found: tuple[str, str | None] = repr(strict_json.loads(data)), None
        except UserError as error:
            found = error.where, error.code
        assert found == with_care(data)


NUMBERS = st.one_of(
    st.integers(-(10**31), 10**31),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.floats(allow_nan=False, allow_infinity=False),
)


@settings(max_examples=1000, deadline=None)
@given(NUMBERS)
def test_a_number_is_exact_or_refused(number: float | int | Decimal) -> None:
    text = repr(number) if isinstance(number, float) else str(number)
    value, code = attempt(text.encode())
    if code is None:
        assert value == Decimal(text)
        assert math.isfinite(value)
        _storable(value)
    else:
        assert code in {"json-number-range", "json-number-digits"}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text().filter(lambda s: "\0" not in s),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text().filter(lambda s: "\0" not in s), inner)
    ),
    max_leaves=20,
)


@settings(max_examples=500, deadline=None)
@given(JSON)
def test_good_json_comes_back_as_it_went(value: Any) -> None:
    assert strict_json.loads(strict_json.dumps(value)) == value
