"""The pages over a table of answers: what is shown, what is missing, what is refused."""

import json
from typing import Any

import httpx
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


async def test_who_is_not_signed_in_is_sent_to_sign_in_and_keeps_the_address(desk: Any) -> None:
    answer = await desk.get("/goals?q=a%26b")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?to=%2Fgoals%3Fq%3Da%2526b"


async def test_a_token_that_a_service_refuses_ends_the_session(signed: Any, make: Any) -> None:
    signed.services.answers[GOALS] = make.refusal(401, "token-refused", "expired")
    answer = await signed.get("/goals")
    assert answer.status_code == 303
    assert 'paceline_session_0=""' in answer.headers["set-cookie"]


async def test_the_services_are_asked_with_the_persons_own_token(signed: Any) -> None:
    await signed.get("/")
    assert {each.headers["authorization"] for each in signed.services.asked} == {"Bearer the-token"}


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


async def test_every_answer_lets_only_our_own_files_run(signed: Any) -> None:
    for path in ("/", "/nowhere", "/healthz", "/static/console.js"):
        answer = await signed.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert (await signed.get("/")).headers["cache-control"] == "no-store"


async def test_no_page_has_inline_scripts_or_styles(signed: Any, make: Any) -> None:
    one_goal(signed, make)
    for path in (*PAGES, "/goals/g"):
        signed.services.answers["GET /v1/dead-letters"] = {"items": [], "next": None}
        page = (await signed.get(path)).text
        assert " style=" not in page
        assert "<script>" not in page
        assert " onclick" not in page


