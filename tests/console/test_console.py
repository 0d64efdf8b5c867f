"""The console on a running system, as people see it: in a browser, in both languages."""

import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

PAGES = (
    *("/", "/goals", "/goals/leads-sem", "/goals/leads", "/numbers", "/numbers/file"),
    *("/sources", "/sources/crm", "/dead-letters", "/people", "/people/li.na"),
)
Visits = Callable[..., Any]
SLOW = 120_000  # ms, for what has to travel through all services on a busy machine


def set_goal(place: Any, metric: str) -> None:
    """Set a goal of 660 in March on a metric, as soon as goal-service knows it."""
    facts = place.system.facts()
    goal = {
        "id": metric,
        "name": f"Goal on {metric}",
        "metric": metric,
        "start": "2026-03-02",
        "end": "2026-03-31",
        "zone": "Asia/Shanghai",
        "target": 660,
        "policy": {"source_always_alive": True},
    }
    key = {"Authorization": f"Bearer {facts['api_key']}"}
    deadline = time.monotonic() + 30
    with httpx.Client(base_url=facts["services"]["goal-service"], headers=key) as http:
        while not (answer := http.post("/v1/goals", json=goal)).is_success:
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.2)


def becomes(page: Page, text: str) -> None:
    """Open a goal's page anew until its facts have the text."""
    deadline = time.monotonic() + SLOW / 1000
    while text not in (found := page.inner_text("dl.facts")):
        assert time.monotonic() < deadline, found
        time.sleep(0.5)
        page.reload()


def make_metric(visits: Visits, name: str, *dims: str) -> Any:
    """Let the administrator make a metric that is kept by hand, and set a goal on it."""
    admin = visits("wang.wei")
    page = admin.open("/numbers")
    if page.locator("details.panel[open]").count() == 0:
        page.click("details.panel summary")
    page.fill("#name", name)
    page.fill("#unit", "leads")
    if page.locator("#zone").count():
        page.fill("#zone", "Asia/Shanghai")
    for dim in dims:
        page.check(f"input[name=dims][value={dim}]")
    page.locator("details.panel button").click()
    page.wait_for_url(f"**/numbers?metric={name}")
    set_goal(admin.place, name)
    return admin


def test_whoever_is_not_signed_in_is_sent_to_the_issuer_and_back_to_the_page(
    visits: Visits,
) -> None:
    visitor = visits("li.na")
    page = visitor.page
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("h1")).to_have_text("You are signed out")
    page.goto(f"{visitor.place.console}/goals?q=sem")
    page.fill("#username", "zhao.min")
    page.fill("#password", visitor.place.password)
    page.click("button")
    page.wait_for_url("**/goals?q=sem")
    expect(page.get_by_role("link", name="赵敏 Zhao Min")).to_be_visible()


def test_today_shows_the_red_goal_first_and_what_happened_to_it(visits: Visits) -> None:
    visitor = visits("li.na")
    page = visitor.open("/")
    urgent = page.locator("section", has_text="Needs somebody")
    expect(urgent.get_by_role("row", name="Leads by SEM").locator(".light.red")).to_be_visible()
    told = page.locator("section", has_text="What happened to them")
    expect(told).to_contain_text("off track: 21 of 40 leads")
    expect(page.locator("section", has_text="My goals").first).to_contain_text("880 leads")
    expect(page.get_by_text("As of 11 Mar 2026").first).to_contain_text("Asia/Shanghai")


def test_one_goal_shows_plan_and_actual_and_marks_what_is_provisional(visits: Visits) -> None:
    visitor = visits("chen.jie", "zh-CN")
    page = visitor.open("/goals/leads-sem")
    expect(page.locator("dl.facts")).to_contain_text("黄")
    expect(page.locator("dl.facts")).to_contain_text("暂定")
    drawn = "() => [...document.querySelectorAll('canvas')].map(c => !!Chart.getChart(c))"
    assert page.evaluate(drawn) == [True, True]
    page.get_by_text("以表格查看").click()
    running = page.locator("tr.provisional")
    expect(running).to_contain_text("2026年3月11日")
    expect(running).to_contain_text("暂定")
    assert page.locator("table tbody tr").count() >= 8
    expect(page.locator("section", has_text="发生了什么")).to_contain_text("已通知上级")


