"""The directory's rules: files of people, reporting lines, leave."""

import time
from datetime import date
from typing import Any

import pytest

from event_contracts.goals import Calendar
from goal_service.domain.calendar import working_days
from goal_service.domain.leave import leave_days, without_days
from goal_service.domain.people import Directory, Leave, Person, Team
from goal_service.domain.people_checks import faults_of
from goal_service.domain.people_file import read_sheet
from goal_service.domain.people_import import plan_import

HELD = Directory.of(
    [
        Person("shop", "eva", "Eva", mail="eva@shop.example"),
        Person("shop", "dora", "Dora", manager="eva", team="content", praise=True),
        Team("shop", "content", "Content", lead="dora"),
    ]
)


def plan(text: str, held: Directory = HELD) -> Any:
    return plan_import("shop", read_sheet(text.encode()), held)


def problems(text: str) -> list[tuple[int, str, str]]:
    return [(p.line, p.column, p.code) for p in plan(text).problems]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_is_read_in_utf_8_with_or_without_its_mark_and_in_gb18030(
    encoding: str, end: str
) -> None:
    sheet = read_sheet(f"id,name{end}li.na,李娜{end}{end}wang.wei,王伟{end}".encode(encoding))
    assert sheet.problems == ()
    assert [(r.line, r.cells["name"]) for r in sheet.rows] == [(2, "李娜"), (4, "王伟")]


def test_bytes_in_no_known_encoding_are_refused() -> None:
    (problem,) = read_sheet(b"id,name\nx,\xff\xff\n").problems
    assert (problem.line, problem.code) == (1, "encoding-unknown")


def test_a_cell_over_two_lines_keeps_the_numbers_of_the_lines_behind_it() -> None:
    sheet = read_sheet(b'id,name\na,"two\nlines"\nb,B\n')
    assert [row.line for row in sheet.rows] == [2, 4]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", [(1, "id", "column-missing")]),
        ("name\nx\n", [(1, "id", "column-missing")]),
        ("id,colour\nx,red\n", [(1, "colour", "column-unknown")]),
        ("id,name,name\nx,a,b\n", [(1, "name", "column-twice")]),
        ("id,name\nx\n", [(2, "", "cells-missing")]),
        ("id,name\nx,X,Y\n", [(2, "", "cells-missing")]),
        ('id,name\nx,"X\n', [(3, "", "csv-broken")]),
        ("id,name\n,X\n", [(2, "id", "id-invalid")]),
        ("id,name\na b,X\n", [(2, "id", "id-invalid")]),
        ("id,name\nx,\n", [(2, "name", "name-missing")]),
        ("id,name\nx,X\nx,Y\n", [(3, "id", "person-twice")]),
        ("id,name,mail\nx,X,nobody\n", [(2, "mail", "mail-invalid")]),
        ("id,name,mail\nx,X,EVA@shop.example\n", [(2, "mail", "mail-taken")]),
        ("id,name,roles\nx,X,boss\n", [(2, "roles", "role-unknown")]),
        ("id,name,roles\nx,X,lead;lead\n", [(2, "roles", "role-unknown")]),
        ("id,name,language\nx,X,fr\n", [(2, "language", "language-unknown")]),
        ("id,name,consent\nx,X,perhaps\n", [(2, "consent", "consent-unreadable")]),
        ("id,name,manager\nx,X,ghost\n", [(2, "manager", "person-unknown")]),
        ("id,name,manager\nx,X,x\n", [(2, "manager", "line-in-a-circle")]),
        ("id,manager\neva,dora\n", [(2, "manager", "line-in-a-circle")]),
        ("id,name,team\nx,X,sem\n", [(2, "team_name", "name-missing")]),
        ("id,name,team,team_name\nx,X,,SEM\n", [(2, "team_name", "team-missing")]),
        (
            "id,name,team,team_name\nx,X,sem,SEM\ny,Y,sem,Search\n",
            [(3, "team_name", "team-differs")],
        ),
        (
            "id,name,team,team_name,team_lead\nx,X,sem,SEM,\ny,Y,sem,,ghost\n",
            [(3, "team_lead", "person-unknown")],
        ),
        (
            "id,name,team,team_name,team_parent\nx,X,sem,SEM,seo\ny,Y,seo,SEO,sem\n",
            [(2, "team_parent", "line-in-a-circle"), (3, "team_parent", "line-in-a-circle")],
        ),
        ("id,name,calendar\nx,X,china\n", [(2, "calendar", "calendar-unknown")]),
    ],
)
def test_every_fault_of_a_file_is_named_by_line_and_column(
    text: str, found: list[tuple[int, str, str]]
) -> None:
    assert problems(text) == found
    assert plan(text).patches == ()
    for problem in plan(text).problems:
        assert any("\u4e00" <= letter <= "\u9fff" for letter in problem.zh)


