"""The loop over events: each record is walked through once, byte by byte.

What a record holds at its mapped paths goes into columns as it is met. A record that is not plain
in every respect is refused, and read in the general way.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrics_ingest.domain.scan.found import GOOD, LACKS, found_for
from metrics_ingest.domain.scan.hashes import first8, same
from metrics_ingest.domain.scan.layout import (
    INSTEAD,
    NAME_END,
    NAME_START,
    NAME_WORD,
    NEEDED,
    REQUIRED,
    SLOT,
    Layout,
)
from metrics_ingest.domain.scan.tokens import (
    CLOSE,
    COMMA,
    NO,
    OPEN,
    QUOTE,
    colon_end,
    space_end,
    text_end,
    value_end,
)
from metrics_ingest.domain.scan.values import take, work_on
from metrics_ingest.domain.scan.written import MOST_BYTES
from service_kit.compiled import compiled, inlined

U = np.uint64
_DEEPEST = 16
NO_NUMBERS = np.empty((0, 3), np.int64)


def scan(
    data: NDArray[np.uint8],
    ends: NDArray[np.int64],
    rows: NDArray[np.int64],
    layout: Layout,
    amounts: int,
    numbers: NDArray[np.int64] = NO_NUMBERS,
) -> NDArray[np.int64]:
    """Read these rows; row r of the data ends where ``ends[r]`` says.

    ``numbers`` are the amounts that are worked on, see values.work_on.
    """
    found = found_for(len(rows), amounts)
    _scan(data, ends, rows, *layout, np.zeros(_DEEPEST, np.int64), found)
    if len(numbers):
        work_on(found, numbers, np.zeros(MOST_BYTES, np.uint8))
    return found


@compiled
def _scan(
    data: Any,
    ends: Any,
    rows: Any,
    texts: Any,
    nodes: Any,
    members: Any,
    slots: Any,
    path: Any,
    found: Any,
) -> None:
    for place in range(len(rows)):
        row = rows[place]
        start = ends[row - 1] if row else 0
        good = _scan_one(data, start, ends[row], texts, nodes, members, slots, path, found, place)
        found[place, GOOD] = good


@compiled
def _scan_one(
    data: Any,
    start: int,
    end: int,
    texts: Any,
    nodes: Any,
    members: Any,
    slots: Any,
    path: Any,
    found: Any,
    place: int,
) -> Any:
    """Read one record; return whether it was plain. ``path`` are the nodes that it is in."""
    depth = 0
    met_nodes, met_slots, filled = U(1), U(0), U(0)
    at = space_end(data, start, end)
    if at >= end or data[U(at)] != OPEN:
        return False
    at = space_end(data, at + 1, end)
    while True:
        # A name stands here, or nothing good.
        if at >= end or data[U(at)] != QUOTE:
            return False
        name = at + 1
        at, plain = text_end(data, name, end)
        if at == NO or not plain:
            return False
        node = U(path[U(depth)])
        first, last = nodes[node, 0], nodes[node, 1]
        member = _member(data, name, at - 1, end, first, last, members, texts)
        at = colon_end(data, at, end)
        if at == NO or at >= end:
            return False
        if member == NO:
            at = value_end(data, at, end)
        elif members[U(member), SLOT] >= 0:
            slot = U(members[U(member), SLOT])
            bit = U(1) << slot
            if met_slots & bit:
                return False
            at, there = take(data, at, end, texts, slots, slot, found, place)
            # A null is as good as nothing, but for a second one.
            met_slots |= bit
            if there:
                filled |= bit
        else:
            below = -1 - members[U(member), SLOT]
            bit = U(1) << U(below)
            if met_nodes & bit or data[U(at)] != OPEN or depth + 1 >= _DEEPEST:
                return False
            met_nodes |= bit
            depth += 1
            path[U(depth)] = below
            at = space_end(data, at + 1, end)
            if at >= end or data[U(at)] != CLOSE:
                continue
        if at == NO:
            return False
        # A value has ended; so may have what holds it.
        while True:
            at = space_end(data, at, end)
            if at >= end:
                return False
            byte = data[U(at)]
            at = space_end(data, at + 1, end)
            if byte == COMMA:
                break
            if byte != CLOSE:
                return False
            if depth == 0:
                return at == end and _has_all(filled, slots, found, place)
            depth -= 1


@inlined
def _has_all(filled: Any, slots: Any, found: Any, place: int) -> Any:
    """Whether what is needed is there, and nothing that stands instead of what is not."""
    if filled == (U(1) << U(len(slots))) - U(1):
        return True
    for slot in range(len(slots)):
        if filled & U(1) << U(slot):
            instead = slots[U(slot), INSTEAD]
            if instead >= 0 and not filled & U(1) << U(instead):
                return False
        else:
            if slots[U(slot), NEEDED]:
                return False
            found[place, LACKS] |= slots[U(slot), REQUIRED]
    return True


@inlined
def _member(
    data: Any, start: int, end: int, limit: int, first: int, last: int, members: Any, texts: Any
) -> Any:
    """Return which of the members has this name, NO if none; the record ends at ``limit``."""
    size = end - start
    word = np.int64(first8(data, start, end, limit))
    for number in range(first, last):
        member = U(number)
        name = members[member, NAME_START]
        if (
            members[member, NAME_WORD] == word
            and members[member, NAME_END] - name == size
            and (size <= 8 or same(data, start, texts, name, size))
        ):
            return number
    return NO
