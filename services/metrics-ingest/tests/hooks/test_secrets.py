"""Secrets and addresses of webhooks: changed without a gap, sealed, never shown."""

from typing import Any

import pytest

from metrics_ingest.adapters.vault import Vault
from service_kit.errors import Infrastructure, UserError

KEY = "another key to seal secrets with"


async def test_a_secret_is_changed_without_a_gap_and_a_removed_one_ends(crm: Any) -> None:
    await crm.declare()
    (old,) = await crm.keep(crm.SECRET)
    both = await crm.keep("the new one", keep=(old,))
    assert len(both) == 2
    assert both[0] == old
    for secret in (crm.SECRET, "the new one"):
        assert (await crm.signed(crm.deal(), secret)).status_code == 200
    await crm.keep(keep=(both[1],))
    assert (await crm.signed(crm.deal(), crm.SECRET)).status_code == 401
    assert (await crm.signed(crm.deal(), "the new one")).status_code == 200
    assert await crm.keep() == []
    assert (await crm.signed(crm.deal(), "the new one")).status_code == 401


async def test_secrets_are_never_shown_and_stand_sealed(crm: Any) -> None:
    await crm.declare()
    shown = await crm.stage.call("GET", "/v1/sources/crm.eu/secrets")
    (secret,) = shown.json()["secrets"]
    assert secret.keys() == {"fingerprint", "created_ms"}
    rows = await crm.stage.store.db["source_secrets"].find({}).to_list(None)
    hooks = await crm.stage.store.db["hooks"].find({}).to_list(None)
    assert crm.SECRET not in str(rows) + shown.text
    assert crm.SECRET.encode() not in bytes(rows[0]["secrets"][0]["sealed"])
    assert crm.path.rpartition(".")[2] not in str(hooks)
    audit = await crm.stage.store.db["audit"].find({"action": "secrets.kept"}).to_list(None)
    assert len(audit) == 1
    assert crm.SECRET not in str(audit)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"secrets": [""]}, "$.secrets[0]"),
        ({"secrets": ["x" * 1001]}, "$.secrets[0]"),
        ({"secrets": list("abcdef")}, "$.secrets"),
        ({"keep": ["0" * 16]}, "$.keep[0]"),
        ({"secret": "a"}, "$.secret"),
        ({"secrets": "a"}, "$.secrets"),
    ],
)
async def test_secrets_that_cannot_be_kept_are_refused(crm: Any, body: Any, where: str) -> None:
    await crm.declare()
    refused = await crm.stage.call("PUT", "/v1/sources/crm.eu/secrets", body)
    assert refused.status_code == 422, refused.text
    assert refused.json()["error"]["where"] == where


async def test_an_address_is_changed_with_an_overlap(crm: Any) -> None:
    await crm.declare()
    before = crm.path
    body = {"overlap_seconds": 60}
    await crm.stage.done("POST", "/v1/sources/crm.eu/hook/rotate", body)
    await crm.look()
    assert crm.path != before
    for path in (before, crm.path):
        assert (await crm.signed(crm.deal(), path=path)).status_code == 200
    crm.stage.now.ms += 60_000
    assert (await crm.signed(crm.deal(), path=before)).status_code == 404
    assert (await crm.signed(crm.deal())).status_code == 200
    await crm.stage.done("POST", "/v1/sources/crm.eu/hook/rotate", {"overlap_seconds": 0})
    assert (await crm.signed(crm.deal())).status_code == 404


async def test_a_source_without_a_hook_has_no_address(stage: Any) -> None:
    await stage.declare()
    for method, path in (
        ("GET", "hook"),
        ("POST", "hook/rotate"),
        ("GET", "secrets"),
        ("PUT", "secrets"),
    ):
        refused = await stage.call(method, f"/v1/sources/shop/{path}", b"{}")
        assert refused.status_code == 404, refused.text
        refused = await stage.call(method, f"/v1/sources/nothing/{path}", b"{}")
        assert refused.status_code == 404


@pytest.mark.parametrize("signature", ["md5", "timestamped:x", "", "stripe:"])
async def test_a_source_names_a_rule_that_is_known(crm: Any, stage: Any, signature: str) -> None:
    source = {"name": "crm", "doors": {"hook": crm.mapping()}, "signature": signature}
    refused = await stage.call("POST", "/v1/sources", source)
    assert (refused.status_code, refused.json()["error"]["where"]) == (422, "$.signature")
    unhooked = {"name": "crm", "doors": {"http": crm.mapping()}, "signature": "stripe"}
    refused = await stage.call("POST", "/v1/sources", unhooked)
    assert refused.json()["error"]["where"] == "$.signature"


def test_without_a_key_to_seal_with_secrets_are_refused() -> None:
    with pytest.raises(UserError) as refused:
        Vault(()).seal("s", "a")
    assert refused.value.code == "secrets-key-missing"


def test_the_sealing_key_is_changed_with_both_at_hand() -> None:
    old = Vault((KEY,)).seal("s", "about")
    assert Vault(("a new key to seal with, of ours", KEY)).open(old, "about") == "s"
    for vault, about in (
        (Vault(("a new key to seal with, of ours",)), "about"),
        (Vault((KEY,)), "x"),
    ):
        with pytest.raises(Infrastructure):
            vault.open(old, about)
    spoiled = old[:-1] + bytes([old[-1] ^ 1])
    with pytest.raises(Infrastructure):
        Vault((KEY,)).open(spoiled, "about")
