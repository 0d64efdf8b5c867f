"""How much a loop takes at once."""

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from service_kit.loops.base import light_waves, slices_of
from service_kit.loops.pieces import Budget, next_size
from service_kit.records import Partition, Record


def test_a_quick_batch_is_followed_by_a_larger_one_and_a_slow_one_by_a_smaller() -> None:
    assert next_size(5000, 50_000, took=0.1) == 10_000
    assert next_size(40_000, 50_000, took=0.1) == 50_000
    assert next_size(10_000, 50_000, took=1.5) == 10_000
    assert next_size(10_000, 50_000, took=2.5) == 5000
    assert next_size(1, 50_000, took=60.0) == 1


def pieces(budget: Budget, arriving: Iterator[int]) -> list[int]:
    """Read with the budget from what arrives; return how many came each time."""

    def take(most: int, seconds: float) -> tuple[int, int]:
        count = min(most, next(arriving))
        return count, count

    return list(budget.pieces(take))


def test_an_idle_applier_gets_what_came_in_its_time() -> None:
    assert pieces(Budget(100, 0.05), iter([3, 5])) == [3]


def test_while_the_applier_is_busy_reading_goes_on() -> None:
    busy = iter([True, True, False])
    assert pieces(Budget(100, 0.05, lambda: next(busy)), iter([3, 0, 5, 9])) == [3, 0, 5]


def test_a_busy_applier_gets_no_more_than_it_may_take_at_once() -> None:
    assert pieces(Budget(8, 0.05, lambda: True), iter([3, 3, 3, 3])) == [3, 3, 2]


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
