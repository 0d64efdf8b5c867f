"""How much the confluent loop reads at once."""

from collections.abc import Iterator

import pytest

from service_kit.loops.pieces import Budget, gather_seconds, next_size


def test_a_quick_batch_is_followed_by_a_larger_one_and_a_slow_one_by_a_smaller() -> None:
    assert next_size(5000, 50_000, 5000, took=0.1) == 10_000
    assert next_size(40_000, 50_000, 39_000, took=0.1) == 50_000
    assert next_size(10_000, 50_000, 10_000, took=1.5) == 10_000
    assert next_size(10_000, 50_000, 10_000, took=2.5) == 5000
    assert next_size(1, 50_000, 1, took=60.0) == 1


def test_few_records_and_none_tell_nothing_of_how_long_many_take() -> None:
    assert next_size(5000, 50_000, 0, took=0.0) == 5000
    assert next_size(5000, 50_000, 2500, took=0.1) == 5000
    assert next_size(5000, 50_000, 2501, took=0.1) == 10_000
    assert next_size(5000, 50_000, 100, took=2.5) == 2500


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


def test_a_loop_gathers_longer_the_more_rows_its_transactions_send() -> None:
    found = [gather_seconds(0.05, 9000, rows) for rows in (0, 500, 1000, 2500, 100_000)]
    assert found == pytest.approx([0.05, 0.05, 0.3, 1.2, 2.0])


def test_where_many_records_come_a_loop_gathers_half_a_second() -> None:
    found = [gather_seconds(0.05, records, 12) for records in (5_000, 19_999, 20_000, 100_000)]
    assert found == [0.05, 0.05, 0.5, 0.5]
