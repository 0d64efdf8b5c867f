"""A mapping is mended and the same is sent again: what the newer mapping reads holds."""

from collections import Counter
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_contracts.raw import RawEvent
from event_contracts.subjects import SubjectEvent
from metrics_ingest.domain.definitions import (
    Contribution,
    ContributionKind,
    Definitions,
    FieldMapping,
    Kind,
    Mapping,
    Metric,
    Source,
)
from metrics_ingest.domain.mapping import Mapped
from metrics_ingest.domain.money.rates import Rate
from metrics_ingest.domain.plans import SourcePlan, TenantPlan
from metrics_ingest.domain.subjects.booking import Differences, batches
from metrics_ingest.domain.subjects.subject import State, Subject
from metrics_ingest.domain.values import Value
from metrics_ingest.handlers.subjects.stepping import KINDS

SPEND = Metric(name="spend", source="ads", value="spend", version=1)
CLICKS = Metric(name="clicks", source="ads", value="clicks", version=1)
CELL = Contribution(kind=ContributionKind.SNAPSHOT, key=("campaign",), as_of="as_of")
SLICE = Contribution(kind=ContributionKind.SLICE, key=("day",), cell=("campaign",), as_of="as_of")
DEAL = Contribution(kind=ContributionKind.ENTITY, key=("campaign",), as_of="as_of")
CHANGES = msgspec.structs.replace(DEAL, partial=True)
ALL = {"snapshot": CELL, "slice": SLICE, "entity": DEAL, "changes": CHANGES}
FIELDS = {
    "spend": Kind.DECIMAL,
    "clicks": Kind.DECIMAL,
    "campaign": Kind.STRING,
    "day": Kind.STRING,
    "as_of": Kind.INTEGER,
}


def plan_of(
    contribution: Contribution, version: int, *metrics: Metric, rates: tuple[Rate, ...] = ()
) -> SourcePlan:
    door = Mapping(
        id=("id",),
        type=("type",),
        time=("time",),
        fields={name: FieldMapping(paths=(name,), kind=kind) for name, kind in FIELDS.items()}
        | {"price": FieldMapping(paths=("price",), kind=Kind.DECIMAL, currency="USD")},
    )
    source = Source(
        name="ads", doors={"http": door}, contributions=(contribution,), version=version
    )
    definitions = Definitions("acme", 1, (source,), metrics, rates)
    return TenantPlan.of(definitions).sources["ads"]


def told(plan: SourcePlan, as_of: int, minute: int = 0, **fields: Value) -> SubjectEvent:
    raw = RawEvent(
        tenant="acme",
        source="ads",
        id="e",
        door="http",
        received_ms=0,
        body=msgspec.Raw(b"{}"),
    )
    given = {"day": "d", "campaign": "c", "as_of": as_of, **fields}
    event = Mapped("row", minute * 60_000, None, given)
    (found,) = plan.diverter.divert(raw, event, plan.metrics_for("row"))
    return found


class Books:
    """States and totals, as a worker leaves them."""

    def __init__(self) -> None:
        self.states: dict[Subject, State] = {}
        self.totals: Counter[str] = Counter()
        self.minutes: Counter[int] = Counter()
        self.outcomes: Counter[str] = Counter()

    def take(self, plan: SourcePlan, *events: SubjectEvent) -> None:
        for event in events:
            subject = Subject("acme", "ads", event.role, event.name, event.key)
            kind, take = KINDS[subject.role]
            before = self.states.get(subject) or kind()
            step = take(before, [event], plan.diverter.plan_of(subject.role, subject.name))
            self.outcomes.update(step.outcomes)
            text = msgspec.json.Encoder(decimal_format="string").encode(step.state)
            self.states[subject] = msgspec.json.decode(text, type=kind)
            found = Differences()
            found.add(subject, before, step.state)
            for batch in batches(found, 0, {}):
                self.totals[batch.metric] += int(sum(cell.sum for cell in batch.cells))
                for cell in batch.cells:
                    self.minutes[cell.minute] += cell.count


@pytest.mark.parametrize("kind", ALL)
def test_what_a_mended_mapping_reads_of_the_same_version_holds(kind: str) -> None:
    wrong, mended = (plan_of(ALL[kind], version, SPEND) for version in (1, 2))
    books = Books()
    books.take(wrong, told(wrong, 7, spend=Decimal(100)))
    again = told(mended, 7, spend=Decimal(1))
    books.take(mended, again, again)
    assert books.totals["spend"] == 1
    books.take(mended, told(wrong, 7, spend=Decimal(100)))  # read before, and late
    assert books.totals["spend"] == 1
    assert books.outcomes["conflict"] == 0
    books.take(mended, told(mended, 7, spend=Decimal(2)))  # of one mapping the first holds
    assert (books.totals["spend"], books.outcomes["conflict"]) == (1, 1)


