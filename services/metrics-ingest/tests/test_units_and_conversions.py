"""Units at a threshold and subjects that convert: told by event times, in whatever order."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_contracts.subjects import Role, SubjectEvent
from metrics_ingest.domain.definitions import Metric, MetricKind
from metrics_ingest.domain.facts.cells import Amount
from metrics_ingest.domain.mapping import Mapped
from metrics_ingest.domain.subjects import conversions, units
from metrics_ingest.domain.subjects.booking import Differences, batches
from metrics_ingest.domain.subjects.conversions import ConversionPlan, ConversionState
from metrics_ingest.domain.subjects.subject import Booked, State, Subject
from metrics_ingest.domain.subjects.units import UnitState

DAY = 1440
MINUTE_MS = 60_000


@dataclass(frozen=True)
class Looks:
    """What a compiled metric is to its subjects: leads count, wins are the second measure."""

    definition: Metric
    dims: tuple[str, ...] = field(default=())

    def amount(self, event: Mapped) -> Amount | None:
        if event.type == "lead":
            return Amount(Decimal(event.fields.get("n", 1)))
        return Amount(Decimal(0), Decimal(1)) if event.type == "won" else None

    def dims_of(self, fields: Any) -> tuple[Any, ...]:
        return tuple(fields.get(name) for name in self.dims)


def metric(kind: MetricKind, **more: Any) -> Any:
    dims = more.pop("dims", ())
    return Looks(Metric(name="m", source="s", kind=kind, version=1, of="unit", **more), dims)


def event(type: str, minute: int, **fields: Any) -> SubjectEvent:
    numbers = {n: Decimal(v) for n, v in fields.items() if n == "n"}
    return SubjectEvent(
        role=Role.UNITS,
        name="m",
        key="u",
        id=f"{type}{minute}",
        type=type,
        at_ms=minute * MINUTE_MS,
        received_ms=0,
        decimals=numbers,
        texts={n: v for n, v in fields.items() if n != "n"},
    )


def share_of(**more: Any) -> Any:
    return ConversionPlan(metric(MetricKind.CONVERSION, **more), ())


def after(kind: Any, state: State, events: list[SubjectEvent], metric: Any) -> State:
    found: State = kind.take(state, events, metric).state
    return found


def booked_in(state: State) -> list[tuple[int, Decimal, Decimal]]:
    return [(b.minute, b.sum, b.over) for b in state.booked.get("", ())]


def test_a_unit_counts_in_the_minute_in_which_it_came_to_the_threshold() -> None:
    articles = metric(MetricKind.UNITS, threshold=Decimal(3))
    two = units.take(UnitState(), [event("lead", 5), event("lead", 7)], articles).state
    assert booked_in(two) == []
    three = after(units, two, [event("lead", 9)], articles)
    assert booked_in(three) == [(9, Decimal(1), Decimal(0))]
    late = after(units, three, [event("lead", 6)], articles)
    assert booked_in(late) == [(7, Decimal(1), Decimal(0))]  # it had been there since


def test_a_correction_below_the_threshold_takes_the_unit_back_and_it_may_come_again() -> None:
    articles = metric(MetricKind.UNITS, threshold=Decimal(3))
    events = [event("lead", 5, n=3), event("lead", 8, n=-1)]
    below = units.take(UnitState(), events, articles).state
    assert booked_in(below) == []
    again = after(units, below, [event("lead", 9)], articles)
    assert booked_in(again) == [(9, Decimal(1), Decimal(0))]


def test_published_on_25_june_the_50th_lead_of_20_july_counts_for_june_within_30_days() -> None:
    articles = metric(MetricKind.UNITS, threshold=Decimal(50), window_days=30)
    published = 15_150 * DAY  # 2011-06-25
    leads = [event("lead", published + 60 * n) for n in range(49)]
    july_20, july_26 = published + 25 * DAY, published + 31 * DAY
    first = event("published", published)
    state = units.take(UnitState(), [first, *leads, event("lead", july_20)], articles).state
    assert booked_in(state) == [(published, Decimal(1), Decimal(0))]
    state = units.take(UnitState(), [first, *leads, event("lead", july_26)], articles).state
    assert booked_in(state) == []


def test_a_unit_counts_with_the_dimensions_of_the_event_that_brought_it_there() -> None:
    articles = metric(MetricKind.UNITS, threshold=Decimal(2), dims=("site",))
    events = [event("lead", 5, site="zhihu"), event("lead", 9, site="xhs")]
    (booked,) = units.take(UnitState(), events, articles).state.booked[""]
    assert booked.dims == {"site": "xhs"}


LEADS = st.lists(st.tuples(st.integers(0, 20), st.integers(-3, 5)), min_size=1, max_size=12)


def counted(leads: list[tuple[int, int]], threshold: int, window: int | None) -> list[int]:
    """Return the minute in which the unit counts, from the whole of its leads."""
    first = min(at for at, _ in leads)
    total = 0
    found: list[int] = []
    for minute in sorted({at for at, _ in leads}):
        if window is not None and minute > first + window * DAY:
            break
        before = total
        total += sum(n for at, n in leads if at == minute)
        if total < threshold:
            found = []
        elif before < threshold:
            found = [minute if window is None else first]
    return found


@settings(deadline=None)
@given(LEADS, st.integers(1, 8), st.sampled_from([None, 1]), st.randoms(use_true_random=False))
def test_units_come_to_the_same_in_every_order(
    leads: list[tuple[int, int]], threshold: int, window: int | None, random: Any
) -> None:
    wide = [(at * DAY // 8, n) for at, n in leads]
    articles = metric(MetricKind.UNITS, threshold=Decimal(threshold), window_days=window)
    random.shuffle(wide)
    state: State = UnitState()
    for at, n in wide:
        state = after(units, state, [event("lead", at, n=n)], articles)
    assert [b.minute for b in state.booked[""]] == counted(wide, threshold, window)


def test_a_cohort_has_both_in_the_minute_of_the_first_event() -> None:
    share = share_of(window_days=30)
    lead, won = event("lead", 5), event("won", 5 + 30 * DAY)
    state = conversions.take(ConversionState(), [lead], share).state
    assert booked_in(state) == [(5, Decimal(0), Decimal(1))]
    state = after(conversions, state, [won], share)
    assert booked_in(state) == [(5, Decimal(1), Decimal(1))]
    late = conversions.take(ConversionState(), [lead, event("won", 6 + 30 * DAY)], share).state
    assert booked_in(late) == [(5, Decimal(0), Decimal(1))]


def test_by_period_the_win_stands_in_its_own_minute_with_the_leads_dimensions() -> None:
    share = share_of(window_days=30, by="period", dims=("channel",))
    events = [event("won", 900, channel="shop"), event("lead", 5, channel="sem")]
    state = conversions.take(ConversionState(), events, share).state
    assert booked_in(state) == [(5, Decimal(0), Decimal(1)), (900, Decimal(1), Decimal(0))]
    assert {b.dims["channel"] for b in state.booked[""]} == {"sem"}


def test_a_win_before_the_lead_is_none_and_a_second_lead_is_no_second_chance() -> None:
    share = share_of(window_days=1)
    events = [event("won", 1), event("lead", 5), event("lead", 5 + 3 * DAY)]
    events.append(event("won", 6 + 3 * DAY))
    state = conversions.take(ConversionState(), events, share).state
    assert booked_in(state) == [(5, Decimal(0), Decimal(1))]


MOMENTS = st.lists(
    st.tuples(st.sampled_from(["lead", "won"]), st.integers(0, 40)), min_size=1, max_size=12
)


@settings(deadline=None)
@given(MOMENTS, st.sampled_from(["cohort", "period"]), st.randoms(use_true_random=False))
def test_conversions_come_to_the_same_in_every_order(
    moments: list[tuple[str, int]], by: str, random: Any
) -> None:
    share = share_of(window_days=1, by=by)
    wide = [(kind, at * DAY // 8) for kind, at in moments]
    leads = [at for kind, at in wide if kind == "lead"]
    expected: list[tuple[int, Decimal, Decimal]] = []
    if leads:
        base = min(leads)
        won = [at for kind, at in wide if kind == "won" and base <= at <= base + DAY]
        at_once = Decimal(bool(won) and by == "cohort")
        expected = [(base, at_once, Decimal(1))]
        if won and by == "period":
            expected.append((min(won), Decimal(1), Decimal(0)))
    random.shuffle(wide)
    state: State = ConversionState()
    for kind, at in wide:
        state = after(conversions, state, [event(kind, at)], share)
        text = msgspec.json.Encoder(decimal_format="string").encode(state)
        state = msgspec.json.decode(text, type=ConversionState)
    assert booked_in(state) == expected


@pytest.mark.parametrize(
    ("role", "told"), [(Role.CONVERSION, False), (Role.SNAPSHOT, True), (Role.UNITS, False)]
)
def test_what_grows_corrects_nothing_but_a_state_told_anew_does(role: Role, told: bool) -> None:
    def booked(sum: int) -> State:
        return State(booked={"": (Booked("m", 1, 5, {}, Decimal(sum), Decimal(1), 1),)})

    found = Differences()
    found.add(Subject("acme", "s", role, "n", "p-31"), booked(0), booked(1))
    (batch,) = batches(found, 0, {})
    assert (batch.corrects is not None) is told
    back = Differences()
    back.add(Subject("acme", "s", role, "n", "p-31"), booked(1), booked(0))
    (batch,) = batches(back, 0, {})
    assert batch.corrects is not None
    assert ("p-31" in batch.corrects) is (role is Role.SNAPSHOT)  # who converts may be a person
