"""What the system says beside what the plot says: lights, goal events, praise."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from paceline.demo.firm.plot import Plot
from paceline.demo.firm.truth import truth
from paceline.trial.api import Api
from paceline.trial.oracle import Deed


@dataclass(slots=True)
class Verdict:
    """How many things were compared, and each difference in a few words."""

    lights: int = 0
    deeds: int = 0
    praises: int = 0
    wrong: list[str] = field(default_factory=list)

    def compare(self, what: str, expected: Counter[Any], found: Counter[Any]) -> None:
        """Note what is missing and what is too much."""
        self.wrong += [f"{what}: missing {each}" for each in (expected - found).elements()]
        self.wrong += [f"{what}: extra {each}" for each in (found - expected).elements()]


async def verdict(api: Api, plot: Plot) -> Verdict:
    """Compare every light, every goal event and every praise of the played days."""
    result = Verdict()
    for aim in plot.aims:
        expected = truth(plot, aim)
        rows = await api.all("alerting", "/v1/lights", goal=aim.id)
        found = Counter(light for row in rows if not row["provisional"] for light in _lights(row))
        wanted = Counter(
            (day, kind, colour)
            for kind, colours in (("run", expected.run), ("to-date", expected.to_date))
            for day, colour in colours.items()
        )
        result.lights += wanted.total()
        result.compare(f"light of {aim.id}", wanted, found)
        told = await api.all("alerting", "/v1/goal-events", goal=aim.id)
        result.deeds += expected.deeds.total()
        result.compare(f"event of {aim.id}", expected.deeds, Counter(map(deed, told)))
    awards = await api.all("incentives", "/v1/awards")
    praised = Counter((*key, state) for key, state in plot.praised.items())
    result.praises = sum(state == "posted" for state in plot.praised.values())
    result.compare("praise", praised, Counter(map(_award, awards)))
    return result


def deed(row: Mapping[str, Any]) -> Deed:
    """Return what makes a goal event that one."""
    kind = row["kind"]
    what = row["light"] if kind == "light.changed" else row.get("tier") or ""
    return Deed(kind, date.fromisoformat(row["span"]["start"]), what)


def _lights(row: Mapping[str, Any]) -> list[tuple[date, str, str]]:
    day, headline = date.fromisoformat(row["span"]["start"]), row["to_date"]["light"]
    both = [(day, "run", row["light"])]
    return both + ([(day, "to-date", headline)] if headline != "none" else [])


def _award(row: Mapping[str, Any]) -> tuple[str, date, str]:
    return row["value"], date.fromisoformat(row["window_start"]), row["state"]
