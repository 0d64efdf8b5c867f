"""The value of one local day of a goal, counted up by a version at each change."""

from dataclasses import dataclass
from decimal import Decimal

from goal_service.domain.amounts import ZERO, Sum, add


@dataclass(frozen=True, slots=True)
class DayValue:
    """What a goal's day has come to; ``version`` 0 means that it was never written."""

    value: Decimal = ZERO
    count: int = 0
    version: int = 0
    as_of_ms: int = 0
    goal_version: int = 0

    def plus(self, part: Sum, goal_version: int, as_of_ms: int) -> "DayValue":
        """Return the day after facts were added."""
        return DayValue(
            value=add(self.value, part.value),
            count=self.count + part.events,
            version=self.version + 1,
            as_of_ms=max(self.as_of_ms, as_of_ms),
            goal_version=goal_version,
        )

    def replaced(self, whole: Sum, goal_version: int, as_of_ms: int) -> "DayValue":
        """Return the day after a back-fill: the whole value, not a part."""
        return DayValue(
            value=whole.value,
            count=whole.events,
            version=self.version + 1,
            as_of_ms=max(self.as_of_ms, as_of_ms),
            goal_version=goal_version,
        )
