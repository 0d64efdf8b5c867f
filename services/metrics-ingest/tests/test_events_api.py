"""The HTTP door: three modes of CloudEvents, hostile bodies, keys and tenants."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from event_contracts.raw import RawEvent

EVENTS = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
SAMPLES = Path("/work/shared/samples")


def logged(stage: Any) -> list[RawEvent]:
    records = [value for records in stage.log.records.values() for value in records]
    return [msgspec.json.decode(value, type=RawEvent) for value in records]


async def post(stage: Any, body: bytes | dict[str, Any], kind: str = EVENTS, **headers: str) -> Any:
    given = {"content_type": kind, "x_paceline_source": "shop"} | headers
    return await stage.call("POST", "/v1/events", body, **given)


async def test_a_structured_event_stands_in_the_log_as_it_came(stage: Any, make: Any) -> None:
    await stage.declare()
    body = b'{"specversion":"1.0", "id":"a","source":"/s","type":"t","data":{"n":1.10}}'
    response = await post(stage, body, f"{EVENTS}; charset=utf-8")
    assert (response.status_code, response.json()) == (202, {"accepted": [0], "rejected": []})
    (event,) = logged(stage)
    assert bytes(event.body) == body
    assert (event.tenant, event.source, event.id, event.door) == ("acme", "shop", "a", "http")
    assert event.received_ms == stage.clock.ms


async def test_a_binary_event_has_decoded_attributes_and_its_body_as_data(stage: Any) -> None:
    await stage.declare()
    headers = {
        "ce_specversion": "1.0",
        "ce_id": "b",
        "ce_source": "/s",
        "ce_type": "t",
        "ce_campaign": "%E5%93%81%E7%89%8C%20Q4%20%F0%9F%8E%AF",
    }
    response = await post(stage, b'{"n":1.10}', "application/json; charset=utf-8", **headers)
    assert response.status_code == 202, response.text
    (event,) = logged(stage)
    body = msgspec.json.decode(event.body)
    assert (body["campaign"], body["data"]) == ("品牌 Q4 🎯", {"n": 1.1})
    assert b'"data":{"n":1.10}' in bytes(event.body)


async def test_binary_data_that_is_no_json_stands_as_base64(stage: Any) -> None:
    await stage.declare()
    headers = {"ce_specversion": "1.0", "ce_id": "b", "ce_source": "/s", "ce_type": "t"}
    assert (await post(stage, b"\x00\xff", "application/x-protobuf", **headers)).status_code == 202
    assert msgspec.json.decode(logged(stage)[0].body)["data_base64"] == "AP8="


async def test_a_binary_body_cannot_end_the_object_and_go_on(stage: Any) -> None:
    await stage.declare()
    headers = {"ce_specversion": "1.0", "ce_id": "b", "ce_source": "/s", "ce_type": "t"}
    response = await post(stage, b'1,"subject":"x"', "application/json", **headers)
    assert response.status_code == 422
    assert logged(stage) == []


@pytest.mark.skipif(not SAMPLES.exists(), reason="the shared samples are not on this machine")
async def test_the_samples_of_the_three_modes_are_accepted(stage: Any) -> None:
    await stage.declare()
    structured = (SAMPLES / "cloudevents_structured.json").read_bytes()
    batch = (SAMPLES / "cloudevents_batch.json").read_bytes()
    binary = msgspec.json.decode((SAMPLES / "cloudevents_binary_http.json").read_bytes())
    headers = {n.lower(): v for n, v in binary["headers"].items() if n.startswith("ce-")}
    assert (await post(stage, structured)).json()["accepted"] == [0]
    assert (await post(stage, batch, BATCH)).json()["accepted"] == [0, 1]
    body = msgspec.json.encode(binary["body"])
    response = await post(stage, body, binary["headers"]["Content-Type"], **headers)
    assert response.json()["accepted"] == [0]
    assert {event.id for event in logged(stage)} == {
        "5081-2207-4416",
        "5081-2207-4417",
        "Q417-5081-2207",
        "R417-5081-2207",
    }


async def test_an_empty_batch_is_accepted(stage: Any) -> None:
    await stage.declare()
    for body in (b"[]", b" [ ] "):
        response = await post(stage, body, BATCH)
        assert (response.status_code, response.json()) == (202, {"accepted": [], "rejected": []})


HOSTILE = {
    b'"data":NaN': "json-not-a-number",
    b'"data":-Infinity': "json-not-a-number",
    b'"data":1e400': "json-number-range",
    b'"data":' + b"9" * 5000: "json-number-range",
    b'"data":0.12345678901234567890123456789012345': "json-number-digits",
    b'"data":1,"data":2': "json-duplicate-key",
    b'"data":{"a":1,"\\u0061":2}': "json-duplicate-key",
    b'"data":"\\ud800"': "json-surrogate",
    b'"da\\u0000ta":1': "json-nul",
    b'"data":' + b"[" * 70 + b"]" * 70: "json-depth",
    b'"data":"\xff"': "json-utf8",
    b'"data":01': "json-syntax",
    b'"data":1,"data_base64":"AA=="': "two-payloads",
    b'"id":7': "json-duplicate-key",
}


@pytest.mark.parametrize("hostile", HOSTILE, ids=list(HOSTILE.values()))
async def test_hostile_json_is_refused_with_its_cause_and_only_itself(
    stage: Any, make: Any, hostile: bytes
) -> None:
    await stage.declare()
    base = b'{"specversion":"1.0","id":"%s","source":"/s","type":"t"%s}'
    bad, good = base % (b"bad", b"," + hostile), base % (b"good", b"")
    alone = await post(stage, bad)
    assert alone.status_code == 422
    (rejected,) = alone.json()["rejected"]
    assert (rejected["index"], rejected["code"]) == (0, HOSTILE[hostile])

    mixed = await post(stage, b"[" + good + b"," + bad + b" , " + good + b"]", BATCH)
    assert mixed.status_code == 202, mixed.text
    assert mixed.json()["accepted"] == [0, 2]
    assert [each["index"] for each in mixed.json()["rejected"]] == [1]
    assert {event.id for event in logged(stage)} == {"good"}


async def test_2_to_the_64_is_taken_exactly(stage: Any) -> None:
    await stage.declare()
    body = b'{"specversion":"1.0","id":"a","source":"/s","type":"t","data":18446744073709551616}'
    assert (await post(stage, body)).status_code == 202
    assert b"18446744073709551616" in bytes(logged(stage)[0].body)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"specversion": "0.3"}, "$.specversion"),
        ({"id": ""}, "$.id"),
        ({"id": None}, "$.id"),
        ({"source": 5}, "$.source"),
        ({"type": None}, "$.type"),
        ({"id": "x" * 513}, "id"),
    ],
)
async def test_an_event_without_its_attributes_is_rejected_by_index(
    stage: Any, make: Any, change: dict[str, Any], where: str
) -> None:
    await stage.declare()
    good = make.cloud(make.order("a", 1))
    response = await post(stage, msgspec.json.encode([good, good | change]), BATCH)
    assert response.json()["accepted"] == [0]
    assert response.json()["rejected"][0]["where"] == where


async def test_a_rejection_speaks_the_callers_language(stage: Any) -> None:
    await stage.declare()
    response = await post(stage, b"{}", accept_language="zh")
    assert response.json()["rejected"][0]["message"] == '需要 specversion "1.0"'


async def test_an_event_beyond_512_kb_is_rejected_and_its_neighbour_is_not(
    stage: Any, make: Any
) -> None:
    await stage.declare()
    good = make.cloud(make.order("a", 1))
    large = make.cloud(make.order("b", 1) | {"note": "x" * 530_000})
    response = await post(stage, msgspec.json.encode([large, good]), BATCH)
    assert response.json()["accepted"] == [1]
    assert response.json()["rejected"][0]["code"] == "event-too-large"


async def test_wrong_envelopes_are_refused_whole(stage: Any) -> None:
    await stage.declare()
    assert (await post(stage, b"{}", "application/json")).status_code == 415
    assert (await post(stage, b"{}", BATCH)).status_code == 422
    assert (await post(stage, b"[{]", BATCH)).status_code == 422
    assert (await post(stage, b"[1] x", BATCH)).status_code == 422
    assert (await post(stage, b"[" + b"1," * 10_000 + b"1]", BATCH)).status_code == 413
    assert (await post(stage, b"x" * (6 * 1024 * 1024))).status_code == 413


async def test_keys_scopes_and_bound_sources_are_respected(stage: Any, make: Any) -> None:
    await stage.declare()
    body = make.cloud(make.order("a", 1))
    assert (await stage.http.post("/v1/events")).status_code == 401
    stage.keys["acme"] = await stage.key("acme", "sources:read")
    assert (await post(stage, body)).status_code == 403
    stage.keys["acme"] = await stage.key("acme", "events:write", source="shop")
    assert (await stage.call("POST", "/v1/events", body, content_type=EVENTS)).status_code == 202
    assert (await post(stage, body, x_paceline_source="other")).status_code == 403
    stage.keys["acme"] = await stage.key("acme", "events:write")
    assert (await stage.call("POST", "/v1/events", body, content_type=EVENTS)).status_code == 422
    assert (await post(stage, body, x_paceline_source="none")).status_code == 404


async def test_a_source_of_another_tenant_cannot_be_fed(stage: Any, make: Any) -> None:
    await stage.declare()
    response = await post(stage, make.cloud(make.order("a", 1)), tenant="other")
    assert (response.status_code, logged(stage)) == (404, [])


async def test_without_the_broker_nothing_is_promised(stage: Any, make: Any) -> None:
    await stage.declare()
    stage.log.broken = True
    response = await post(stage, make.cloud(make.order("a", 1)))
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
async def test_no_bytes_to_the_door_ever_give_500(stage: Any, data: st.DataObject) -> None:
    if not stage.keys:
        await stage.declare()
    json = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["id", "source", "type", "specversion", "data", "1.0"]) | st.text(),
                inner | st.just("1.0"),
                max_size=6,
            )
        ),
        max_leaves=12,
    ).map(_dumped)
    body = data.draw(
        st.binary(max_size=200) | json | st.lists(json | st.binary(max_size=20)).map(_array)
    )
    kind = data.draw(st.sampled_from([EVENTS, BATCH, "application/json", "text/plain", ""]))
    attributes = data.draw(
        st.dictionaries(
            st.sampled_from(["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_Data", "ce_é"]),
            st.text(st.characters(min_codepoint=33, max_codepoint=126)) | st.just("1.0"),
        )
    )
    headers = {name: value for name, value in attributes.items() if name.isascii()}
    response = await post(stage, body, kind, **headers)
    assert response.status_code in (202, 404, 413, 415, 422), response.text
    await stage.pump()
    assert not stage.applier.halted


def _dumped(value: Any) -> bytes:
    import json

    return json.dumps(value).encode("utf-8", "surrogatepass")


def _array(items: list[bytes]) -> bytes:
    return b"[" + b",".join(items) + b"]"
