"""What the drill declares: three sources, their metrics, the goals and a praise rule."""

from typing import Any

from paceline.trial import clicks, visits
from paceline.trial.api import Api
from paceline.trial.events import DRILL, SITE, WEB
from paceline.trial.journal import CLICKS, MEMBERS
from paceline.trial.states import CELL, CONTRIBUTIONS, DEAL, LOST, ORDER, ROW
from paceline.trial.system import until
from paceline.trial.world import COMPANY, PRAISE_AT, START, World

_METRICS: tuple[dict[str, Any], ...] = (
    {
        "name": "revenue",
        "source": DRILL,
        "value": "amount",
        "where": [{"field": "stage", "op": "ne", "value": LOST}],
        "unit": "EUR",
        "currency": "EUR",
    },
    {"name": "click_value", "source": WEB, "value": "amount"},
    {
        "name": "price_views",
        "source": WEB,
        "where": [{"field": "page", "op": "eq", "value": clicks.PRICE}],
    },
    {
        "name": "members",
        "source": SITE,
        "kind": "unit-threshold",
        "types": [visits.VISIT],
        "value": "amount",
        "of": "subject",
        "threshold": visits.THRESHOLD,
    },
    {
        "name": "won",
        "source": SITE,
        "kind": "conversion",
        "types": [visits.LEAD],
        "over": {"types": [visits.SIGNED]},
        "of": "subject",
        "window_days": visits.WINDOW.days,
        "by": "cohort",
    },
)
METRICS = tuple(str(metric["name"]) for metric in _METRICS)
_METRIC_OF = {CLICKS: "click_value", MEMBERS: "members"}


async def declare(api: Api, world: World) -> None:
    """Make the drill's sources, metrics, goals and praise rule."""
    for source in _sources():
        await api.call("POST", "metrics-ingest", "/v1/sources", source)
    for metric in _METRICS:
        await api.call(
            "POST",
            "metrics-ingest",
            "/v1/metrics",
            {"kind": "additive", "dims": ["region"]} | metric,
        )

    async def known() -> bool:
        listed = await api.all("goal-service", "/v1/metrics")
        return set(METRICS) <= {metric["name"] for metric in listed}

    await until(known, 60, "goal-service knows the metrics")
    for name, wanted in world.goals().items():
        await api.call("POST", "goal-service", "/v1/goals", _goal(name, wanted))
    rule = {
        "name": "a good day",
        "metric": "revenue",
        "dim": "region",
        "threshold": PRAISE_AT,
        "window": "day",
        "zone": "UTC",
        "start": START.isoformat(),
    }
    await api.rule(rule)


def _sources() -> list[dict[str, Any]]:
    orders = _optional("string", "subject", "cell", "stage")
    orders |= _optional("integer", "as_of", "part", "parts")
    return [
        _source(DRILL, orders)
        | {"records": [ORDER, CELL, ROW, DEAL], "contributions": CONTRIBUTIONS},
        _source(WEB, _optional("string", "page")),
        _source(SITE, _optional("string", "subject")),
    ]


def _source(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    needed = {
        "amount": {"paths": ["data.amount"], "kind": "decimal", "required": True},
        "region": {"paths": ["data.region"], "kind": "string", "required": True},
    }
    mapping = {"id": ["id"], "type": ["type"], "time": ["time"], "fields": needed | fields}
    return {"name": name, "zone": "UTC", "doors": {"http": mapping}}


def _optional(kind: str, *names: str) -> dict[str, Any]:
    return {name: {"paths": [f"data.{name}"], "kind": kind} for name in names}


def _goal(name: str, wanted: Any) -> dict[str, Any]:
    return {
        "id": name,
        "name": name,
        "metric": _METRIC_OF.get(name, "revenue"),
        "where": [] if name in COMPANY else [{"dim": "region", "any_of": [name]}],
        "start": wanted.start.isoformat(),
        "end": wanted.end.isoformat(),
        "zone": "UTC",
        "plan": {"daily": wanted.daily},
        "target": wanted.target,
        "floor": wanted.floor,
        "stretch": wanted.stretch,
        "policy": {"grain": "day", "source_always_alive": True, "restate_share": None},
    }
