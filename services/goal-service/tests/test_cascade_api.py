"""Cascades, ways up and splits over HTTP: the second quarter of the product's example."""

from decimal import Decimal
from typing import Any

import pytest

from event_contracts.facts import GoalControl
from event_contracts.goals import GoalChanged
from event_contracts.metrics import MetricDefined
from service_kit import audit

QUARTER = {"start": "2026-04-01", "end": "2026-06-30", "zone": "Asia/Shanghai"}
COMPANY = QUARTER | {
    "id": "q2",
    "name": "Q2 revenue",
    "metric": "revenue",
    "target": 1_500_000,
    "deal_value": 50_000,
    "calendar": {"kind": "working", "country": "CN"},
}
HALVES: dict[str, Any] = {
    "parts": [
        {
            "id": "renewals",
            "name": "Renewals",
            "share": 0.4,
            "level": "team",
            "where": [{"dim": "business", "any_of": ["renewal"]}],
        },
        {
            "id": "new",
            "name": "New business",
            "share": 0.6,
            "level": "team",
            "where": [{"dim": "business", "any_of": ["new"]}],
        },
    ],
    "reason": "as agreed with sales",
}
PUSH = {
    "parts": [
        {
            "id": "618",
            "name": "618 campaign",
            "amount": 300_000,
            "level": "project",
            "where": [{"dim": "campaign", "any_of": ["618"]}],
            "guardrails": [
                {"name": "spend per lead", "metric": "spend", "over_metric": "leads", "limit": 80}
            ],
        }
    ],
    "allow_rest": True,
}
ARTICLES = QUARTER | {
    "id": "editor",
    "name": "Original articles",
    "metric": "articles",
    "target": 20,
    "parent": "618",
    "level": "individual",
    "owner": "li",
    "calendar": {"kind": "working", "country": "CN"},
}


@pytest.fixture
async def team(door: Any) -> Any:
    for name, currency in (
        ("revenue", "CNY"),
        ("spend", "CNY"),
        ("leads", None),
        ("articles", None),
    ):
        await door.stage.define(
            MetricDefined(
                tenant="shop",
                metric=name,
                version=1,
                kind="additive",
                source="crm",
                unit=currency or name,
                currency=currency,
                dims=("business", "campaign"),
            )
        )
    return door


async def build(team: Any) -> None:
    await team.call("POST", "/v1/goals", COMPANY, status=201)
    await team.call("POST", "/v1/goals/q2/split", HALVES, status=201)
    await team.call("POST", "/v1/goals/new/split", PUSH, status=201)
    await team.call("POST", "/v1/goals", ARTICLES, status=201)


async def test_the_second_quarter_is_split_down_to_the_editor_and_adds_up(team: Any) -> None:
    await build(team)
    root = await team.call("GET", "/v1/goals/q2/cascade")
    renewals, business = sorted(root["children"], key=lambda child: child["id"], reverse=True)
    (campaign,) = business["children"]
    (articles,) = campaign["children"]
    assert [Decimal(n["target"]) for n in (renewals, business, campaign, articles)] == [
        600_000,
        900_000,
        300_000,
        20,
    ]
    assert (Decimal(root["assigned"]), Decimal(root["rest"])) == (1_500_000, 0)
    assert (Decimal(renewals["share"]), Decimal(business["share"])) == (
        Decimal("0.4"),
        Decimal("0.6"),
    )
    assert Decimal(business["rest"]) == 600_000
    assert (articles["share"], articles["unit"], articles["owner"]) == (None, "articles", "li")
    assert [n["warnings"] for n in (root, business, campaign, articles)] == [[], [], [], []]
    goal = await team.call("GET", "/v1/goals/618")
    assert goal["where"] == [
        {"dim": "business", "any_of": ["new"], "none_of": []},
        {"dim": "campaign", "any_of": ["618"], "none_of": []},
    ]
    # April to June 2026 have 61 working days in China; 20 articles are under 7 a month.
    editor = await team.call("GET", "/v1/goals/editor")
    assert (editor["working_days"], editor["policy"]["grain"]) == (61, "running")


async def test_a_member_sees_the_way_up_and_why_in_the_own_language(team: Any) -> None:
    await build(team)
    steps = (await team.call("GET", "/v1/goals/editor/path", language="zh"))["items"]
    assert [step["id"] for step in steps] == ["editor", "618", "new", "q2"]
    assert steps[0]["why"] == (
        "「Original articles」（20 articles）支撑「618 campaign」"
        "（300,000 CNY，spend per lead 不高于 80）。"
    )
    english = (await team.call("GET", "/v1/goals/editor/path"))["items"]
    assert english[2]["why"] == (
        "New business (900,000 CNY) is 60 % of Q2 revenue (1,500,000 CNY)."
    )
    assert Decimal(english[2]["share"]) == Decimal("0.6")


