"""The pages over a table of answers: what is shown, what is missing, what is refused."""

from typing import Any

import pytest

GOALS = "GET /v1/goals"


LIGHTS = "GET /v1/lights"


PAGES = ("/", "/goals", "/numbers", "/numbers/file", "/sources", "/dead-letters", "/people")


def one_goal(signed: Any, make: Any) -> None:
    """Let there be one red goal with a running span."""
    goal = make.goal(owner="li.na", owner_team="growth")
    signed.services.answers |= {
        GOALS: make.page_of(goal),
        "GET /v1/goals/g": goal,
        "GET /v1/goals/g/versions": make.page_of(goal | {"reason": "<b>why</b>"}),
        "GET /v1/goals/g/path": make.page_of({"id": "g", "name": "Goal g", "level": "company"}),
        "GET /v1/goals/g/progress": make.page_of(
            {"day": "2026-03-09", "value": "13"}, total="23", value="23"
        ),
        LIGHTS: make.page_of(
            make.light("g", "2026-03-10", "red"),
            make.light("g", "2026-03-11", "yellow", provisional=True, why="guardrail"),
            complete_to_ms=1_773_194_400_000,
            needed_per_day="33.3",
        ),
    }


@pytest.mark.parametrize("path", PAGES)
async def test_an_empty_system_says_what_to_do_in_both_languages(signed: Any, path: str) -> None:
    signed.services.answers["GET /v1/dead-letters"] = {"items": [], "groups": [], "next": None}
    for language, lang in (("en", 'lang="en"'), ("zh", 'lang="zh-CN"')):
        page = await signed.get(path, language)
        assert page.status_code == 200, page.text
        assert lang in page.text
    nothing = {"/": "还没有目标", "/people": "目录中还没有人员", "/sources": "还没有数据源"}
    assert nothing.get(path, "") in page.text


async def test_today_shows_what_needs_somebody_with_unit_and_as_of(signed: Any, make: Any) -> None:
    one_goal(signed, make)
    page = (await signed.get("/")).text
    assert "Needs somebody" in page
    assert "My goals" in page
    assert "30 / 40" in page
    assert "As of 11 Mar 2026 10:00:00 Asia/Shanghai" in page
    assert "75 %" in page


async def test_one_goal_shows_its_parts_and_escapes_what_people_wrote(
    signed: Any, make: Any
) -> None:
    one_goal(signed, make)
    page = (await signed.get("/goals/g", "zh")).text
    assert "暂定" in page
    assert "此后所需" in page
    assert "因护栏被突破" in page
    assert "&lt;b&gt;why&lt;/b&gt;" in page
    assert "<b>why" not in page


async def test_a_light_is_a_word_and_a_shape_besides_its_colour(signed: Any, make: Any) -> None:
    one_goal(signed, make)
    page = (await signed.get("/goals")).text
    for colour in ("red", "yellow"):
        begin = page.index(f'<span class="light {colour}">')
        light = page[begin : page.index("</span>", begin)]
        assert "<svg" in light
        assert colour in light.split("</svg>")[1]


async def test_a_page_does_without_a_service_that_is_silent_and_says_so(
    signed: Any, make: Any
) -> None:
    one_goal(signed, make)
    signed.services.silent = {"alerting"}
    page = await signed.get("/")
    assert page.status_code == 200
    assert "alerting does not answer" in page.text
    assert "All 1 goals" not in page.text
    assert (await signed.get("/goals/g")).status_code == 200


async def test_without_the_service_that_it_is_about_a_page_says_what_to_do(signed: Any) -> None:
    signed.services.silent = {"goal-service"}
    page = await signed.get("/goals")
    assert page.status_code == 503
    assert "paceline doctor" in page.text
    chinese = await signed.get("/goals", "zh")
    assert "没有响应" in chinese.text


async def test_refusals_become_pages(signed: Any, make: Any) -> None:
    signed.services.answers["GET /v1/goals/x"] = make.refusal(404, "unknown", "no such goal")
    signed.services.answers["GET /v1/sources"] = make.refusal(403, "role-missing", "admin needed")
    assert "There is nothing here" in (await signed.get("/goals/x")).text
    page = await signed.get("/sources")
    assert page.status_code == 403
    assert "admin needed" in page.text
    assert (await signed.get("/nowhere")).status_code == 404
    assert (await signed.http.request("DELETE", "/goals")).status_code == 405


