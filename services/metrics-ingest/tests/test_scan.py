"""What compiled loops find in bytes is what the libraries and the general reading find."""

import json
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest
import xxhash
from hypothesis import example, given, settings
from hypothesis import strategies as st

from metrics_ingest.domain.causes import Unfit
from metrics_ingest.domain.scan.events import scan
from metrics_ingest.domain.scan.found import ABSENT, ALWAYS_STAMPED, AMOUNTS, GOOD, STAMPED
from metrics_ingest.domain.scan.groups import Sums, grouped, sums
from metrics_ingest.domain.scan.hashes import LEAST_128, MOST_64, hash64, hash128, keyed64
from metrics_ingest.domain.scan.instants import ODD, instant
from metrics_ingest.domain.scan.keys import NOBODY, Prefixes
from metrics_ingest.domain.scan.layout import DECIMAL, TEXT, Slot, layout_of
from metrics_ingest.domain.scan.tokens import NO, value_end
from metrics_ingest.domain.seen.stamps import hash_of
from metrics_ingest.domain.values import instant_of
from service_kit.records import Texts

compiling = settings(deadline=None)  # the first call of a loop compiles it


def bytes_of(text: bytes) -> Any:
    return np.frombuffer(text + b" ", np.uint8)


@pytest.mark.parametrize("size", range(MOST_64 + 1))
def test_hashes_are_those_of_the_library(size: int) -> None:
    text = bytes((n * n * 31 + size * 7) % 256 for n in range(size + 3))
    data, end = bytes_of(text), 3 + size
    assert int(hash64(data, 3, end)) == xxhash.xxh3_64_intdigest(text[3:])
    if size >= LEAST_128:
        words = np.array(hash128(data, 3, end), np.uint64)
        assert words.tobytes() == xxhash.xxh3_128_digest(text[3:])


@compiling
@given(st.sets(st.binary(max_size=40), max_size=50), st.integers(1, 2**63))
def test_keyed_hashes_tell_texts_apart(texts: set[bytes], seed: int) -> None:
    seeds = np.uint64(seed), np.uint64(seed * 3 % 2**64)
    found = [keyed64(bytes_of(text), 0, len(text), *seeds) for text in texts]
    assert len({int(first) for first, _ in found}) == len(texts)
    assert len({int(second) for _, second in found}) == len(texts)


values: Any = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**20), 10**20),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=12),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@st.composite
def nearly_json(draw: Any) -> bytes:
    """Draw JSON, and often spoil it by a byte."""
    text = json.dumps(
        draw(values), ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1]))
    ).encode("utf-8", "surrogatepass")
    if draw(st.booleans()):
        place = draw(st.integers(0, len(text)))
        byte = draw(
            st.one_of(st.binary(max_size=2), st.sampled_from([b'"', b"\\u", b"0", b",", b"}"]))
        )
        text = text[:place] + byte + text[place + draw(st.integers(0, 1)) :]
    return text


@compiling
@given(nearly_json())
@example(b"[1,]")
@example(b'{"a":01}')
@example(b'"\\ud83d\\ude00"')
@example(b'"\xed\xa0\x80"')
@example(b"-")
@example(b"1e")
@example(b"nul")
def test_what_is_taken_for_json_is_json(text: bytes) -> None:
    end = value_end(bytes_of(text), 0, len(text))
    try:
        msgspec.json.decode(text, strict=True)
        good = True
    except (msgspec.DecodeError, UnicodeDecodeError):
        good = False
    if end == len(text):
        assert good
    elif good and b"\\ud" not in text.lower() and text == text.strip():
        pytest.fail("good JSON was refused")


@pytest.mark.parametrize("depth", [59, 60, 61, 5000])
def test_deep_nesting_is_left_to_the_general_reading(depth: int) -> None:
    text = b"[" * depth + b"]" * depth
    assert value_end(bytes_of(text), 0, len(text)) == (len(text) if depth <= 60 else NO)


def _one(text: str) -> int | None:
    try:
        return instant_of(text, "", ZoneInfo("Europe/Berlin"))
    except Unfit:
        return None


_digits = st.text("0123456789", min_size=2, max_size=2)
_tails = ["Z", ".000Z", ".999Z", "+08:00", "-23:59", "+24:00", ".5Z", ".123456Z", "", "z", ".Z"]


@compiling
@given(
    st.builds(
        "{}-{}-{}T{}:{}:{}{}".format,
        st.sampled_from(["2026", "2024", "2100", "1970", "9998", "0000", "1969"]),
        st.one_of(st.sampled_from(["02", "12"]), _digits),
        st.one_of(st.sampled_from(["28", "29", "31"]), _digits),
        st.one_of(st.sampled_from(["00", "23"]), _digits),
        _digits,
        _digits,
        st.sampled_from(_tails),
    )
)
@example("2026-11-03T02:18:45Z")
@example("2026-11-03T02:18:45.1Zé")
@example("1970-01-01T00:00:00+08:00")
@example("9998-12-31T23:59:59-00:01")
def test_times_are_read_as_one_by_one(text: str) -> None:
    written = text.encode()
    found = instant(bytes_of(written), 0, len(written))
    if found != ODD:
        assert found == _one(text)
    elif text.endswith(("Z", "+08:00")) and not text.endswith(".Z"):
        assert _one(text) is None


