"""The loops between events and cells: what each event adds, and to which cell."""

from typing import Any

from service_kit.compiled import compiled

ONE = -1
"""Instead of the number of an amount: what is added is 1."""


@compiled
def expand(
    codes: Any, minutes: Any, first_add: Any, targets: Any, which: Any, amounts: Any, added: Any
) -> Any:
    """Write target, minute, mantissa and places of all that the events add; return how many.

    An event adds nothing where its amount is not there.
    """
    count = 0
    for row in range(len(codes)):
        for place in range(first_add[codes[row]], first_add[codes[row] + 1]):
            mantissa, places = 1, 0
            if which[place] != ONE:
                mantissa = amounts[row, 2 * which[place]]
                places = amounts[row, 2 * which[place] + 1]
                if places < 0:
                    continue
            added[0, count], added[1, count] = targets[place], minutes[row]
            added[2, count], added[3, count] = mantissa, places
            count += 1
    return count


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
