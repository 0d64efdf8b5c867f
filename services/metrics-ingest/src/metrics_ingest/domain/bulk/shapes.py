"""Shapes by number: the compiled loop tells them apart by two words, the plan says what each is."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from msgspec import Raw
from msgspec.json import encode
from numpy.typing import NDArray

from metrics_ingest.domain.definitions import MetricKind
from metrics_ingest.domain.facts.cells import Dims, set_key
from metrics_ingest.domain.facts.parts import named
from metrics_ingest.domain.scan.cells import NOTHING
from metrics_ingest.domain.scan.found import OTHER_SHAPE, SHAPE
from metrics_ingest.domain.scan.groups import free_slots, number_pairs

# Of all tenants whose sources are alike.
MOST_SHAPES = 300_000
MOST_TARGETS = 300_000  # some 500 bytes each
_ROOM = 1024
_KINDS = list(MetricKind)
_SPREAD = np.int64(0x1E3779B97F4A7C15)


class Adds(NamedTuple):
    """That an event counts in a cell.

    ``kind`` is the metric's, ``names`` are those of its dimensions. ``above`` is the number of the
    amount that it adds to the sum, ONE or NOTHING; ``below`` is the same of the denominator, or of
    what is noted in the sketch.
    """

    metric: str
    kind: MetricKind
    names: tuple[str, ...]
    dims: Dims
    above: int
    below: int = NOTHING


class Shape(NamedTuple):
    """What events of one shape come to. ``stamp`` is the part of the content's that they share.

    ``used`` is whether any metric looks at the type: if none does, fields are not read.
    """

    used: bool
    stamp: int
    adds: tuple[Adds, ...]


class Column:
    """Numbers that become more at their end."""

    def __init__(self, kind: Any) -> None:
        self._room = np.zeros(_ROOM, kind)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def all(self) -> NDArray[Any]:
        """What is there."""
        return self._room[: self._size]

    def append(self, value: int) -> None:
        """Add one."""
        if self._size == len(self._room):
            self._room = np.concatenate([self._room, np.zeros_like(self._room)])
        self._room[self._size] = value
        self._size += 1


class Targets:
    """The sets of dimension values that events have been added to, with their metrics.

    ``metrics`` are the owner and the name of each; ``written`` are the values under their names, as
    JSON; ``sizes`` are as parts.named gives them.
    """

    def __init__(self) -> None:
        self.dims: list[Dims] = []
        self.written: list[Raw] = []
        self.sizes: list[int] = []
        self.set_keys: list[bytes] = []
        self.metrics: list[tuple[int, str]] = []
        self.metric = Column(np.int64)
        self._metrics: dict[tuple[int, str], int] = {}
        self._kind = Column(np.int64)
        self._known: dict[tuple[int, str, Dims], int] = {}

    def __len__(self) -> int:
        return len(self.dims)

    def of_kind(self, kind: MetricKind) -> NDArray[np.bool_]:
        """Return of each metric whether it is of this kind."""
        found: NDArray[np.bool_] = self._kind.all == _KINDS.index(kind)
        return found

    def number_of(self, owner: int, adds: Adds) -> int:
        """Return the number of a target: a new one, if it is not known."""
        dims = adds.dims
        number = self._known.get((owner, adds.metric, dims))
        if number is None:
            number = self._known[owner, adds.metric, dims] = len(self.dims)
            metric = self._metrics.setdefault((owner, adds.metric), len(self.metrics))
            if metric == len(self.metrics):
                self._kind.append(_KINDS.index(adds.kind))
                self.metrics.append((owner, adds.metric))
            self.metric.append(metric)
            self.dims.append(dims)
            values, size = named(adds.names, dims)
            self.written.append(Raw(encode(values)))
            self.sizes.append(size)
            self.set_keys.append(set_key(dims))
        return number


class Shapes:
    """The shapes that the events of one door of some owners have had, by number, in columns.

    A shape is one owner's. ``plain``: events of this shape are folded in bulk; ``used`` and
    ``stamps`` as in Shape. What shape s adds to stands from ``first_add[s]`` up to
    ``first_add[s + 1]``: the target, and what is added above and below, as in Adds.
    """

    def __init__(self) -> None:
        self.targets = Targets()
        self.owner = Column(np.int64)
        self.plain = Column(np.bool_)
        self.used = Column(np.bool_)
        self.stamps = Column(np.uint64)
        self.first_add = Column(np.int64)
        self.first_add.append(0)
        self.add_target = Column(np.int64)
        self.add_above = Column(np.int64)
        self.add_below = Column(np.int64)
        self._words = np.zeros((_ROOM, 2), np.int64)
        self._slots = free_slots(_ROOM)

    def __len__(self) -> int:
        return len(self.plain)

    @property
    def full(self) -> bool:
        """Whether so much is remembered that further shapes are not folded in bulk."""
        return len(self) >= MOST_SHAPES or len(self.targets) >= MOST_TARGETS

    def look_up(
        self,
        found: NDArray[np.int64],
        owners: NDArray[np.int64],
        ask: Callable[[int, int], Shape | None],
    ) -> NDArray[np.int64]:
        """Return the numbers of these events' shapes.

        ``ask`` returns the shape of one of them, None if it needs the general reading.
        """
        numbers = np.empty(len(found), np.int64)
        self._make_room(len(self) + len(found))
        before = len(self)
        # Two owners' events of one shape have two numbers.
        left, right = found[:, SHAPE], found[:, OTHER_SHAPE] ^ owners * _SPREAD
        known = number_pairs(left, right, self._slots, self._words, numbers, before)
        if known > before:
            new, places = np.unique(numbers, return_index=True)
            for place in places[new >= before].tolist():
                owner = int(owners[place])
                self._learn(owner, None if self.full else ask(owner, place))
        return numbers

    def _learn(self, owner: int, shape: Shape | None) -> None:
        self.owner.append(owner)
        self.plain.append(shape is not None)
        self.used.append(shape is not None and shape.used)
        self.stamps.append(0 if shape is None else shape.stamp)
        for adds in () if shape is None else shape.adds:
            self.add_target.append(self.targets.number_of(owner, adds))
            self.add_above.append(adds.above)
            self.add_below.append(adds.below)
        self.first_add.append(len(self.add_target))

    def _make_room(self, wanted: int) -> None:
        if wanted <= len(self._words):
            return
        room = 1 << wanted.bit_length()
        words, known = np.zeros((room, 2), np.int64), len(self)
        self._slots, again = free_slots(room), np.empty(known, np.int64)
        number_pairs(self._words[:known, 0], self._words[:known, 1], self._slots, words, again, 0)
        self._words = words
