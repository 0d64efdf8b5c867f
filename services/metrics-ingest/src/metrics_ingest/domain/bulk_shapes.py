"""Shapes by number: the compiled loop tells them apart by two words, the plan says what each is."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrics_ingest.domain.scan.events import OTHER_SHAPE, SHAPE
from metrics_ingest.domain.scan.groups import free_slots, number_pairs

MOST_SHAPES = 100_000
_ROOM = 1024


class Shapes:
    """The shapes that one door's events have had. ``all`` holds them by number.

    ``plain``: events of this shape are folded in bulk; ``used``: some metric looks at their type;
    ``stamps``: the part of the content's stamp that they share.
    """

    def __init__(self, ask: Callable[[tuple[Any, ...]], Any]) -> None:
        """``ask`` returns what a shape comes to, None if it needs the general reading."""
        self.all: list[Any] = []
        self.plain = np.zeros(_ROOM, np.bool_)
        self.used = np.zeros(_ROOM, np.bool_)
        self.stamps = np.zeros(_ROOM, np.uint64)
        self._ask = ask
        self._words = np.zeros((_ROOM, 2), np.int64)
        self._slots = free_slots(_ROOM)

    def look_up(
        self, found: NDArray[np.int64], read: Callable[[int], tuple[Any, ...]]
    ) -> NDArray[np.int64]:
        """Return the numbers of these events' shapes; ``read`` reads the shape of one of them."""
        numbers = np.empty(len(found), np.int64)
        self._make_room(len(self.all) + len(found))
        before = len(self.all)
        left, right = found[:, SHAPE], found[:, OTHER_SHAPE]
        known = number_pairs(left, right, self._slots, self._words, numbers, before)
        if known > before:
            new, places = np.unique(numbers, return_index=True)
            for place in places[new >= before].tolist():
                self._learn(read(place))
        return numbers

    def _learn(self, raw: tuple[Any, ...]) -> None:
        number = len(self.all)
        shape = self._ask(raw)
        self.all.append(shape)
        self.plain[number] = shape is not None
        if shape is not None:
            self.used[number] = shape.used
            self.stamps[number] = shape.stamp

    def _make_room(self, wanted: int) -> None:
        if wanted <= len(self._words):
            return
        room = 1 << wanted.bit_length()
        self.plain, self.used = _longer(self.plain, room), _longer(self.used, room)
        self.stamps, words = _longer(self.stamps, room), _longer(self._words, room)
        self._slots = free_slots(room)
        known = len(self.all)
        again = np.empty(known, np.int64)
        number_pairs(self._words[:known, 0], self._words[:known, 1], self._slots, words, again, 0)
        self._words = words


def _longer(column: NDArray[Any], room: int) -> NDArray[Any]:
    longer = np.zeros((room, *column.shape[1:]), column.dtype)
    longer[: len(column)] = column
    return longer
