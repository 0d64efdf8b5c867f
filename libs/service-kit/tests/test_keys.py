import contextlib
import hashlib

from service_kit import audit, keys
from service_kit.keys import Keys
from service_kit.store import Store
from service_kit.testing.fake_mongo import FakeMongo, Fault


class HandClock:
    def __init__(self) -> None:
        self.ms = 1_000_000

    def now_ms(self) -> int:
        return self.ms


def make() -> tuple[Keys, Store, HandClock]:
    clock = HandClock()
    store = Store(FakeMongo(), "paceline_keys")
    return Keys(store, clock), store, clock


async def test_a_key_verifies_and_only_the_hash_of_its_secret_is_stored() -> None:
    kept, store, _ = make()
    text = await kept.create("demo", ["goals:write", "goals:read"], name="ci", source="shop")
    head, identity, secret = text.split("_", 2)
    document = await store.db["keys"].find_one({"_id": identity})
    assert head == "pk"
    assert len(secret) == 32  # 192 bits
    assert secret not in str(document)
    assert document["hash"] == hashlib.sha256(secret.encode()).hexdigest()
    key = await kept.verify(text)
    assert key is not None
    assert (key.tenant, key.name, key.source) == ("demo", "ci", "shop")
    assert key.allows("goals:read")
    assert not key.allows("audit:read")


async def test_a_star_allows_everything() -> None:
    kept, _, _ = make()
    key = await kept.verify(await kept.create("demo", ["*"]))
    assert key is not None
    assert key.allows("audit:read")


async def test_wrong_texts_are_nobody() -> None:
    kept, _, _ = make()
    text = await kept.create("demo", ["*"])
    for wrong in ["", "pk_", "pk__x", text[:-1], text + "x", text.replace("pk_", "sk_"), "pk_a_b"]:
        assert await kept.verify(wrong) is None


async def test_a_revoked_key_ends_here_at_once_and_elsewhere_when_their_memory_does() -> None:
    kept, store, clock = make()
    elsewhere = Keys(store, clock)
    text = await kept.create("demo", ["*"])
    identity = text.split("_")[1]
    assert await elsewhere.verify(text)
    assert await kept.revoke("demo", identity)
    assert await kept.verify(text) is None
    assert await elsewhere.verify(text)
    until, document = elsewhere._cache[identity]
    elsewhere._cache[identity] = (until - keys.CACHE_SECONDS, document)
    assert await elsewhere.verify(text) is None


async def test_another_tenant_cannot_revoke_or_rotate_a_key() -> None:
    kept, _, _ = make()
    text = await kept.create("demo", ["*"])
    identity = text.split("_")[1]
    assert not await kept.revoke("other", identity)
    assert await kept.rotate("other", identity, overlap_seconds=1) is None
    assert await kept.verify(text)


async def test_after_a_rotation_both_are_valid_for_the_overlap() -> None:
    kept, _, clock = make()
    old = await kept.create("demo", ["goals:read"], source="shop")
    new = await kept.rotate("demo", old.split("_")[1], overlap_seconds=60)
    assert new is not None
    clock.ms += 59_999
    assert await kept.verify(old)
    key = await kept.verify(new)
    assert key is not None
    assert (key.scopes, key.source) == (frozenset({"goals:read"}), "shop")
    clock.ms += 1
    assert await kept.verify(old) is None
    assert await kept.verify(new)


class Killed(Exception):
    """The process ends here."""


async def test_a_rotation_that_is_cut_off_leaves_no_two_keys_without_an_end() -> None:
    kept, store, _ = make()
    identity = (await kept.create("demo", ["*"])).split("_")[1]
    commits = 0

    async def cut(call: str) -> Fault | None:
        nonlocal commits
        commits += call == "commit:"
        if commits > 1:
            raise Killed
        return None

    store.client.point = cut
    with contextlib.suppress(Killed):
        await kept.rotate("demo", identity, overlap_seconds=60)
    store.client.point = None
    ends = {key.id: key.revoked_ms for key in await kept.list("demo")}
    assert len(ends) == 1 or ends[identity] is not None


async def test_a_later_end_does_not_replace_an_earlier_one() -> None:
    kept, _, _ = make()
    text = await kept.create("demo", ["*"])
    identity = text.split("_")[1]
    assert await kept.revoke("demo", identity)
    assert not await kept.revoke("demo", identity, after_seconds=60)
    assert await kept.verify(text) is None
    assert [key.id for key in await kept.list("demo")] == [identity]


async def test_a_key_carries_its_own_limit_which_can_be_changed_and_goes_on_to_its_successor() -> (
    None
):
    kept, _, _ = make()
    text = await kept.create("demo", ["events:write"], events_per_second=500)
    identity = text.split("_")[1]
    key = await kept.verify(text)
    assert key is not None
    assert key.events_per_second == 500
    changed = await kept.limit("demo", identity, 50, actor="person:anna")
    assert changed is not None
    seen = await kept.verify(text)
    assert seen == changed
    assert seen.events_per_second == 50
    successor = await kept.rotate("demo", identity, overlap_seconds=60)
    assert successor is not None
    following = await kept.verify(successor)
    assert following is not None
    assert following.events_per_second == 50
    assert await kept.limit("demo", identity, None) is not None
    assert (await kept.find("demo", identity)) is not None
    assert [each.events_per_second for each in await kept.list("demo")] == [None, 50]
    assert await kept.limit("other", identity, 1) is None


async def test_each_change_of_a_key_is_told_by_whom_and_without_its_secret() -> None:
    kept, store, _ = make()
    text = await kept.create("demo", ["events:write"], name="ci", actor="person:anna")
    identity, secret = text.split("_", 2)[1:]
    await kept.limit("demo", identity, 10, actor="person:anna")
    await kept.limit("demo", identity, 10, actor="person:bo")  # changes nothing, tells nothing
    await kept.revoke("demo", identity, actor="person:bo")
    assert await kept.limit("demo", identity, 5) is None
    found = (
        await store.db["audit"].find({"action": {"$exists": True}}, sort=[("seq", 1)]).to_list(None)
    )
    assert [(e["actor"], e["action"], e["subject"]) for e in found] == [
        ("person:anna", "key.made", f"key:{identity}"),
        ("person:anna", "key.limited", f"key:{identity}"),
        ("person:bo", "key.revoked", f"key:{identity}"),
    ]
    assert found[0]["detail"]["scopes"] == ["events:write"]
    assert found[1]["detail"] == {"events_per_second": 10}
    assert secret not in str(found)
    assert (await audit.verify(store, "demo")).whole
