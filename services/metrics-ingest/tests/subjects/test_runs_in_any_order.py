"""The runs of records, kept step by step, beside a replay of all their versions written here."""

import random
from decimal import Decimal, localcontext
from typing import Any

import msgspec
import pytest

from event_contracts.subjects import Role, SubjectEvent
from metrics_ingest.domain.definitions import Metric, Source
from metrics_ingest.domain.plans import SourcePlan
from metrics_ingest.domain.subjects.contributions import ContributionPlan
from metrics_ingest.domain.subjects.entities import EntityState, take
from metrics_ingest.domain.subjects.subject import MINUTE_MS
from metrics_ingest.domain.subjects.versions import Record, Standing, Version
from metrics_ingest.domain.values import EXACT

BEGIN_MS = 1_304_208_000_000  # 1 May 2011
WON = [{"field": "stage", "op": "eq", "value": "won"}]
METRICS: list[dict[str, Any]] = [
    {"name": "won", "value": "spend", "where": WON, "dims": ["region"]},
    {"name": "unlost", "where": [{"field": "stage", "op": "ne", "value": "lost"}]},
    {"name": "sum", "value": "spend"},
]
Told = dict[str, Any]


def plan_of(partial: bool, by_arrival: bool) -> ContributionPlan:
    texts = ("deal", "stage", "region", "nulled")
    fields: dict[str, Any] = {name: {"paths": [name]} for name in texts}
    fields |= {"spend": {"paths": ["spend"], "kind": "decimal"}}
    fields |= {"as_of": {"paths": ["as_of"], "kind": "integer"}}
    deal: dict[str, Any] = {"kind": "entity", "types": ["deal"], "key": ["deal"]}
    deal |= {"partial": partial, "gone": [{"field": "stage", "op": "eq", "value": "gone"}]}
    deal |= {} if by_arrival else {"as_of": "as_of"}
    deal |= {"nulled": "nulled"} if partial else {}
    door = {"id": ["id"], "type": ["type"], "time": ["time"], "fields": fields}
    source = {"name": "crm", "zone": "UTC", "doors": {"http": door}, "contributions": [deal]}
    of = {"source": "crm", "types": ["deal"]}
    metrics = msgspec.convert([metric | of for metric in METRICS], list[Metric])
    plans = SourcePlan("acme", 1, msgspec.convert(source, Source), metrics)
    found = plans.diverter.plan_of(Role.ENTITY, "deal")
    assert isinstance(found, ContributionPlan)
    return found


def told(draw: random.Random, as_of: int, partial: bool) -> SubjectEvent:
    """Draw a version; of a partial record it leaves out and empties fields."""
    said: dict[str, str] = {"deal": "7"}
    if not partial or draw.random() < 0.6:
        said["stage"] = draw.choice(["won", "won", "won", "open", "lost", "gone"])
    if draw.random() < 0.6:
        said["region"] = draw.choice(["eu", "us"])
    spend = {"spend": Decimal(draw.randrange(1, 99))} if draw.random() < 0.7 else {}
    if partial and draw.random() < 0.3:
        emptied = draw.choice(["stage", "region", "spend"])
        said.pop(emptied, None)
        spend = {} if emptied == "spend" else spend
        said["nulled"] = emptied
    return SubjectEvent(
        role=Role.ENTITY,
        name="deal",
        key="7",
        id=str(as_of),
        type="deal",
        at_ms=BEGIN_MS + as_of * 3_600_000 + draw.randrange(50) * MINUTE_MS,
        received_ms=0,
        as_of=as_of,
        decimals=spend,
        texts=said,
    )


def counted(name: str, fields: Told) -> Decimal | None:
    """Return what a state is to a metric, by the words of its definition."""
    stage, spend = fields.get("stage"), fields.get("spend")
    if stage == "gone":
        return None
    if name == "unlost":
        return None if stage == "lost" else Decimal(1)
    return spend if name == "sum" or stage == "won" else None


