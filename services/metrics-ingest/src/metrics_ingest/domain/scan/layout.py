"""Where in an event the mapped values stand, as arrays that compiled loops walk through."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Path = tuple[str, ...]
Tree = dict[str, Any]

# What is wanted of a value.
TEXT, DECIMAL, INTEGER, TIME, ODD_TIME, MOMENT, RECEIVED, EXACTLY, NOTHING, ANYTHING = range(10)


@dataclass(frozen=True, slots=True)
class Slot:
    """One mapped value. ``kind`` is TEXT, DECIMAL ...; ``exactly`` is what EXACTLY wants.

    TIME is the event's own, ODD_TIME a text of it that is read elsewhere, MOMENT another time; with
    ``per_second`` they are counts of such units. ANYTHING matters ``instead`` of another path: only
    where that one has nothing.

    ``shapes``: it decides where an event counts. ``stamp`` is the weight of its hash in the stamp
    of the content of events that count anywhere, ``always`` of all. ``amount`` is the column that
    it fills, or -1. ``required``: an event that counts has to have it; ``needed``: every event.
    """

    kind: int
    exactly: bytes = b""
    shapes: bool = False
    stamp: int = 0
    always: int = 0
    amount: int = -1
    required: bool = False
    needed: bool = False
    per_second: int = 0
    instead: Path | None = None


class Layout(NamedTuple):
    """A tree of names, in few arrays, for each one costs at each call.

    ``nodes``: where a node's members begin and end; node 0 is the record. ``members``: where its
    name begins and ends in ``texts``, its slot, or -1 - its node, and the name's first eight bytes
    (hashes.first8). ``slots``: see the columns.
    """

    texts: NDArray[np.uint8]
    nodes: NDArray[np.int64]
    members: NDArray[np.int64]
    slots: NDArray[np.int64]


NAME_START, NAME_END, SLOT, NAME_WORD = range(4)  # the columns of ``members``

# The columns of ``slots``: those of a Slot, and the seeds of the two hashes that make shapes.
(
    KIND,
    TEXT_START,
    TEXT_END,
    SHAPES,
    SEED,
    OTHER_SEED,
    STAMP,
    ALWAYS,
    AMOUNT,
    REQUIRED,
    NEEDED,
    PER_SECOND,
    INSTEAD,
) = range(13)

MOST_SLOTS = 60  # each has a bit of one word, and so has each node
_SEEDS = np.frombuffer(np.random.default_rng().bytes(16 * MOST_SLOTS), np.int64).reshape(-1, 2)
"""Nobody outside knows them, so nobody can write two shapes that look like one."""


def layout_of(slots: Mapping[Path, Slot]) -> Layout:
    """Return the layout of slots by their paths; raises ValueError if there are too many."""
    tree = _tree(slots)
    nodes: list[tuple[Path, Tree]] = [((), tree)]
    bounds: list[tuple[int, ...]] = []
    members: list[tuple[int, ...]] = []
    numbers: dict[Path, int] = {}
    texts = bytearray()

    def placed(text: bytes) -> tuple[int, int]:
        texts.extend(text)
        return len(texts) - len(text), len(texts)

    for path, node in nodes:  # which grows on the way
        bounds.append((len(members), len(members) + len(node)))
        for name, below in node.items():
            if isinstance(below, Slot):
                target = numbers[*path, name] = len(numbers)
            else:
                target = -1 - len(nodes)
                nodes.append(((*path, name), below))
            text = name.encode()
            word = int.from_bytes(text[:8].ljust(8, b"\0"), "little")
            members.append((*placed(text), target, signed(word)))
    if max(len(nodes), len(numbers)) > MOST_SLOTS:
        raise ValueError("too many mapped values")
    rows = [
        _row(
            slot,
            placed(slot.exactly),
            number,
            -1 if slot.instead is None else numbers[slot.instead],
        )
        for path, number in numbers.items()
        for slot in (slots[path],)
    ]
    return Layout(
        np.frombuffer(bytes(texts), np.uint8), _array(bounds), _array(members), _array(rows)
    )


def _row(slot: Slot, exactly: tuple[int, int], number: int, instead: int) -> tuple[int, ...]:
    seed, other = _SEEDS[number].tolist()
    return (
        slot.kind, *exactly, slot.shapes, seed, other, signed(slot.stamp), signed(slot.always),
        slot.amount, slot.required, slot.needed, slot.per_second, instead,
    )  # fmt: skip


def signed(word: int) -> int:
    """Return the bits of a word as a number with a sign."""
    return word - (1 << 64) if word >> 63 else word


def _array(rows: Sequence[tuple[int, ...]]) -> NDArray[np.int64]:
    return np.array(rows, np.int64)


def _tree(slots: Mapping[Path, Slot]) -> Tree:
    tree: Tree = {}
    for path, slot in slots.items():
        node = tree
        for name in path[:-1]:
            node = node.setdefault(name, {})
            if isinstance(node, Slot):
                raise ValueError(f"{path} is below a value")
        if path[-1] in node:
            raise ValueError(f"{path} is a value and has parts")
        node[path[-1]] = slot
    return tree
