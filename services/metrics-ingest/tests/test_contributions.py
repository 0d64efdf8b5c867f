"""The four kinds of contribution as pure functions: whatever the order, the last numbers hold."""

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_contracts.raw import RawEvent
from event_contracts.subjects import Role, SubjectEvent
from event_contracts.wire import encode
from metrics_ingest.domain.causes import OUT_OF_RANGE, Unfit
from metrics_ingest.domain.definitions import (
    Condition,
    Contribution,
    ContributionKind,
    Definitions,
    FieldMapping,
    Kind,
    Mapping,
    Metric,
    Op,
    Source,
)
from metrics_ingest.domain.facts.cells import Amount
from metrics_ingest.domain.mapping import Mapped
from metrics_ingest.domain.plans import SourcePlan, TenantPlan
from metrics_ingest.domain.subjects import slices
from metrics_ingest.domain.subjects.booking import Differences, batches
from metrics_ingest.domain.subjects.subject import State, Subject, booked_of
from metrics_ingest.domain.values import Value
from metrics_ingest.handlers.subjects.stepping import KINDS

DAY_MS = 86_400_000
START_MS = 1_301_184_000_000  # 2011-03-27 00:00 UTC; in London the clocks go forward at 01:00

FIELDS = {
    "spend": Kind.DECIMAL,
    "clicks": Kind.INTEGER,
    "account": Kind.STRING,
    "day": Kind.STRING,
    "campaign": Kind.STRING,
    "stage": Kind.STRING,
    "nulls": Kind.STRING,
    "as_of": Kind.INTEGER,
    "closed": Kind.INTEGER,
    "row": Kind.STRING,
    "rows": Kind.INTEGER,
}
SPEND = Metric(name="spend", source="ads", value="spend", dims=("campaign",), version=1)
CLICKS = Metric(name="clicks", source="ads", value="clicks", version=1)
WON = Metric(
    name="won",
    source="ads",
    value="spend",
    where=(Condition(field="stage", op=Op.EQ, value="won"),),
    version=1,
)
CELL = Contribution(kind=ContributionKind.SNAPSHOT, key=("day", "campaign"), as_of="as_of")
SLICE = Contribution(
    kind=ContributionKind.SLICE,
    key=("account", "day"),
    cell=("campaign",),
    as_of="as_of",
    part="row",
    parts="rows",
)
DEAL = Contribution(kind=ContributionKind.ENTITY, key=("account",), as_of="as_of")


def plan_of(contribution: Contribution, *metrics: Metric, **more: Any) -> SourcePlan:
    door = Mapping(
        id=("id",),
        type=("type",),
        time=("time",),
        fields={name: FieldMapping(paths=(name,), kind=kind) for name, kind in FIELDS.items()},
    )
    source = Source(name="ads", doors={"http": door}, contributions=(contribution,), **more)
    return TenantPlan.of(Definitions("acme", 1, (source,), metrics)).sources["ads"]


def told(
    plan: SourcePlan, at_ms: int = START_MS, received_ms: int = 0, **fields: Value
) -> SubjectEvent:
    """Return what the raw fold sends to the subject of an event with these fields."""
    raw = RawEvent(
        tenant="acme",
        source="ads",
        id="e",
        door="http",
        received_ms=received_ms,
        body=msgspec.Raw(b"{}"),
    )
    event = Mapped("row", at_ms, None, fields)
    (found,) = plan.diverter.divert(raw, event, plan.metrics_for("row"))
    return found


