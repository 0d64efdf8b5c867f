"""What a goal's policy may say, and the document that a tenant keeps one in."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from event_contracts.goals import Policy
from service_kit.errors import UserError

AUTO = "auto"
RED_AFTER = {"day": 3, "week": 2, "month": 1, "running": 2}
"""How many low spans of a grain in a row are red. Running totals are judged weekly, as weeks."""
GRAINS = tuple(RED_AFTER)
NON_WORKING = ("leave_out", "add_to_next")
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


class Rules(Policy, frozen=True, kw_only=True):
    """A policy as wanted, before it is settled for one goal.

    ``grain`` auto: the smallest span in which the goal's plan expects enough (domain.grains).
    ``red_after`` 0: as many spans as RED_AFTER has for the grain.
    """

    grain: str = AUTO
    red_after: int = 0

    def settled(self, grain: str) -> Policy:
        """Return the policy that a goal of this grain is judged by."""
        wanted = msgspec.structs.asdict(self)
        red_after = self.red_after or RED_AFTER[grain]
        return Policy(**wanted | {"grain": grain, "red_after": red_after})


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """One version of a named policy of a tenant: what it says, why, and who said so when."""

    tenant: str
    name: str
    version: int
    rules: Rules
    reason: str
    actor: str
    changed_ms: int


def check_policy(policy: Policy) -> None:
    """Raise UserError for a value that no judge can follow."""
    _one_of("grain", policy.grain, (AUTO, *GRAINS))
    _one_of("non_working", policy.non_working, NON_WORKING)
    for name, low, high in BOUNDS:
        _within(name, getattr(policy, name), low, high)
    if policy.green < policy.low:
        raise UserError(
            "policy-bands",
            "policy.green",
            f"green begins at {policy.green}, below low at {policy.low}; raise green or lower low",
            f"green 起点 {policy.green} 低于 low {policy.low}；请提高 green 或降低 low",
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
