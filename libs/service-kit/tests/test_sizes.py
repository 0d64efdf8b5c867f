"""How much the confluent loop reads at once."""

from service_kit.loops.pieces import next_size


def test_a_quick_batch_is_followed_by_a_larger_one_and_a_slow_one_by_a_smaller() -> None:
    assert next_size(5000, 50_000, took=0.1) == 10_000
    assert next_size(40_000, 50_000, took=0.1) == 50_000
    assert next_size(10_000, 50_000, took=1.5) == 10_000
    assert next_size(10_000, 50_000, took=2.5) == 5000
    assert next_size(1, 50_000, took=60.0) == 1