def test_all_faults_are_told_at_once() -> None:
    text = "id,name,roles,manager\na,,boss,ghost\nb,B,lead,a\n"
    assert problems(text) == [
        (2, "manager", "person-unknown"),
        (2, "name", "name-missing"),
        (2, "roles", "role-unknown"),
    ]


def test_people_of_a_file_may_name_each_other_in_any_order() -> None:
    done = plan("id,name,manager,team,team_name,team_lead\na,A,b,t,,b\nb,B,eva,t,Team,\n")
    assert done.problems == ()
    assert [(p.ref.kind, p.ref.id) for p in done.patches] == [
        (Team, "t"),
        (Person, "a"),
        (Person, "b"),
    ]


def test_a_column_that_is_not_there_and_an_empty_consent_leave_what_is() -> None:
    (patch,) = plan("id,consent,roles,team\ndora,,,\n").patches
    after = patch.applied("shop", HELD.people["dora"])
    assert after == Person("shop", "dora", "Dora", manager="eva", team="", praise=True)
    assert plan("id,name,team\ndora,Dora,content\n").patches == ()


def test_lists_are_cut_at_any_usual_mark_and_answers_are_read_in_both_languages() -> None:
    done = plan('id,name,roles,groups,consent\nx,X,"Lead, finance",g1；g2、g3,是\n')
    (patch,) = done.patches
    assert patch.fields["roles"] == ("lead", "finance")
    assert patch.fields["groups"] == ("g1", "g2", "g3")
    assert patch.fields["praise"] is True


def test_consent_is_given_by_nobody_who_has_not_said_so() -> None:
    (patch,) = plan("id,name\nx,X\n").patches
    entry = patch.applied("shop", None)
    assert isinstance(entry, Person)
    assert not entry.praise


def test_a_line_that_joins_a_circle_from_outside_is_no_circle_of_its_own() -> None:
    circle = [Person("shop", "a", "A", manager="b"), Person("shop", "b", "B", manager="a")]
    outside = Person("shop", "c", "C", manager="a")
    assert faults_of(outside, Directory.of([*circle, outside])) == []


def test_a_line_of_twenty_thousand_is_followed_once_and_not_from_everybody_in_it() -> None:
    rows = (f"p{n},Name,{f'p{n - 1}' if n else ''}" for n in range(20_000))
    began = time.process_time()
    made = plan("id,name,manager\n" + "\n".join(rows))
    assert (len(made.patches), made.problems) == (20_000, ())
    assert time.process_time() - began < 5  # it took 20 s when each looked to the top


GOLDEN_WEEK = (
    Leave(date(2026, 9, 30), date(2026, 10, 2)),
    Leave(date(2026, 10, 2), date(2026, 10, 6)),
)


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        (date(2026, 9, 1), date(2026, 9, 29), []),
        (date(2026, 9, 1), date(2026, 9, 30), [30]),
        (date(2026, 10, 1), date(2026, 12, 31), [1, 2, 3, 4, 5, 6]),
        (date(2026, 10, 6), date(2026, 10, 6), [6]),
        (date(2026, 10, 7), date(2026, 12, 31), []),
    ],
)
def test_days_of_leave_are_those_within_the_period_each_once(
    start: date, end: date, days: list[int]
) -> None:
    assert [day.day for day in leave_days(GOLDEN_WEEK, start, end)] == days


def test_leave_counts_as_non_working_even_on_a_make_up_day() -> None:
    # 10 October 2026 is a Saturday that is worked on; the leave takes it and the Friday before.
    calendar = Calendar(on=(date(2026, 10, 10),), off=(date(2026, 10, 1),))
    leave = (Leave(date(2026, 10, 9), date(2026, 10, 11)),)
    start, end = date(2026, 10, 8), date(2026, 10, 12)
    assert [d.day for d in working_days(calendar, start, end)] == [8, 9, 10, 12]
    away = without_days(calendar, leave_days(leave, start, end), start, end)
    assert [d.day for d in working_days(away, start, end)] == [8, 12]
    assert set(away.off) >= set(calendar.off)
    assert without_days(calendar, (), start, end) is calendar
