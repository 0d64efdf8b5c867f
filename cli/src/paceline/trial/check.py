"""What a shop's replay must have come to: lights, totals, deeds, records and praise."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from paceline.trial import oracle, retail
from paceline.trial.oracle import Deed
from paceline.trial.replay import Shop, totals
from paceline.trial.retail import Invoice
from paceline.trial.system import until

Lights = Mapping[str, Mapping[date, str]]


async def check_shop(
    shop: Shop, days: Mapping[date, list[Invoice]], published: Lights
) -> list[str]:
    """Return the differences between what the services show and the truth; none is right."""
    events = [invoice for invoices in days.values() for invoice in invoices]
    differences = []
    if shop.variant.renamed:
        differences += await _before_mending(shop, events)
        await shop.mend()
    differences += await _totals(shop, events)
    differences += await _lights(shop, days, published)
    differences += await _records(shop, events)
    differences += await _awards(shop, events)
    if shop.variant.late:
        differences += await _restatements(shop, days)
    elif not shop.variant.renamed:
        differences += await _deeds(shop, days)
    return differences


async def _before_mending(shop: Shop, events: Sequence[Invoice]) -> list[str]:
    letters = await shop.api.all("metrics-ingest", "/v1/dead-letters", state="new")
    if len(letters) != shop.renamed:
        return [f"{len(letters)} dead letters before the mending, {shop.renamed} renamed"]
    missing = await shop.total("gross_revenue") != totals(events)["gross_revenue"]
    return [] if missing else ["nothing was missing before the mending"]


async def _totals(shop: Shop, events: Sequence[Invoice]) -> list[str]:
    expected = totals(events)
    found: dict[str, Decimal] = {}

    async def right() -> bool:
        found.update({goal: await shop.total(goal) for goal in expected})
        return found == expected

    try:
        await until(right, 60, "totals")
    except Exception:  # the difference is what is reported
        return [
            f"total {g}: {found.get(g)} instead of {expected[g]}"
            for g in expected
            if found.get(g) != expected[g]
        ]
    return []


async def _lights(shop: Shop, days: Mapping[date, list[Invoice]], published: Lights) -> list[str]:
    differences: list[str] = []

    async def compare() -> bool:
        differences.clear()
        for goal in retail.DAILY:
            found = await shop.lights(goal)
            expected = {d: c for d, c in published[goal].items() if d in days}
            differences.extend(
                f"{goal} {day}: {found.get(day)} instead of {expected.get(day)}"
                for day in sorted(found.keys() | expected.keys())
                if found.get(day) != expected.get(day)
            )
        return not differences

    try:
        await until(compare, 60, "lights")
    except Exception:  # the differences are what is reported
        return differences
    return []


async def _records(shop: Shop, events: Sequence[Invoice]) -> list[str]:
    rows: list[str] = []
    for day in {event.day for event in events}:  # by days: see compare.py
        bounds = {"from": str(day), "to": str(day)}
        found = await shop.api.all("metrics-ingest", "/v1/records", source="shop", **bounds)
        rows += [row["id"] for row in found]
    wanted = {event.id for event in events}
    stats = await shop.api.get("metrics-ingest", "/v1/sources/shop/stats")
    copies = len(events) if shop.variant.doors == "both" else 0
    differences = []
    if len(rows) != len(set(rows)) or set(rows) != wanted:
        differences.append(f"{len(rows)} records, {len(set(rows))} different, {len(wanted)} events")
    if stats["duplicates"] != copies:
        differences.append(f"{stats['duplicates']} duplicates counted instead of {copies}")
    if shop.hopeless:
        letters = await shop.api.all("metrics-ingest", "/v1/dead-letters", state="new")
        if len(letters) != shop.hopeless:
            differences.append(f"{len(letters)} dead letters instead of {shop.hopeless}")
    return differences


async def _awards(shop: Shop, events: Sequence[Invoice]) -> list[str]:
    sums: dict[tuple[str, date], Decimal] = {}
    for event in events:
        key = (event.country, event.day)
        sums[key] = sums.get(key, Decimal(0)) + event.amount("gross")
    expected = oracle.praised(sums, Decimal(10_000))
    rows = await shop.api.all("incentives", "/v1/awards")
    found = [(row["value"], date.fromisoformat(row["window_start"])) for row in rows]
    if sorted(found) == sorted(expected):
        return []
    return [
        f"awards: missing {expected - set(found)}, too many {set(found) - expected}, {len(found)}"
    ]


async def _deeds(shop: Shop, days: Mapping[date, list[Invoice]]) -> list[str]:
    """A goal whose events all came in time has exactly the deeds of its lights and total."""
    values = retail.values([i for invoices in days.values() for i in invoices])
    differences = []
    for goal in retail.DAILY:
        wanted, last = retail.wanted(goal), max(days)
        expected = oracle.first_deeds(wanted, values[goal], last)
        expected += oracle.first_headline_deeds(wanted, values[goal], last)
        rows = await shop.api.all("alerting", "/v1/goal-events", goal=goal)
        found = sorted(
            Deed(row["kind"], date.fromisoformat(row["span"]["start"]), _what(row)) for row in rows
        )
        if found != sorted(expected):
            missing, extra = set(expected) - set(found), set(found) - set(expected)
            differences.append(f"deeds of {goal}: missing {missing}, extra {extra}, {len(found)}")
    return differences


def _what(row: Mapping[str, str]) -> str:
    if row["kind"] == "goal.reached":
        return row["tier"]
    return row["light"] if row["kind"] == "light.changed" else ""


async def _restatements(shop: Shop, days: Mapping[date, list[Invoice]]) -> list[str]:
    """The spans restated are those whose light, judged without what came late, is another now."""
    differences = []
    for goal in retail.DAILY:
        wanted, history = retail.wanted(goal), _history(shop, days, goal)
        expected = oracle.restated(wanted, history)
        expected += oracle.restated(wanted, history, oracle.headlines)
        rows = await shop.api.all("alerting", "/v1/goal-events", goal=goal)
        found = sorted(
            date.fromisoformat(row["span"]["start"])
            for row in rows
            if row["kind"] == "goal.restated"
        )
        if found != sorted(expected):
            differences.append(f"{goal} restated {found} instead of {sorted(expected)}")
    return differences


def _history(
    shop: Shop, days: Mapping[date, list[Invoice]], goal: str
) -> list[tuple[date, dict[date, Decimal]]]:
    """Return, for every day's close, the goal's values as they were known then."""
    return [(day, retail.values(shop.judged_with[day])[goal]) for day in days]