def test_a_typed_number_moves_the_goal_and_a_correction_takes_its_place(visits: Visits) -> None:
    make_metric(visits, "fair_leads", "channel")
    watcher = visits("wang.wei")
    goal = watcher.open("/goals/fair_leads")
    expect(goal.locator("dl.facts")).to_contain_text("0 % of the target so far")
    member = visits("zhao.min")
    page = member.open("/numbers?metric=fair_leads")

    def enter(value: str) -> None:
        page.fill("#day", "2026-03-11")
        page.fill("#dim-channel", "trade fair")
        page.fill("#value", value)
        page.fill("#evidence", "badge scans, hall 4")
        page.get_by_role("button", name="Save the number").click()

    enter("1,3o0")
    expect(page.get_by_role("alert")).to_contain_text("is no number; write one like 1234.5")
    member.wrong.clear()  # a refusal is a status, which the browser writes down
    enter("66")
    expect(page.get_by_role("status")).to_contain_text("66 leads counts now", timeout=SLOW)
    # Nobody has touched the watcher's page: it moves by itself.
    expect(goal.locator("dl.facts")).to_contain_text("10 % of the target so far", timeout=SLOW)
    enter("132")
    expect(page.get_by_role("status")).to_contain_text("It was 66 before", timeout=SLOW)
    expect(goal.locator("dl.facts")).to_contain_text("20 % of the target so far", timeout=SLOW)
    enter("132")
    expect(page.get_by_role("status")).to_contain_text("the number that stands already")
    row = page.get_by_role("row", name="trade fair")
    expect(row).to_contain_text("赵敏 Zhao Min")
    expect(row).to_contain_text("by hand")
    expect(row).to_contain_text("badge scans, hall 4")
    expect(row).to_contain_text("revision 2")


def test_a_file_is_checked_as_a_whole_and_its_correction_changes_only_its_changed_cells(
    visits: Visits, tmp_path: Path
) -> None:
    admin = make_metric(visits, "visits_by_hand", "channel")
    days = [str(date(2026, 1, 1) + timedelta(days=number)) for number in range(91)]
    channels = ("fair", "shop", "phone", "mail", "visit")
    cells: dict[tuple[str, str], Any] = {(day, each): 10 for day in days for each in channels}

    def load(values: dict[tuple[str, str], Any]) -> Any:
        lines = [f"{day},{channel},{value}" for (day, channel), value in values.items()]
        file = tmp_path / "visits.csv"
        file.write_bytes("\n".join(["日期,channel,数值", *lines]).encode("gb18030"))
        page = admin.open("/numbers/file?metric=visits_by_hand")
        page.set_input_files("#file", file)
        page.get_by_role("button", name="Check the file").click()
        return page

    page = load(cells | {(days[1], "fair"): "ten", ("2026-02-30", "fair"): 1})
    faults = page.get_by_role("region", name="What is wrong in the file")
    expect(faults.get_by_role("row", name="7 value")).to_contain_text("“ten” is no number")
    expect(faults.get_by_role("row", name="457 day")).to_contain_text("“2026-02-30” is no day")
    assert page.get_by_role("button", name="Load").count() == 0
    admin.wrong.clear()  # a refusal is a status, which the browser writes down
    page = load(cells)
    expect(page.get_by_role("status")).to_contain_text("455 new, 0 changed, 0 set to 0, 0 as they")
    page.get_by_role("button", name="Load 455 numbers").click()
    expect(page.get_by_role("status")).to_contain_text("455 numbers count now", timeout=SLOW)
    corrected = {(days[60], "fair"): 11, (days[64], "shop"): 12, (days[69], "phone"): 0}
    page = load(cells | corrected)
    expect(page.get_by_role("status")).to_contain_text("0 new, 3 changed, 0 set to 0, 452 as they")
    page.get_by_role("button", name="Load 3 numbers").click()
    expect(page.get_by_role("status")).to_contain_text("3 numbers count now", timeout=SLOW)
    # A day of the file that leaves a cell out sets it to 0.
    page = load({(days[62], each): 10 for each in channels[1:]})
    expect(page.get_by_role("status")).to_contain_text("0 new, 0 changed, 1 set to 0, 4 as they")
    page.get_by_role("button", name="Load one number").click()
    expect(page.get_by_role("status")).to_contain_text("1 numbers count now", timeout=SLOW)
    # 2 to 31 March are 30 days of 50, 2 to 11 March ten; then +1, +2, -10 and -10.
    admin.open("/goals/visits_by_hand")
    becomes(admin.page, "224.6 % of the target so far")  # 1,483 of 660
    becomes(admin.page, "483 of 240 leads")