class Books:
    """What a worker does with the events of its subjects, without a store."""

    def __init__(self, plan: SourcePlan) -> None:
        self.plan = plan
        self.states: dict[Subject, State] = {}
        self.cells: dict[tuple[str, int, str], Decimal] = {}
        self.counts: Counter[tuple[str, int, str]] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.corrects: list[str | None] = []

    def take(self, *events: SubjectEvent) -> int:
        """Apply the events as one batch; return how many cells of facts that sent."""
        by_subject: dict[Subject, list[SubjectEvent]] = {}
        for event in events:
            subject = Subject("acme", "ads", event.role, event.name, event.key)
            by_subject.setdefault(subject, []).append(event)
        found = Differences()
        for subject, some in by_subject.items():
            kind, take = KINDS[subject.role]
            before = self.states.get(subject) or kind()
            step = take(before, some, self.plan.diverter.plan_of(subject.role, subject.name))
            self.outcomes.update(step.outcomes)
            found.add(subject, before, step.state)
            # As it is stored and read again.
            text = msgspec.json.Encoder(decimal_format="string").encode(step.state)
            self.states[subject] = msgspec.json.decode(text, type=kind)
        return self._book(found)

    def _book(self, found: Differences) -> int:
        cells = 0
        for batch in batches(found, 0, {}):
            self.corrects.append(batch.corrects)
            for cell in batch.cells:
                place = (batch.metric, cell.minute, batch.dims[cell.dims].get("campaign", ""))
                self.cells[place] = self.cells.get(place, Decimal(0)) + cell.sum
                self.counts[place] += cell.count
                cells += 1
        return cells

    @property
    def totals(self) -> dict[tuple[str, int, str], Decimal]:
        """The facts added up, without what came to nothing."""
        assert all(self.counts[place] >= 0 for place in self.cells)
        return {place: total for place, total in self.cells.items() if total}


def sum_of(books: Books, metric: str) -> Decimal:
    return sum((t for (name, _, _), t in books.totals.items() if name == metric), Decimal(0))


def row(plan: SourcePlan, as_of: int, spend: str, campaign: str = "c", **more: Any) -> SubjectEvent:
    return told(plan, day="d", campaign=campaign, as_of=as_of, spend=Decimal(spend), **more)


def test_a_newer_snapshot_takes_back_what_the_older_one_gave() -> None:
    plan = plan_of(CELL, SPEND, CLICKS)
    books = Books(plan)
    assert books.take(row(plan, 1, "10.50", clicks=3)) == 2
    assert books.take(row(plan, 2, "12.25", clicks=3)) == 1  # the clicks are what they were
    assert sum_of(books, "spend") == Decimal("12.25")
    assert sum_of(books, "clicks") == 3
    assert books.corrects == [None, None, "snapshot:*:d|c"]


def test_an_older_snapshot_and_the_same_again_change_nothing() -> None:
    plan = plan_of(CELL, SPEND)
    books = Books(plan)
    books.take(row(plan, 2, "12"))
    assert books.take(row(plan, 1, "10"), row(plan, 2, "12")) == 0
    assert books.outcomes == {"applied": 1, "stale": 1, "repeated": 1}


def test_other_content_of_one_version_is_a_conflict_and_the_first_holds() -> None:
    plan = plan_of(CELL, SPEND)
    books = Books(plan)
    books.take(row(plan, 2, "12"), row(plan, 2, "13"))
    assert sum_of(books, "spend") == 12
    assert books.outcomes["conflict"] == 1


def test_without_an_as_of_the_time_of_arrival_says_which_is_newer() -> None:
    plan = plan_of(msgspec.structs.replace(CELL, as_of=None), SPEND)
    books = Books(plan)
    books.take(row(plan, 0, "12", received_ms=5), row(plan, 0, "11", received_ms=4))
    assert sum_of(books, "spend") == 12
    books.take(row(plan, 0, "13", received_ms=5))
    assert sum_of(books, "spend") == 13


def test_a_missing_part_of_a_key_is_a_cell_of_its_own() -> None:
    plan = plan_of(CELL, SPEND)
    books = Books(plan)
    for text in ("", "%0"):
        books.take(row(plan, 1, "1", campaign=text))
    books.take(told(plan, day="d", as_of=1, spend=Decimal(1)))
    assert len(books.states) == 3
    assert sum_of(books, "spend") == 3


