"""Conversions whose second event, or first, is what a record is: taken back, and won anew."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import permutations
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_contracts.raw import RawEvent
from event_contracts.subjects import Role, SubjectEvent
from metrics_ingest.domain.definitions import (
    Condition,
    Contribution,
    ContributionKind,
    Definitions,
    FieldMapping,
    Kind,
    Mapping,
    Measure,
    Metric,
    MetricKind,
    Op,
    Source,
)
from metrics_ingest.domain.mapping import Mapped
from metrics_ingest.domain.plans import SourcePlan, TenantPlan
from metrics_ingest.domain.subjects import conversions, versions
from metrics_ingest.domain.subjects.booking import Differences, batches
from metrics_ingest.domain.subjects.conversions import ConversionState
from metrics_ingest.domain.subjects.subject import Subject
from metrics_ingest.domain.values import Value
from metrics_ingest.handlers.subjects import memory as remembering
from metrics_ingest.handlers.subjects.memory import (
    MOST_PARTS,
    SubjectMemory,
    SubjectsEffect,
    remember,
)

DAY = 1440
MINUTE_MS = 60_000
FIELDS = {
    "person": Kind.STRING,
    "deal": Kind.STRING,
    "stage": Kind.STRING,
    "channel": Kind.STRING,
    "nulls": Kind.STRING,
    "note": Kind.STRING,
    "as_of": Kind.INTEGER,
    "amount": Kind.DECIMAL,
}
WON = (Condition(field="stage", op=Op.EQ, value="won"),)
GONE = (Condition(field="stage", op=Op.EQ, value="deleted"),)
DEALS = Contribution(
    kind=ContributionKind.ENTITY, types=("deal",), key=("deal",), as_of="as_of", gone=GONE
)
CHANGES = msgspec.structs.replace(DEALS, key=("person",), partial=True, nulled="nulls")
LEADS = msgspec.structs.replace(DEALS, types=("lead",), key=("person",))
SHARE = Metric(
    name="share",
    source="crm",
    kind=MetricKind.CONVERSION,
    version=1,
    types=("lead",),
    over=Measure(types=("deal",), where=WON),
    of="person",
    window_days=30,
    dims=("channel",),
)


def plan_of(*contributions: Contribution, metric: Metric = SHARE, version: int = 1) -> SourcePlan:
    door = Mapping(
        id=("id",),
        type=("type",),
        time=("time",),
        fields={name: FieldMapping(paths=(name,), kind=kind) for name, kind in FIELDS.items()},
    )
    source = Source(name="crm", doors={"http": door}, contributions=contributions, version=version)
    return TenantPlan.of(Definitions("acme", 1, (source,), (metric,))).sources["crm"]


def told(plan: SourcePlan, type: str, minute: int, **fields: Value) -> SubjectEvent:
    """Return what the raw fold sends to the person of an event with these fields."""
    raw = RawEvent(
        tenant="acme",
        source="crm",
        id="e",
        door="http",
        received_ms=fields.pop("received", 0),  # type: ignore[arg-type]
        body=msgspec.Raw(b"{}"),
    )
    event = Mapped(type, minute * MINUTE_MS, None, {"person": "p", **fields})
    sent = plan.diverter.divert(raw, event, plan.metrics_for(type))
    (found,) = [each for each in sent if each.role is Role.CONVERSION]
    return found


class Person:
    """One person's state, as a worker keeps it, and the facts that left."""

    def __init__(self, plan: SourcePlan) -> None:
        self.plan = plan
        self.state = ConversionState()
        self.cells: dict[tuple[int, str], list[Decimal]] = {}
        self.corrects: list[str | None] = []

    def take(self, *events: SubjectEvent) -> Sequence[str]:
        plan = cast(Any, self.plan.diverter.plan_of(Role.CONVERSION, "share"))
        step = conversions.take(self.state, events, plan)
        found = Differences()
        found.add(Subject("acme", "crm", Role.CONVERSION, "share", "p"), self.state, step.state)
        for batch in batches(found, 0, {}):
            self.corrects.append(batch.corrects)
            over = batch.over or (Decimal(0),) * len(batch.cells)
            for cell, below in zip(batch.cells, over, strict=True):
                place = (cell.minute, batch.dims[cell.dims].get("channel", ""))
                pair = self.cells.setdefault(place, [Decimal(0), Decimal(0)])
                pair[0] += cell.sum
                pair[1] += below
        text = msgspec.json.Encoder(decimal_format="string").encode(step.state)
        self.state = msgspec.json.decode(text, type=ConversionState)
        return step.outcomes

    def tell(self, type: str, minute: int, **fields: Value) -> Sequence[str]:
        return self.take(told(self.plan, type, minute, **fields))

    @property
    def totals(self) -> dict[tuple[int, str], tuple[int, int]]:
        """Numerator and denominator by minute and channel."""
        return {at: (int(a), int(b)) for at, (a, b) in self.cells.items() if a or b}


