"""The invented organisation and its plot, without a system."""

import csv
import io
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console

from paceline.demo.firm import people
from paceline.demo.firm.aims import Aim
from paceline.demo.firm.founding import source
from paceline.demo.firm.living import events
from paceline.demo.firm.picture import Light, News, Picture, Praise, first_picture
from paceline.demo.firm.play import typed
from paceline.demo.firm.plot import FEWEST_DAYS, MOST_DAYS, Plot
from paceline.demo.firm.show import status_line
from paceline.demo.firm.truth import truth
from paceline.demo.firm.verdict import Verdict, deed
from paceline.demo.firm.view import View, blocks
from paceline.demo.firm.words import FirmWords, amount
from paceline.trial.oracle import Deed

LENGTHS = [FEWEST_DAYS, MOST_DAYS]


def aim_of(plot: Plot, identity: str) -> Aim:
    return next(aim for aim in plot.aims if aim.id == identity)


def kinds(plot: Plot, identity: str) -> Counter[str]:
    found = truth(plot, aim_of(plot, identity)).deeds
    return Counter(each.kind for each in found.elements() if each.kind != "light.changed")


def test_the_directory_has_12_teams_and_150_people_each_of_them_once() -> None:
    rows = list(csv.DictReader(io.StringIO(people.directory().decode())))
    assert len(rows) == len({row["id"] for row in rows}) == 150
    assert len({row["team"] for row in rows}) == 12
    assert len([row for row in rows if row["team_name"]]) == 12
    known = {row["id"] for row in rows}
    assert {row["manager"] for row in rows} - {""} <= known
    assert {row["language"] for row in rows} == {"zh", "en"}


def test_the_directory_is_the_same_each_time_and_another_for_another_seed() -> None:
    assert people.everybody() == people.everybody()
    assert people.everybody(seed=1) != people.everybody()


def test_every_goal_hangs_on_one_above_and_belongs_to_somebody_of_the_directory() -> None:
    known = {person.id: person.team for person in people.everybody()}
    order = {"company": 0, "team": 1, "project": 2, "individual": 3}
    plot = Plot()
    by_id = {aim.id: aim for aim in plot.aims}
    assert {aim.level for aim in plot.aims} == set(order)
    for aim in plot.aims:
        assert known[aim.owner] == aim.team
        assert aim.streams(), aim.id
        if aim.id != "revenue":
            assert order[by_id[aim.parent].level] <= order[aim.level]


@pytest.mark.parametrize("days", LENGTHS)
def test_the_plot_is_what_it_says_whatever_its_length(days: int) -> None:
    plot = Plot(days)
    assert len(plot.days) == days
    assert {aim.id for aim in plot.aims if truth(plot, aim).run[plot.day(-1)] == "red"} == {
        *("leads-sem", "sem-zhang-min", "fair-leads"),
    }
    # The third low day, and no day before it.
    run = truth(plot, aim_of(plot, "leads-sem")).run
    assert [run[plot.day(place)] for place in (-3, -2, -1)] == ["yellow", "yellow", "red"]
    assert kinds(plot, "leads-sem") == {"goal.off_track": 1}
    live = kinds(plot, "leads-live")
    assert (live["goal.off_track"], live["goal.recovered"]) == (1, 1)
    assert live["goal.restated"] >= 1
    assert truth(plot, aim_of(plot, "leads-live")).run[plot.day(-3)] == "green"
    assert kinds(plot, "leads-social") == {"guardrail.breached": 1}
    assert truth(plot, aim_of(plot, "leads-social")).to_date[plot.day(-1)] == "yellow"
    assert kinds(plot, "partner-leads") == {"source.silent": 1}
    assert truth(plot, aim_of(plot, "partner-leads")).to_date[plot.day(-1)] == "grey"
    assert truth(plot, aim_of(plot, "fair-leads")).to_date[plot.day(-1)] == "red"


@pytest.mark.parametrize("days", LENGTHS)
def test_who_passes_100_leads_is_praised_and_nobody_else(days: int) -> None:
    plot = Plot(days)
    by_person: Counter[tuple[str, date]] = Counter()
    for day in plot.days:
        for each in plot.due(day):
            if each.stream.dims.get("channel") == "content":
                by_person[each.stream.dims["person"], each.day] += each.amounts["count"]
    assert {key for key, count in by_person.items() if count >= 100} == set(plot.praised)
    assert sorted(plot.praised.values()) == ["no-consent", "posted", "posted"]
    consent = {person.id: person.praise for person in people.CAST}
    assert {person: consent[person] for person, _ in plot.praised} == {
        "sun.yue": True,
        "he.lin": True,
        "guo.tao": False,
    }


