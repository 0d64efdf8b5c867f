"""Which faults a seed brings: a rate for each kind, for every await outside of a process."""

import random
from dataclasses import dataclass, fields, replace
from enum import Enum, auto


class Kind(Enum):
    """What may happen at one await."""

    CRASH = auto()
    FREEZE = auto()
    LOST_CALL = auto()
    LOST_ANSWER = auto()


@dataclass(frozen=True, slots=True)
class Faults:
    """Rates per await; ``commit`` is that of a lost commit (done or not). None after ``until``."""

    crash: float = 0.002
    freeze: float = 0.001
    lost_call: float = 0.001
    lost_answer: float = 0.001
    commit: float = 0.03
    redelivery: float = 0.01
    rebalances: float = 2.0
    slow: float = 0.02
    until: float = 18.0

    def some(self, chance: random.Random) -> "Faults":
        """Return only some of the kinds, some of them stronger: seeds differ in character."""
        kinds = [field.name for field in fields(self) if field.name not in ("until", "slow")]
        factors = {kind: chance.choice((0.0, 1.0, 1.0, 3.0)) for kind in kinds}
        changed = {kind: getattr(self, kind) * factor for kind, factor in factors.items()}
        return replace(self, **changed, slow=chance.choice((0.002, 0.05, 0.3)))

    def roll(self, chance: random.Random, what: str) -> Kind | None:
        """Decide what happens at an await; ``what`` names it."""
        drawn = chance.random()
        if what == "commit:" and chance.random() < self.commit:
            return chance.choice((Kind.LOST_CALL, Kind.LOST_ANSWER))
        for kind, rate in (
            (Kind.CRASH, self.crash),
            (Kind.FREEZE, self.freeze),
            (Kind.LOST_CALL, self.lost_call),
            (Kind.LOST_ANSWER, self.lost_answer),
        ):
            if drawn < rate:
                return kind
            drawn -= rate
        return None


NO_FAULTS = Faults(0, 0, 0, 0, 0, 0, 0)
