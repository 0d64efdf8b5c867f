"""Sources are declared, mappings mended, people loaded."""

from typing import Any

import httpx


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
