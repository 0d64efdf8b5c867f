"""A drill and then, with each guard off, a short one that has to see it: do all hold together?"""

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.table import Table

from paceline.trial.run import Result

SEEN_WITH = {"kills": 3, "events": 24_000, "rate": 1_000, "seed": 3}
"""What shows every guard's fault."""


@dataclass(frozen=True, slots=True)
class Run:
    """A drill of a series; without a ``result`` it could not be carried out, as ``failed`` says."""

    broken: str | None
    result: Result | None
    failed: str = ""

    @property
    def passed(self) -> bool:
        """Whether nothing is lost or doubled, or with a guard off: whether something is."""
        if self.result is None:
            return False
        wrong = self.result.lost + self.result.doubled
        return wrong > 0 if self.broken else wrong == 0

    @property
    def verdict(self) -> str:
        """It in a word or two."""
        if self.result is None:
            return "NOT RUN"
        if self.broken:
            return "seen" if self.passed else "NOT SEEN"
        return "passed" if self.passed else "LOST OR DOUBLED"


def exit_code(runs: Sequence[Run]) -> int:
    """Return 0 if all passed, 2 if one could not be carried out, else 1."""
    if any(run.result is None for run in runs):
        return 2
    return 0 if all(run.passed for run in runs) else 1


def table(runs: Sequence[Run]) -> Table:
    """Return a row for each drill."""
    heads = "guards", "kills", "lost", "doubled", "back s", "took s", "verdict"
    shown = Table(*heads, box=box.SIMPLE)
    for run in runs:
        name = f"without {run.broken}" if run.broken else "all"
        shown.add_row(name, *_figures(run.result), run.verdict)
    return shown


def _figures(found: Result | None) -> list[str]:
    if found is None:
        return ["-"] * 5
    counted = found.kills, found.lost, found.doubled
    return [f"{each:,}" for each in (*counted, found.max_recovery_s, found.seconds)]