async def test_a_split_is_one_transaction_with_an_event_and_an_audit_entry_per_part(
    team: Any,
) -> None:
    await team.call("POST", "/v1/goals", COMPANY, status=201)
    split = await team.call("POST", "/v1/goals/q2/split", HALVES, status=201)
    assert [Decimal(part["target"]) for part in split["items"]] == [600_000, 900_000]
    assert (Decimal(split["rest"]), split["warnings"]) == (0, [])
    events = {event.goal: event for event in await team.outbox("goals", GoalChanged)}
    assert {e.goal: e.parent for e in events.values()} == {"q2": "", "renewals": "q2", "new": "q2"}
    assert events["new"].deal_value == 50_000
    assert {c.goal for c in await team.outbox("facts", GoalControl)} == {"q2", "renewals", "new"}
    entries = [row for row in await team.stage.all("audit") if row.get("action")]
    assert [entry["subject"] for entry in entries] == ["q2", "renewals", "new"]
    assert (await audit.verify(team.stage.store, "shop")).whole


async def test_of_a_split_with_one_part_that_cannot_be_nothing_is_made(team: Any) -> None:
    await team.call("POST", "/v1/goals", COMPANY, status=201)
    bad = {"parts": [HALVES["parts"][0], HALVES["parts"][1] | {"level": "galaxy"}]}
    refused = await team.call("POST", "/v1/goals/q2/split", bad, status=422)
    assert refused["error"]["code"] == "level-unknown"
    assert [row["goal"] for row in await team.stage.all("goals")] == ["q2"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"parts": []}, "parts-missing"),
        ({"parts": [{"name": "x"}]}, "part-size"),
        ({"parts": [{"name": "x", "share": 1, "amount": 1}]}, "part-size"),
        ({"parts": [{"name": "x", "share": 0.9}]}, "parts-do-not-add-up"),
        ({"parts": [{"name": "x", "amount": 1_500_001}]}, "parts-exceed-the-whole"),
        ({"parts": [{"id": "q2", "name": "x", "share": 1}]}, "goal-exists"),
        ({"parts": [{"id": "a b", "name": "x", "share": 1}]}, "id-invalid"),
    ],
)
async def test_a_split_that_does_not_come_out_is_refused(
    team: Any, change: dict[str, Any], code: str
) -> None:
    await team.call("POST", "/v1/goals", COMPANY, status=201)
    status = 409 if code == "goal-exists" else 422
    refused = await team.call("POST", "/v1/goals/q2/split", change, status=status)
    assert refused["error"]["code"] == code


async def test_ratios_and_stopped_goals_are_not_split(team: Any) -> None:
    ratio = COMPANY | {"id": "cpl", "metric": "spend", "over_metric": "leads", "form": "ratio"}
    await team.call("POST", "/v1/goals", ratio | {"target": 80, "at_most": True}, status=201)
    await team.call("POST", "/v1/goals", COMPANY, status=201)
    await team.call("DELETE", "/v1/goals/q2")
    for goal in ("cpl", "q2"):
        refused = await team.call("POST", f"/v1/goals/{goal}/split", HALVES, status=422)
        assert refused["error"]["code"] == "not-splittable"


async def test_overlap_and_over_assignment_are_shown_and_not_refused(team: Any) -> None:
    await team.call("POST", "/v1/goals", COMPANY, status=201)
    await team.call("POST", "/v1/goals/q2/split", HALVES, status=201)
    extra = COMPANY | {"id": "extra", "name": "Extra", "parent": "q2", "share": 0.1}
    del extra["target"]
    made = await team.call("POST", "/v1/goals", extra, status=201)
    assert Decimal(made["target"]) == 150_000
    root = await team.call("GET", "/v1/goals/q2/cascade", language="zh")
    assert Decimal(root["rest"]) == -150_000
    codes = [warning["code"] for warning in root["warnings"]]
    assert codes == ["over-assigned", "double-counting", "double-counting"]
    assert "1650000" in root["warnings"][0]["message"]
    await team.call("DELETE", "/v1/goals/extra")
    assert (await team.call("GET", "/v1/goals/q2/cascade"))["warnings"] == []


