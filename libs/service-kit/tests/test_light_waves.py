"""Fat records are applied in light transactions."""

from hypothesis import given, settings
from hypothesis import strategies as st

from service_kit.loops.base import light_waves, slices_of
from service_kit.records import Partition, Record

sizes = st.lists(st.integers(0, 60), max_size=12)


@settings(deadline=None)
@given(st.lists(sizes, max_size=4), st.booleans())
def test_fat_records_are_applied_in_light_transactions_each_once_and_in_order(
    logs: list[list[int]], gapless: bool
) -> None:
    step = 1 if gapless else 3
    found = {
        Partition("t", number): [
            Record(Partition("t", number), 5 + step * n, None, b"x" * size)
            for n, size in enumerate(log)
        ]
        for number, log in enumerate(logs)
    }
    whole = [
        slices_of(p, records, gapless, 99 if number else 0)
        for number, (p, records) in enumerate(found.items())
    ]
    ends = {each.partition: each.start for queue in whole for each in queue}
    seen: dict[Partition, list[Record]] = {partition: [] for partition in found}
    for wave in light_waves(whole, most=100):
        assert len({each.partition for each in wave}) == len(wave)
        records = [record for each in wave for record in each.records]
        assert len(records) < 2 or sum(len(r.value or b"") for r in records) <= 100
        for each in wave:
            assert each.start == ends[each.partition]
            ends[each.partition] = each.end
            seen[each.partition] += each.records
            assert all(each.start <= record.offset < each.end for record in each.records)
    assert seen == found
    assert ends == {each.partition: each.end for queue in whole for each in queue}
