"""One thing that `paceline doctor` looked at."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at and how it is. ``do`` is empty when all is well.

    ``command`` does it, where one line of a shell can.
    """

    what: str
    state: str
    do: str = ""
    command: str = ""

    @property
    def well(self) -> bool:
        """Whether nothing has to be done."""
        return not self.do
