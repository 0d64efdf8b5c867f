"""The audit trail: per tenant a chain of entries, each carrying the hash of the one before it.

    head   {_id: "tenant|head", seq, hash}
    entry  {_id: "tenant|000000000017", tenant, seq, at_ms, actor, action, subject, detail,
            prev, hash}

An entry is written in the transaction of the change that it tells of. A changed, removed or
inserted entry breaks the chain; the head shows a removed end.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from event_contracts.wire import key_of
from service_kit.store import Document, Store, Tx

COLLECTION = "audit"
ORIGIN = "0" * 64
_HASHED = ("tenant", "seq", "at_ms", "actor", "action", "subject", "detail", "prev")
_encoder = msgspec.json.Encoder(order="deterministic")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What :func:`verify` found; ``broken_at`` is the first seq that does not fit, or None."""

    entries: int
    broken_at: int | None = None
    reason: str = ""

    @property
    def whole(self) -> bool:
        """Whether the chain is unbroken up to its head."""
        return self.broken_at is None


@dataclass(frozen=True, slots=True)
class Note:
    """What an entry tells: ``actor`` did ``action`` to ``subject``.

    ``detail`` is anything msgspec can write; amounts are kept as text.
    """

    actor: str
    action: str
    subject: str
    detail: dict[str, Any]


async def append(
    tx: Tx, tenant: str, actor: str, action: str, subject: str, detail: dict[str, Any], at_ms: int
) -> None:
    """Append one entry to the tenant's chain, as :func:`append_all` does."""
    await append_all(tx, tenant, [Note(actor, action, subject, detail)], at_ms)


async def append_all(tx: Tx, tenant: str, notes: Sequence[Note], at_ms: int) -> None:
    """Append an entry per note to the tenant's chain, in their order; none is fine.

    Two appends at once collide at the head, and one of their transactions runs again.
    """
    if not notes:
        return
    head = await tx[COLLECTION].find_one({"_id": _head_id(tenant)}) or {"seq": 0, "hash": ORIGIN}
    entries: list[Document] = []
    previous = head["hash"]
    for seq, note in enumerate(notes, start=head["seq"] + 1):
        entries.append(_entry(tenant, seq, note, at_ms, previous))
        previous = entries[-1]["hash"]
    await tx[COLLECTION].insert_many(entries)
    await tx[COLLECTION].update_one(
        {"_id": _head_id(tenant)},
        {"$set": {"seq": entries[-1]["seq"], "hash": previous}},
        upsert=True,
    )


def _entry(tenant: str, seq: int, note: Note, at_ms: int, previous: str) -> Document:
    entry: Document = {
        "_id": _entry_id(tenant, seq),
        "tenant": tenant,
        "seq": seq,
        "at_ms": at_ms,
        "actor": note.actor,
        "action": note.action,
        "subject": note.subject,
        "detail": msgspec.to_builtins(note.detail, str_keys=True),
        "prev": previous,
    }
    entry["hash"] = _hash(entry)
    return entry


async def verify(store: Store, tenant: str) -> Verdict:
    """Walk the tenant's chain from its first entry to its head."""
    head = await store.db[COLLECTION].find_one({"_id": _head_id(tenant)}) or {"seq": 0}
    query = {"_id": {"$gte": _entry_id(tenant, 0), "$lte": _entry_id(tenant, 10**12 - 1)}}
    entries = await store.db[COLLECTION].find(query, sort=[("_id", 1)]).to_list(None)
    # Entries appended since the head was read belong to a later walk.
    entries = [entry for entry in entries if entry.get("seq", 0) <= head["seq"]]
    previous = ORIGIN
    for seq, entry in enumerate(entries, start=1):
        reason = _fault(entry, seq, previous)
        if reason:
            return Verdict(len(entries), seq, reason)
        previous = entry["hash"]
    if len(entries) != head["seq"]:
        return Verdict(len(entries), len(entries) + 1, f"the head counts {head['seq']} entries")
    if entries and previous != head["hash"]:
        return Verdict(len(entries), len(entries), "the head has another hash")
    return Verdict(len(entries))


def _fault(entry: Document, seq: int, previous: str) -> str:
    if entry["seq"] != seq:
        return f"entry {seq} is missing"
    if entry["prev"] != previous:
        return "it does not follow the entry before it"
    return "" if entry["hash"] == _hash(entry) else "its content was changed"


def _hash(entry: Document) -> str:
    return hashlib.sha256(_encoder.encode([entry[name] for name in _HASHED])).hexdigest()


def _head_id(tenant: str) -> str:
    return key_of(tenant, "head")


def _entry_id(tenant: str, seq: int) -> str:
    return key_of(tenant, f"{seq:012d}")
