"""Properties that hold of every form and grain: order of arrival, and sums of spans."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.domain.goal import Calendar, Form, Grain, Guardrail, Policy

MONDAY = date(2026, 6, 1)
SPAN = 24
DAYS = [MONDAY + timedelta(days=n) for n in range(SPAN)]
PARTS = ("", "over", "guardrail.0", "guardrail.0.over")
COST = Guardrail("cost", "spend", Decimal(2), over_metric="leads", measure="cost")


def noon(number):
    day = MONDAY + timedelta(days=number)
    return int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp() * 1000)


amounts = st.sampled_from([Decimal(n) for n in (0, 1, 30, 69, 70, 100, 130)])
policies = st.builds(
    Policy,
    grain=st.sampled_from(Grain),
    red_after=st.integers(1, 3),
    add_to_next=st.booleans(),
    strictly_more=st.booleans(),
    source_always_alive=st.booleans(),
    ratio_days=st.integers(1, 6),
    ratio_least=st.sampled_from([Decimal(0), Decimal(30), Decimal(200)]),
    restate_share=st.sampled_from([None, Decimal("0.05")]),
)
forms = st.sampled_from(
    [
        {"target": Decimal(1800)},
        {"target": Decimal(1800), "at_most": True},
        {"form": Form.RATIO, "over_metric": "clicks", "target": Decimal(1)},
        {"form": Form.RATIO, "over_metric": "clicks", "target": Decimal(1), "at_most": True},
        {"form": Form.LEVEL, "level_start": Decimal(1800), "target": Decimal(100)},
        {
            "form": Form.LEVEL,
            "level_start": Decimal("0.5"),
            "target": Decimal("1.5"),
            "over_metric": "clicks",
        },
    ]
)
calendars = st.builds(
    Calendar,
    off=st.frozensets(st.sampled_from(DAYS), max_size=6),
    on=st.frozensets(st.sampled_from(DAYS), max_size=2),
)


@settings(max_examples=80, deadline=None)
@given(forms, policies, calendars, st.data())
def test_what_is_judged_does_not_depend_on_the_order_of_arrival_nor_on_the_looks(
    bench, make_goal, form, policy, calendar, data
):
    goal = replace(
        make_goal(days=SPAN, policy=policy, calendar=calendar), **form, guardrails=(COST,)
    )
    truth = {(part, day): data.draw(amounts) for part in PARTS for day in DAYS[::2]}
    desk, expected = bench(goal), bench(goal)
    for part, day in data.draw(st.permutations(list(truth))):
        if data.draw(st.integers(0, 9)) == 0:
            look = data.draw(st.integers(0, SPAN + 3))
            desk.judge(noon(look), noon(data.draw(st.integers(0, look))), patient=False)
        desk.put({day: truth[part, day]}, part)
    desk.judge()
    for (part, day), value in truth.items():
        expected.put({day: value}, part)
    expected.judge()

    assert judged(desk) == judged(expected)
    assert standing(desk) == standing(expected)
    assert [deed.seq for deed in desk.deeds] == list(range(1, len(desk.deeds) + 1))
    assert len({deed.id for deed in desk.deeds}) == len(desk.deeds)
    turns = [str(deed.kind) for deed in desk.deeds if deed.guardrail]
    assert turns == [("guardrail.breached", "guardrail.cleared")[n % 2] for n in range(len(turns))]


def judged(desk):
    verdicts = [desk.verdicts[start] for start in sorted(desk.verdicts)]
    return [(one.run.light, one.to_date.light, one.breached) for one in verdicts]


def standing(desk):
    """Return which guardrails were told as breached last, and whether the goal is missed."""
    breached = {name for name, guard in desk.state.guards.items() if guard.breached}
    return breached, desk.state.missed is not None


@settings(max_examples=60, deadline=None)
@given(
    policies, calendars, st.lists(amounts, min_size=SPAN, max_size=SPAN), st.integers(0, SPAN - 1)
)
def test_the_headline_is_the_sum_of_the_spans_and_of_what_they_leave_out(
    bench, make_goal, policy, calendar, values, late
):
    goal = make_goal(days=SPAN, policy=policy, calendar=calendar)
    known = dict(zip(DAYS, values, strict=True))
    desk = bench(goal)
    desk.put({day: value for day, value in known.items() if day != DAYS[late]})
    desk.judge()
    desk.put({DAYS[late]: known[DAYS[late]]})
    desk.judge()

    spans = [desk.verdicts[start] for start in sorted(desk.verdicts)]
    left_out = policy.grain is Grain.DAY and not policy.add_to_next
    for number, one in enumerate(spans):
        runs = [before.run.light for before in spans[: number + 1]]
        shown = runs[-1:] if policy.grain is Grain.RUNNING else runs
        actual = sum(light.actual for light in shown)
        if left_out:
            off = [day for day in DAYS if day <= one.span.end and not worked(calendar, day)]
            actual += sum(known[day] for day in off)
        assert one.to_date.light.actual == actual
        assert one.to_date.light.plan == sum(light.plan for light in shown)


def worked(calendar, day):
    return day in calendar.on or (day.isoweekday() <= 5 and day not in calendar.off)
