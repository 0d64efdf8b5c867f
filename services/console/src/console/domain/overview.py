"""Goals with their lights: as a tree, and what of it needs somebody."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from console.domain.answers import Goal, Light

COLOURS = ("red", "yellow", "green", "grey", "none")


class Look(NamedTuple):
    """The newest judged span of a goal and the one that runs, as far as there are such."""

    judged: Light | None = None
    running: Light | None = None

    @property
    def newest(self) -> Light | None:
        """The running span, else the last judged one."""
        return self.running or self.judged

    @property
    def headline(self) -> str:
        """The colour of the light to date."""
        return self.newest.to_date.light if self.newest else "none"

    @property
    def run(self) -> str:
        """The colour of the run light: of a judged span, because the running one is not over."""
        shown = self.judged or self.running
        return shown.light if shown else "none"

    @property
    def watched(self) -> bool:
        """Whether the last judged span was low without being red yet."""
        return self.judged is not None and self.judged.watch

    @property
    def urgency(self) -> int:
        """The smaller, the sooner somebody should look; 3 and above need nobody."""
        if "red" in (self.headline, self.run):
            return 0 if self.headline == "red" else 1
        if self.watched:
            return 2
        return 3 + COLOURS.index(self.headline)


class Row(NamedTuple):
    """A goal in a list; ``depth`` counts from 0 at the top."""

    goal: Goal
    look: Look
    depth: int = 0
    children: int = 0


def looks(lights: Iterable[Light]) -> dict[str, Look]:
    """Return what the lights say of each goal, by its id; the newest span of each kind."""
    found: dict[str, Look] = {}
    for light in sorted(lights, key=lambda each: each.span.start):
        before = found.get(light.goal, Look())
        found[light.goal] = (
            before._replace(running=light) if light.provisional else Look(judged=light)
        )
    return found


def tree(goals: Sequence[Goal], looks_by_goal: Mapping[str, Look]) -> list[Row]:
    """Return goals under their parents; one whose parent is not among them stands at the top."""
    known = {goal.id: goal for goal in goals}
    below: dict[str, list[Goal]] = {}
    for goal in goals:
        below.setdefault(goal.parent if goal.parent in known else "", []).append(goal)
    rows: list[Row] = []
    seen: set[str] = set()

    def climb(parent: str, depth: int) -> Iterator[Row]:
        for goal in sorted(below.get(parent, []), key=lambda each: (each.name, each.id)):
            if goal.id not in seen:
                seen.add(goal.id)
                look = looks_by_goal.get(goal.id, Look())
                yield Row(goal, look, depth, len(below.get(goal.id, [])))
                yield from climb(goal.id, depth + 1)

    rows += climb("", 0)
    # A ring, which the services refuse, would otherwise hide its goals.
    rows += [Row(goal, looks_by_goal.get(goal.id, Look())) for goal in goals if goal.id not in seen]
    return rows


def urgent(rows: Iterable[Row]) -> list[Row]:
    """Return the goals that need somebody, the worst first."""
    found = [row for row in rows if row.look.urgency < 3 and not row.goal.stopped]
    return flat(sorted(found, key=lambda row: (row.look.urgency, row.goal.name)))


def flat(rows: Iterable[Row]) -> list[Row]:
    """Return the rows without their places in the tree."""
    return [row._replace(depth=0) for row in rows]


def common_zone(goals: Iterable[Goal]) -> str:
    """Return the zone that most goals have, UTC without any."""
    counted = Counter(goal.zone for goal in goals)
    return counted.most_common(1)[0][0] if counted else "UTC"


def counts(rows: Iterable[Row]) -> dict[str, int]:
    """Return how many goals have which headline, in the order of COLOURS."""
    counted = Counter(row.look.headline for row in rows if not row.goal.stopped)
    return {colour: counted[colour] for colour in COLOURS if counted[colour]}


def matching(rows: Sequence[Row], text: str) -> list[Row]:
    """Return the rows whose goal, metric, team or owner has the text, flat; all for none."""
    wanted = text.strip().lower()
    if not wanted:
        return list(rows)
    return flat(row for row in rows if wanted in _searched(row.goal))


def _searched(goal: Goal) -> str:
    return " ".join((goal.name, goal.id, goal.metric, goal.owner_team, goal.owner)).lower()
