"""Goals that are judged together are judged as if each were alone."""

import random
from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal
from itertools import islice

import msgspec
import pytest

from alerting.adapters.stripes import MOST
from alerting.domain.stripes import Stripe
from alerting.handlers import judging
from event_contracts.directory import OrganisationChanged
from event_contracts.facts import Watermark
from event_contracts.goals import GoalChanged, Guardrail, Plan, Policy
from event_contracts.progress import BackFilled, DayProgress, SourceAlive
from event_contracts.wire import partition_of
from service_kit.testing.outboxes import lane_order, rows_in

TENANTS = ("acme", "birch")
METRICS = ("leads", "clicks", "spend")
SHAPES = (
    {},
    {"floor": Decimal(300), "stretch": Decimal(700)},
    {"at_most": True},
    {"form": "ratio", "over_metric": "clicks", "target": Decimal(1)},
    {"form": "level", "level_start": Decimal(900), "target": Decimal(100)},
    {"guardrails": (Guardrail(name="cost", metric="spend", limit=Decimal(150)),)},
    {"level": "individual", "owner": "anna", "owner_team": "content", "visibility": "team"},
)
KINDS = {"light.changed", "goal.restated", "goal.off_track", "goal.changed"}
GRAINS = ("day", "day", "week", "month", "running")


class Play:
    """Days of many goals of two tenants, thrown by dice: the same dice give the same days."""

    def __init__(self, team, seed):
        self.team = team
        self.dice = random.Random(seed)
        self.goals = {}
        self._days = {}
        self._alive = 0

    async def tell(self, tenant, goal, *events, topic="progress"):
        await self.team.apply(topic, partition_of(4, tenant, goal), *events)

    async def begin(self, count):
        told = OrganisationChanged(tenant="birch", version=1, individual_goals_told=True)
        await self.team.apply("directory", 0, told)
        for number in range(count):
            tenant, goal = TENANTS[number % 2], f"g{number}"
            policy = Policy(
                grain=self.dice.choice(GRAINS),
                source_always_alive=self.dice.random() < 0.5,
                red_after=self.dice.randint(1, 2),
                settle_days=self.dice.choice([1, 30]),
                ratio_least=Decimal(0),
                non_working=self.dice.choice(["leave_out", "add_to_next"]),
            )
            shape = {"target": Decimal(500)} | self.dice.choice(SHAPES)
            first = GoalChanged(
                tenant=tenant,
                goal=goal,
                version=1,
                name=goal,
                metric="leads",
                unit="leads",
                zone=self.dice.choice(["Europe/London", "Asia/Shanghai"]),
                start=date(2026, 6, 1),
                end=date(2026, 6, self.dice.choice([5, 10, 26])),
                plan=Plan(daily=Decimal(100)),
                policy=policy,
                **shape,
            )
            await self.keep(first, filled=self.dice.random() < 0.85)

    async def keep(self, goal, *, filled):
        self.goals[goal.tenant, goal.goal] = goal
        await self.tell(goal.tenant, goal.goal, goal, topic="goals")
        if filled:
            await self.fill(goal)

    async def fill(self, goal):
        parts = [("", "leads")]
        parts += [("over", "clicks")] if goal.over_metric else []
        parts += [("guardrail.0", "spend")] if goal.guardrails else []
        for part, metric in parts:
            back = BackFilled(
                tenant=goal.tenant,
                goal=goal.goal,
                goal_version=goal.version,
                metric=metric,
                part=part,
            )
            await self.tell(goal.tenant, goal.goal, back)

    async def live(self, day):
        """Let a day pass: results, late ones, new versions, marks of completeness."""
        for (tenant, name), goal in list(self.goals.items()):
            for part, metric in (("", "leads"), ("over", "clicks"), ("guardrail.0", "spend")):
                if self.dice.random() < 0.6:
                    on = max(day - self.dice.choice([0, 0, 0, 1, 3]), 1)
                    await self.tell(tenant, name, self.result(tenant, name, part, metric, on))
            if self.dice.random() < 0.04:
                await self.change(goal)
            if self.dice.random() < 0.3:
                await self.fill(self.goals[tenant, name])
        for tenant in TENANTS:
            if self.dice.random() < 0.7:
                self._alive += 1
                bits = f"{self.dice.getrandbits(96):x}"
                one = SourceAlive(
                    tenant=tenant,
                    metric="leads",
                    day=date(2026, 6, day),
                    quarters=bits,
                    version=self._alive,
                )
                for number in range(4):
                    await self.team.apply("progress", number, one)
        await self.team.at(day + 1, self.dice.choice([1, 12]), complete=False)
        for metric in METRICS:
            if self.dice.random() < 0.8:  # else its goals are not ready
                await self.complete(metric)

    async def complete(self, metric):
        for tenant in TENANTS:
            origin = f"facts/{partition_of(4, tenant, metric)}"
            for number in range(4):
                mark = Watermark(origin=origin, at_ms=self.team.clock.at_ms)
                await self.team.apply("progress", number, mark)

    async def change(self, goal):
        fresh = msgspec.structs.replace(
            goal,
            version=goal.version + 1,
            target=goal.target * 2,
            stopped=self.dice.random() < 0.3,
            changed_ms=self.team.clock.at_ms,
            reason="it was too little",
            actor="person:eve",
        )
        await self.keep(fresh, filled=self.dice.random() < 0.8)

    def result(self, tenant, name, part, metric, on):
        place = tenant, name, part, on
        self._days[place] = self._days.get(place, 0) + 1
        return DayProgress(
            tenant=tenant,
            goal=name,
            goal_version=1,
            metric=metric,
            part=part,
            day=date(2026, 6, on),
            value=Decimal(self.dice.choice([0, 40, 69, 70, 100, 130])),
            count=1,
            version=self._days[place],
            as_of_ms=self.team.clock.at_ms,
        )