def deal(person: Person, minute: int, as_of: int, stage: str, deal: str = "d1") -> Sequence[str]:
    return person.tell("deal", minute, deal=deal, as_of=as_of, stage=stage)


def test_a_deal_that_is_lost_again_takes_the_conversion_back_and_says_what_it_corrects() -> None:
    person = Person(plan_of(DEALS))
    person.tell("lead", 5, channel="sem")
    deal(person, 100, 1, "open")
    deal(person, 200, 2, "won")
    assert person.totals == {(5, "sem"): (1, 1)}
    assert set(person.corrects) == {None}
    deal(person, 300, 3, "lost")
    assert person.totals == {(5, "sem"): (0, 1)}
    (taken_back,) = person.corrects[2:]
    assert (taken_back or "").startswith("conversion:")
    deal(person, 400, 4, "won")
    assert person.totals == {(5, "sem"): (1, 1)}


def test_by_period_a_deal_won_anew_counts_when_it_was_won_anew() -> None:
    person = Person(plan_of(DEALS, metric=msgspec.structs.replace(SHARE, by="period")))
    person.tell("lead", 5, channel="sem")
    for minute, as_of, stage in ((200, 1, "won"), (300, 2, "lost"), (400, 3, "won")):
        deal(person, minute, as_of, stage)
    assert person.totals == {(5, "sem"): (0, 1), (400, "sem"): (1, 0)}


def test_an_edit_of_a_won_deal_moves_nothing_not_even_behind_the_window() -> None:
    person = Person(plan_of(DEALS, metric=msgspec.structs.replace(SHARE, by="period")))
    person.tell("lead", 5, channel="sem")
    deal(person, 200, 1, "won")
    deal(person, 90 * DAY, 2, "won")
    assert person.totals == {(5, "sem"): (0, 1), (200, "sem"): (1, 0)}
    deal(person, 91 * DAY, 3, "lost")
    deal(person, 92 * DAY, 4, "won")  # too late
    assert person.totals == {(5, "sem"): (0, 1)}


def test_another_won_deal_in_the_window_keeps_the_conversion() -> None:
    person = Person(plan_of(DEALS, metric=msgspec.structs.replace(SHARE, by="period")))
    person.tell("lead", 5)
    deal(person, 200, 1, "won", "d1")
    deal(person, 300, 1, "won", "d2")
    deal(person, 400, 2, "lost", "d1")
    assert person.totals == {(5, ""): (0, 1), (300, ""): (1, 0)}
    deal(person, 500, 2, "deleted", "d2")
    assert person.totals == {(5, ""): (0, 1)}


def test_an_older_version_that_comes_late_tells_since_when_and_a_copy_tells_nothing() -> None:
    person = Person(plan_of(DEALS, metric=msgspec.structs.replace(SHARE, by="period")))
    person.tell("lead", 5)
    deal(person, 300, 3, "won")
    deal(person, 200, 2, "won")
    assert person.totals == {(5, ""): (0, 1), (200, ""): (1, 0)}
    deal(person, 250, 2, "won")  # the same version of another time
    assert deal(person, 200, 2, "won") == ["repeated"]
    deal(person, 100, 1, "lost")
    assert person.totals == {(5, ""): (0, 1), (200, ""): (1, 0)}


def test_of_two_contents_of_one_version_the_first_holds_and_without_as_of_the_last() -> None:
    person = Person(plan_of(DEALS))
    person.tell("lead", 5)
    deal(person, 200, 1, "won")
    assert deal(person, 200, 1, "lost") == ["conflict"]
    assert person.totals == {(5, ""): (1, 1)}
    by_arrival = Person(plan_of(msgspec.structs.replace(DEALS, as_of=None)))
    by_arrival.tell("lead", 5)
    deal(by_arrival, 200, 1, "won")
    deal(by_arrival, 200, 1, "lost")
    assert by_arrival.totals == {(5, ""): (0, 1)}


