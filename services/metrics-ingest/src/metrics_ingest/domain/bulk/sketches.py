"""Sketches of the bulk fold: what a metric notes in each of its cells, in the events' order.

Each item is noted on its own, by the same sketches as one by one; what is saved is the reading.
"""

import numpy as np
from numpy.typing import NDArray

from metrics_ingest.domain.definitions import MetricKind
from metrics_ingest.domain.scan.groups import Numbers
from service_kit.sketches import Distinct, Ranks, Sketch


def sketches_of(
    kind: MetricKind, cells: Numbers, left: Numbers, right: Numbers, data: NDArray[np.uint8]
) -> dict[int, Sketch]:
    """Return the sketches of the cells that items are noted in.

    Of a unique count an item is a text, from ``left`` to ``right`` in ``data``; else a number,
    left / 10 ** right: of whole numbers below 2 ** 53 the quotient is the double that is nearest.
    """
    rows = zip(cells.tolist(), left.tolist(), right.tolist(), strict=True)
    if kind is MetricKind.UNIQUE:
        text = data.tobytes()
        texts: dict[int, Distinct] = {}
        for cell, start, end in rows:
            if cell not in texts:
                texts[cell] = Distinct()
            texts[cell].add(text[start:end].decode())
        return dict(texts)
    numbers: dict[int, Ranks] = {}
    for cell, mantissa, places in rows:
        if cell not in numbers:
            numbers[cell] = Ranks()
        numbers[cell].add(mantissa / 10**places)
    return dict(numbers)
