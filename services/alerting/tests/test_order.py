"""Whatever the order of arrival, and whenever the judge looked: the same final lights."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.domain.goal import Policy
from alerting.domain.judged import Kind

MONDAY = date(2026, 6, 1)
SPAN = 21
LOOK = object()


def noon(number):
    day = MONDAY + timedelta(days=number)
    return int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp() * 1000)


amounts = st.sampled_from([Decimal(n) for n in (0, 30, 60, 69, 70, 75, 99, 100, 130)])
days = st.lists(amounts, min_size=SPAN, max_size=SPAN)
policies = st.builds(
    Policy,
    add_to_next=st.booleans(),
    source_always_alive=st.booleans(),
    restate_share=st.sampled_from([None, Decimal("0.05")]),
)


def final(bench, goal, values):
    desk = bench(goal)
    desk.put(values)
    desk.judge()
    return desk


def whole(desk):
    """Return everything that was judged, but for what was told of it."""
    verdicts = [desk.verdicts[start] for start in sorted(desk.verdicts)]
    return [(one.run.light, one.to_date.light, one.breached) for one in verdicts]


@settings(max_examples=60, deadline=None)
@given(days, policies, st.data())
def test_the_final_lights_do_not_depend_on_order_and_looks(bench, make_goal, values, policy, data):
    goal = make_goal(days=SPAN, policy=policy, floor=Decimal(900), target=Decimal(1400))
    truth = {MONDAY + timedelta(days=n): value for n, value in enumerate(values)}
    desk = bench(goal)
    arrivals = data.draw(st.permutations(list(truth)))
    for day in arrivals:
        wrong = data.draw(st.booleans())
        if wrong:  # a value that a later correction replaces
            desk.put({day: data.draw(amounts)})
        if data.draw(st.booleans()):
            look = data.draw(st.integers(0, SPAN + 3))
            desk.judge(noon(look), noon(data.draw(st.integers(0, look))), patient=False)
        desk.put({day: truth[day]})
    desk.judge()

    expected = final(bench, goal, truth)
    assert whole(desk) == whole(expected)
    _chains_hold(desk)
    missed = sum(truth.values()) < 900
    standing = [d for d in desk.deeds if d.kind in (Kind.MISSED, Kind.RECOVERED) and d.tier]
    assert [d.kind == Kind.MISSED for d in standing[-1:]] in ([missed], [] if not missed else None)
    assert [d.seq for d in desk.deeds] == list(range(1, len(desk.deeds) + 1))
    assert len({d.id for d in desk.deeds}) == len(desk.deeds)


@settings(max_examples=60, deadline=None)
@given(days, days, st.sets(st.integers(0, SPAN - 1)))
def test_one_restatement_per_span_whose_judged_light_is_not_the_final_one(
    bench, make_goal, values, corrections, late
):
    """What came late arrives before the next look: judged and final differ as often as restated."""
    policy = Policy(source_always_alive=True, restate_share=None)
    goal = make_goal(days=SPAN, policy=policy)
    truth = {MONDAY + timedelta(days=n): value for n, value in enumerate(values)}
    early = truth | {MONDAY + timedelta(days=n): corrections[n] for n in late}
    desk = bench(goal)
    for number, day in enumerate(truth):
        desk.put({day: early[day]})
        desk.judge(noon(number), noon(number))
    desk.judge(noon(SPAN + 1), noon(SPAN + 1))
    judged, headlines = desk.colours(), desk.headlines()
    desk.put(truth)
    restated = [d.light_kind for d in desk.judge() if d.kind == Kind.RESTATED]

    changed = sum(one != other for one, other in zip(judged, desk.colours(), strict=True))
    assert restated.count("run") == changed
    changed = sum(one != other for one, other in zip(headlines, desk.headlines(), strict=True))
    assert restated.count("to-date") == changed
    assert desk.colours() == final(bench, goal, truth).colours()
    _chains_hold(desk)


def _chains_hold(desk):
    """Each restatement begins at the colour told before; an alarm stands over every red span."""
    told = {}
    for deed in desk.deeds:
        start = deed.span.start, deed.light_kind
        if deed.kind == Kind.RESTATED and start in told:
            assert deed.before == told[start]
        if deed.kind in (Kind.RESTATED, Kind.LIGHT_CHANGED):
            told[start] = deed.light
    alarms = [d for d in desk.deeds if d.kind == Kind.OFF_TRACK]
    over = [d.corrects for d in desk.deeds if d.kind == Kind.RECOVERED and not d.tier]
    assert len(set(over)) == len(over)
    assert set(over) <= {d.id for d in alarms}
    for one in desk.lights.values():
        if one.light.colour == "red":
            assert one.alarm in {d.id for d in alarms} - set(over)
