"""Which contributions may be declared, and what a new version has to keep."""

from typing import Any

import pytest

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"kind": "snapshot", "types": ["x"]}, "$.contributions[0].key"),
    ({"kind": "delta", "key": ["day"]}, "$.contributions[0].key"),
    ({"kind": "delta", "grain": "day"}, "$.contributions[0].grain"),
    ({"kind": "snapshot", "key": ["no"]}, "$.contributions[0].key"),
    ({"kind": "snapshot", "key": ["spend"]}, "$.contributions[0].key"),
    ({"kind": "snapshot", "key": ["day"], "as_of": "stage"}, "$.contributions[0].as_of"),
    ({"kind": "slice", "key": ["day"], "as_of": "as_of"}, "$.contributions[0].cell"),
    ({"kind": "slice", "key": ["day"], "cell": ["campaign"]}, "$.contributions[0].as_of"),
    (
        {"kind": "slice", "key": ["day"], "cell": ["campaign"], "as_of": "as_of", "part": "row"},
        "$.contributions[0].parts",
    ),
    ({"kind": "snapshot", "key": ["day"], "partial": True}, "$.contributions[0].partial"),
    (
        {"kind": "entity", "key": ["deal"], "gone": [{"field": "rows", "op": "eq", "value": "x"}]},
        "$.contributions[0].gone[0].value",
    ),
]


@pytest.mark.parametrize(("contribution", "where"), REFUSED, ids=str)
async def test_a_contribution_that_cannot_be_told_whole_is_refused(
    ads: Any, stage: Any, contribution: dict[str, Any], where: str
) -> None:
    answer = await stage.call("POST", "/v1/sources", ads.source(contributions=[contribution]))
    assert answer.status_code == 422
    assert answer.json()["error"]["where"] == where


async def test_a_new_version_keeps_the_names_of_what_is_booked(ads: Any, stage: Any) -> None:
    await ads.declare(stage)
    changed = ads.source()
    changed["contributions"][0]["key"] = ["campaign"]
    answer = await stage.call("PUT", "/v1/sources/ads", changed | {"reason": "test"})
    assert answer.json()["error"]["where"] == "$.contributions"
    for change in ({"partial": True}, {"as_of": None}, {"as_of": "row"}):
        changed = ads.source()
        changed["contributions"][2] |= change
        answer = await stage.call("PUT", "/v1/sources/ads", changed | {"reason": "test"})
        assert answer.json()["error"]["where"] == "$.contributions", change
    changed = ads.source()
    changed["doors"]["http"]["fields"]["as_of"]["kind"] = "time"
    answer = await stage.call("PUT", "/v1/sources/ads", changed | {"reason": "test"})
    assert answer.json()["error"]["where"] == "$.contributions"
    changed = ads.source()
    changed["contributions"][2]["types"] = ["deal", "deal.deleted"]
    await stage.done("PUT", "/v1/sources/ads", changed | {"reason": "test"})


@pytest.mark.parametrize("kind", ["unit-threshold", "conversion"])
async def test_units_and_conversions_do_not_look_at_states(ads: Any, stage: Any, kind: str) -> None:
    await ads.declare(stage)
    metric = {
        "name": "m",
        "source": "ads",
        "unit": "",
        "kind": kind,
        "types": ["cell"],
        "of": "campaign",
        "window_days": 30,
    }
    more = {"threshold": 5} if kind == "unit-threshold" else {"over": {"types": ["click"]}}
    answer = await stage.call("POST", "/v1/metrics", metric | more)
    assert (answer.status_code, answer.json()["error"]["where"]) == (422, "$.types")


