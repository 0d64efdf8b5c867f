"""What a consumer of columns hands over."""

from typing import NamedTuple

from service_kit.records import Texts

# Messages taken at once: few enough to stay in the processor's cache. One costs half as much there,
# and what it was made of is used again for the next one.
PIECE = 1000


class Columns(NamedTuple):
    """Records of one partition without a hole between their offsets; b"" where there is none.

    ``topic`` is the topic's name on the broker.
    """

    topic: str
    partition: int
    start: int
    keys: Texts
    values: Texts
