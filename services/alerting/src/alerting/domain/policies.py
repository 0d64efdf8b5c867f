"""A policy to be tried: what it may say, and what it is for a goal.

The bounds are those of goal-service (goal_service.domain.policies), which alone takes policies in:
services never import each other, and what can be tried should be what can be set.
"""

from decimal import Decimal
from typing import Any

import msgspec

from event_contracts.goals import Policy
from service_kit.errors import UserError

RED_AFTER = {"day": 3, "week": 2, "month": 1, "running": 2}
# Field, lowest, highest; both ends are allowed.
BOUNDS: tuple[tuple[str, Decimal, Decimal], ...] = (
    ("low", Decimal("0.01"), Decimal("1")),
    ("green", Decimal("0.01"), Decimal("10")),
    ("to_date_from", Decimal(0), Decimal(1)),
    ("ratio_days", Decimal(1), Decimal(92)),
    ("ratio_least", Decimal(0), Decimal(1_000_000)),
    ("level_from", Decimal(0), Decimal(1)),
    ("red_after", Decimal(0), Decimal(31)),
    ("freshness_minutes", Decimal(0), Decimal(10_080)),
    ("restate_share", Decimal("0.0001"), Decimal("10")),
    ("incomplete_after_hours", Decimal(1), Decimal(744)),
    ("settle_days", Decimal(0), Decimal(30)),
    ("working_day_ends", Decimal(1), Decimal(24)),
)


class Wish(Policy, frozen=True, kw_only=True):
    """A policy as wanted. ``grain`` left out: the goal's own; ``red_after`` 0: as the grain has."""

    grain: str | None = None  # type: ignore[assignment]  # wider
    red_after: int = 0

    def settled(self, own: str) -> Policy:
        """Return the policy for a goal of this grain."""
        grain = self.grain or own
        red_after = self.red_after or RED_AFTER[grain]
        return Policy(**msgspec.structs.asdict(self) | {"grain": grain, "red_after": red_after})


def check_wish(wish: Wish) -> None:
    """Raise UserError for a value that no judge can follow."""
    if wish.grain is not None:
        _one_of("grain", wish.grain, tuple(RED_AFTER))
    _one_of("non_working", wish.non_working, ("leave_out", "add_to_next"))
    for name, low, high in BOUNDS:
        _within(name, getattr(wish, name), low, high)
    if wish.green < wish.low:
        raise UserError(
            "policy-bands",
            "policy.green",
            f"green begins at {wish.green}, below low at {wish.low}; raise green or lower low",
            f"green 起点 {wish.green} 低于 low {wish.low}；请提高 green 或降低 low",
        )


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UserError(
            "policy-value",
            f"policy.{name}",
            f"{value!r} is not known; use {' or '.join(allowed)}",
            f"无法识别 {value!r}；请使用 {' 或 '.join(allowed)}",
        )


def _within(name: str, value: Any, low: Decimal, high: Decimal) -> None:
    # None switches a rule off where the contract allows it (restate_share).
    if value is None or (Decimal(value).is_finite() and low <= value <= high):
        return
    raise UserError(
        "policy-value",
        f"policy.{name}",
        f"{value} is out of range; use {low} to {high}",
        f"{value} 超出范围；请使用 {low} 到 {high}",
    )