def test_a_lead_that_is_no_lead_after_all_is_taken_back_and_the_next_is_the_first() -> None:
    leads = msgspec.structs.replace(LEADS, key=("deal",))
    person = Person(plan_of(leads, DEALS))
    person.tell("lead", 5, deal="l1", as_of=1, channel="sem")
    person.tell("lead", 50, deal="l2", as_of=1, channel="shop")
    deal(person, 100, 1, "won")
    assert person.totals == {(5, "sem"): (1, 1)}
    person.tell("lead", 150, deal="l1", as_of=2, channel="sem", stage="deleted")
    assert person.totals == {(50, "shop"): (1, 1)}
    assert (person.corrects[-1] or "").startswith("conversion:")
    person.tell("lead", 160, deal="l2", as_of=2, stage="deleted")
    assert person.totals == {}


def test_what_was_won_behind_the_first_lead_counts_for_the_second_once_that_is_the_first() -> None:
    leads = msgspec.structs.replace(LEADS, key=("deal",))
    metric = msgspec.structs.replace(
        SHARE, types=("lead", "form"), over=Measure(types=("bought",)), by="period"
    )
    person = Person(plan_of(leads, metric=metric))
    person.tell("lead", 5, deal="l1", as_of=1)
    person.tell("form", 100)
    for minute in (50, 150, 160):
        person.tell("bought", minute)
    assert person.totals == {(5, ""): (0, 1), (50, ""): (1, 0)}
    person.tell("lead", 200, deal="l1", as_of=2, stage="deleted")
    assert person.totals == {(100, ""): (0, 1), (150, ""): (1, 0)}


def test_a_corrected_dimension_of_the_lead_moves_it_and_says_so() -> None:
    person = Person(plan_of(LEADS, DEALS))
    person.tell("lead", 5, as_of=1, channel="sem")
    person.tell("lead", 90, as_of=2, channel="content")
    assert person.totals == {(5, "content"): (0, 1)}
    assert (person.corrects[-1] or "").startswith("conversion:")


def test_changes_of_a_record_are_put_together_before_they_are_judged() -> None:
    value = Measure(types=("deal",), where=WON, value="amount")
    person = Person(plan_of(CHANGES, metric=msgspec.structs.replace(SHARE, over=value)))
    person.tell("lead", 5)
    person.tell("deal", 100, as_of=1, stage="won")
    assert person.totals == {(5, ""): (0, 1)}
    person.tell("deal", 300, as_of=3, note="called")
    person.tell("deal", 200, as_of=2, amount=Decimal(10))
    assert person.totals == {(5, ""): (1, 1)}
    person.tell("deal", 400, as_of=4, nulls="amount")
    assert person.totals == {(5, ""): (0, 1)}
    person.tell("deal", 500, as_of=5, amount=Decimal(7))
    person.tell("deal", 500, as_of=5, stage="open")
    assert person.totals == {(5, ""): (0, 1)}


def test_a_record_may_be_both_the_lead_and_the_customer() -> None:
    stages = msgspec.structs.replace(
        SHARE, types=("deal",), over=Measure(types=("deal",), where=WON), by="period"
    )
    person = Person(plan_of(CHANGES, metric=stages))
    person.tell("deal", 5, as_of=1, stage="new", channel="sem")
    person.tell("deal", 50, as_of=2, stage="won")
    assert person.totals == {(5, "sem"): (0, 1), (50, "sem"): (1, 0)}
    person.tell("deal", 60, as_of=3, stage="new")
    assert person.totals == {(5, "sem"): (0, 1)}
    person.tell("deal", 70, as_of=4, stage="deleted")
    assert person.totals == {}


READINGS = [
    (("won", "lost", "won"), ("open", "won", "won"), 200),
    (("won", "lost", "lost"), ("won", "won", "won"), 100),
]


@pytest.mark.parametrize("records", [DEALS, CHANGES], ids=["whole", "changes"])
@pytest.mark.parametrize(("misread", "read", "won"), READINGS)
def test_what_a_mended_mapping_reads_of_the_same_versions_holds_in_any_order(
    records: Contribution, misread: Sequence[str], read: Sequence[str], won: int
) -> None:
    by_period = msgspec.structs.replace(SHARE, by="period")
    wrong, mended = (plan_of(records, metric=by_period, version=n) for n in (1, 2))
    events = [
        told(plan, "deal", 100 * as_of, deal="d", as_of=as_of, stage=stage)
        for plan, stages in ((wrong, misread), (mended, read))
        for as_of, stage in enumerate(stages, 1)
    ]
    for order in permutations(events):
        person = Person(mended)
        person.take(*order[:3], told(mended, "lead", 5), *order[3:])
        assert person.totals == {(5, ""): (0, 1), (won, ""): (1, 0)}
    (record,) = person.state.records.values()
    assert len(record.versions) == (3 if records is DEALS else 6)


