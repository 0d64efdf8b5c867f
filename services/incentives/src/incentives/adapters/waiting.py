"""Awards that wait for the directory, inside one transaction.

Who grants an award reads that an entry is not there, and who brings the entry reads that no award
waits for it: under snapshot isolation both commit, and the award would wait for ever. So both
increment the recipient's head in ``recipient_heads``, and of two at once one runs again. Only the
first entry of a recipient has to: whoever has read it there makes nothing wait.
"""

from collections.abc import Iterable, Sequence
from datetime import date

from pymongo import UpdateOne

from event_contracts.directory import DirectoryMessage
from event_contracts.wire import key_of
from incentives.adapters.awards import address_fields, numbers
from incentives.adapters.directory import recipient_of
from incentives.adapters.rules import rule_of
from incentives.domain.addresses import WAITING, Recipient
from incentives.domain.praise import Award, Window
from incentives.domain.rules import Rule
from service_kit import heads
from service_kit.guards import Guards
from service_kit.store import Document, Tx, portions

HEADS = "recipient_heads"


class MongoWaitingRoom:
    """The awards that wait. ``decided`` are those that wait no more."""

    def __init__(self, tx: Tx, guards: Guards) -> None:
        self._tx = tx
        self._guards = guards
        self._partitions: dict[str, int] = {}
        self.decided: list[Award] = []

    async def waiting_for(self, entries: Iterable[DirectoryMessage]) -> list[Award]:
        """Return the awards that wait for these entries, which are known from now on."""
        wanted: dict[str, list[Recipient]] = {}
        for entry in entries:
            if recipient := recipient_of(entry):
                wanted.setdefault(entry.tenant, []).append(recipient)
        await heads.touch(
            self._tx,
            HEADS,
            [key_of(tenant, *one) for tenant, them in wanted.items() for one in them],
            self._guards,
        )
        found = [d for tenant, them in wanted.items() for d in await self._find(tenant, them)]
        self._partitions = {document["_id"]: document["partition"] for document in found}
        return await self._awards(found)

    async def decide(self, awards: Sequence[Award]) -> None:
        """Keep the awards with the address that they have now."""
        self.decided = [award for award in awards if award.address.state != WAITING]
        await touch_recipients(self._tx, awards, self._guards)
        places = await self._places(self.decided)
        await self._tx["awards"].bulk_write(
            [
                UpdateOne(
                    {"_id": award.window.deed},
                    {"$set": address_fields(award.address) | places.get(award.window.deed, {})},
                )
                for award in awards
            ]
        )

    async def _find(self, tenant: str, recipients: Sequence[Recipient]) -> list[Document]:
        found: list[Document] = []
        for some in portions(key_of(*recipient) for recipient in recipients):
            query = {"tenant": tenant, "waits_for": {"$in": some}}
            found += await self._tx["awards"].find(query, sort=[("n", 1), ("partition", 1)])
        return found

    async def _awards(self, documents: Sequence[Document]) -> list[Award]:
        """Return the awards, each with its rule as it stood then."""
        versions = {_version(document) for document in documents}
        found = await self._tx["rule_versions"].find_ids(sorted(versions)) if versions else []
        rules = {document["_id"]: rule_of(document) for document in found}
        return [_award(document, rules[_version(document)]) for document in documents]

    async def _places(self, awards: Sequence[Award]) -> dict[str, Document]:
        """Return the awards' new places in the list: who follows it has to see them."""
        groups: dict[tuple[str, int], list[str]] = {}
        for award in awards:
            where = (award.rule.tenant, self._partitions[award.window.deed])
            groups.setdefault(where, []).append(award.window.deed)
        return {
            deed: {"n": n}
            for where, deeds in groups.items()
            for n, deed in zip(await numbers(self._tx, *where, len(deeds)), deeds, strict=True)
        }


async def touch_recipients(tx: Tx, awards: Iterable[Award], guards: Guards) -> None:
    """Increment the heads of those whom these awards wait for."""
    waited_for = {
        key_of(award.rule.tenant, *award.address.waits_for)
        for award in awards
        if award.address.waits_for
    }
    await heads.touch(tx, HEADS, waited_for, guards)


def _version(document: Document) -> str:
    return key_of(document["tenant"], document["rule"], str(document["rule_version"]))


def _award(document: Document, rule: Rule) -> Award:
    window = Window(rule.tenant, rule.id, document["value"], date.fromisoformat(document["day"]))
    return Award(rule, window, document["actual"], document["at_ms"])