async def test_the_language_is_kept_and_only_for_this_site(signed: Any) -> None:
    answer = await signed.post("/language", language="zh", to="//evil.example/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "paceline_language=zh" in answer.headers["set-cookie"]
    assert "今日" in (await signed.get("/")).text


async def test_a_menu_shows_what_the_roles_may_do(desk: Any) -> None:
    desk.come_in("viewer")
    page = (await desk.get("/")).text
    assert 'href="/goals"' in page
    assert 'href="/sources"' not in page
    assert 'href="/numbers"' not in page


@pytest.mark.parametrize(
    ("csrf", "headers"),
    [
        ("", {}),
        ("another", {}),
        ("the-csrf", {"Origin": "https://evil.example"}),
        ("the-csrf", {"Sec-Fetch-Site": "cross-site"}),
    ],
)
async def test_a_form_from_elsewhere_is_refused(
    signed: Any, csrf: str, headers: dict[str, str]
) -> None:
    for path in ("/sign-out", "/numbers", "/people/li.na/consent", "/dead-letters/replay"):
        answer = await signed.http.post(path, data={"csrf": csrf}, headers=headers)
        assert answer.status_code == 403, path
    assert [each for each in signed.services.asked if each.method != "GET"] == []


async def test_signing_out_takes_the_session_away(signed: Any) -> None:
    answer = await signed.post("/sign-out")
    assert answer.headers["location"] == "/signed-out"
    assert 'paceline_session_0=""' in answer.headers["set-cookie"]


class Hand:
    """metrics-ingest as far as numbers go: what is sent stands, unless somebody was faster."""

    def __init__(self, faster: str | None = None) -> None:
        self.rows: list[dict[str, Any]] = []
        self.faster = faster

    def take(self, request: httpx.Request) -> Any:
        events = json.loads(request.content)
        for event in events:
            if any(row["id"] == event["id"] for row in self.rows):
                continue
            said = self.faster or event["data"]["said"]
            fields = event["data"] | {"said": said, "author": "person:li.na"}
            row = {"id": event["id"], "at_ms": 0, "received_ms": 1, "fields": fields}
            self.rows.append(row)
        return 202, {"accepted": list(range(len(events))), "rejected": []}

    def give(self, request: httpx.Request) -> Any:
        return {"items": self.rows, "next": None}


def by_hand(signed: Any, make: Any, faster: str | None = None) -> Hand:
    hand = Hand(faster)
    metric = {"name": "fair", "source": "by-hand", "unit": "leads", "dims": ["channel"]}
    signed.services.answers |= {
        "GET /v1/metrics": make.page_of(metric, {"name": "orders", "source": "shop"}),
        "POST /v1/numbers": hand.take,
        "GET /v1/numbers": hand.give,
    }
    return hand


async def test_a_number_counts_once_however_often_its_form_is_sent(signed: Any, make: Any) -> None:
    by_hand(signed, make)
    entry = {"metric": "fair", "day": "2026-03-11", "channel": "booth", "value": "66"}
    assert "66 leads counts now" in (await signed.post("/numbers", **entry)).text
    assert "stands already" in (await signed.post("/numbers", **entry)).text
    corrected = await signed.post("/numbers", **entry | {"value": "60"})
    assert "It was 66 before" in corrected.text
    amounts = [b[0]["data"]["amount"] for b in signed.services.bodies("POST /v1/numbers")]
    assert amounts == ["66", "-6"]


async def test_who_was_slower_is_told_whose_number_counts(signed: Any, make: Any) -> None:
    by_hand(signed, make, faster="7")
    entry = {"metric": "fair", "day": "2026-03-11", "channel": "booth", "value": "66"}
    page = (await signed.post("/numbers", **entry)).text
    assert "changed this number at the same time: it is 7 now" in page


async def test_numbers_name_their_author_and_show_the_organisations_zone(
    signed: Any, make: Any
) -> None:
    hand = by_hand(signed, make)
    signed.services.answers |= {
        "GET /v1/people": make.page_of({"id": "li.na", "name": "李娜 Li Na"}),
        "GET /v1/goals": make.page_of(make.goal("g")),
    }
    await signed.post("/numbers", metric="fair", day="2026-03-11", channel="booth", value="66")
    hand.rows[0]["received_ms"] = 1_773_194_400_000
    page = (await signed.get("/numbers")).text
    assert "李娜 Li Na <span" in page
    assert "11 Mar 2026 10:00:00 Asia/Shanghai" in page
    hand.rows[0]["fields"]["author"] = "key:k1"
    assert "API key k1" in (await signed.get("/numbers")).text


async def test_a_number_is_wanted_for_the_day_that_it_is_in_the_organisation(
    signed: Any, make: Any
) -> None:
    by_hand(signed, make)
    # 02:00 UTC of the 11th is still the 10th in New York.
    signed.services.answers["GET /v1/goals"] = make.page_of(make.goal(zone="America/New_York"))
    assert 'value="2026-03-10"' in (await signed.get("/numbers")).text


async def test_dead_letters_show_the_organisations_zone(signed: Any, make: Any) -> None:
    letter = {"id": "l", "source": "crm", "event_id": "e", "cause": "missing-field",
              "where": "data.n", "message": "there is no data.n", "at_ms": 1_773_194_400_000,
              "received_ms": 1, "count": 1, "state": "new", "body": {"n": 1}}  # fmt: skip
    signed.services.answers |= {
        "GET /v1/goals": make.page_of(make.goal("g")),
        "GET /v1/dead-letters": make.page_of(letter, groups=[]),
        "GET /v1/dead-letters/l": letter,
    }
    for path in ("/dead-letters", "/dead-letters/l"):
        assert "11 Mar 2026 10:00:00 Asia/Shanghai" in (await signed.get(path)).text, path


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


async def test_a_wrong_entry_keeps_what_was_typed_and_names_each_fault(
    signed: Any, make: Any
) -> None:
    by_hand(signed, make)
    page = await signed.post("/numbers", metric="fair", day="x", channel="booth", value="y")
    assert page.status_code == 422
    assert "2 to mend" in page.text
    assert 'value="booth"' in page.text
    assert page.text.count('aria-invalid="true"') == 2
    unknown = await signed.post("/numbers", metric="orders", day="2026-03-11", value="1")
    assert "kept by hand" in unknown.text
    assert signed.services.bodies("POST /v1/numbers") == []


async def test_a_file_writes_nothing_before_it_is_said_to(signed: Any, make: Any) -> None:
    by_hand(signed, make)
    content = "day,channel,value\n2026-03-10,booth,1\n2026-03-11,booth,2\n"
    files = {"file": ("f.csv", content.encode(), "text/csv")}
    dry = await signed.post("/numbers/file", files=files, metric="fair")
    assert "2 new, 0 changed, 0 set to 0, 0 as they are" in dry.text
    assert signed.services.bodies("POST /v1/numbers") == []
    done = await signed.post("/numbers/file/load", metric="fair", text=content)
    assert "2 numbers count now; 0 were as they are" in done.text
    again = await signed.post("/numbers/file/load", metric="fair", text=content)
    assert "0 numbers count now; 2 were as they are" in again.text


async def test_a_wrong_file_names_its_lines(signed: Any, make: Any) -> None:
    by_hand(signed, make)
    files = {"file": ("f.csv", b"day,channel,value\nx,booth,y\n", "text/csv")}
    page = await signed.post("/numbers/file", files=files, metric="fair")
    assert page.status_code == 422
    assert "The file has 2 faults" in page.text
    assert "2026-11-25" in page.text
    large = {"file": ("f.csv", b"x" * (5 * 1024 * 1024 + 1), "text/csv")}
    refused = await signed.post("/numbers/file", files=large, metric="fair")
    assert refused.status_code == 413


async def test_making_a_metric_declares_the_source_once(signed: Any, make: Any) -> None:
    signed.services.answers["POST /v1/sources"] = make.refusal(409, "exists", "it exists")
    done = await signed.post("/numbers/metrics", name="fair", unit="leads", dims="channel")
    assert (done.status_code, done.headers["location"]) == (303, "/numbers?metric=fair")
    (metric,) = signed.services.bodies("POST /v1/metrics")
    assert (metric["source"], metric["dims"]) == ("by-hand", ["channel"])
    signed.services.answers["POST /v1/metrics"] = make.refusal(422, "invalid", "a name has ...")
    wrong = await signed.post("/numbers/metrics", name="FAIR")
    assert wrong.status_code == 422
    assert "a name has ..." in wrong.text


async def test_a_mapping_is_mended_with_a_reason_and_dead_letters_are_sent_again(
    signed: Any, make: Any
) -> None:
    source = {"name": "crm", "zone": "UTC", "doors": {}, "version": 3, "paused": "most were bad"}
    group = {"source": "crm", "cause": "missing-field", "where": "data.n", "letters": 2,
             "occurrences": 3}  # fmt: skip
    answers = iter([{"replayed": 2, "unmendable": 0, "more": True}, {"replayed": 1, "unmendable": 1,
                     "more": False}])  # fmt: skip
    signed.services.answers |= {
        "GET /v1/sources": make.page_of(source),
        "GET /v1/sources/crm": source,
        "GET /v1/dead-letters": make.page_of(groups=[group]),
        "GET /v1/sources/crm/stats": {"accepted": 1200},
        "POST /v1/dead-letters/replay": lambda _: next(answers),
    }
    page = (await signed.get("/sources/crm")).text
    assert "most were bad" in page
    assert "1,200" in page
    assert "&#34;paused&#34;" not in page
    await signed.post("/sources/crm", document='{"name": "crm"}', reason="a partner")
    assert signed.services.bodies("PUT /v1/sources/crm") == [{"name": "crm", "reason": "a partner"}]
    broken = await signed.post("/sources/crm", document="{", reason="keep me")
    assert broken.status_code == 422
    assert "keep me" in broken.text
    done = await signed.post("/dead-letters/replay", source="crm", cause="missing-field")
    assert done.headers["location"] == (
        "/dead-letters?replayed=3&unmendable=1&source=crm&cause=missing-field"
    )
    page = (await signed.get("/dead-letters?replayed=3&unmendable=1")).text
    assert "3 events were sent again" in page


async def test_people_are_loaded_after_a_dry_run_and_wrong_lines_are_named(
    signed: Any, make: Any
) -> None:
    counted = {"created": 1, "changed": 0, "unchanged": 0}
    result = {"dry_run": True, "people": counted, "teams": counted}
    problem = {"line": 2, "column": "roles", "code": "x", "message": "there is no role boss"}

    def load(request: httpx.Request) -> Any:
        if b"boss" in request.content:
            error = {"code": "import-refused", "where": "line 2", "message": "1 error"}
            return 422, {"error": error, "problems": [problem]}
        return result | {"dry_run": request.url.params.get("dry_run") == "true"}

    signed.services.answers["POST /v1/people/import"] = load

    async def check(content: bytes) -> Any:
        files = {"file": ("p.csv", content, "text/csv")}
        return await signed.post("/people/import", files=files)

    dry = await check("id,name\na,李娜\n".encode("gb18030"))
    assert "nothing has been written yet" in dry.text
    assert "李娜" in dry.text
    wrong = await check(b"id,roles\na,boss\n")
    assert wrong.status_code == 422
    assert "there is no role boss" in wrong.text
    loaded = await signed.post("/people/import/load", text="id,name\na,A\n")
    assert "Loaded" in loaded.text


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


async def test_ready_means_that_every_service_and_the_issuer_answer(desk: Any) -> None:
    assert (await desk.get("/healthz")).json() == {"status": "ok"}
    desk.services.silent = {"alerting"}
    ready = await desk.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["parts"] == {
        "metrics-ingest": True,
        "goal-service": True,
        "alerting": False,
        "incentives": True,
        "issuer": False,
    }


async def test_pages_and_calls_are_counted_under_their_routes(signed: Any) -> None:
    await signed.get("/goals/never-a-label")
    text = (await signed.get("/metrics")).text
    assert 'paceline_console_pages_total{page="/goals/{goal}"' in text
    assert "never-a-label" not in text
    assert 'paceline_console_call_seconds_bucket{called="goal-service",le="0.1"}' in text


async def test_our_own_mistake_is_a_page_with_its_headers(signed: Any) -> None:
    def broken(request: httpx.Request) -> Any:
        raise RuntimeError("boom")

    signed.services.answers[GOALS] = broken
    page = await signed.get("/goals")
    assert page.status_code == 500
    assert "This is our mistake" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_without_an_issuer_the_page_says_which_setting_is_missing(desk: Any) -> None:
    page = await desk.get("/sign-in")
    assert page.status_code == 503
    assert "PACELINE_OIDC_ISSUER" in page.text


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
