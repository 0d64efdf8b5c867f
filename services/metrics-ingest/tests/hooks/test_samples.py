"""The vendors' own samples come in, signed by their own rules."""

import base64
import hashlib
import hmac
from pathlib import Path
from typing import Any

import pytest

from metrics_ingest.domain.doors import signing


def mapping(**more: Any) -> dict[str, Any]:
    return {"id": ["id"], "type": ["type"], "time": ["at"]} | more


SAMPLES: dict[str, tuple[str, dict[str, Any], int, int]] = {
    "hubspot_webhook_v3_batch": (
        "hubspot-v1",
        mapping(
            each="[]",
            id=["{item.portalId}/{item.subscriptionId}/{item.objectId}/{item.occurredAt}"],
            type=["item.subscriptionType", "item.eventType"],
            time=["item.occurredAt"],
            time_format="epoch_ms",
        ),
        3,
        0,
    ),
    "meta_leadgen_webhook": (
        "hub-sha256",
        mapping(
            each="entry[].changes[]",
            id=["item.value.leadgen_id"],
            type=["item.field"],
            time=["item.value.created_time"],
            time_format="epoch_s",
        ),
        3,
        1,
    ),
    "stripe_invoice_paid_renewal": (
        "shopify",
        mapping(time=["created"], time_format="epoch_s"),
        1,
        0,
    ),
    "google_ads_lead_form_webhook": (
        "google-lead-form",
        mapping(id=["lead_id"], type=["=lead"], time=["lead_submit_time"], drop=["google_key"]),
        1,
        0,
    ),
    "oceanengine_spi_message": (
        "oceanengine",
        mapping(
            id=["message_id"], type=["service_label"], time=["publish_time"], time_format="epoch_s"
        ),
        1,
        0,
    ),
}


@pytest.mark.parametrize("name", SAMPLES)
async def test_the_vendors_samples_come_in_signed(
    crm: Any, shared_samples: Path, name: str
) -> None:
    body = (shared_samples / f"{name}.json").read_bytes()
    signature, mapped, events, unreadable = SAMPLES[name]
    await crm.declare(signature, **mapped)
    secret = "demo-form-key-q4-sem-brand" if signature == "google-lead-form" else crm.SECRET
    await crm.keep(secret)
    headers = {
        "x_hubspot_signature": hashlib.sha256(crm.SECRET.encode() + body).hexdigest(),
        "x_hub_signature_256": signing.hub_sha256(crm.SECRET, body),
        "x_open_signature": hmac.new(crm.SECRET.encode(), body, "sha256").hexdigest(),
        "x_shopify_hmac_sha256": base64.b64encode(
            hmac.digest(crm.SECRET.encode(), body, "sha256")
        ).decode(),
    }
    taken = await crm.post(body, **headers)
    assert taken.status_code == 200, taken.text
    assert taken.json() == {"events": events, "unreadable": unreadable}
    assert "demo-form-key" not in str([bytes(event.body) for event in crm.events()])
