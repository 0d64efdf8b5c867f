"""Which guards are on: all, except in the drill that proves that each one is needed.

``PACELINE_BREAK`` names the guards to switch off (``cas``, ``head``, ``exit``, ``lane``), comma
separated. The drill sets it to show that its harness sees the loss; nothing else ever should.
"""

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guards:
    """A guard that is False is not applied; results may be wrong then, and that is the point."""

    cas: bool = True
    head: bool = True
    exit: bool = True
    lane: bool = True

    @classmethod
    def from_environment(cls) -> "Guards":
        """Read PACELINE_BREAK; raises ValueError on a name that is no guard."""
        broken = [name for name in os.environ.get("PACELINE_BREAK", "").split(",") if name]
        unknown = set(broken) - set(cls.__slots__)
        if unknown:
            raise ValueError(f"PACELINE_BREAK: {sorted(unknown)} not in {list(cls.__slots__)}")
        return cls(**dict.fromkeys(broken, False))