def test_a_number_of_yesterday_takes_the_fairs_headline_out_of_the_red() -> None:
    plot = Plot(FEWEST_DAYS)
    fairs = aim_of(plot, "fair-leads")
    sums = plot.known(fairs, plot.day(-1))
    better = sum(sums.values()) - sums[plot.day(-1)] + 40
    # The day that runs is planned, too.
    assert better >= Decimal("0.7") * fairs.daily * (FEWEST_DAYS + 1)


def test_each_event_is_sent_once_and_the_late_ones_two_days_late() -> None:
    plot = Plot(FEWEST_DAYS)
    sent = [each.id for day in plot.days for each in plot.due(day)]
    assert len(sent) == len(set(sent))
    late = [each for each in plot.due(plot.day(-1)) if each.late]
    assert {each.day for each in late} == {plot.day(-3)}
    assert [each for day in plot.days[:-1] for each in plot.due(day) if each.late] == []


def test_the_partners_new_export_has_no_field_that_its_mapping_knows() -> None:
    plot = Plot(FEWEST_DAYS)
    mapping = source("partner")["doors"]["http"]["fields"]
    assert plot.broken
    for each in plot.broken:
        assert each.stream.source == "partner"
        assert set(each.cloud_event()["data"]) == {"lead_count"}
    assert mapping["leads"]["required"]


def test_a_typed_number_says_what_it_is_and_has_the_id_that_the_console_makes() -> None:
    plot = Plot(FEWEST_DAYS)
    number = next(each for each in plot.due(plot.day(-1)) if each.stream.source == "by-hand")
    event = typed(number)
    assert event["data"]["said"] == event["data"]["amount"] == "2"
    assert event["time"] == f"{plot.day(-1)}T12:00:00"
    # The beginning of the SHA-256 of fair_leads, the day and revision 1, with 0x1f between them.
    assert event["id"].startswith("dfa91ffda717e560")


def test_the_trickle_goes_on_with_events_of_the_present_moment() -> None:
    class Noon:
        def now_ms(self) -> int:
            return int(datetime(2026, 11, 10, 4, tzinfo=UTC).timestamp() * 1000)

    stream = events(Noon())
    found = [next(stream) for _ in range(200)]
    assert len({each.id for each in found}) == 200
    assert {each.day for each in found} == {date(2026, 11, 10)}
    assert all(amount >= 1 for each in found for amount in each.amounts.values())
    assert {each.broken for each in found if each.stream.source == "partner"} == {True}


def test_the_verdict_names_what_is_missing_and_what_is_too_much() -> None:
    verdict = Verdict()
    verdict.compare("praise", Counter("ab"), Counter("bbc"))
    assert verdict.wrong == ["praise: missing a", "praise: extra b", "praise: extra c"]


def row(kind: str, **fields: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "goal": "leads-sem",
        "name": "Leads by SEM 搜索线索",
        "unit": "leads",
        "span": {"kind": "day", "start": "2026-11-09", "end": "2026-11-09"},
        "actual": "24",
        "plan": "40",
        "light": "red",
        "as_of": "2026-11-09T17:00:01Z",
        **fields,
    }


def said(found: dict[str, Any], lang: str) -> str:
    news = News.read(found)
    assert news is not None
    return FirmWords(lang).deed(news.kind, news.name, news.unit, news.values)


def test_a_goal_event_is_told_in_the_readers_language() -> None:
    red = row("goal.off_track", light_kind="run", escalated_to="lead")
    assert said(red, "en") == "Leads by SEM red on its third low day: 24 of 40; lead told"
    assert said(red, "zh") == "搜索线索转红：连续第三天偏低（24，计划 40），已通知上级"
    dear = row("guardrail.breached", guardrail="cost per lead 单条线索成本", light=None)
    assert said(dear, "zh") == "搜索线索：单条线索成本为 ¥24，上限 ¥40，不能亮绿灯"
    assert News.read(row("light.changed", light_kind="run")) is None


def test_a_deed_is_known_by_kind_day_and_colour() -> None:
    assert deed(row("light.changed")) == Deed("light.changed", date(2026, 11, 9), "red")
    assert deed(row("goal.off_track")) == Deed("goal.off_track", date(2026, 11, 9))
    assert deed(row("goal.reached", tier="floor")).what == "floor"


