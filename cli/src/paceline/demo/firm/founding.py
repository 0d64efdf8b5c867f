"""Founding the organisation on an empty system: people, sources, metrics, goals, praise."""

from pathlib import Path
from typing import Any

from paceline.demo.firm import people
from paceline.demo.firm.aims import METRICS, START
from paceline.demo.firm.plot import PRAISE_AT, Plot
from paceline.demo.firm.streams import (
    ADS,
    BY_HAND,
    CRM,
    DEAL,
    LEAD,
    PARTNER,
    REFERRAL,
    TYPED,
    WEB,
    ZONE_NAME,
)
from paceline.trial.api import Api
from paceline.trial.system import until

KNOWN_WITHIN = 60.0
CSV = "people.csv"
RULE = "articles-100"
# The fields of each source's events: (kind, required).
NUMBER, WORD, NEEDED = ("decimal", True), ("string", False), ("string", True)
FIELDS = {
    CRM: {
        "count": ("decimal", False),
        "amount": ("decimal", False),
        **dict.fromkeys(("channel", "person", "kind", "campaign"), WORD),
    },
    ADS: {"impressions": NUMBER, "clicks": NUMBER, "cost": NUMBER, "channel": NEEDED},
    WEB: {"count": NUMBER},
    PARTNER: {"leads": NUMBER},
    # As the console declares numbers kept by hand, so that people can type them there.
    BY_HAND: {
        **dict.fromkeys(("metric", "day", "author"), NEEDED),
        **dict.fromkeys(("amount", "said"), NUMBER),
        "revision": ("integer", True),
        **dict.fromkeys(("evidence", "channel", "campaign", "team", "product", "region"), WORD),
    },
}
RECORDS = {CRM: [LEAD, DEAL], PARTNER: [REFERRAL], BY_HAND: [TYPED]}


async def found(api: Api, plot: Plot, folder: Path) -> None:
    """Make all that stands before the first event; the directory's CSV stays in ``folder``."""
    settings = {"name": people.NAME, "ceo_channel": people.CEO_CHANNEL}
    await api.call("PUT", "goal-service", "/v1/organisation", settings)
    directory = people.directory()
    (folder / CSV).write_bytes(directory)
    await api.call("POST", "goal-service", "/v1/people/import", directory)
    for name in FIELDS:
        await api.call("POST", "metrics-ingest", "/v1/sources", source(name))
    for metric in METRICS:
        await api.call("POST", "metrics-ingest", "/v1/metrics", metric.document())

    async def known() -> bool:
        names = {m["name"] for m in await api.all("goal-service", "/v1/metrics")}
        return names >= {metric.name for metric in METRICS}

    await until(known, KNOWN_WITHIN, "goal-service knows the metrics")
    for aim in plot.aims:
        await api.call("POST", "goal-service", "/v1/goals", aim.document())
    await api.rule(rule())


def source(name: str) -> dict[str, Any]:
    """Return a source with its mapping, as metrics-ingest takes it."""
    fields = {
        field: {"paths": [f"data.{field}"], "kind": kind, "required": required}
        for field, (kind, required) in FIELDS[name].items()
    }
    door = {"id": ["id"], "type": ["type"], "time": ["time"], "fields": fields}
    records = RECORDS.get(name, [])
    return {"name": name, "zone": ZONE_NAME, "records": records, "doors": {"http": door}}


def rule() -> dict[str, Any]:
    """Return the rule: who brings 100 leads in a day by articles is praised."""
    return {
        "id": RULE,
        "name": "An article passes 100 leads 一篇文章带来 100 条线索",
        "metric": "article_leads",
        "dim": "person",
        "dim_is": "person",
        "threshold": PRAISE_AT,
        "window": "day",
        "zone": ZONE_NAME,
        "start": str(START),
    }
