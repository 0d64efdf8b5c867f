"""What the shop's year says and shows, without a system."""

import io
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from paceline.demo.shop.end import late_order
from paceline.demo.shop.model import Goal, Light, News, Pace, Picture, Praise
from paceline.demo.shop.play import first_picture, sliced
from paceline.demo.shop.view import View, blocks
from paceline.demo.shop.words import ShopWords
from paceline.demo.shop.year import EXPORT, HOME, Year, generated, late_day, the_year
from paceline.trial import oracle, retail
from paceline.trial.retail import Invoice

MONDAY = date(2011, 2, 14)


@pytest.fixture(scope="module")
def made() -> dict[date, list[Invoice]]:
    """The generated year."""
    return generated()


def values_of(days: dict[date, list[Invoice]]) -> dict[str, dict[date, Decimal]]:
    return retail.values([event for events in days.values() for event in events])


def deed(kind: str, **fields: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "goal": EXPORT,
        "unit": "GBP",
        "span": {"kind": "day", "start": "2011-02-03", "end": "2011-02-03"},
        "actual": "1234.56",
        "plan": "5000",
        **fields,
    }


def said(row: dict[str, Any], lang: str = "en") -> str:
    news = News.read(row)
    assert news is not None
    return ShopWords(lang).deed(news.kind, news.goal, news.unit, news.values)


def test_a_goal_turning_red_is_told_in_words() -> None:
    red = deed("goal.off_track", light="red", before="yellow")
    assert said(red) == "Export revenue turned red: third day below 70 % (£1,235 of £5,000)"
    assert said(red, "zh") == "出口收入转红：连续第三天低于 70 %（£1,235，计划 £5,000）"


def test_a_reached_tier_is_told_with_its_amount_and_the_day_it_was_reached() -> None:
    row = deed("goal.reached", tier="floor", floor="1072000", as_of="2011-09-08T00:00:01Z")
    row["span"] = {"kind": "period", "start": "2010-12-01", "end": "2011-12-09"}
    news = News.read(row)
    assert news is not None
    assert news.day == date(2011, 9, 7)
    assert said(row) == "Export revenue reached its floor for the year: £1,072,000"


def test_a_correction_is_told_by_both_colours() -> None:
    row = deed("goal.restated", light="green", before="red", actual="5258.60")
    assert said(row) == "Export revenue corrected to green, was red: late orders count (£5,259)"


def test_a_change_of_light_is_news_only_when_it_leaves_the_red_and_corrects_nothing() -> None:
    assert News.read(deed("light.changed", before="green", light="yellow")) is None
    assert News.read(deed("light.changed", before="red", light="green", corrects="x")) is None
    assert News.read(deed("light.changed", light="green")) is None
    left = deed("light.changed", before="red", light="yellow")
    assert said(left) == "Export revenue left the red: £1,235 of £5,000, yellow"


def test_the_generated_year_is_the_same_each_time(made: dict[date, list[Invoice]]) -> None:
    assert generated() == made
    assert generated(seed=1) != made


def test_the_generated_year_turns_each_light_red_and_reaches_targets(
    made: dict[date, list[Invoice]],
) -> None:
    values = values_of(made)
    for goal in retail.DAILY:
        wanted = retail.wanted(goal)
        kinds = {d.kind for d in oracle.first_deeds(wanted, values[goal], retail.END)}
        assert {"goal.off_track", "goal.reached"} <= kinds, goal


def test_orders_from_abroad_dry_up_in_the_generated_spring(
    made: dict[date, list[Invoice]],
) -> None:
    exports = values_of(made)[EXPORT]
    april = oracle.working(date(2011, 4, 1), date(2011, 4, 15))
    lights = oracle.lights(retail.wanted(EXPORT), exports, april[-1])
    assert {lights[day] for day in april} == {"red"}


def test_the_generated_year_earns_praise_abroad(made: dict[date, list[Invoice]]) -> None:
    sums: dict[tuple[str, date], Decimal] = {}
    for events in made.values():
        for event in events:
            key = (event.country, event.day)
            sums[key] = sums.get(key, Decimal(0)) + event.amount("gross")
    praised = {country for country, _ in oracle.praised(sums, Decimal(10_000))}
    assert praised - {HOME}


def test_generated_events_have_the_shape_of_the_shops(made: dict[date, list[Invoice]]) -> None:
    ids = [event.id for events in made.values() for event in events]
    assert len(ids) == len(set(ids)) > 20_000
    for day, events in made.items():
        for event in events:
            assert event.body["occurred_at"].startswith(f"{day}T")
            assert set(event.body) >= {"event_id", "type", "occurred_on", "key", "net", "gross"}


def test_late_exports_turn_the_light_red_and_their_arrival_green(
    made: dict[date, list[Invoice]],
) -> None:
    late = late_day(made)
    assert late is not None
    wanted, exports = retail.wanted(EXPORT), values_of(made)[EXPORT]
    assert oracle.lights(wanted, exports | {late: Decimal(0)}, late)[late] == "red"
    assert oracle.lights(wanted, exports, late)[late] == "green"


