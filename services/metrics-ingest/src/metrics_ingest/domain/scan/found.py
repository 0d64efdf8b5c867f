"""The columns of what is found in records, a row for each record."""

import numpy as np
from numpy.typing import NDArray

ABSENT = -1
"""The places of an amount that is not there."""

# Whether it was plain; when it was accepted; its time, ODD where that has to be read elsewhere, and
# where it is written; the two words of its shape; parts of the content's stamp (layout.Slot);
# whether a required field is not there. Behind them, for each amount, mantissa and places:
# mantissa / 10 ** places, ABSENT places without one; of a text where it begins and ends.
(
    GOOD,
    RECEIVED_MS,
    AT_MS,
    TIME_START,
    TIME_END,
    SHAPE,
    OTHER_SHAPE,
    STAMPED,
    ALWAYS_STAMPED,
    LACKS,
) = range(10)
AMOUNTS = 10


def found_for(rows: int, amounts: int) -> NDArray[np.int64]:
    """Return room for what is found in so many records."""
    found = np.zeros((rows, AMOUNTS + 2 * amounts), np.int64)
    found[:, AMOUNTS + 1 :: 2] = ABSENT
    return found