def test_of_two_values_of_a_field_in_one_version_the_first_holds() -> None:
    person = Person(plan_of(CHANGES))
    person.tell("lead", 5)
    person.tell("deal", 100, as_of=1, stage="won")
    assert person.tell("deal", 100, as_of=1, stage="lost", channel="sem") == ["conflict"]
    assert person.totals == {(5, ""): (1, 1)}


@dataclass(frozen=True)
class Told:
    """A version of a record, or with as_of None something that happened."""

    type: str
    record: str
    as_of: int | None
    minute: int
    stage: str = ""


def since(versions: Iterable[Told], wanted: str | None) -> int | None:
    """Return since when a record is what is wanted, by its last run of versions."""
    found = None
    for each in sorted(versions, key=lambda v: v.as_of or 0):
        is_it = each.stage != "deleted" if wanted is None else each.stage == wanted
        found = (each.minute if found is None else found) if is_it else None
    return found


def oracle(history: Sequence[Told], window: int, by: str) -> dict[tuple[int, str], tuple[int, int]]:
    """What the whole history comes to, told in one go and in its order."""
    firsts = [t.minute for t in history if t.type == "form"]
    seconds = [t.minute for t in history if t.type == "won"]
    for kind, wanted, into in (("lead", None, firsts), ("deal", "won", seconds)):
        for name in {t.record for t in history if t.as_of is not None}:
            mine = [t for t in history if t.type == kind and t.record == name]
            at = since([t for t in mine if t.as_of is not None], wanted)
            into += [] if at is None else [at]
    if not firsts:
        return {}
    base = min(firsts)
    won = [at for at in seconds if base <= at <= base + window * DAY]
    if by == "cohort" or not won:
        return {(base, ""): (bool(won), 1)}
    pairs: dict[tuple[int, str], tuple[int, int]] = {(base, ""): (0, 1)}
    above, below = pairs.get((min(won), ""), (0, 0))
    pairs[min(won), ""] = (above + 1, below)
    return pairs


STAGES = st.sampled_from(["open", "won", "lost", "deleted"])
HISTORIES = st.lists(
    st.tuples(
        st.sampled_from(["lead", "lead", "form", "deal", "deal", "deal", "won", "won"]),
        st.sampled_from("xyz"),
        STAGES,
        st.integers(0, 40),
    ),
    max_size=14,
)


@settings(max_examples=300, deadline=None)
@given(
    HISTORIES,
    st.sampled_from(["cohort", "period"]),
    st.randoms(use_true_random=False),
)
def test_conversions_of_states_come_to_the_same_in_every_order(
    rows: list[tuple[str, str, str, int]], by: str, random: Any
) -> None:
    where = (Condition(field="stage", op=Op.IN, value=["won", "happened"]),)
    over = Measure(types=("deal", "won"), where=where)
    types = ("lead", "form")
    metric = msgspec.structs.replace(SHARE, types=types, over=over, window_days=1, by=by, dims=())
    plan = plan_of(DEALS, msgspec.structs.replace(LEADS, key=("deal",)), metric=metric)
    history = [
        Told(kind, record, n if kind in ("lead", "deal") else None, at * DAY // 8, stage)
        for n, (kind, record, stage, at) in enumerate(rows)
    ]
    events = [event_of(plan, each) for each in history]
    again = events + (random.choices(events, k=len(events) // 2) if events else [])
    random.shuffle(again)
    person = Person(plan)
    while again:
        size = random.randint(1, 4)
        person.take(*again[:size])
        again = again[size:]
    assert person.totals == oracle(history, 1, by)


def event_of(plan: SourcePlan, each: Told) -> SubjectEvent:
    if each.as_of is None:
        return told(plan, each.type, each.minute, stage="happened")
    return told(plan, each.type, each.minute, deal=each.record, as_of=each.as_of, stage=each.stage)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["stage", "amount", "nulls"]), STAGES), max_size=8),
    st.randoms(use_true_random=False),
)
def test_changes_of_a_record_come_to_the_same_in_every_order(
    changes: list[tuple[str, str]], random: Any
) -> None:
    value = Measure(types=("deal",), where=WON, value="amount")
    plan = plan_of(CHANGES, metric=msgspec.structs.replace(SHARE, over=value, by="period"))
    events = [told(plan, "lead", 0)]
    fields: dict[str, str] = {}
    won_at: int | None = None
    for n, (name, stage) in enumerate(changes):
        more: dict[str, Value] = {"stage": stage} if name == "stage" else {"nulls": "amount"}
        more = {"amount": Decimal(5)} if name == "amount" else more
        events.append(told(plan, "deal", n + 1, as_of=n, **more))
        fields = fields | {name: stage}
        if name == "nulls":
            fields.pop("amount", None)
        is_won = fields.get("stage") == "won" and "amount" in fields
        won_at = (n + 1 if won_at is None else won_at) if is_won else None
    again = events + random.sample(events, random.randint(0, len(events)))
    random.shuffle(again)
    person = Person(plan)
    for event in again:
        person.take(event)
    assert person.totals == {(0, ""): (0, 1)} | ({} if won_at is None else {(won_at, ""): (1, 0)})


