"""A source of reports and records, and what it tells."""

from typing import Any

import pytest

METRICS: list[dict[str, Any]] = [
    {"name": "spend", "types": ["cell"], "value": "spend", "dims": ["campaign"]},
    {"name": "daily_spend", "types": ["row"], "value": "spend", "dims": ["campaign"]},
    {
        "name": "won",
        "types": ["deal"],
        "value": "spend",
        "where": [{"field": "stage", "op": "eq", "value": "won"}],
    },
    {"name": "clicks", "types": ["click"], "dims": ["campaign"]},
]


class Ads:
    """A source of reports, orders and deals, and what it tells."""

    METRICS = METRICS

    @staticmethod
    def source(**more: Any) -> dict[str, Any]:
        """Return the source of reports, orders and deals; all times without a zone are London's."""
        text = ("account", "day", "campaign", "deal", "stage", "lead")
        numbers = ("as_of", "row", "rows")
        fields: dict[str, Any] = {name: {"paths": [f"data.{name}"]} for name in text}
        fields |= {name: {"paths": [f"data.{name}"], "kind": "integer"} for name in numbers}
        fields["spend"] = {"paths": ["data.spend"], "kind": "decimal"}
        door = {"id": ["id"], "type": ["type"], "time": ["data.at"], "fields": fields}
        return {
            "name": "ads",
            "zone": "Europe/London",
            "doors": {"http": door},
            "records": ["deal"],
            "restates_days": 28,
            "contributions": [
                {
                    "kind": "snapshot",
                    "types": ["cell"],
                    "key": ["day", "campaign"],
                    "as_of": "as_of",
                },
                {
                    "kind": "slice",
                    "types": ["row"],
                    "key": ["account", "day"],
                    "cell": ["campaign"],
                    "as_of": "as_of",
                    "part": "row",
                    "parts": "rows",
                    "grain": "day",
                },
                {"kind": "entity", "types": ["deal"], "key": ["deal"], "as_of": "as_of"},
            ],
        } | more

    @staticmethod
    def event(identity: str, type: str, **data: Any) -> dict[str, Any]:
        data.setdefault("at", "2011-05-06T13:07:00")
        return {"specversion": "1.0", "id": identity, "source": "/ads", "type": type, "data": data}

    @staticmethod
    def cell(identity: str, as_of: int, spend: Any, campaign: str = "c") -> dict[str, Any]:
        return Ads.event(identity, "cell", day="6", campaign=campaign, as_of=as_of, spend=spend)

    @staticmethod
    async def declare(stage: Any) -> None:
        await stage.done("POST", "/v1/sources", Ads.source())
        for metric in Ads.METRICS:
            await stage.done("POST", "/v1/metrics", metric | {"source": "ads", "unit": "GBP"})

    @staticmethod
    async def send(stage: Any, *events: dict[str, Any]) -> None:
        await stage.send(*events, source="ads")
        await stage.pump()
        await stage.settle()


@pytest.fixture
def ads() -> Ads:
    return Ads()
