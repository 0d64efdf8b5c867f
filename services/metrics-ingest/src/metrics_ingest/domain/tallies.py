"""What became of the records of each source, counted for one partition: a few stripes of many."""

from collections.abc import Container, Iterator, Mapping

import msgspec

from event_contracts.wire import hash16

STRIPES = 8
"""Of a partition: what one slice changes is written in so many documents at most."""

SourceName = tuple[str, str]
"""Tenant and source."""


class Tally(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a source's records came to, and when the last of them was folded."""

    accepted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    skipped: int = 0
    dead_letters: int = 0
    unmatched: int = 0
    last_ms: int = 0

    def plus(self, other: "Tally") -> "Tally":
        """Return the sum; the later time holds."""
        return Tally(
            self.accepted + other.accepted,
            self.duplicates + other.duplicates,
            self.conflicts + other.conflicts,
            self.skipped + other.skipped,
            self.dead_letters + other.dead_letters,
            self.unmatched + other.unmatched,
            max(self.last_ms, other.last_ms),
        )


Stripe = Mapping[SourceName, Tally]
MOST_UNDECLARED = 1000
UNDECLARED = ("", "")
"""Under it stands what came under further names that nobody has declared."""
_NONE = Tally()


def stripe_of(source: SourceName) -> int:
    """Return the number of the stripe that holds a source."""
    return hash16(*source)[0] % STRIPES


class Tallies:
    """The tallies of one partition, as they were committed."""

    def __init__(self) -> None:
        self._stripes: dict[int, dict[SourceName, Tally]] = {}

    def plus(self, added: Stripe, declared: Container[SourceName]) -> dict[int, Stripe]:
        """Return the stripes with more in them, whole; nothing changes here.

        A name that nobody has ``declared`` has an entry of its own while its stripe has room for
        it: senders do not come to an end of names.
        """
        changed: dict[int, dict[SourceName, Tally]] = {}
        for source, tally in added.items():
            stripe = self._copied(changed, source)
            full = len(stripe) >= MOST_UNDECLARED
            if full and source not in stripe and source not in declared:
                source = UNDECLARED
                stripe = self._copied(changed, source)
            stripe[source] = stripe.get(source, _NONE).plus(tally)
        return dict(changed)

    def _copied(
        self, changed: dict[int, dict[SourceName, Tally]], source: SourceName
    ) -> dict[SourceName, Tally]:
        number = stripe_of(source)
        if number not in changed:
            changed[number] = dict(self._stripes.get(number, {}))
        return changed[number]

    def take(self, changed: Mapping[int, Stripe]) -> None:
        """Take stripes that were committed, or loaded."""
        for number, stripe in changed.items():
            self._stripes[number] = dict(stripe)


_Entry = tuple[str, str, Tally]
_decode = msgspec.json.Decoder(list[_Entry]).decode


def packed(stripe: Stripe) -> bytes:
    """Return a stripe as one text."""
    return msgspec.json.encode([(*source, tally) for source, tally in stripe.items()])


def unpacked(text: bytes) -> Iterator[tuple[SourceName, Tally]]:
    """Yield what :func:`packed` made a text of."""
    for tenant, source, tally in _decode(text):
        yield (tenant, source), tally
