"""The loops between events and cells: what each event adds, and to which cell."""

from typing import Any

from service_kit.compiled import compiled, inlined

ONE = -1
"""Instead of the number of an amount: what is added is 1."""

NOTHING = -2
"""Instead of the number of an amount: nothing is added."""


@compiled
def expand(
    codes: Any,
    minutes: Any,
    first_add: Any,
    targets: Any,
    above: Any,
    below: Any,
    amounts: Any,
    added: Any,
) -> Any:
    """Write what the events add: target, minute, mantissa and places; return how many.

    Behind them stand mantissa and places of what is added below: to the denominator, or to the
    sketch (bulk.sketches). An event that has neither of its two amounts adds nothing; one that has
    one of them adds 0 to the other side.
    """
    count = 0
    for row in range(len(codes)):
        for place in range(first_add[codes[row]], first_add[codes[row] + 1]):
            mantissa, places = _amount(amounts, row, above[place])
            mantissa_below, places_below = _amount(amounts, row, below[place])
            if places < 0 and places_below < 0:
                continue
            added[0, count], added[1, count] = targets[place], minutes[row]
            added[2, count], added[3, count] = mantissa, max(places, 0)
            added[4, count], added[5, count] = mantissa_below, max(places_below, 0)
            count += 1
    return count


@inlined
def _amount(amounts: Any, row: int, which: int) -> Any:
    """Return mantissa and places of an amount; without one 0 and negative places."""
    if which == ONE:
        return 1, 0
    if which == NOTHING or amounts[row, 2 * which + 1] < 0:
        return 0, -1
    return amounts[row, 2 * which], amounts[row, 2 * which + 1]


@compiled
def number_targets(
    target: Any, metric: Any, number: Any, dims: Any, table: Any, table_end: Any
) -> None:
    """Number each metric's targets from 0 on, in the order in which they come.

    ``table`` lists them; ``table_end`` says for each row where the list ends behind it.
    """
    listed = 0
    first = 0
    for row in range(len(target)):
        if row and metric[row] != metric[row - 1]:
            first = listed
        if number[target[row]] < 0:
            number[target[row]] = listed - first
            table[listed] = target[row]
            listed += 1
        dims[row] = number[target[row]]
        table_end[row] = listed