def goals_of(number, count):
    names = (f"g{n}" for n in range(10**6))
    mine = (name for name in names if partition_of(4, "acme", name) == number)
    return list(islice(mine, count))


async def everything(store):
    """Return all that is stored, but for how many writes and transactions it took."""
    found = {}
    for name in ("lights", "due", "deeds", "deed_counters", "back_filled", "alive", "watermarks"):
        rows = await store.db[name].find({}).to_list(None)
        found[name] = {row.pop("_id"): row for row in rows}
    for name in ("goals", "goal_versions", "progress", "directory", "dead_letters"):
        rows = await store.db[name].find({}).to_list(None)
        found[name] = {row.pop("_id"): row for row in rows}
    stripes = await store.db["stripes"].find({}).to_list(None)
    found["stripes"] = {
        row["_id"]: msgspec.msgpack.decode(row["body"], type=Stripe) for row in stripes
    }
    heads = await store.db["heads"].find({}).to_list(None)
    found["heads"] = {row["_id"]: row["rev"] for row in heads if row["_id"].startswith("goal|")}
    origins = await store.db["origins"].find({}).to_list(None)
    found["origins"] = {row["_id"]: row["lanes"] for row in origins}
    sent = sorted(await rows_in(store), key=lane_order)
    found["sent"] = [(row["lane"], row["seq"], row["key"], row["value"]) for row in sent]
    return found


async def played(stage, seed, together):
    return await everything((await play(stage, seed, together)).store)


async def play(stage, seed, together, goals=40, days=14):
    most = 4 if seed in (0, 3, 5) else MOST  # else hardly a day is spilled
    team = await stage(most=most, patience_seconds=300.0 if seed % 2 else 0.0)
    team.judge = await team.another_judge(together)
    them = Play(team, seed)
    await them.begin(goals)
    for day in range(1, days + 1):
        await them.live(day)
        await team.judge.step()
        if day % 3 == 0:
            await team.settle()
    return team


@pytest.mark.parametrize(
    ("seed", "spans"), [(0, judging.SPANS), (1, judging.SPANS), (2, 3), (3, 3)]
)
async def test_what_is_stored_does_not_depend_on_how_many_are_judged_together(
    stage, monkeypatch, seed, spans
):
    monkeypatch.setattr(judging, "SPANS", spans)
    alone = await played(stage, seed, together=1)
    assert len(alone["lights"]) > 60
    assert {row["kind"] for row in alone["deeds"].values()} >= KINDS
    found = await played(stage, seed, together=30)
    for name, rows in alone.items():
        assert found[name] == rows, name


async def test_the_lights_of_all_goals_are_those_of_each(stage, office_on):
    office = office_on(await play(stage, 5, together=30))
    headers = await office.key("lights:read", "goals:read-all")
    (row,) = await office.team.store.db["due"].find({"goal": "g4"}).to_list(None)
    del row["standing"]  # as an earlier release kept it
    await office.team.store.db["due"].replace_one({"_id": row["_id"]}, row)
    whole = (await office.ask(headers, "GET", "/v1/lights?limit=1000")).json()
    found, complete = [], []
    for goal in sorted(f"g{number}" for number in range(0, 40, 2)):  # those of acme
        one = (await office.ask(headers, "GET", f"/v1/lights?goal={goal}&limit=1000")).json()
        judged = [row for row in one["items"] if not row["provisional"]]
        found += judged[-1:] + [row for row in one["items"] if row["provisional"]]
        complete.append(one["complete_to_ms"])
    assert whole == {"items": found, "next": None, "complete_to_ms": min(complete)}
    assert {row["provisional"] for row in found} == {True, False}
    assert len(found) > 20


async def closed(stage, counts, **options):
    """Return a stage on which a day of so many goals of each partition has closed."""
    team = await stage()
    team.judge = await team.another_judge(**options)
    names = {number: goals_of(number, count) for number, count in counts.items()}
    for number, mine in names.items():
        for name in mine:
            await team.goal(name)
        await team.apply("progress", number, *(team.day(name, 1, 60) for name in mine))
    await team.at(2)
    return team, names


async def judged_by(team):
    """Return how many deeds each of the judge's transactions told, by partition."""
    bundles = await team.store.db["outbox"].find({}, sort=[("_id", 1)]).to_list(None)
    found = defaultdict(list)
    for one in bundles:
        found[int(one["_id"].partition("#")[0].rpartition("/")[2])].append(len(one["rows"]))
    return dict(found)


async def test_goals_share_a_transaction_with_those_of_their_partition_alone(stage):
    team, _ = await closed(stage, {0: 7, 1: 3}, together=4)
    await team.judge.step()
    assert await judged_by(team) == {0: [8, 6], 1: [6]}  # two lights change of each


async def test_a_transaction_takes_goals_until_there_are_spans_enough(stage, monkeypatch):
    monkeypatch.setattr(judging, "SPANS", 5)
    team, names = await closed(stage, {2: 4})
    await team.at(4)  # three days of each
    await team.judge.step()
    assert len(await judged_by(team)) == 1
    assert len((await judged_by(team))[2]) == 4
    for name in names[2]:
        assert len(await team.colours(name)) == 3


async def test_one_step_of_many_goals_asks_no_more_than_one_of_a_few(stage):
    asked = []
    for count in (2, 20):
        team, _ = await closed(stage, {3: count})
        calls = Counter()

        async def point(what, calls=calls):
            calls[what] += 1

        team.store.client.point = point
        await team.judge.step()
        asked.append({what: n for what, n in calls.items() if what.startswith("find:")})
    assert asked[0] == asked[1]