def test_a_restatement_that_moves_a_cell_to_another_minute_reverses_where_it_landed() -> None:
    plan = plan_of(CELL, SPEND)
    books = Books(plan)
    books.take(row(plan, 1, "5", at_ms=START_MS))
    books.take(row(plan, 2, "5", at_ms=START_MS + DAY_MS))
    assert books.totals == {("spend", (START_MS + DAY_MS) // 60_000, "c"): 5}


def test_a_new_definition_holds_when_the_cell_is_next_touched() -> None:
    plan = plan_of(CELL, SPEND)
    books = Books(plan)
    books.take(row(plan, 1, "5"), row(plan, 1, "7", campaign="other"))
    second = msgspec.structs.replace(SPEND, value="clicks", version=2)
    books.plan = plan_of(CELL, second)
    books.take(row(plan, 2, "5", clicks=100))
    assert {place[2]: total for place, total in books.totals.items()} == {"c": 100, "other": 7}


def test_day_grain_lies_at_the_beginning_of_the_accounts_day() -> None:
    daily = msgspec.structs.replace(CELL, grain="day")
    plan = plan_of(daily, SPEND, zone="Europe/London")
    books = Books(plan)
    books.take(row(plan, 1, "5", at_ms=START_MS + DAY_MS + 3_600_000 // 2))  # 01:30 BST on the 28th
    local_midnight = (START_MS + DAY_MS - 3_600_000) // 60_000
    assert books.totals == {("spend", local_midnight, "c"): 5}


def part(
    plan: SourcePlan, as_of: int, row: int, rows: int, campaign: str | None, spend: str = "1"
) -> SubjectEvent:
    fields: dict[str, Any] = {"as_of": as_of, "row": str(row), "rows": rows}
    if campaign is not None:
        fields |= {"campaign": campaign, "spend": Decimal(spend)}
    return told(plan, account="a", day="d", **fields)


def test_a_slice_takes_effect_when_all_its_parts_are_there_and_zeroes_what_it_lacks() -> None:
    plan = plan_of(SLICE, SPEND)
    books = Books(plan)
    books.take(part(plan, 1, 1, 2, "x", "10"), part(plan, 1, 2, 2, "y", "20"))
    assert books.take(part(plan, 2, 1, 2, "x", "11")) == 0  # waits, and harms nothing
    assert sum_of(books, "spend") == 30
    books.take(part(plan, 2, 2, 2, "z", "5"))
    assert {place[2]: total for place, total in books.totals.items()} == {"x": 11, "z": 5}
    assert books.take(part(plan, 1, 1, 2, "x", "10")) == 0
    assert books.corrects[-2:] == [None, "slice:*:a|d|x, slice:*:a|d|y"]


@pytest.mark.parametrize("unfinished", range(1, 5))
def test_up_to_four_unfinished_slices_wait_for_their_parts(unfinished: int) -> None:
    plan = plan_of(SLICE, SPEND)
    books = Books(plan)
    for as_of in range(1, unfinished + 1):
        books.take(part(plan, as_of, 1, 2, "x", f"{as_of}0"))
    for as_of in range(1, unfinished + 1):  # the newest may never become whole
        books.take(part(plan, as_of, 2, 2, "y", "1"))
        assert sum_of(books, "spend") == as_of * 10 + 1


def test_of_more_unfinished_slices_the_newest_wait() -> None:
    plan = plan_of(SLICE, SPEND)
    books = Books(plan)
    for as_of in range(1, 7):
        books.take(part(plan, as_of, 1, 2, "x", f"{as_of}0"))
    books.take(part(plan, 2, 2, 2, "y", "1"))
    assert books.totals == {}
    books.take(part(plan, 4, 2, 2, "y", "1"))
    assert sum_of(books, "spend") == 41


def test_a_report_of_thousands_of_ads_with_long_names_fits_into_records() -> None:
    plan = plan_of(SLICE, SPEND, CLICKS)
    subject, found = Subject("acme", "ads", Role.SLICE, "*", "a|d"), Differences()
    metric = plan.metrics[0]
    booked = {
        str(n): (booked_of(metric, mapped(n, campaign="广告" * 100 + str(n)), Amount(Decimal(n))),)
        for n in range(5000)
    }
    found.add(subject, State(), State(booked=booked))
    sent = list(batches(found, 1, {}))
    assert max(len(encode(batch)) for batch in sent) < 512 * 1024
    cells = [
        (batch.dims[cell.dims]["campaign"], cell.sum) for batch in sent for cell in batch.cells
    ]
    assert sorted(cells) == sorted(("广告" * 100 + str(n), Decimal(n)) for n in range(5000))


def mapped(at: int, **fields: Value) -> Mapped:
    return Mapped("row", START_MS + at * 60_000, None, fields)


def test_a_slice_without_rows_zeroes_all() -> None:
    plan = plan_of(SLICE, SPEND)
    books = Books(plan)
    books.take(part(plan, 1, 1, 1, "x", "10"))
    books.take(part(plan, 2, 1, 1, None))
    assert books.totals == {}


def test_a_row_that_names_no_cell_and_brings_something_is_a_row_all_the_same() -> None:
    plan = plan_of(SLICE, SPEND, CLICKS)
    books = Books(plan)
    slice_of = {"account": "771", "day": "d", "rows": 1, "row": "1"}
    books.take(
        told(plan, as_of=1, campaign="c", spend=Decimal(7), **slice_of),
        told(plan, as_of=1, spend=Decimal(5), clicks=2, **slice_of),
    )
    assert (sum_of(books, "spend"), sum_of(books, "clicks")) == (12, 2)
    books.take(told(plan, as_of=2, spend=Decimal(0), **slice_of))
    assert books.totals == {}


def rows_of(plan: SourcePlan, as_of: int, names: str, **more: Value) -> list[SubjectEvent]:
    """Return rows of one slice; it is whole with the first, unless ``more`` says otherwise."""
    slice_of: dict[str, Value] = {"account": "771", "day": "d", "row": "1", "rows": 1} | more
    return [told(plan, as_of=as_of, campaign=n, spend=Decimal(1), **slice_of) for n in names]


def test_a_slice_has_a_bound_beyond_which_it_takes_no_row() -> None:
    plan = plan_of(SLICE, SPEND)
    only = plan.diverter.plans["*"]
    step = slices.take(slices.SliceState(), rows_of(plan, 1, "xyzw"), only, 3)
    assert step.outcomes == ["applied", "applied", "applied", "beyond"]
    step = slices.take(step.state, rows_of(plan, 1, "xw"), only, 3)
    assert step.outcomes == ["repeated", "beyond"]
    assert sorted(step.state.booked) == ["x", "y", "z"]
    step = slices.take(step.state, rows_of(plan, 2, "w"), only, 3)  # a newer one has room again
    assert (step.outcomes, sorted(step.state.booked)) == (["applied"], ["w"])


def test_slices_that_wait_for_parts_have_one_bound_and_the_newest_keeps_its_rows() -> None:
    plan = plan_of(SLICE, SPEND)
    only, two = plan.diverter.plans["*"], {"rows": 2}
    step = slices.take(slices.SliceState(), rows_of(plan, 1, "xy", **two), only, 3)
    step = slices.take(step.state, rows_of(plan, 2, "xy", **two), only, 3)
    assert step.outcomes == ["waiting", "waiting"]
    assert list(step.state.waiting) == [2]
    step = slices.take(step.state, rows_of(plan, 2, "zw", **two), only, 3)
    assert step.outcomes == ["waiting", "beyond"]
    step = slices.take(step.state, rows_of(plan, 2, "v", **two | {"row": "2"}), only, 3)
    assert sorted(step.state.booked) == ["x", "y", "z"]


def test_a_row_that_comes_behind_the_last_part_still_belongs_to_its_slice() -> None:
    plan = plan_of(SLICE, SPEND)
    books = Books(plan)
    books.take(part(plan, 1, 1, 1, "x", "10"), part(plan, 1, 1, 1, "y", "20"))
    assert sum_of(books, "spend") == 30
    books.take(part(plan, 1, 1, 1, "y", "21"))
    assert books.outcomes["conflict"] == 1


@pytest.mark.parametrize("names", [("key",), ("key", "cell")])
def test_a_key_that_no_record_has_room_for_is_refused_at_the_door(names: tuple[str, ...]) -> None:
    longest: dict[str, Any] = dict.fromkeys(("account", "day", "campaign"), "%" * 1024)
    wide = msgspec.structs.replace(SLICE, **dict.fromkeys(names, tuple(longest)))
    with pytest.raises(Unfit) as raised:
        told(plan_of(wide, SPEND), as_of=1, rows=1, row="1", **longest)
    assert (raised.value.cause, raised.value.where) == (OUT_OF_RANGE, "*")


def deal(plan: SourcePlan, as_of: int, **fields: Any) -> SubjectEvent:
    return told(plan, at_ms=START_MS + as_of * 60_000, account="771", as_of=as_of, **fields)


def test_won_to_lost_reverses_and_an_edited_amount_moves_the_difference() -> None:
    plan = plan_of(DEAL, WON)
    books = Books(plan)
    books.take(deal(plan, 1, stage="won", spend=Decimal(5000)))
    books.take(deal(plan, 2, stage="won", spend=Decimal(4000)))
    assert books.totals == {("won", START_MS // 60_000 + 1, ""): 4000}
    books.take(deal(plan, 3, stage="lost", spend=Decimal(4000)))
    assert books.totals == {}
    books.take(deal(plan, 4, stage="won", spend=Decimal(4500)))
    assert books.totals == {("won", START_MS // 60_000 + 4, ""): 4500}


def test_an_entity_counts_at_its_own_time_whenever_it_is_edited() -> None:
    plan = plan_of(msgspec.structs.replace(DEAL, at="closed"), WON)
    books = Books(plan)
    books.take(deal(plan, 1, stage="won", spend=Decimal(5000), closed=START_MS - DAY_MS))
    books.take(deal(plan, 2, stage="won", spend=Decimal(4000), closed=START_MS - DAY_MS))
    assert books.totals == {("won", (START_MS - DAY_MS) // 60_000, ""): 4000}
    assert sum(books.counts.values()) == 1


def test_a_partial_event_changes_its_fields_only_and_nulled_empties_them() -> None:
    partial = msgspec.structs.replace(
        DEAL, partial=True, nulled="nulls", gone=(Condition(field="day", op=Op.EXISTS),)
    )
    plan = plan_of(partial, WON)
    books = Books(plan)
    books.take(deal(plan, 1, stage="won"), deal(plan, 2, spend=Decimal(5000)))
    assert sum_of(books, "won") == 5000
    books.take(deal(plan, 5, nulls="spend, stage"))
    assert books.totals == {}
    books.take(deal(plan, 4, stage="won"), deal(plan, 6, spend=Decimal(7)))  # 4 is older than 5
    assert books.totals == {}
    books.take(deal(plan, 7, stage="won"))
    assert sum_of(books, "won") == 7
    books.take(deal(plan, 8, day="deleted"))
    assert books.totals == {}


@pytest.mark.parametrize("amount", [5, 6])
def test_a_version_that_is_told_again_at_another_time_stays_where_it_landed(amount: int) -> None:
    plan = plan_of(msgspec.structs.replace(DEAL, partial=True), WON)
    books = Books(plan)
    first = {"account": "771", "as_of": 1, "stage": "won", "spend": Decimal(5)}
    books.take(told(plan, **first))
    books.take(told(plan, at_ms=START_MS + DAY_MS, **first | {"spend": Decimal(amount)}))
    assert books.totals == {("won", START_MS // 60_000, ""): 5}
    assert books.outcomes["repeated" if amount == 5 else "conflict"] == 1


def test_versions_may_be_numbered_below_zero() -> None:
    plan = plan_of(msgspec.structs.replace(DEAL, partial=True), WON)
    books = Books(plan)
    books.take(told(plan, account="771", as_of=-5, stage="won", spend=Decimal(5)))
    assert books.totals == {("won", START_MS // 60_000, ""): 5}


STAGES = st.sampled_from(["open", "won", "lost"])
AMOUNTS = st.decimals(0, 100, places=2)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), STAGES, AMOUNTS), min_size=1, max_size=6),
    st.randoms(use_true_random=False),
)
def test_partial_properties_come_to_the_same_in_every_order(
    changes: list[tuple[bool, str, Decimal]], random: Any
) -> None:
    partial = msgspec.structs.replace(DEAL, partial=True)
    plan = plan_of(partial, WON)
    told_in_order = [
        deal(plan, n, **({"stage": stage} if of_stage else {"spend": amount}))
        for n, (of_stage, stage, amount) in enumerate(changes)
    ]
    first, second = Books(plan), Books(plan)
    first.take(*told_in_order)
    again = told_in_order + random.sample(told_in_order, random.randint(0, len(told_in_order)))
    random.shuffle(again)
    for event in again:
        second.take(event)
    assert first.totals == second.totals
    assert first.states == second.states


MONTH = [f"2011-03-{day:02d}" for day in range(1, 31)]
VERSIONS = st.lists(
    st.tuples(
        st.sampled_from(range(30)),
        st.dictionaries(st.sampled_from("xyz"), AMOUNTS, max_size=3),
    ),
    min_size=1,
    max_size=40,
)


def shuffled(events: Iterable[SubjectEvent], random: Any) -> list[list[SubjectEvent]]:
    """Return the events with copies, in any order, in batches of any size."""
    found = list(events)
    found += random.choices(found, k=len(found) // 2) if found else []
    random.shuffle(found)
    cut: list[list[SubjectEvent]] = [[]]
    for event in found:
        cut[-1].append(event)
        if random.random() < 0.3:
            cut.append([])
    return cut


@settings(max_examples=60, deadline=None)
@given(VERSIONS, st.randoms(use_true_random=False))
def test_a_restated_month_of_snapshots_ends_at_the_platforms_last_numbers(
    versions: list[tuple[int, dict[str, Decimal]]], random: Any
) -> None:
    plan = plan_of(CELL, SPEND)
    truth: dict[tuple[str, int, str], Decimal] = {}
    events: list[SubjectEvent] = []
    for as_of, (day, cells) in enumerate(versions):
        at_ms = START_MS + day * DAY_MS
        for campaign, spend in cells.items():
            truth["spend", at_ms // 60_000, campaign] = spend
            events.append(
                told(plan, at_ms, day=MONTH[day], campaign=campaign, as_of=as_of, spend=spend)
            )
    books = Books(plan)
    for batch in shuffled(events, random):
        books.take(*batch)
    assert books.totals == {place: spend for place, spend in truth.items() if spend}
    assert books.take(*events) == 0  # the whole month again


@settings(max_examples=60, deadline=None)
@given(VERSIONS, st.randoms(use_true_random=False))
def test_a_restated_month_of_slices_ends_at_the_platforms_last_numbers(
    versions: list[tuple[int, dict[str, Decimal]]], random: Any
) -> None:
    plan = plan_of(SLICE, SPEND)
    truth: dict[int, dict[str, Decimal]] = {}
    events: list[SubjectEvent] = []
    for as_of, (day, cells) in enumerate(versions):
        truth[day] = cells
        events += slice_of(plan, day, as_of, cells)
    books = Books(plan)
    for batch in shuffled(events, random):
        books.take(*batch)
    assert books.totals == {
        ("spend", START_MS // 60_000 + day * 1440, campaign): spend
        for day, cells in truth.items()
        for campaign, spend in cells.items()
        if spend
    }
    assert books.take(*events) == 0


def slice_of(
    plan: SourcePlan, day: int, as_of: int, cells: dict[str, Decimal]
) -> Sequence[SubjectEvent]:
    rows: list[dict[str, Any]] = [{"campaign": c, "spend": s} for c, s in cells.items()] or [{}]
    at_ms = START_MS + day * DAY_MS
    return [
        told(
            plan,
            at_ms,
            account="a",
            day=MONTH[day],
            as_of=as_of,
            row=str(n),
            rows=len(rows),
            **fields,
        )
        for n, fields in enumerate(rows)
    ]
