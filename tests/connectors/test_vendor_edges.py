"""What vendors send besides their samples: rarer forms, and things that only look alike."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

Start = Callable[[str], Any]
AT_US = 1794187920000000


def measured(*events: dict[str, Any], **root: Any) -> bytes:
    return json.dumps(
        {"client_id": "c", "timestamp_micros": AT_US, "events": events} | root
    ).encode()


def ids_of(source: Any, *bodies: bytes) -> list[str]:
    return [event["id"] for body in bodies for event in source.hook(body)]


def test_ga4_events_without_parameters_at_two_times_are_two_events(run: Start) -> None:
    login = {"name": "login"}
    later = measured(login, timestamp_micros=AT_US + 1)
    assert len(set(ids_of(run("ga4-measurement"), measured(login), later))) == 2


def test_ga4_events_that_have_times_of_their_own_are_told_apart_by_them(run: Start) -> None:
    login = {"name": "login", "params": {"method": "WeCom"}}
    both = measured(login | {"timestamp_micros": AT_US - 1}, login | {"timestamp_micros": AT_US})
    assert len(set(ids_of(run("ga4-measurement"), both, both))) == 2


def test_ga4_events_of_an_app_are_named_by_its_instance(run: Start) -> None:
    body = json.loads(measured({"name": "login"}, app_instance_id="a"))
    del body["client_id"]
    (event,) = run("ga4-measurement").hook(json.dumps(body).encode())
    assert (event["type"], event["gives"]) == ("login", {"ga4_logins": "1"})


def test_a_visit_without_consent_has_no_person_in_ga4s_export_and_counts(run: Start) -> None:
    row: dict[str, Any] = {
        "event_date": "20261111",
        "event_timestamp": "1794331231845213",
        "event_name": "page_view",
        "event_params": [],
        "event_bundle_sequence_id": "7",
        "user_pseudo_id": None,
        "stream_id": "1",
    }
    rows = [row, row | {"event_bundle_sequence_id": "8"}]
    found = run("ga4-export").hook(json.dumps({"rows": rows}).encode())
    assert [event["gives"] for event in found] == [{"ga4_page_views": "1"}] * 2
    assert found[0]["id"] != found[1]["id"]


@pytest.mark.parametrize(
    ("currency", "sent", "paid"),
    [
        ("usd", 46800, "468"),
        ("jpy", 5000, "5000"),
        ("kwd", 5120, "5.12"),
        ("isk", 50000, "500"),  # ISO 4217 has no smaller unit of these two, Stripe goes on with one
        ("ugx", 50000, "500"),
        ("mga", 500, "500"),  # and here the other way round
    ],
)
def test_stripes_smallest_units_are_stripes_own(
    currency: str, sent: int, paid: str, run: Start
) -> None:
    invoice = {"id": "in_1", "amount_paid": sent, "currency": currency}
    event = {"type": "invoice.paid", "created": 1793495027, "data": {"object": invoice}}
    assert run("stripe").plan.reader("hook").fields_of(event)["amount"] == Decimal(paid)


def test_hubspots_generic_events_are_those_of_their_object(run: Start) -> None:
    def event(kind: str, object_type: str, **more: Any) -> dict[str, Any]:
        return {
            "objectId": 5,
            "subscriptionId": 2,
            "portalId": 3,
            "occurredAt": 1794985180826,
            "subscriptionType": kind,
            "objectTypeId": object_type,
        } | more

    def changed(object_type: str, name: str, value: str) -> dict[str, Any]:
        told = {"propertyName": name, "propertyValue": value}
        return event("object.propertyChange", object_type, **told)

    sent = [
        event("object.creation", "0-1", changeSource="FORM"),
        changed("0-1", "lifecyclestage", "customer"),
        changed("0-3", "dealstage", "closedwon"),
        event("object.deletion", "0-3"),
        event("object.creation", "0-2"),
    ]
    contact, mql, won, gone, company = run("hubspot-events").hook(json.dumps(sent).encode())
    assert contact["gives"] == {"hubspot_new_contacts": "1"}
    assert (mql["gives"], mql["kind"]) == ({"hubspot_mqls": "1"}, "entity")
    assert (won["gives"], won["kind"]) == ({"hubspot_deals_won": "1"}, "entity")
    assert (gone["gone"], gone["kind"]) == (True, "entity")
    assert company["gives"] == {}


def test_cloudevents_of_two_sources_are_never_one(run: Start) -> None:
    def event(source: str, identity: str) -> bytes:
        named = {"specversion": "1.0", "type": "t", "source": source, "id": identity}
        return json.dumps(named | {"time": "2026-11-03T02:18:45Z"}).encode()

    one, other = run("cloudevents").http(event("/a", "b/7"), event("/a/b", "7"))
    assert one["id"] != other["id"]


def test_posthogs_key_is_taken_out_by_all_of_its_names(run: Start) -> None:
    call = {"event": "e", "distinct_id": "d", "properties": {"token": "phc_x"}, "token": "phc_x"}
    kept = run("posthog").kept(json.dumps(call).encode())
    kept += run("posthog").kept(json.dumps({"token": "phc_x", "batch": [call]}).encode())
    assert len(kept) == 2
    assert all("phc_x" not in text for text in kept)


def test_of_two_changes_in_one_salesforce_transaction_the_later_one_is_newer(run: Start) -> None:
    """A flow that runs after a record is made changes it once more, by the same commit."""

    def changed(commit: int, sequence: int) -> int:
        header = {
            "entityName": "Opportunity",
            "recordIds": ["006A"],
            "changeType": "UPDATE",
            "transactionKey": "0000b87b",
            "sequenceNumber": sequence,
            "commitTimestamp": 1794298934000,
            "commitNumber": commit,
        }
        body = json.dumps({"ChangeEventHeader": header, "StageName": "Closed Won"}).encode()
        source = run("salesforce-pubsub")
        (raw,) = source.raw(body)
        reader = source.plan.reader(raw.door)
        return int(reader.fields_of(json.loads(bytes(raw.body)))["commit"])

    made, again, later = (
        changed(2207430918264, 9),
        changed(2207430918264, 10),
        changed(2207430918265, 1),
    )
    assert made < again < later
