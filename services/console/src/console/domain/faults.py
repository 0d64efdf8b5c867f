"""What is wrong with something that a person typed or loaded: where, what, and what is right."""

from collections.abc import Sequence
from typing import NamedTuple


class Fault(NamedTuple):
    """One fault. ``line`` counts the file's lines from 1; 0 means that there is no file."""

    where: str
    en: str
    zh: str
    line: int = 0

    def text(self, language: str) -> str:
        """Return the sentence in the language."""
        return self.zh if language == "zh" else self.en


class Faults(Exception):
    """Everything that is wrong; nothing of it was taken."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(fault.en for fault in faults))
        self.faults = tuple(faults)