def replayed(events: list[SubjectEvent], partial: bool) -> dict[str, Any]:
    """Play all versions in their order: where each metric's last run began, and its amount."""
    begins: dict[str, int] = {}
    fields: Told = {}
    for event in sorted(events, key=lambda each: each.as_of):
        said: Told = {**event.texts, **event.decimals}
        emptied = said.pop("nulled", None)
        fields = {**fields, **said} if partial else said
        fields.pop(emptied or "", None)
        for metric in METRICS:
            name = metric["name"]
            if counted(name, fields) is None:
                begins.pop(name, None)
            else:
                begins.setdefault(name, event.at_ms // MINUTE_MS)
    region = {"region": fields["region"]} if "region" in fields else {}
    return {
        name: (begin, counted(name, fields), region if name == "won" else {})
        for name, begin in begins.items()
    }


def booked(state: EntityState) -> dict[str, Any]:
    return {each.metric: (each.minute, each.sum, each.dims) for each in state.booked[""]}


def taken(
    state: EntityState, events: list[SubjectEvent], plan: ContributionPlan, draw: random.Random
) -> EntityState:
    """Let them come some at once, the state written and read between."""
    left = list(events)
    while left:
        some = [left.pop(0) for _ in range(min(len(left), draw.choice([1, 1, 3])))]
        with localcontext(EXACT):
            state = take(state, some, plan).state  # type: ignore[assignment]
        state = msgspec.json.decode(msgspec.json.encode(state), type=EntityState)
    return state


@pytest.mark.parametrize("by_arrival", [False, True], ids=["as-of", "by-arrival"])
@pytest.mark.parametrize("partial", [False, True], ids=["whole", "partial"])
def test_whatever_order_versions_come_in_each_metric_has_what_a_replay_of_all_gives(
    partial: bool, by_arrival: bool
) -> None:
    plan = plan_of(partial, by_arrival)
    for seed in range(150):
        draw = random.Random(seed)
        events = [told(draw, as_of, partial) for as_of in range(1, draw.choice([3, 8, 30]))]
        wanted = replayed(events, partial)
        draw.shuffle(events)
        state = taken(EntityState(), events + draw.sample(events, 2), plan, draw)
        assert booked(state) == wanted, seed


@pytest.mark.parametrize("partial", [False, True], ids=["whole", "partial"])
def test_beyond_the_versions_that_are_kept_those_in_order_give_what_a_replay_gives(
    partial: bool,
) -> None:
    plan = plan_of(partial, by_arrival=False)
    for seed in range(20):
        draw = random.Random(seed)
        events = [told(draw, as_of, partial) for as_of in range(1, 80)]
        for number in range(0, 76, 4):  # late, but not by as many as are kept
            events[number : number + 4] = draw.sample(events[number : number + 4], 4)
        assert booked(taken(EntityState(), events, plan, draw)) == replayed(events, partial)


@pytest.mark.parametrize("first", [1, 6], ids=["from-its-first", "put-together"])
@pytest.mark.parametrize("partial", [False, True], ids=["whole", "partial"])
def test_a_record_of_which_each_metric_kept_a_copy_of_the_versions_has_the_same_totals(
    partial: bool, first: int
) -> None:
    plan = plan_of(partial, by_arrival=False)
    wanted = {"won": {"stage", "spend", "region"}, "unlost": {"stage"}, "sum": {"stage", "spend"}}
    for seed in range(60):
        draw = random.Random(seed)
        events = [told(draw, as_of, partial) for as_of in range(1, 20)]
        before = taken(EntityState(), events[:10], plan, draw)
        oldest = replayed(events[:first], partial)
        state = msgspec.structs.replace(before, history=None)
        runs = {}
        for name, fields in wanted.items():
            begin = oldest[name][0] * MINUTE_MS if name in oldest else None
            runs[name] = Record(
                tuple(kept(events[: n + 1], fields, partial, first) for n in range(first - 1, 10)),
                Standing(begin) if first > 1 else None,
            )
        old = msgspec.json.encode(msgspec.structs.replace(state, runs=runs))
        state = msgspec.json.decode(old, type=EntityState)
        assert state.history is None
        assert state.runs == runs
        rest = events[10:]
        draw.shuffle(rest)
        after = taken(state, rest, plan, draw)
        assert booked(after) == replayed(events, partial), seed
        assert after.runs == {}
        assert after.history is not None


def kept(events: list[SubjectEvent], names: set[str], partial: bool, first: int) -> Version:
    """Return the last event as a metric's copy had it; the ``first`` with all before it."""
    event = events[-1]
    together = events if partial and len(events) == first else [event]
    said: Told = {}
    for each in together:
        said |= {**each.texts, **each.decimals}
        if "nulled" in each.texts:
            said[each.texts["nulled"]] = None
    said = {name: value for name, value in said.items() if name in names}
    return Version(as_of=event.as_of, at_ms=event.at_ms, type=event.type).saying(said)