def read(values: list[Any]) -> tuple[list[Decimal | None], list[int]]:
    """Read numbers as the loop over events does; return them and their stamps."""
    layout = layout_of({("n",): Slot(DECIMAL, amount=0, stamp=1)})
    texts = Texts.of([b'{"n":%s}' % value for value in values])
    found = scan(texts.bytes, texts.ends, np.arange(len(values)), layout, 1)
    numbers = [
        Decimal(int(row[AMOUNTS])).scaleb(-int(row[AMOUNTS + 1]))
        if row[GOOD] and row[AMOUNTS + 1] != ABSENT
        else None
        for row in found
    ]
    return numbers, found[:, STAMPED].view(np.uint64).tolist()


@compiling
@given(st.decimals(-(10**14), 10**14, places=4))
def test_numbers_and_their_stamps_are_exact(number: Decimal) -> None:
    text = f"{number:f}".encode()
    numbers, stamps = read([text, b'"%s"' % text])
    if number or not number.is_signed():
        within = len(text.lstrip(b"-").replace(b".", b"")) <= 15
        assert numbers == ([number, number] if within else [None, None])
        if within:
            assert stamps == [hash_of(number)] * 2


@pytest.mark.parametrize(
    "text",
    [b"-0", b"1e3", b"1.", b".5", b"01", b'"01"', b'" 1"', b'""', b'"-"', b'"1.2.3"', b"true",
     b"1234567890123456", b"0.1234567890123", b"{}", b"null"],
)  # fmt: skip
def test_odd_numbers_are_left_to_the_general_reading(text: bytes) -> None:
    assert read([text])[0] == [None]


@compiling
@given(st.text(max_size=400))
def test_texts_are_stamped_as_one_by_one(text: str) -> None:
    layout = layout_of({("a", "t"): Slot(TEXT, always=1)})
    texts = Texts.of(
        [json.dumps({"x": [1], "a": {"t": text}}, ensure_ascii=False).encode("utf-8", "replace")]
    )
    found = scan(texts.bytes, texts.ends, np.arange(1), layout, 0)
    if found[0, GOOD]:
        assert found[0, ALWAYS_STAMPED].view(np.uint64) == hash_of(text)
    else:
        assert (
            json.dumps(text, ensure_ascii=False)[1:-1] != text
            or len(text.encode("utf-8", "replace")) > 1024
        )


def test_a_name_that_comes_twice_is_left_to_the_general_reading() -> None:
    layout = layout_of({("a", "t"): Slot(TEXT), ("n",): Slot(TEXT)})
    records = [
        b'{"n":"1"}',
        b'{"n":"1","n":"1"}',
        b'{"n":null,"n":"1"}',
        b'{"a":{},"a":{}}',
        b'{"\\u006e":"1"}',
        b'{"a":null}',
        b'{"a":{"t":"x","u":{"n":1}},"b":2}',
        b"{}x",
    ]
    texts = Texts.of(records)
    found = scan(texts.bytes, texts.ends, np.arange(len(records)), layout, 0)
    assert found[:, GOOD].tolist() == [1, 0, 0, 0, 0, 0, 1, 0]


@compiling
@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 2)), max_size=40))
def test_rows_with_the_same_pair_are_one_group(pairs: list[tuple[int, int]]) -> None:
    columns = np.array(pairs, np.int64).reshape(-1, 2)
    found = grouped(columns[:, 0], columns[:, 1])
    met = list(dict.fromkeys(pairs))
    assert [tuple(pair) for pair in found.pairs.tolist()] == met
    assert found.of_row.tolist() == [met.index(pair) for pair in pairs]
    assert found.counts.tolist() == [pairs.count(pair) for pair in met]


amounts = st.tuples(st.integers(-(10**15), 10**15), st.integers(-1, 12))


@compiling
@given(st.lists(st.tuples(st.integers(0, 2), amounts), max_size=30))
def test_sums_are_exact_or_none(rows: list[tuple[int, tuple[int, int]]]) -> None:
    of_row = np.array([group for group, _ in rows], np.int64)
    mantissa = np.array([amount[0] for _, amount in rows], np.int64)
    places = np.array([amount[1] for _, amount in rows], np.int64)
    found = sums(of_row, 3, mantissa, places)
    wanted = [Decimal(0)] * 3
    counts = [0] * 3
    for group, (value, digits) in rows:
        if digits >= 0:
            wanted[group] += Decimal(value).scaleb(-digits)
            counts[group] += 1
    if found is None:
        assert max(digits for _, (_, digits) in rows) > 2
    else:
        assert isinstance(found, Sums)
        pairs = zip(found.mantissa.tolist(), found.places.tolist(), strict=True)
        assert [Decimal(value).scaleb(-digits) for value, digits in pairs] == wanted
        assert found.counts.tolist() == counts


def test_a_sum_beyond_64_bits_is_none() -> None:
    of_row, places = np.zeros(10_000, np.int64), np.zeros(10_000, np.int64)
    assert sums(of_row, 1, np.full(10_000, 10**15), places) is None
    assert sums(of_row, 1, np.full(10_000, 10**14), places) is not None


@compiling
@given(st.lists(st.text("ab|%", max_size=3), max_size=12, unique=True), st.text(max_size=150))
def test_keys_are_told_apart_by_what_stands_before_their_last_bar(
    names: list[str], id_: str
) -> None:
    prefixes = [name.encode() for name in names if name]
    keys = [b"%s|%s" % (prefix, id_.replace("|", "").encode()) for prefix in prefixes] + [
        b"x",
        b"",
        b"|",
    ]
    owners, ids = Prefixes(prefixes).read(Texts.of(keys))
    assert owners.tolist() == [*range(len(prefixes)), NOBODY, NOBODY, NOBODY]
    assert [row.tobytes() for row in ids] == [xxhash.xxh3_128_digest(key) for key in keys]