CHANGES = {"kind": "entity", "partial": True, "as_of": "as_of"}
STATES: list[tuple[dict[str, Any], dict[str, Any], str | None]] = [
    ({"types": ["deal"], "key": ["lead"]}, {"types": ["deal"]}, None),
    ({"types": ["deal"], "key": ["deal"]}, {"types": ["deal"]}, "$.of"),
    ({"types": ["deal"], "key": ["deal"], "partial": False}, {"types": ["deal"]}, None),
    ({"types": ["deal", "won"], "key": ["lead"]}, {"types": ["won"]}, "$.over.types"),
    ({"types": ["deal", "won"], "key": ["lead"]}, {"types": ["won", "deal"]}, None),
    ({"types": [], "key": ["lead"]}, {"types": ["won"]}, "$.over.types"),
    (
        {"types": ["deal", "won"], "key": ["lead"]},
        {"types": ["won"], "where": [{"field": "stage", "op": "eq", "value": "won"}]},
        None,
    ),
    ({"types": [], "key": ["deal"], "partial": False}, {"types": ["won"]}, None),
]


@pytest.mark.parametrize(("entity", "over", "where"), STATES, ids=str)
async def test_a_conversion_looks_at_records_that_say_whose_and_what_they_are(
    ads: Any, stage: Any, entity: dict[str, Any], over: dict[str, Any], where: str | None
) -> None:
    click = {"kind": "delta", "types": ["click"]}
    source = ads.source(contributions=[CHANGES | entity, click])
    await stage.done("POST", "/v1/sources", source)
    metric = {"name": "m", "source": "ads", "unit": "", "kind": "conversion", "types": ["click"]}
    answer = await stage.call(
        "POST", "/v1/metrics", metric | {"of": "lead", "over": over, "window_days": 30}
    )
    refused = answer.json()["error"]["where"] if answer.status_code == 422 else None
    assert refused == where, answer.text


async def test_events_that_nothing_looked_at_may_become_states(ads: Any, stage: Any) -> None:
    source = ads.source(contributions=[])
    await stage.done("POST", "/v1/sources", source)
    states = {"kind": "entity", "types": ["deal"], "key": ["deal"], "as_of": "as_of"}
    changed = source | {"contributions": [states], "reason": "test"}
    await stage.done("PUT", "/v1/sources/ads", changed)


DEALS = {"kind": "entity", "key": ["deal"], "as_of": "as_of"}


@pytest.mark.parametrize(
    ("looked_at", "before", "after", "said"),
    [
        (
            ["lead"],
            [],
            [DEALS | {"types": ["lead"]}],
            "events lead count for the metric m as delta",
        ),
        ([], [], [DEALS | {"types": ["lead"]}], "events lead count for the metric m as delta"),
        ([], [], [DEALS], "all events count for the metric m as delta"),
        (
            ["lead"],
            [DEALS | {"types": ["deal", "lead"]}],
            [DEALS | {"types": ["deal"]}],
            "events lead count for the metric m as entity",
        ),
        (
            [],
            [DEALS | {"types": ["deal", "lead"]}],
            [DEALS | {"types": ["deal"]}],
            "events lead count for the metric m as entity",
        ),
        (["click"], [], [DEALS | {"types": ["lead"]}], None),
        (["click"], [DEALS | {"types": ["deal", "lead"]}], [DEALS | {"types": ["deal"]}], None),
    ],
)
async def test_what_a_metric_counts_neither_becomes_a_state_nor_ceases_to_be_one(
    ads: Any, stage: Any, looked_at: list[str], before: Any, after: Any, said: str | None
) -> None:
    source = ads.source(contributions=before)
    await stage.done("POST", "/v1/sources", source)
    metric = {"name": "m", "source": "ads", "types": looked_at, "value": "spend", "unit": "GBP"}
    await stage.done("POST", "/v1/metrics", metric)
    lead = ads.event("e1", "lead", deal="7", as_of=1, at="2011-05-03T12:00:00", spend=100)
    await ads.send(stage, lead)
    changed = source | {"contributions": after, "reason": "test"}
    answer = await stage.call("PUT", "/v1/sources/ads", changed)
    if said is None:
        assert answer.status_code == 200
    else:
        error = answer.json()["error"]
        assert (answer.status_code, error["where"]) == (422, "$.contributions")
        assert said in error["message"]
    again = ads.event("e2", "lead", deal="7", as_of=2, at="2011-05-03T12:00:00", spend=100)
    await ads.send(stage, again)
    counted = sum(cell.sum for batch in await stage.facts() for cell in batch.cells)
    assert counted == (100 if before else 200) * ("click" not in looked_at)
