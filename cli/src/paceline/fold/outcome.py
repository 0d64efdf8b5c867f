"""What one run of one peer came to."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class Outcome:
    """One run. ``wrong`` says in words where it is not the truth; ``skipped`` why it did not run.

    ``seconds`` is wall time; ``cpu`` are seconds of processor time by process.
    """

    peer: str
    events: int = 0
    seconds: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    skipped: str = ""

    @property
    def counts(self) -> bool:
        """Whether the figure may be used."""
        return not self.wrong and not self.skipped

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds if self.seconds else 0.0

    def document(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return asdict(self) | {"events_per_second": round(self.rate)}
