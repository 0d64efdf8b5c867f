"""What became of the records of each source, counted for one partition: a few stripes of many."""

from collections.abc import Iterator, Mapping

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
_NONE = Tally()


def stripe_of(source: SourceName) -> int:
    """Return the number of the stripe that holds a source."""
    return hash16(*source)[0] % STRIPES


class Tallies:
    """The tallies of one partition, as they were committed."""

    def __init__(self) -> None:
        self._stripes: dict[int, dict[SourceName, Tally]] = {}

    def plus(self, added: Stripe) -> dict[int, Stripe]:
        """Return the stripes with more in them, whole; nothing changes here."""
        changed: dict[int, dict[SourceName, Tally]] = {}
        for source, tally in added.items():
            number = stripe_of(source)
            if number not in changed:
                changed[number] = dict(self._stripes.get(number, {}))
            changed[number][source] = changed[number].get(source, _NONE).plus(tally)
        return dict(changed)

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