def test_the_shops_late_day_is_the_fourteenth_of_february(shared_data: Path) -> None:
    assert late_day(retail.by_day(shared_data / "retail")) == MONDAY


def test_held_events_come_two_days_later_and_none_is_lost(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PACELINE_RETAIL", str(tmp_path))
    year = the_year()
    assert year.generated
    assert year.late is not None
    assert {event.country for event in year.due(year.late)} == {HOME}
    assert set(map(id, year.held)) <= set(map(id, year.due(year.late + timedelta(days=2))))
    sent = [event.id for day in year.days for event in year.due(day)]
    assert sorted(sent) == sorted(e.id for events in year.days.values() for e in events)


def test_a_year_cut_short_before_its_late_day_holds_nothing_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PACELINE_RETAIL", str(tmp_path))
    year = the_year(10)
    assert len(year.days) == 10
    assert year.late is None


def test_a_day_is_sent_in_the_order_of_its_hours(made: dict[date, list[Invoice]]) -> None:
    events = made[MONDAY]
    parts = sliced(events, 4)
    hours = [[int(event.body["occurred_at"][11:13]) for event in part] for part in parts]
    assert sum(map(len, parts)) == len(events)
    assert sliced(events, 1)[0] == [event for part in parts for event in part]
    for earlier, later in pairwise(hours):
        assert max(earlier, default=0) <= min(later, default=24)


def test_the_late_order_brings_the_days_exports_up_to_their_plan(
    made: dict[date, list[Invoice]],
) -> None:
    exports = values_of(made)[EXPORT]
    day = next(d for d in oracle.working(MONDAY, retail.END) if exports[d] < 5_000)
    order = late_order(Year(made, generated=True), day)
    assert exports[day] + order.amount("gross") >= 5_000
    assert exports[day] + order.amount("gross") < 5_102


def test_the_lag_counts_from_the_clocks_step_beyond_what_is_complete() -> None:
    pace = Pace()
    assert pace.lag(9.0) is None
    for real, simulated in ((1.0, 100.0), (2.0, 200.0), (3.0, 300.0)):
        pace.stepped(real, simulated)
    pace.complete("orders", 300.0)
    assert pace.lag(9.0) == 0.0
    pace.complete("export_revenue", 150.0)
    assert pace.complete_to == 150.0
    assert pace.lag(9.0) == 7.0


def test_the_rate_is_events_by_real_time() -> None:
    pace = Pace()
    pace.stepped(1.0, 100.0)
    pace.sent = 90
    pace.stepped(4.0, 200.0)
    assert pace.rate == 30.0


def test_a_light_is_told_by_its_height_and_the_running_day_is_dim() -> None:
    colours = ["green", "yellow", "red", "grey", "none", "green"]
    lights = [
        Light(MONDAY, colour, Decimal(1), Decimal(1), Decimal(1), provisional=number == 5)
        for number, colour in enumerate(colours)
    ]
    text = blocks(lights)
    assert text.plain == "·" * 14 + "█▅▂░·█"
    assert str(text.spans[-1].style) == "green dim"
    assert len(blocks(lights * 9).plain) == 20


def picture() -> Picture:
    """A picture with one judged Monday."""
    found = first_picture(Year({MONDAY: []}, generated=False))
    for goal in found.goals.values():
        plan = goal.wanted.daily
        goal.lights = [Light(MONDAY, "yellow", plan, plan / 2, Decimal("0.5"), provisional=False)]
        goal.total = plan * 27
    found.tell([deed("goal.off_track", light="red", before="yellow")])
    found.praise([Praise(MONDAY, "Netherlands", Decimal(10_000), Decimal("12345.6"))])
    return found


def drawn(shown: Picture, lang: str, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=24, color_system=None)
    console.print(View(shown, ShopWords(lang)))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_the_picture_shows_plan_actual_light_and_totals() -> None:
    lines = drawn(picture(), "en", 120)
    row = next(line.split() for line in lines if "export revenue" in line)
    # 54 working days from 2010-12-01 to 2011-02-14: 27 daily plans are half of what was planned.
    assert row[1:] == [
        *("export", "revenue", "£5,000", "£2,500", "50", "%", "●", "yellow"),
        *("·" * 19 + "▅", "£135,000", "50", "%", "10", "%", "│"),
    ]
    assert any("2011-02-03 ▼ Export revenue turned red" in line for line in lines)
    assert any("02-14 ★ Netherlands 12,346" in line for line in lines)


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("width", [80, 100, 160])
def test_the_picture_fits_the_terminal(lang: str, width: int) -> None:
    console = Console(width=width)
    for line in drawn(picture(), lang, width):
        assert console.render_str(line, markup=False).cell_len <= width


def test_a_goal_is_compared_with_the_plan_of_its_working_days_so_far() -> None:
    goal = Goal(EXPORT, "GBP", retail.wanted(EXPORT), total=Decimal(15_000))
    assert goal.of_plan(date(2010, 12, 1)) == 3
    assert goal.of_plan(date(2010, 12, 5)) == 1  # Sunday: Wednesday to Friday have passed
    assert goal.of_target == Decimal(15_000) / 1_340_000