def test_a_mended_mapping_lets_the_dead_letter_count(visits: Visits) -> None:
    admin = visits("wang.wei")
    page = admin.open("/")
    page.get_by_role("link", name="See why").click()
    expect(page.locator("table")).to_contain_text("data.amount")
    page = admin.open("/sources/crm")
    text = page.input_value("#document")
    page.fill("#document", text.replace('"data.amount"', '"data.amount", 7'))
    page.fill("#reason", "a partner writes count")
    page.get_by_role("button", name="Save the new version").click()
    expect(page.get_by_role("alert")).to_contain_text("doors")
    admin.wrong.clear()  # a refusal is a status, which the browser writes down
    page.fill("#document", text.replace('"data.amount"', '"data.amount", "data.count"'))
    page.get_by_role("button", name="Save the new version").click()
    expect(page.get_by_role("status")).to_contain_text("Saved as a new version")
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_role("status")).to_contain_text("One event was sent again")
    expect(page.locator("main")).to_contain_text("Every event has counted")
    admin.open("/goals/leads-sem")
    becomes(admin.page, "234 of 320")


def test_what_is_not_for_a_role_says_so_and_a_foreign_form_is_refused(visits: Visits) -> None:
    member = visits("zhao.min", "zh-CN")
    assert member.page.get_by_role("link", name="数据源").count() == 0
    page = member.open("/sources", 403)
    expect(page.locator("h1")).to_have_text("您的角色无此权限")
    page = member.open("/goals/nothing-of-that-name", 404)
    expect(page.locator("h1")).to_have_text("这里没有内容")
    member.wrong.clear()  # both are refusals, which the browser writes down
    refused = page.request.post(
        f"{member.place.console}/people/zhao.min/consent", form={"praise": "yes", "csrf": "x"}
    )
    assert refused.status == 403
    elsewhere = page.request.post(
        f"{member.place.console}/people/zhao.min/consent",
        form={"praise": "yes"},
        headers={"Origin": "https://evil.example"},
    )
    assert elsewhere.status == 403


def test_the_keyboard_alone_reaches_the_content_and_the_first_goal(visits: Visits) -> None:
    page = visits("li.na").open("/goals")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    for _ in range(3):  # the search's field and button, then the first goal
        page.keyboard.press("Tab")
    first = page.locator("table a").first
    expect(first).to_be_focused()
    address = first.get_attribute("href")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{address}")


@pytest.mark.parametrize(("language", "width"), [("en-GB", 1440), ("zh-CN", 390)])
def test_no_page_breaks_a_rule_of_level_a_or_aa_or_runs_out_of_the_screen(
    visits: Visits, language: str, width: int
) -> None:
    visitor = visits("wang.wei", language, width)
    for path in PAGES:
        page = visitor.open(path)
        assert visitor.violations() == [], path
        overflow = "() => document.documentElement.scrollWidth - innerWidth"
        assert page.evaluate(overflow) <= 0, path


def test_the_session_is_out_of_reach_of_scripts_and_of_other_sites(visits: Visits) -> None:
    visitor = visits("li.na")
    cookies = [c for c in visitor.page.context.cookies() if c["name"].startswith("paceline")]
    assert cookies
    assert {(c["httpOnly"], c["sameSite"]) for c in cookies} == {(True, "Lax")}
    answer = visitor.page.goto(visitor.place.console)
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy


def test_the_machine_asks_for_health_readiness_and_metrics(place: Any, browser: Any) -> None:
    page = browser.new_page()
    ready = page.request.get(f"{place.console}/readyz")
    assert ready.json()["ready"] is True
    text = page.request.get(f"{place.console}/metrics").text()
    assert "paceline_console_pages_total" in text
    page.close()