def test_of_very_many_versions_the_oldest_are_put_together_and_the_run_goes_on() -> None:
    person = Person(plan_of(DEALS, metric=msgspec.structs.replace(SHARE, by="period")))
    person.tell("lead", 5)
    for n in range(5 * versions.MOST_VERSIONS):
        deal(person, 10 + n, n, "won")
    assert person.totals == {(5, ""): (0, 1), (10, ""): (1, 0)}
    (record,) = person.state.records.values()
    assert len(record.versions) == versions.MOST_VERSIONS
    assert deal(person, 8, 3, "lost") == ["stale"]  # it is not known any more what followed
    deal(person, 10_000, 10_000, "lost")
    assert person.totals == {(5, ""): (0, 1)}


@pytest.mark.parametrize("by", ["cohort", "period"])
def test_of_very_many_records_the_oldest_stay_as_they_were(by: str) -> None:
    person = Person(plan_of(DEALS, metric=msgspec.structs.replace(SHARE, by=by)))
    person.tell("lead", 5)
    for n in range(conversions.MOST_RECORDS + 1):
        deal(person, 10 + n, 1, "won", f"d{n}")
    assert len(person.state.records) == conversions.MOST_RECORDS
    for n in range(conversions.MOST_RECORDS + 1):
        deal(person, 500 + n, 2, "lost", f"d{n}")
    converted = {(5, ""): (1, 1)} if by == "cohort" else {(5, ""): (0, 1), (10, ""): (1, 0)}
    assert person.totals == converted  # what the oldest said can no longer be taken back


def test_a_state_that_was_kept_before_records_were_is_read_and_holds() -> None:
    before = b'{"booked":{},"base":[300000,{"channel":"sem"}],"seconds":[12000000]}'
    person = Person(plan_of(DEALS))
    person.state = msgspec.json.decode(before, type=ConversionState)
    deal(person, 300, 2, "lost")
    assert person.totals == {(5, "sem"): (1, 1)}


def test_only_what_the_metric_looks_at_is_kept_of_a_record() -> None:
    person = Person(plan_of(DEALS))
    person.tell("deal", 5, deal="d", as_of=1, stage="won", channel="sem", note="+86 138 0000 0000")
    (record,) = person.state.records.values()
    assert record.versions[0].texts == {"stage": "won", "channel": "sem"}


def test_a_subject_with_many_versions_is_read_when_it_is_needed_and_not_remembered() -> None:
    small, large = Person(plan_of(DEALS)), Person(plan_of(DEALS))
    deal(small, 5, 1, "won")
    for n in range(5 * MOST_PARTS):
        deal(large, 5, n, "won", f"d{n % 5}")
    subjects = {
        Subject("acme", "crm", Role.CONVERSION, "share", key): person.state
        for key, person in (("p", small), ("q", large))
    }
    memory = SubjectMemory()
    remember(SubjectsEffect(states=dict(subjects)), memory)
    assert [subject.key for subject in memory.states] == ["p"]


def test_states_of_many_versions_are_remembered_only_while_all_of_them_have_few(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(remembering, "MOST_PARTS_OF_ALL", 50)
    memory, most = SubjectMemory(), 0
    for n in range(40):
        person = Person(plan_of(DEALS))
        for as_of in range(n % 9 + 1):
            deal(person, 5, as_of, "won")
        for _ in range(2):  # told again it takes the place of what it was
            who = Subject("acme", "crm", Role.CONVERSION, "share", str(n))
            remember(SubjectsEffect(states={who: person.state}), memory)
            assert memory.parts == sum(state.parts for state in memory.states.values())
            most = max(most, memory.parts)
    assert 50 < most < 50 + 2 * 9
