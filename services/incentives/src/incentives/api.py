"""The HTTP door: rules and awards."""

import asyncio
import base64
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Depends, FastAPI, Query, Request, Response

from incentives.adapters import awards
from incentives.adapters.rules import MongoRuleDesk, find_rule, list_rules
from incentives.domain import rules
from incentives.domain.addresses import POSTED
from incentives.domain.days import local_day
from incentives.domain.kinds import METRIC_UNKNOWN
from incentives.domain.rules import DAY, OTHER, Rule
from incentives.handlers import HANDLERS, ChangeRule, MakeRule, StopRule
from service_kit.errors import UserError
from service_kit.outbox import Outbox
from service_kit.runtime import Runtime
from service_kit.store import Document, Tx
from service_kit.web import Caller, answer, make_app, page, read_body, require

# A definition comes by a topic: who defines a metric and at once a rule on it need not wait.
KNOWN_WITHIN = 3.0
ASK_AGAIN = 0.1
LAST = 2**53  # no place has a higher number, and the store counts in 64 bits

Limit = Annotated[int, Query(ge=1, le=1000)]
Reader = Annotated[Caller, Depends(require("rules:read"))]
Writer = Annotated[Caller, Depends(require("rules:write"))]
RewardReader = Annotated[Caller, Depends(require("rewards:read"))]


class NewRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as it is asked for. Without ``id`` it gets one; without ``start`` it begins today."""

    name: str
    metric: str
    dim: str
    threshold: Decimal
    zone: str
    window: Literal["day"] = DAY
    id: str | None = None
    start: date | None = None
    dim_is: Literal["person", "team", "other"] = OTHER


class RuleChange(msgspec.Struct, frozen=True, kw_only=True):
    """What of a rule may change. What is summed may not: that is a new rule."""

    name: str | None = None
    threshold: Decimal | None = None


def make(runtime: Runtime) -> FastAPI:
    """Return the application."""
    app = make_app("incentives", runtime)
    door = Door(runtime)
    app.add_api_route("/v1/rules", door.make_rule, methods=["POST"], status_code=201)
    app.add_api_route("/v1/rules", door.list_rules, methods=["GET"])
    app.add_api_route("/v1/rules/{rule_id}", door.get_rule, methods=["GET"])
    app.add_api_route("/v1/rules/{rule_id}", door.change_rule, methods=["PUT"])
    app.add_api_route("/v1/rules/{rule_id}", door.stop_rule, methods=["DELETE"])
    app.add_api_route("/v1/awards", door.list_awards, methods=["GET"])
    return app


class Door:
    """The routes."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def make_rule(self, request: Request, caller: Writer) -> Response:
        """Make a praise rule: facts that arrive from now on count, from the day ``start`` on."""
        body = await read_body(request, NewRule)
        rule = Rule(
            tenant=caller.tenant,
            id=uuid.uuid4().hex if body.id is None else body.id,
            version=1,
            name=body.name,
            metric=body.metric,
            dim=body.dim,
            threshold=body.threshold,
            zone=body.zone,
            start=body.start or date.min,
            dim_is=body.dim_is,
        )
        rules.check(rule)
        if body.start is None:
            rule = replace(rule, start=self._today(rule.zone))
        return answer(shown(await self._made(MakeRule(rule, caller.actor))), 201)

    async def change_rule(self, request: Request, caller: Writer, rule_id: str) -> Response:
        """Make the rule's next version, with another name or threshold."""
        body = await read_body(request, RuleChange)
        command = ChangeRule(caller.tenant, rule_id, body.name, body.threshold, caller.actor)
        return answer(shown(await self._do(command)))

    async def stop_rule(self, caller: Writer, rule_id: str) -> Response:
        """Stop the rule; it stays readable, and its id stays taken."""
        return answer(shown(await self._do(StopRule(caller.tenant, rule_id, caller.actor))))

    async def get_rule(self, caller: Reader, rule_id: str) -> Response:
        """Return the rule's current version."""
        rule = await find_rule(self._runtime.store, caller.tenant, rule_id)
        if rule is None:
            raise rules.unknown(rule_id)
        return answer(shown(rule))

    async def list_rules(self, caller: Reader, after: str = "", limit: Limit = 100) -> Response:
        """List the rules by id, stopped ones too."""
        found = await list_rules(self._runtime.store, caller.tenant, after, limit + 1)
        more = found[limit - 1].id if len(found) > limit else None
        return page([shown(rule) for rule in found[:limit]], more)

    async def list_awards(
        self, caller: RewardReader, after: str = "", limit: Limit = 100, rule: str | None = None
    ) -> Response:
        """List the praises. ``next`` of the last page that had items continues the list later.

        Those that were not posted are seen by the person and by who may read all rewards.
        """
        cursor = _read_cursor(after)
        whose = None if caller.allows("rewards:read-all") else caller.person
        found = await awards.list_awards(
            self._runtime.store, caller.tenant, cursor, limit, rule, unposted_of=whose
        )
        token = _write_cursor(awards.moved(cursor, found)) if found else None
        return page([_award(document) for document in found], token)

    async def _made(self, command: MakeRule) -> Rule:
        """Make the rule; a metric that is not known yet is waited for."""
        until = time.monotonic() + KNOWN_WITHIN
        while True:
            try:
                return await self._do(command)
            except UserError as error:
                if error.code != METRIC_UNKNOWN or time.monotonic() > until:
                    raise
                await asyncio.sleep(ASK_AGAIN)

    async def _do(self, command: Any) -> Rule:
        async def body(tx: Tx, outbox: Outbox) -> Rule:
            desk = MongoRuleDesk(tx, self._runtime.clock.now_ms())
            rule: Rule = await HANDLERS[type(command)](command, desk)
            return rule

        return await self._runtime.api.run(body)

    def _today(self, zone: str) -> date:
        return local_day(zone, self._runtime.clock.now_ms() // 60_000)


def shown(rule: Rule) -> dict[str, Any]:
    """Return the rule as the API shows it."""
    return {
        "id": rule.id,
        "version": rule.version,
        "name": rule.name,
        "metric": rule.metric,
        "dim": rule.dim,
        "dim_is": rule.dim_is,
        "threshold": rule.threshold,
        "window": DAY,
        "zone": rule.zone,
        "start": rule.start,
        "stopped": rule.stopped,
    }


def _award(document: Document) -> dict[str, Any]:
    return {
        "id": document["_id"],
        "rule": document["rule"],
        "rule_version": document["rule_version"],
        "name": document["name"],
        "metric": document["metric"],
        "dim": document["dim"],
        "value": document["value"],
        "window_start": document["day"],
        "window_end": document["day"],
        "threshold": document["threshold"],
        "actual": document["actual"],
        "at": datetime.fromtimestamp(document["at_ms"] / 1000, UTC),
        "state": document.get("state", POSTED),
        "team": document.get("team", ""),
        "group": document.get("group", ""),
        "ceo_channel": document.get("ceo_channel", ""),
        "people": document.get("people", []),
    }


def _write_cursor(cursor: Mapping[int, int]) -> str:
    text = ",".join(f"{partition}:{n}" for partition, n in sorted(cursor.items()))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(token: str) -> dict[int, int]:
    if not token:
        return {}
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode("ascii")
        pairs = [pair.split(":") for pair in text.split(",")]
        cursor = {int(partition): int(n) for partition, n in pairs}
        if any(abs(n) > LAST for place in cursor.items() for n in place):
            raise ValueError("nothing has such a place")
        return cursor
    except ValueError:
        raise UserError(
            "cursor",
            "query.after",
            "this is no position of this list; use the value of `next` as it was given",
            "这不是本列表的位置；请原样使用返回的 next 值",
        ) from None