ROWS = st.lists(
    st.tuples(st.sampled_from("xyz"), st.integers(1, 3), st.integers(1, 3)),
    min_size=1,
    max_size=16,
    unique=True,
)


@pytest.mark.parametrize("kind", ALL)
@settings(max_examples=80, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_readings_come_to_the_same_in_every_order(
    kind: str, rows: list[tuple[str, int, int]], random: Any
) -> None:
    plans = {version: plan_of(ALL[kind], version, SPEND) for version in (1, 2, 3)}
    amounts = {row: Decimal(10**n) for n, row in enumerate(rows)}
    told_rows = [
        (plans[mapping], told(plans[mapping], as_of, campaign=campaign, spend=amount))
        for (campaign, as_of, mapping), amount in amounts.items()
    ]
    books = Books()
    copies = random.choices(told_rows, k=len(told_rows) // 2)
    for plan, event in random.sample(told_rows + copies, len(told_rows + copies)):
        books.take(plan, event)
    newest = max(as_of for _, as_of, _ in rows)
    held = {
        campaign: max(row for row in rows if row[0] == campaign)
        for campaign in {row[0] for row in rows}
    }
    if kind == "slice":  # what the newest does not name is 0
        held = {campaign: row for campaign, row in held.items() if row[1] == newest}
    assert books.totals["spend"] == sum(amounts[row] for row in held.values())
    assert books.outcomes["conflict"] == 0


@pytest.mark.parametrize("kind", ALL)
def test_a_metric_that_was_mended_or_came_since_gets_what_is_told_again(kind: str) -> None:
    first = plan_of(ALL[kind], 1, SPEND)
    more = plan_of(ALL[kind], 1, CLICKS, msgspec.structs.replace(SPEND, value="clicks", version=2))
    same = {"spend": Decimal(5), "clicks": Decimal(70)}
    books = Books()
    books.take(first, told(first, 7, **same))
    assert books.totals == {"spend": 5}
    books.take(more, told(more, 7, **same))
    books.take(more, told(more, 7, **same))
    assert books.totals == {"spend": 70, "clicks": 70}


@pytest.mark.parametrize("kind", ALL)
def test_a_mended_time_moves_what_is_booked(kind: str) -> None:
    wrong, mended = (plan_of(ALL[kind], version, SPEND) for version in (1, 2))
    books = Books()
    books.take(wrong, told(wrong, 7, minute=9, spend=Decimal(5)))
    books.take(mended, told(mended, 7, minute=3, spend=Decimal(5)))
    assert +books.minutes == {3: 1}


@pytest.mark.parametrize("kind", ["snapshot", "slice", "entity"])
def test_a_revised_rate_restates_nothing_that_is_told_again(kind: str) -> None:
    revenue = Metric(name="revenue", source="ads", value="price", version=1, currency="CNY")
    day = date(1970, 1, 1)
    first, revised = (
        plan_of(ALL[kind], 1, revenue, rates=(Rate(date=day, base="USD", quote="CNY", rate=r),))
        for r in (Decimal(7), Decimal(8))
    )
    books = Books()
    books.take(first, told(first, 7, price=Decimal(10)))
    books.take(revised, told(revised, 7, price=Decimal(10)))
    assert books.totals["revenue"] == 70
    again = msgspec.structs.replace(revenue, version=2)
    rate = Rate(date=day, base="USD", quote="CNY", rate=Decimal(8))
    mended = plan_of(ALL[kind], 1, again, rates=(rate,))
    books.take(mended, told(mended, 7, price=Decimal(10)))
    assert books.totals["revenue"] == 80


@pytest.mark.parametrize("kind", ["snapshot", "slice", "entity"])
def test_a_state_that_was_kept_before_mappings_were_is_read_and_mended(kind: str) -> None:
    plan = plan_of(ALL[kind], 2, SPEND)
    old = plan_of(ALL[kind], 0, SPEND)
    books = Books()
    books.take(old, told(old, 7, spend=Decimal(100)))
    (state,) = books.states.values()
    text = msgspec.json.encode(state)
    assert b"mapping" not in text
    assert b'"read"' not in text
    books.take(plan, told(plan, 7, spend=Decimal(1)))
    assert books.totals["spend"] == 1


def test_rows_of_an_unfinished_slice_are_read_anew_too() -> None:
    parts = msgspec.structs.replace(SLICE, part="campaign", parts="clicks")
    plans = [plan_of(parts, version, SPEND) for version in (1, 2)]
    books = Books()
    for n, plan, campaign in ((100, plans[0], "x"), (1, plans[1], "x"), (1, plans[1], "y")):
        books.take(plan, told(plan, 7, campaign=campaign, clicks=2, spend=Decimal(n)))
    assert books.totals["spend"] == 2
