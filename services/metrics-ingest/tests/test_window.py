"""The window of seen ids: the same answers as a plain dict, in memory, on disk and across both."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics_ingest.adapters.older_ids import FileOlderIds
from metrics_ingest.domain.seen import generations
from metrics_ingest.domain.seen.filters import Filter
from metrics_ingest.domain.seen.generations import first_of
from metrics_ingest.domain.seen.window import Block, Window, pack, pack_words, words_of


def block(at_ms: int, *keys: int) -> Block:
    return Block(at_ms, pack((key(number), number + 1) for number in keys))


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


def found(store: Any, *numbers: int) -> dict[int, int]:
    """Return the stamps of those that are there."""
    here, stamps = store.find(words_of([key(number) for number in numbers]))
    pairs = zip(numbers, here.tolist(), stamps.tolist(), strict=True)
    return {number: stamp for number, there, stamp in pairs if there}


def test_the_window_finds_what_it_was_given_until_it_is_pruned() -> None:
    window = Window()
    window.add(block(10, 1, 2))
    window.add(block(20, 3))
    window.add(block(30))
    assert found(window, 2, 3, 4) == {2: 3, 3: 4}
    assert (window.prune(20), len(window)) == (2, 1)
    assert found(window, 1, 2, 3) == {3: 4}


def test_an_id_that_was_pruned_is_found_again_when_it_comes_again() -> None:
    window = Window()
    window.add(block(10, 1, 2))
    window.add(block(20, 3))
    window.prune(20)
    window.add(Block(30, pack([(key(1), 99)])))
    assert found(window, 1, 2, 3) == {1: 99, 3: 4}


def test_of_an_id_that_came_with_several_contents_the_newest_is_found() -> None:
    window, older = Window(), FileOlderIds()
    window.shrink(4000)
    for stamp in range(1, 60):  # the table grows on the way
        window.add(
            Block(stamp, pack([(key(1), stamp), *((key(stamp * 99 + n), 0) for n in range(20))]))
        )
        assert found(window, 1) == {1: stamp}
    older.add(window.shrink(0))
    assert found(older, 1) == {1: 59}


def test_a_full_window_hands_over_its_oldest_ids_with_their_arrival() -> None:
    window = Window()
    window.shrink(8)
    for number in range(10):
        window.add(block(number, number * 2, number * 2 + 1))
    gone = window.shrink(8)
    blocks = [Block(at_ms, entries.tobytes()) for each in gone for at_ms, entries in each.blocks()]
    assert blocks == [block(n, n * 2, n * 2 + 1) for n in range(6)]
    assert len(window) == 8
    assert found(window, *range(20)) == {n: n + 1 for n in range(12, 20)}


def test_older_ids_are_found_on_disk_until_they_are_pruned() -> None:
    window, older = Window(), FileOlderIds()
    assert (len(older), found(older, 1)) == (0, {})
    window.add(block(10, *range(700)))
    window.add(block(20, 2**64 - 2, 701))
    older.add(window.shrink(0))
    assert (len(older), len(window)) == (702, 0)
    assert found(older, *range(800)) == {n: n + 1 for n in [*range(700), 701]}
    assert found(older, 2**64 - 2) == {2**64 - 2: 2**64 - 1}
    older.prune(20)
    assert (len(older), found(older, 5, 701)) == (2, {701: 702})
    older.close()


def test_hardly_a_new_id_passes_a_full_filter() -> None:
    rng = np.random.default_rng(7)
    known = rng.integers(0, 2**64 - 1, (40_000, 2), dtype=np.uint64)
    filter_ = Filter(len(known))
    filter_.add(known)
    assert filter_.left == 0
    assert len(filter_.may_have(known)) == len(known)
    new = rng.integers(0, 2**64 - 1, (100_000, 2), dtype=np.uint64)
    assert len(filter_.may_have(new)) < 600


def test_what_is_on_any_of_many_shelves_is_found() -> None:
    rng = np.random.default_rng(8)
    known = rng.integers(0, 2**64 - 1, (20_000, 2), dtype=np.uint64)
    older = FileOlderIds()
    for start in range(0, len(known), 1000):
        window = Window()
        some = known[start : start + 1000]
        window.add(Block(start, pack_words(some, some[:, 0])))
        older.add(window.shrink(0))
    assert len(older._shelves) == 3
    here, stamps = older.find(known)
    assert here.all()
    assert (stamps == known[:, 0]).all()
    older.prune(9000)  # the first shelf, and one generation of the second one
    here, _ = older.find(known)
    assert not here[:9000].any()
    assert here[9000:].all()
    assert len(older._shelves) == 2


def test_a_window_that_grows_ahead_holds_what_it_held_and_grows_no_more_for_the_next_ids() -> None:
    window = Window()
    window.make_room()
    window.add(block(10, *range(600)))
    window.make_room()
    table = window._generations[0].slots
    window.add(block(20, *range(600, 1200)))
    assert window._generations[0].slots is table
    assert found(window, *range(1201)) == {number: number + 1 for number in range(1200)}


def test_a_large_generation_grows_without_copying_its_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generations, "_LARGE_SLOTS", 2048)
    monkeypatch.setattr(generations, "MOST_IDS", 5000)
    window = Window()
    window.add(block(10, *range(1000)))
    entries = window._generations[0].entries
    window.add(block(20, *range(1000, 4000)))
    assert window._generations[0].entries is entries
    assert found(window, *range(4001)) == {number: number + 1 for number in range(4000)}


@pytest.mark.parametrize("most", [8, generations.MOST_IDS])
def test_a_window_and_what_it_spills_answer_like_a_dict(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metrics_ingest.domain.seen.window.MOST_IDS", most)
    _answers_like_a_dict()


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.lists(st.integers(0, 60), max_size=12, unique=True)),
        st.tuples(st.just("prune"), st.integers(0, 40)),
        st.tuples(st.just("shrink"), st.integers(0, 30)),
        st.tuples(st.just("reload"), st.just(0)),
    ),
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(_STEPS)
def _answers_like_a_dict(steps: list[tuple[str, Any]]) -> None:
    window, older = Window(), FileOlderIds()
    model: dict[int, tuple[int, int]] = {}
    for now, (what, value) in enumerate(steps):
        if what == "add":
            new = [number for number in value if number not in model]
            window.add(Block(now, pack((key(number), now * 1000 + number) for number in new)))
            model |= {number: (now, now * 1000 + number) for number in new}
        elif what == "prune":
            window.prune(value)
            older.prune(value)
            model = {n: kept for n, kept in model.items() if kept[0] >= value}
        elif what == "shrink":
            older.add(window.shrink(value))
            assert len(window) <= value
        else:
            window, older = Window(), FileOlderIds()
            for at_ms in sorted({at_ms for at_ms, _ in model.values()}):
                kept = [(key(n), stamp) for n, (at, stamp) in model.items() if at == at_ms]
                window.add(Block(at_ms, pack(kept)))
        everything = found(older, *range(61)) | found(window, *range(61))
        assert everything == {number: stamp for number, (_, stamp) in model.items()}
        assert len(window) + len(older) == len(model)


@settings(deadline=None)  # the first call of a loop compiles it
@given(st.lists(st.integers(0, 50)))
def test_the_first_row_of_each_id_is_told(numbers: list[int]) -> None:
    first = first_of(words_of([key(number << 60) for number in numbers]))
    assert first.tolist() == [numbers.index(number) for number in numbers]


def test_ids_that_want_the_same_place_in_every_round_are_told_apart() -> None:
    # The second word is the same of all: no round of the table can part them.
    ids = np.array([[n % 3, 5] for n in range(9)], np.uint64)
    assert first_of(ids).tolist() == [0, 1, 2] * 3