async def test_no_page_has_inline_scripts_or_styles(signed: Any, make: Any) -> None:
    one_goal(signed, make)
    for path in (*PAGES, "/goals/g"):
        signed.services.answers["GET /v1/dead-letters"] = {"items": [], "next": None}
        page = (await signed.get(path)).text
        assert " style=" not in page
        assert "<script>" not in page
        assert " onclick" not in page


async def test_a_goals_why_and_amounts_have_their_units_in_the_readers_language(
    signed: Any, make: Any
) -> None:
    why = {"id": "g", "name": "G", "level": "team", "why": "「G」（100 leads）占「C」的 10 %。"}
    top = {"id": "c", "name": "C", "level": "company", "why": ""}
    signed.services.answers |= {
        "GET /v1/goals/g": make.goal("g"),
        "GET /v1/goals/g/path": make.page_of(why, top),
    }
    page = (await signed.get("/goals/g", "zh")).text
    assert "（100 条线索）占" in page
    assert 'class="unit">条线索<' in page
    assert "leads<" in (await signed.get("/goals/g")).text


async def test_only_ones_own_page_shows_who_has_looked(signed: Any, make: Any) -> None:
    person = {"id": "li.na", "name": "Li Na", "roles": ["lead"], "consent": {"praise": True}}
    views = make.page_of({"viewer": "person:wang.wei", "at": "2026-03-10T08:00:00Z"})
    signed.services.answers |= {
        "GET /v1/people/li.na": person,
        "GET /v1/people/li.na/views": views,
        "GET /v1/people/sun.yue": person | {"id": "sun.yue", "name": "Sun Yue"},
    }
    own = (await signed.get("/people/li.na")).text
    assert "wang.wei" in own
    other = (await signed.get("/people/sun.yue")).text
    assert "Sun Yue can see that you looked" in other
    done = await signed.post("/people/li.na/consent", praise="no")
    assert done.headers["location"] == "/people/li.na"
    assert signed.services.bodies("PUT /v1/people/li.na/consent") == [{"praise": False}]


async def test_a_share_is_shown_in_percent_and_an_amount_over_another_as_it_is(
    signed: Any, make: Any
) -> None:
    light = {
        "goal": "g", "span": {"kind": "day", "start": "2026-03-10", "end": "2026-03-10"},
        "light": "yellow", "band": "low", "watch": True, "low_run": 1, "provisional": False,
        "actual": "0.0264", "plan": "0.04", "ratio": "0.66", "why": "", "version": 1,
        "to_date": {"light": "yellow", "actual": "0.0391", "plan": "0.04", "ratio": "0.97",
                    "why": ""}, "breached": [],
    }  # fmt: skip
    ratio = {"form": "ratio", "over_metric": "impressions", "unit": "clicks", "target": "0.04"}
    signed.services.answers |= {
        "GET /v1/goals/g": make.goal("g", **ratio),
        "GET /v1/lights": make.page_of(light),
    }
    page = (await signed.get("/goals/g")).text
    assert "3.9 % of 4 %" in page
    assert "2.6 %" in page
    assert "clicks" not in page
    cost = {"form": "ratio", "over_metric": "leads", "unit": "CNY", "target": "80"}
    signed.services.answers["GET /v1/goals/g"] = make.goal("g", **cost)
    assert '80 <span class="unit">CNY' in (await signed.get("/goals/g")).text


async def test_lights_that_come_in_pages_are_read_to_their_end(signed: Any, make: Any) -> None:
    one_goal(signed, make)
    signed.services.answers[GOALS] = make.page_of(make.goal(), make.goal("h"))
    answers = {
        "": make.page_of(make.light("g", "2026-03-10", "red"), next="g", complete_to_ms=5_000),
        "g": make.page_of(make.light("h", "2026-03-10", "red"), complete_to_ms=1_000),
    }
    signed.services.answers[LIGHTS] = lambda request: answers[request.url.params.get("after", "")]
    page = (await signed.get("/goals")).text
    assert "As of 1 Jan 1970 08:00:01" in page
