"""The organisation after the plot: a trickle of events at the pace of the real clock."""

import asyncio
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count

from paceline.demo.firm.play import Player
from paceline.demo.firm.streams import BY_HAND, PARTNER, SEED, STREAMS, Happening, Stream
from service_kit.clock import Clock

EVERY = 3.0  # seconds between two events
SHARE = 30  # such an event is about a thirtieth of a usual day
EVERYBODY = [stream for stream in STREAMS if stream.source != BY_HAND]


async def trickle(player: Player, clock: Clock) -> None:
    """Send an event every few seconds, until cancelled."""
    for happening in events(clock):
        player.strike(happening.at)
        await player.send([happening])
        await asyncio.sleep(EVERY)


def events(clock: Clock) -> Iterator[Happening]:
    """Yield one event after the other, each of the moment in which it is asked for."""
    rng = random.Random(SEED)
    for number in count():
        at = datetime.fromtimestamp(clock.now_ms() / 1000, UTC)
        yield _one(rng.choice(EVERYBODY), at, number, rng)


def _one(stream: Stream, at: datetime, number: int, rng: random.Random) -> Happening:
    factor = rng.uniform(0.5, 1.5) / SHARE
    amounts = {name: max(1, round(amount * factor)) for name, amount in stream.amounts.items()}
    return Happening(
        f"{stream.name}-live-{at:%Y%m%d%H%M%S}-{number}",
        stream,
        at,
        amounts,
        broken=stream.source == PARTNER,
    )