def test_names_are_shown_in_one_language() -> None:
    english, chinese = FirmWords("en"), FirmWords("zh")
    assert (english.name("Leads by SEM 搜索线索"), chinese.name("Leads by SEM 搜索线索")) == (
        "Leads by SEM",
        "搜索线索",
    )
    assert (english.name("李娜 Li Na"), chinese.name("李娜 Li Na")) == ("Li Na", "李娜")
    assert chinese.name("Tom Baker") == "Tom Baker"


def test_amounts_are_whole_and_ratios_are_percent() -> None:
    assert amount(Decimal("0.0264"), "clicks") == "2.6 %"
    assert amount(Decimal(65000), "CNY") == "¥65,000"
    assert amount(None, "leads") == "-"


def light(day: date, run: str, to_date: str, *, watch: bool = False, now: bool = False) -> Light:
    ratio = Decimal("0.62")
    return Light(day, run, watch, now, to_date, Decimal(52), Decimal(84), ratio)


def picture() -> Picture:
    """A picture in which the fairs are red and the rest is green."""
    plot = Plot(FEWEST_DAYS)
    found = first_picture(plot.aims, plot.days)
    found.today = plot.day(-1)
    for goal in found.goals.values():
        colour = "red" if goal.aim.id == "fair-leads" else "green"
        goal.judged[plot.day(-1)] = light(plot.day(-1), colour, colour)
    found.tell([row("goal.off_track", light_kind="run", escalated_to="lead")])
    found.praises.append(Praise(plot.day(-2), "sun.yue", Decimal(122), "posted"))
    found.praises.append(Praise(plot.day(-1), "guo.tao", Decimal(115), "no-consent"))
    return found


def drawn(lang: str, width: int, height: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None)
    names = {person.id: person.name for person in people.CAST}
    console.print(View(picture(), FirmWords(lang), names, ["Console: http://127.0.0.1:8100"]))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_the_picture_shows_both_lights_what_happened_and_who_is_praised() -> None:
    lines = drawn("en", 140, 50)
    fairs = next(line for line in lines if "Leads of trade fairs" in line)
    assert "● red 61 %" in fairs or "● red 62 %" in fairs
    assert "▂" in fairs
    assert "52 / 84" in fairs
    assert any("Leads by SEM red on its third low day" in line for line in lines)
    assert any("★ Sun Yue, 122 leads" in line for line in lines)
    assert any("has not agreed" in line for line in lines)
    assert not any("Guo Tao," in line for line in lines)
    assert lines[-1].strip() == "Console: http://127.0.0.1:8100"


def test_a_small_terminal_shows_the_most_urgent_goals() -> None:
    lines = drawn("en", 100, 24)
    assert len(lines) <= 24
    first = next(number for number, line in enumerate(lines) if "to date" in line)
    assert "Leads of trade fairs" in lines[first + 1]


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize(("width", "height"), [(80, 24), (110, 40), (160, 60)])
def test_the_picture_fits_the_terminal(lang: str, width: int, height: int) -> None:
    console = Console(width=width)
    lines = drawn(lang, width, height)
    assert len(lines) <= height
    for line in lines:
        assert console.render_str(line, markup=False).cell_len <= width


def test_the_running_days_light_is_dim_and_goes_when_the_day_is_judged() -> None:
    found = picture()
    goal = found.goals["leads-sem"]
    day = Plot(FEWEST_DAYS).today
    goal.running = light(day, "red", "red", now=True)
    text = blocks([*goal.judged.values(), goal.running])
    assert text.plain.endswith("█▂")
    assert str(text.spans[-1].style) == "bold red dim"
    found.look([shown(day, provisional=True)])
    assert goal.running is None, "it has not come yet"
    found.today = day
    found.look([shown(day, provisional=True)])
    assert goal.running is not None
    found.look([shown(day, provisional=False)])
    assert goal.running is None
    assert goal.last is not None
    assert goal.last.day == day


def shown(day: date, *, provisional: bool) -> dict[str, Any]:
    head = {"light": "green", "actual": "1", "plan": "1", "ratio": "1"}
    span = {"start": str(day), "end": str(day)}
    return {
        **{"goal": "leads-sem", "span": span, "light": "green", "watch": False},
        **{"provisional": provisional, "to_date": head},
    }


def test_the_status_counts_goals_by_their_headline() -> None:
    text = status_line(picture(), FirmWords("en")).plain
    assert text.endswith("1 red, 21 green; 0 events, 1 goal events")
