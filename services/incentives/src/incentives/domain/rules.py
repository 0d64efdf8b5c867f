"""Praise rules: what they say, how they change, and which ones are refused with what remedy."""

import re
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final

from incentives.domain.days import is_zone
from service_kit.errors import UserError

DAY: Final = "day"
PERSON: Final = "person"
TEAM: Final = "team"
OTHER: Final = "other"
DIMENSIONS: Final = (PERSON, TEAM, OTHER)
MAX_TEXT = 200
MOST_RULES = 100  # on one metric: each of its cells is looked at for every one of them
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LIMIT = Decimal(10) ** 30
_DIGITS = 34  # what the store keeps exactly


@dataclass(frozen=True, slots=True)
class Rule:
    """Praise one value of ``dim`` whose sum of ``metric`` in one local day reaches ``threshold``.

    Days are those of ``zone``; days before ``start`` do not count. ``version`` counts changes
    from 1. A ``stopped`` rule praises nothing any more, and its id stays taken. ``dim_is`` says
    whose deeds the values of ``dim`` are: a person's, a team's, or nobody's in particular.
    """

    tenant: str
    id: str
    version: int
    name: str
    metric: str
    dim: str
    threshold: Decimal
    zone: str
    start: date
    stopped: bool = False
    dim_is: str = OTHER

    def changed(self, name: str | None, threshold: Decimal | None) -> "Rule":
        """Return the next version. Metric, dimension and whose, zone and start cannot change.

        Raises UserError; a version that says the same is the same version.
        """
        wanted = replace(
            self,
            name=self.name if name is None else name,
            threshold=self.threshold if threshold is None else threshold,
        )
        check(wanted)
        return self if wanted == self else replace(wanted, version=self.version + 1)

    def stop(self) -> "Rule":
        """Return the version that stops the rule; a stopped one is returned as it is."""
        return self if self.stopped else replace(self, version=self.version + 1, stopped=True)


def check(rule: Rule) -> None:
    """Raise UserError, with what would be right, unless the rule can be kept."""
    if not _ID.fullmatch(rule.id):
        raise UserError(
            "rule-id",
            "$.id",
            "an id is 1 to 64 letters, digits, dots, dashes or underscores, e.g. country-10k",
            "id 须为 1 到 64 个字母、数字、点、短横线或下划线，例如 country-10k",
        )
    for where, text in (("name", rule.name), ("metric", rule.metric), ("dim", rule.dim)):
        if not text.strip() or len(text) > MAX_TEXT:
            raise UserError(
                "rule-text",
                f"$.{where}",
                f"{where} needs 1 to {MAX_TEXT} characters",
                f"{where} 须为 1 到 {MAX_TEXT} 个字符",
            )
    if not _is_amount(rule.threshold):
        raise UserError(
            "rule-threshold",
            "$.threshold",
            "a praise rule needs a threshold above 0 and below 10^30, with at most 34 digits; "
            "there are no fines here",
            "表扬规则的门槛须大于 0 且小于 10^30，最多 34 位有效数字；这里没有罚款",
        )
    if not is_zone(rule.zone):
        raise UserError(
            "zone-unknown",
            "$.zone",
            f"{rule.zone!r} is no time zone; use a name like Europe/London or Asia/Shanghai",
            f"{rule.zone!r} 不是有效时区；请使用如 Asia/Shanghai 或 Europe/London 的名称",
        )


def _is_amount(amount: Decimal) -> bool:
    if not amount.is_finite() or not 0 < amount < _LIMIT:
        return False
    return len(amount.as_tuple().digits) <= _DIGITS and amount.adjusted() > -_DIGITS


def unknown(rule_id: str) -> UserError:
    """Return the refusal of an id that no rule has."""
    return UserError(
        "rule-unknown",
        "path.id",
        f"there is no rule {rule_id}; GET /v1/rules lists them",
        f"没有规则 {rule_id}；可用 GET /v1/rules 查看全部",
        status=404,
    )


def taken(rule_id: str) -> UserError:
    """Return the refusal of an id that a rule, perhaps a stopped one, already has."""
    return UserError(
        "rule-exists",
        "$.id",
        f"the id {rule_id} is taken; choose another, or change that rule with PUT",
        f"id {rule_id} 已被占用；请另选一个，或用 PUT 修改该规则",
        status=409,
    )


def check_number(running: int, metric: str) -> None:
    """Raise UserError when as many rules run on the metric as may."""
    if running >= MOST_RULES:
        raise UserError(
            "rules-many",
            "$.metric",
            f"{running} rules run on {metric}, at most {MOST_RULES} may; stop some first",
            f"指标 {metric} 上已有 {running} 条规则，最多 {MOST_RULES} 条；请先停用一些",
        )


def ended(rule_id: str) -> UserError:
    """Return the refusal to change a stopped rule."""
    return UserError(
        "rule-stopped",
        "path.id",
        f"the rule {rule_id} is stopped; make a new one with another id",
        f"规则 {rule_id} 已停止；请用新的 id 新建规则",
        status=409,
    )
