"""Records in blocks: whatever the slices, pages show every record once, by event time."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from metrics_ingest.adapters.records import MOST_RECORDS, RECORDS, WIDTHS, blocks, read_records
from service_kit.store import Store
from service_kit.testing.fake_mongo import FakeMongo

QUERY = {"tenant": "t", "source": "s"}
# Within a minute, within a day, over days; equal times too.
TIMES = st.integers(0, 50) | st.integers(0, 80_000_000) | st.integers(0, 400_000_000)


def row(number: int, at_ms: int) -> dict[str, Any]:
    return {"_id": f"r{number:03d}", "tenant": "t", "source": "s", "at_ms": at_ms, "fields": {}}


@given(st.lists(st.lists(TIMES, min_size=1, max_size=8), max_size=8), st.data())
async def test_pages_show_every_record_of_the_span_once_in_order(
    slices: list[list[int]], data: st.DataObject
) -> None:
    store = Store(FakeMongo(), "db")
    rows: list[dict[str, Any]] = []
    for number, times in enumerate(slices):
        mine = [row(len(rows) + n, at_ms) for n, at_ms in enumerate(times)]
        await store.db[RECORDS].insert_many(blocks(mine, f"raw/0|{number:012d}"))
        rows += mine
    begin, end = sorted((data.draw(TIMES), data.draw(TIMES)))
    expected = sorted((r["at_ms"], r["_id"]) for r in rows if begin <= r["at_ms"] < end)

    found: list[tuple[int, str]] = []
    after = None
    while page := await read_records(store, QUERY, (begin, end), after, 3):
        assert len(page) <= 3
        found += [(each["at_ms"], each["_id"]) for each in page]
        after = found[-1]
    assert found == expected


def test_a_block_is_bounded_in_time_and_number() -> None:
    narrow, wide = WIDTHS
    assert [b["width_ms"] for b in blocks([row(1, 0), row(2, narrow)], "p")] == [narrow]
    assert [b["width_ms"] for b in blocks([row(1, 0), row(2, narrow + 1)], "p")] == [wide]
    assert [b["first_ms"] for b in blocks([row(1, 0), row(2, wide + 1)], "p")] == [0, wide + 1]
    many = blocks([row(n, 5) for n in range(MOST_RECORDS + 1)], "p", 7)
    assert [b["_id"] for b in many] == ["p|7", "p|8"]