async def test_a_second_split_is_told_what_the_first_one_gave_away(team: Any) -> None:
    await team.call("POST", "/v1/goals", COMPANY, status=201)
    await team.call("POST", "/v1/goals/q2/split", HALVES, status=201)
    again = {"parts": [{"id": "x", "name": "X", "amount": 1}], "allow_rest": True}
    split = await team.call("POST", "/v1/goals/q2/split", again, status=201)
    assert "over-assigned" in [warning["code"] for warning in split["warnings"]]


async def test_actuals_of_the_parts_stand_beside_the_wholes(team: Any) -> None:
    door, stage = team, team.stage
    france = [{"dim": "country", "any_of": ["France"]}]
    month = {"start": "2011-01-01", "end": "2011-01-31", "zone": "Europe/London"}
    whole = month | {"id": "all", "name": "All", "metric": "gross_revenue", "target": 1000}
    await door.call("POST", "/v1/goals", whole, status=201)
    part = whole | {"id": "fr", "parent": "all", "target": 400, "where": france}
    await door.call("POST", "/v1/goals", part, status=201)
    (control,) = [c for c in await door.outbox("facts", GoalControl) if c.goal == "fr"]
    await stage.feed(stage.use("all"), stage.use("fr", where=control.where))
    minute = stage.clock.now // 60_000
    await stage.feed(stage.cells((minute, "France", "7"), (minute, "Eire", "5")))
    root = await door.call("GET", "/v1/goals/all/cascade")
    assert (Decimal(root["actual"]["value"]), Decimal(root["parts"]["value"])) == (12, 7)
    assert root["actual"]["over"] is None


async def test_a_link_that_cannot_be_is_refused(team: Any) -> None:
    await build(team)

    async def refusal(body: dict[str, Any], method: str = "POST", path: str = "") -> str:
        refused = await team.call(method, f"/v1/goals{path}", body, status=422)
        return str(refused["error"]["code"])

    orphan = ARTICLES | {"id": "orphan"}
    assert await refusal(orphan | {"parent": "nobody"}) == "parent-unknown"
    assert await refusal(orphan | {"level": "team"}) == "level-order"
    ring = COMPANY | {"parent": "618", "level": "project", "reason": "round and round"}
    assert await refusal(ring, "PUT", "/q2") == "parent-cycle"
    own = COMPANY | {"parent": "q2", "reason": "under itself"}
    assert await refusal(own, "PUT", "/q2") == "parent-cycle"
    lower = COMPANY | {"level": "individual", "reason": "below its parts"}
    assert await refusal(lower, "PUT", "/q2") == "level-order"
    await team.call("DELETE", "/v1/goals/618")
    assert await refusal(orphan) == "parent-stopped"


async def test_another_tenants_goals_are_no_parents_and_show_no_cascade(team: Any) -> None:
    await build(team)
    for path in ("cascade", "path"):
        await team.call("GET", f"/v1/goals/q2/{path}", tenant="rival", status=404)
        await team.call("GET", f"/v1/goals/q2/{path}", scopes=("goals:write",), status=403)
    await team.call("POST", "/v1/goals/q2/split", HALVES, tenant="rival", status=404)
    reads = ("goals:read",)
    await team.call("POST", "/v1/goals/q2/split", HALVES, scopes=reads, status=403)


async def test_goals_are_listed_by_level_and_by_parent(team: Any) -> None:
    await build(team)

    async def ids(level: str, **query: str) -> list[str]:
        found = await team.call("GET", "/v1/goals", level=level, **query)
        return [goal["id"] for goal in found["items"]]

    assert await ids("team", parent="q2") == ["new", "renewals"]
    assert await ids("team", parent="new") == []
    assert [await ids(level) for level in ("company", "team", "project", "individual")] == [
        ["q2"],
        ["new", "renewals"],
        ["618"],
        ["editor"],
    ]


FIXED = {
    "parts": [
        {name: value for name, value in part.items() if name != "share"} | {"amount": amount}
        for part, amount in zip(HALVES["parts"], (600_000, 900_000), strict=True)
    ]
}


