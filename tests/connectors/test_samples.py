"""Every payload that a vendor sends lands in the right metric, with value, time and currency."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from metrics_ingest.domain.doors import cloudevents, segment
from service_kit import strict_json

EXPECTED: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parent / "expected.yaml").read_text(encoding="utf-8")
)
Start = Callable[[str], Any]


def read(folder: Path, name: str) -> bytes:
    return (folder / f"{name}.json").read_bytes()


def checked(found: list[Any], expected: list[Any]) -> None:
    """Compare; an event whose id is not expected is named by its content."""
    for event, wanted in zip(found, expected, strict=True):
        if isinstance(wanted, dict) and "id" not in wanted:
            identity = event.pop("id")
            assert len(identity) == 32, identity
            int(identity, 16)
        assert event == wanted


def by_door(door: str) -> list[str]:
    return [name for name, wanted in EXPECTED.items() if wanted["door"] == door]


@pytest.mark.row("M2", "vendor-samples")
@pytest.mark.parametrize("name", by_door("hook"))
def test_a_webhook_or_answer_lands_in_its_metrics(
    name: str, run: Start, shared_samples: Path
) -> None:
    wanted = EXPECTED[name]
    found = run(wanted["connector"]).hook(read(shared_samples, name), wanted.get("query"))
    checked(found, wanted["events"])


@pytest.mark.row("M2", "vendor-samples")
@pytest.mark.parametrize("name", sorted(set(by_door("topic")) - {"cloudevents_binary_kafka"}))
def test_a_record_of_a_topic_lands_in_its_metrics(
    name: str, run: Start, shared_samples: Path
) -> None:
    wanted, body = EXPECTED[name], json.loads(read(shared_samples, name))
    # The one file with a list: each of its events is a record of its own.
    records = body if isinstance(body, list) else [body]
    source = run(wanted["connector"])
    found = [event for record in records for event in source.topic(strict_json.dumps(record))]
    checked(found, wanted["events"])


@pytest.mark.row("M2", "vendor-samples")
def test_cloudevents_land_in_each_of_their_modes(run: Start, shared_samples: Path) -> None:
    source = run("cloudevents")
    files = {name: read(shared_samples, name) for name in EXPECTED if name.startswith("cloud")}
    http = json.loads(files["cloudevents_binary_http"])
    kafka = json.loads(files["cloudevents_binary_kafka"])
    binary = cloudevents.from_http(http["headers"], strict_json.dumps(http["body"]))
    headers = {name: value.encode() for name, value in kafka["headers"].items()}
    for name, found in (
        ("cloudevents_structured", source.http(files["cloudevents_structured"])),
        ("cloudevents_batch", source.http(*cloudevents.split_batch(files["cloudevents_batch"]))),
        ("cloudevents_binary_http", source.http(binary)),
        ("cloudevents_binary_kafka", source.topic(kafka["value"].encode(), headers)),
    ):
        checked(found, EXPECTED[name]["events"])


def test_a_real_google_lead_counts_without_its_key(run: Start, shared_samples: Path) -> None:
    body = json.loads(read(shared_samples, "google_ads_lead_form_webhook")) | {"is_test": False}
    lead = {
        "id": body["lead_id"],
        "type": "google.lead",
        "at": "2026-11-03T05:48:16+00:00",
        "gives": {"google_form_leads": "1"},
        "dims": {"campaign": "21750318"},
    }
    source = run("google-lead-form")
    checked(source.hook(json.dumps(body).encode()), [lead])
    del body["lead_submit_time"]  # an older form: the time of arrival counts
    older = lead | {"at": "2026-11-21T00:00:00+00:00"}
    checked(source.hook(json.dumps(body).encode()), [older])


def test_segments_own_calls_land_like_those_that_are_sent_on(
    run: Start, shared_samples: Path
) -> None:
    source = run("segment")

    def landed(call: Any) -> Any:
        (event,) = source.hook(segment.message(call, "segment", 0), door="segment")
        if isinstance(event, dict):
            assert event.pop("id").startswith("hash-")
        return event

    for kind in ("identify", "track", "page"):
        call = segment.read_call(kind, read(shared_samples, f"segment_{kind}"))
        assert [landed(call)] == EXPECTED[f"segment_{kind}"]["events"]
    batch = segment.read_batch(read(shared_samples, "segment_batch"))
    assert [landed(call) for call in batch] == EXPECTED["segment_batch"]["events"]


def test_a_deleted_row_leaves_a_tombstone_that_is_nothing(run: Start) -> None:
    assert run("debezium-contacts").topic(None) == []


def test_a_wrapped_change_is_the_change_without_its_wrapper(
    run: Start, shared_samples: Path
) -> None:
    wrapped = json.loads(read(shared_samples, "debezium_postgres_update"))
    bare = strict_json.dumps(wrapped["payload"])
    checked(run("debezium-contacts").topic(bare), EXPECTED["debezium_postgres_update"]["events"])


def test_an_event_of_several_salesforce_records_is_one_of_each(
    run: Start, shared_samples: Path
) -> None:
    event = json.loads(read(shared_samples, "salesforce_cdc_lead_conversion_pubsub"))[0]
    event["ChangeEventHeader"]["recordIds"] = ["001A", "001B"]
    found = run("salesforce-pubsub").topic(strict_json.dumps(event))
    assert [e["key"] for e in found] == [["001A"], ["001B"]]
    event["ChangeEventHeader"]["changeType"] = "GAP_UPDATE"
    assert run("salesforce-pubsub").topic(strict_json.dumps(event)) == ["skipped", "skipped"]


@pytest.mark.parametrize(
    ("name", "connector", "secrets"),
    [
        ("google_ads_lead_form_webhook", "google-lead-form", ["demo-form-key", "lead-052@"]),
        ("posthog_batch", "posthog", ["qinghe-posthog-demo-key"]),
        ("segment_batch", "segment", ["QINGHE_DEMO_WRITE_KEY"]),
        ("segment_track", "segment", ["QINGHE_DEMO_WRITE_KEY"]),
        ("meta_lead_object", "meta-leads", ["lead-031@"]),
        ("debezium_postgres_update", "debezium-contacts", ["renewals-12@"]),
    ],
)
def test_secrets_and_personal_data_are_gone_before_anything_is_kept(
    name: str, connector: str, secrets: list[str], run: Start, shared_samples: Path
) -> None:
    source, body = run(connector), read(shared_samples, name)
    kept = source.kept(body)
    for secret in secrets:
        assert secret in body.decode()
        assert all(secret not in text for text in kept)


def test_no_incoming_sample_is_left_out(shared_samples: Path) -> None:
    incoming = {
        file.stem
        for file in shared_samples.glob("*.json")
        if not file.stem.startswith("out_") and file.stem != "signature_vectors"
    }
    assert set(EXPECTED) == incoming
