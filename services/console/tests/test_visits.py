"""Who comes in, in which language, and what every answer promises."""

from typing import Any

import httpx
import pytest

GOALS = "GET /v1/goals"


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


async def test_every_answer_lets_only_our_own_files_run(signed: Any) -> None:
    for path in ("/", "/nowhere", "/healthz", "/static/console.js"):
        answer = await signed.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert (await signed.get("/")).headers["cache-control"] == "no-store"


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