@pytest.mark.parametrize(
    ("target", "warnings"),
    [
        (2_000_000, [("under-assigned", "q2", "500000 less")]),
        (1_200_000, [("over-assigned", "q2", "300000 more")]),
        (1_500_000, []),
    ],
)
async def test_a_changed_target_moves_no_part_of_its_own_and_the_answer_says_what_no_longer_adds_up(
    team: Any, target: int, warnings: list[tuple[str, str, str]]
) -> None:
    await team.call("POST", "/v1/goals", COMPANY, status=201)
    await team.call("POST", "/v1/goals/q2/split", FIXED, status=201)
    change = COMPANY | {"target": target, "reason": "the board"}
    changed = await team.call("PUT", "/v1/goals/q2", change)
    assert changed["followed"] == []
    assert len(changed["warnings"]) == len(warnings)
    for found, (code, where, text) in zip(changed["warnings"], warnings, strict=True):
        assert (found["code"], found["where"]) == (code, where)
        assert text in found["message"]
    root = await team.call("GET", "/v1/goals/q2/cascade")
    assert [Decimal(child["target"]) for child in root["children"]] == [900_000, 600_000]
    assert Decimal(root["rest"]) == target - 1_500_000


async def test_who_does_not_see_every_part_is_not_told_what_they_come_to(team: Any) -> None:
    await team.call("POST", "/v1/goals", COMPANY, status=201)
    await team.call("POST", "/v1/goals/q2/split", FIXED, status=201)
    private = HALVES["parts"][0] | QUARTER
    hidden = {
        **{name: private[name] for name in ("name", "level", "where", *QUARTER)},
        **{"metric": "revenue", "parent": "q2", "deal_value": 50_000, "target": 600_000},
        **{"visibility": "private", "owner": "li", "reason": "kept"},
    }
    await team.call("PUT", "/v1/goals/renewals", hidden)
    change = COMPANY | {"target": 1_200_000, "reason": "the board"}
    lead = ("chen", "lead")
    assert (await team.call("PUT", "/v1/goals/q2", change, person=lead))["warnings"] == []
    change["target"] = 1_000_000
    told = (await team.call("PUT", "/v1/goals/q2", change))["warnings"]
    assert [warning["code"] for warning in told] == ["over-assigned"]


async def test_a_split_into_more_parts_than_one_transaction_takes_is_refused(team: Any) -> None:
    await team.call("POST", "/v1/goals", COMPANY, status=201)
    parts = [{"id": f"p{number}", "name": "x", "amount": 1} for number in range(501)]
    body = {"parts": parts, "allow_rest": True}
    refused = await team.call("POST", "/v1/goals/q2/split", body, status=422)
    assert (refused["error"]["code"], refused["error"]["where"]) == ("parts-too-many", "parts")
    assert "500" in refused["error"]["message"]
    assert len((await team.call("GET", "/v1/goals"))["items"]) == 1


async def test_parts_without_filters_are_told_by_some_pairs_and_not_by_every_one(
    team: Any,
) -> None:
    await team.call("POST", "/v1/goals", COMPANY, status=201)
    parts = [{"id": f"p{number}", "name": "x", "amount": 1} for number in range(60)]
    body = {"parts": parts, "allow_rest": True}
    split = await team.call("POST", "/v1/goals/q2/split", body, status=201)
    assert [each["code"] for each in split["warnings"]] == ["double-counting"] * 20
    root = await team.call("GET", "/v1/goals/q2/cascade")
    assert len(root["warnings"]) == 20


@pytest.mark.parametrize(
    ("wrong", "code", "where"),
    [
        ({"level": "galaxy"}, "level-unknown", "level"),
        ({"id": "a b"}, "id-invalid", "id"),
        ({"floor": 99_999_999}, "tiers-out-of-order", "floor"),
        ({"where": [{"dim": "moon", "any_of": ["x"]}]}, "dimension-unknown", "where.0.dim"),
    ],
)
async def test_a_refused_split_says_which_part_is_wrong(
    team: Any, wrong: dict[str, Any], code: str, where: str
) -> None:
    await team.call("POST", "/v1/goals", COMPANY, status=201)
    right = {"name": "right", "amount": 1}
    body = {"parts": [right, right | {"name": "wrong"} | wrong], "allow_rest": True}
    error = (await team.call("POST", "/v1/goals/q2/split", body, status=422))["error"]
    assert (error["code"], error["where"]) == (code, f"parts.1.{where}")


@pytest.mark.parametrize("tier", ["target", "floor"])
async def test_an_amount_finer_than_what_is_kept_is_refused_in_a_short_sentence(
    team: Any, tier: str
) -> None:
    wrong = COMPANY | {tier: "1E-7000"}
    error = (await team.call("POST", "/v1/goals", wrong, status=422))["error"]
    assert (error["code"], error["where"]) == ("amount-invalid", tier)
    assert len(error["message"]) < 200
