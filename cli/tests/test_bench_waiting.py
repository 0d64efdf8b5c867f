"""What waits at a steady rate: when it is said to grow."""

from collections.abc import Callable

import pytest

from paceline.fold.waiting import Look, Trend, trend, verdict


def looks(
    waiting: Callable[[float], float], arrive: float, *, seconds: int = 60, wild: int = 0
) -> list[Look]:
    """A look every two seconds; each ``wild``-th sees three times as much."""
    found = []
    for number in range(1, seconds // 2 + 1):
        at = 2.0 * number
        times = 3 if wild and number % wild == 0 else 1
        found.append(Look(at, round(times * waiting(at)), 5_000 + round(arrive * at)))
    return found


def saw(at: float, height: float) -> float:
    """What comes in for 0.7 of a second and is taken at once, looked at out of step."""
    return height * (at * 1.03 % 1.0)


def recorded(at: float) -> float:
    """The run of 2026-11-26 on 3e5a2e3: 1,472 fact records waited at first, 13,204 after 60 s.

    Caught up 26 s later: 500 were applied a second, and about 700 arrived.
    """
    return 1_472 + (at - 2) / 58 * (13_204 - 1_472)


@pytest.mark.parametrize("arrive", [200, 700, 3_000])
def test_the_run_that_was_called_steady_grows(arrive: float) -> None:
    found = trend(looks(lambda at: recorded(at) + saw(at, arrive / 4), arrive, wild=7))
    assert found.grows, found
    assert 150 < found.rises_per_second < 250


def test_events_that_are_folded_as_they_come_do_not_grow_beside_it() -> None:
    events = trend(looks(lambda at: saw(at, 15_000), 20_000))
    facts = trend(looks(recorded, 600))
    assert (events.grows, facts.grows) == (False, True)
    assert verdict([events, facts]) is True


def test_a_queue_that_fills_once_and_then_stands_still_does_not_grow() -> None:
    found = trend(looks(lambda at: min(at, 20) * 500 + saw(at, 300), 600))
    assert not found.grows
    assert found.most > 9_000


def test_a_backlog_that_shrinks_does_not_grow() -> None:
    assert trend(looks(lambda at: 9_000 - 100 * at, 600)).grows is False


def test_a_few_wild_looks_do_not_make_it_grow() -> None:
    assert trend(looks(lambda at: 2_000 + saw(at, 500), 1_000, wild=5)).grows is False


def test_bursts_that_happen_to_end_high_are_no_growth() -> None:
    """Progress records of the run of 2026-11-26 on ten-steady, 310 a second, taken twice a second.

    By its slope alone it rose by 360 in the second half.
    """
    seen = [0, 285, 189, 0, 0, 0, 731, 189, 0, 542, 0, 474, 0, 0, 0, 0, 474, 189, 0, 285, 542]
    seen += [0, 0, 0, 285, 731, 474]
    at = 60 / len(seen)
    found = trend([Look(at * n, each, round(310 * at * n)) for n, each in enumerate(seen)])
    assert found.rises_per_second * 30 > 310
    assert found.grows is False


def test_what_falls_behind_slowly_shows_in_a_longer_run() -> None:
    def slowly(at: float) -> float:
        return 10 * at + saw(at, 500)

    assert trend(looks(slowly, 1_000, seconds=60)).grows is False
    assert trend(looks(slowly, 1_000, seconds=600)).grows is True


def test_too_few_looks_are_no_verdict_and_no_all_clear() -> None:
    steady = trend(looks(lambda _: 10, 1_000))
    short = trend(looks(recorded, 600, seconds=20))
    assert (short.grows, trend([Look(2, 5, 5)]).grows) == (None, None)
    assert verdict([steady, short]) is None
    assert verdict([steady, short, trend(looks(recorded, 600))]) is True
    assert verdict([steady, steady]) is False


def test_a_log_that_nobody_writes_does_not_grow() -> None:
    assert trend(looks(lambda _: 0, 0)) == Trend(0, 0, 0, 0.0, 0.0, False)


def test_it_says_where_it_began_where_it_ended_and_how_fast() -> None:
    said = str(trend(looks(lambda at: 100 * at, 600)))
    assert said == "200 to 6,000 (most 6,000), +100.0 a second where 600.0 arrive: GROWS"
