"""What a system shows against the journal: what is missing is lost, what is too much doubled."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from paceline.trial import oracle
from paceline.trial.api import Api, Refused
from paceline.trial.events import DRILL, FLAWS, WEB
from paceline.trial.journal import Journal, Place, Sum
from paceline.trial.oracle import Deed
from paceline.trial.world import LATE_DAYS, PRAISE_AT, World, praise_sums

SHOWN = 4  # differences of each kind of thing


@dataclass(slots=True)
class Verdict:
    """Counts per kind of thing compared; ``notes`` names the first differences."""

    lost: Counter[str] = field(default_factory=Counter)
    doubled: Counter[str] = field(default_factory=Counter)
    compared: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def sets(self, kind: str, expected: Iterable[Hashable], found: Iterable[Hashable]) -> None:
        """Compare things that each happen once: too few is lost, too many or unknown is doubled."""
        want, have = Counter(expected), Counter(found)
        self.compared[kind] += want.total()
        for name, missing in (want - have).items():
            self.lost[kind] += missing
            self._note(kind, f"missing {name}")
        for name, extra in (have - want).items():
            self.doubled[kind] += extra
            self._note(kind, f"extra {name} x{extra}")

    def amounts(self, kind: str, expected: Mapping[Any, Any], found: Mapping[Any, Any]) -> None:
        """Compare values: a smaller one than expected is lost, a greater one doubled."""
        self.compared[kind] += len(expected)
        for name in expected.keys() | found.keys():
            want, have = expected.get(name), found.get(name)
            if want == have:
                continue
            side = self.lost if have is None or (want is not None and have < want) else self.doubled
            side[kind] += 1
            self._note(kind, f"{name} is {have}, expected {want}")

    def _note(self, kind: str, text: str) -> None:
        if (self.lost + self.doubled)[kind] <= SHOWN:
            self.notes.append(f"{kind}: {text}")


async def compare(api: Api, world: World, journal: Journal) -> Verdict:
    """Compare all that there is with the journal: from the events taken in to the rewards."""
    verdict = Verdict()
    verdict.amounts("accepted", journal.accepted(), await _accepted(api, journal))
    expected = [(event.id, FLAWS[event.flaw]) for event in journal.letters()]
    letters = await api.all("metrics-ingest", "/v1/dead-letters", source=WEB)
    verdict.sets("dead letters", expected, [(each["event_id"], each["cause"]) for each in letters])
    verdict.sets("records", journal.records(), await _records(api, world))
    await _facts(verdict, api, world, journal)
    finally_ = journal.per_day(late=True)
    await _goals(verdict, api, world, finally_)
    await _deeds(verdict, api, world, journal.per_day(late=False), finally_)
    awards = await api.all("incentives", "/v1/awards")
    verdict.sets(
        "rewards",
        oracle.praised(praise_sums(finally_), PRAISE_AT),
        [(a["value"], date.fromisoformat(a["window_start"])) for a in awards],
    )
    return verdict


async def _records(api: Api, world: World) -> list[str]:
    """Ask day by day: the embedded document server sorts all that a query names for each page."""
    found: list[str] = []
    for day in world.days:
        bounds = {"from": str(day), "to": str(day), "limit": 10_000}
        rows = await api.all("metrics-ingest", "/v1/records", source=DRILL, **bounds)
        found += [row["id"] for row in rows]
    return found


async def _accepted(api: Api, journal: Journal) -> dict[str, int]:
    """Return how many events of each source were counted once."""
    return {
        source: (await api.get("metrics-ingest", f"/v1/sources/{source}/stats"))["accepted"]
        for source in journal.accepted()
    }


async def _facts(verdict: Verdict, api: Api, world: World, journal: Journal) -> None:
    for metric, expected in journal.facts().items():
        verdict.amounts(f"facts of {metric}", expected, await _cells(api, world, metric))


async def _cells(api: Api, world: World, metric: str) -> dict[Place, Sum]:
    found: dict[Place, Sum] = {}
    for day in world.days:
        points = await api.all(
            "goal-service",
            f"/v1/metrics/{metric}/series",
            grain="minute",
            zone="UTC",
            by="region",
            **{"from": str(day), "to": str(day)},
        )
        for p in points:
            value = Decimal(p.get("numerator", p["value"]))
            cell = Sum(value, Decimal(p.get("denominator", 0)), p["count"])
            if any(cell):  # where all was taken back there is nothing
                found[p["by"], p["minute"]] = cell
    return found


async def _goals(
    verdict: Verdict, api: Api, world: World, values: Mapping[str, Mapping[date, Decimal]]
) -> None:
    for name, wanted in world.goals().items():
        days = await _all_known(api, "goal-service", f"/v1/goals/{name}/progress")
        found = {date.fromisoformat(d["day"]): Decimal(d["value"]) for d in days}
        found = {day: value for day, value in found.items() if value}  # 0: all was taken back
        verdict.amounts(f"goal {name}", values[name], found)
        rows = await _all_known(api, "alerting", "/v1/lights", goal=name)
        judged = {date.fromisoformat(r["span"]["start"]): r for r in rows if not r["provisional"]}
        expected = oracle.lights(wanted, values[name], world.days[-1])
        verdict.sets("lights", expected.items(), [(d, r["light"]) for d, r in judged.items()])
        headlines = [(d, r["to_date"]["light"]) for d, r in judged.items()]
        verdict.sets(
            "to-date lights",
            oracle.headlines(wanted, values[name], world.days[-1]).items(),
            [(day, colour) for day, colour in headlines if colour != "none"],
        )


async def _all_known(api: Api, service: str, path: str, **params: Any) -> list[Any]:
    """Return a list of one goal; nothing of a goal that the service has never heard of."""
    try:
        return await api.all(service, path, **params)
    except Refused as refused:
        if refused.status != 404:
            raise
        return []


async def _deeds(
    verdict: Verdict,
    api: Api,
    world: World,
    judged: Mapping[str, Mapping[date, Decimal]],
    finally_: Mapping[str, Mapping[date, Decimal]],
) -> None:
    deeds = await api.all("alerting", "/v1/goal-events")
    verdict.sets("deed ids", {d["id"] for d in deeds}, [d["id"] for d in deeds])
    for name, wanted in world.goals().items():
        mine = [d for d in deeds if d["goal"] == name]
        verdict.sets("deed seq", range(1, len(mine) + 1), [d["seq"] for d in mine])
        expected = oracle.all_deeds(wanted, judged[name], finally_[name], LATE_DAYS)
        found = [_deed(d) for d in oracle.of_run(mine)]
        verdict.sets("deeds", [(name, d) for d in expected], [(name, d) for d in found])
        expected = oracle.headline_deeds(wanted, judged[name], finally_[name], LATE_DAYS)
        found = [_deed(d) for d in oracle.of_headline(mine)]
        verdict.sets("to-date deeds", [(name, d) for d in expected], [(name, d) for d in found])


def _deed(deed: Mapping[str, Any]) -> Deed:
    return Deed(deed["kind"], date.fromisoformat(deed["span"]["start"]), _what(deed))


def _what(deed: Mapping[str, Any]) -> str:
    if deed["kind"] == "goal.reached":
        return str(deed["tier"])
    return str(deed["light"]) if deed["kind"] == "light.changed" else ""
