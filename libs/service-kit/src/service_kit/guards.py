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


@dataclass(frozen=True, slots=True)
class Faults:
    """What the drill does to a process from within; everything is 0 but there.

    ``relay_hold`` seconds pass between sending rows and moving the cursor; the
    ``fail_after_take``-th batch that a loop takes raises before it is applied; with every
    ``stop_after_take``-th batch in hand the process stops itself (SIGSTOP) until it is told to go
    on. PACELINE_STOP_AFTER_TAKE names the service, too: ``goal-service:40``.
    """

    relay_hold: float = 0.0
    fail_after_take: int = 0
    stop_after_take: int = 0

    @classmethod
    def from_environment(cls) -> "Faults":
        """Read PACELINE_RELAY_HOLD_SECONDS, PACELINE_FAIL_AFTER_TAKE, PACELINE_STOP_AFTER_TAKE."""
        name, _, batches = os.environ.get("PACELINE_STOP_AFTER_TAKE", "").partition(":")
        meant = name and os.environ.get("PACELINE_INSTANCE", "").startswith(name)
        return cls(
            float(os.environ.get("PACELINE_RELAY_HOLD_SECONDS", "0")),
            int(os.environ.get("PACELINE_FAIL_AFTER_TAKE", "0")),
            int(batches) if meant else 0,
        )
