"""What happens day by day: streams of amounts, healthy but for what the plot does to them.

Everything is drawn from a seed and whole, so that sums are exact.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

SEED = 618
ZONE_NAME = "Asia/Shanghai"
ZONE = ZoneInfo(ZONE_NAME)
CRM, ADS, WEB, PARTNER, BY_HAND = "crm", "ads", "web", "partner", "by-hand"
LEAD, DEAL, REPORT = "lead.captured", "deal.won", "ad.report"
REFERRAL, TRIAL, VISITS, TYPED = "referral", "trial.started", "visits.counted", "number.typed"
OPENS, CLOSES = time(9), time(18)
RENAMED = {"leads": "lead_count"}  # what the partner's new export calls it


@dataclass(frozen=True, slots=True)
class Stream:
    """One source's amounts of one kind: ``amounts`` by field, what a usual working day brings.

    ``dims`` are the event's other fields; ``parts``: in how many events a day comes.
    """

    name: str
    source: str
    type: str
    amounts: Mapping[str, int]
    dims: Mapping[str, str] = field(default_factory=dict)
    parts: int = 3


def _leads(channel: str, person: str, usual: int) -> Stream:
    dims = {"channel": channel, "person": person}
    return Stream(f"{channel}-{person}", CRM, LEAD, {"count": usual}, dims)


def _deals(kind: str, person: str, usual: int, campaign: str = "none") -> Stream:
    dims = {"kind": kind, "person": person, "campaign": campaign}
    return Stream(f"{kind}-{person}", CRM, DEAL, {"amount": usual}, dims, parts=2)


def _ads(channel: str, impressions: int, clicks: int, cost: int) -> Stream:
    amounts = {"impressions": impressions, "clicks": clicks, "cost": cost}
    return Stream(f"ads-{channel}", ADS, REPORT, amounts, {"channel": channel}, parts=2)


STREAMS = (
    _leads("sem", "zhang.min", 22),
    _leads("sem", "liu.yang", 18),
    _leads("content", "sun.yue", 10),
    _leads("content", "he.lin", 10),
    _leads("content", "guo.tao", 10),
    _leads("social", "emma.clarke", 20),
    _leads("live", "huang.kai", 10),
    _leads("email", "zhou.ting", 12),
    _deals("new", "luo.dan", 30_000),
    _deals("new", "james.reed", 20_000),
    _deals("new", "su.mei", 15_000, "double-11"),
    _deals("renewal", "zheng.hui", 40_000),
    _ads("sem", 8_000, 340, 5_600),
    _ads("social", 12_000, 260, 1_100),
    Stream("referrals", PARTNER, REFERRAL, {"leads": 9}),
    Stream("trials", WEB, TRIAL, {"count": 25}, parts=2),
    Stream("visits", WEB, VISITS, {"count": 5_000}, parts=2),
    Stream("fairs", BY_HAND, TYPED, {"count": 15}, parts=1),
)
BY_NAME = {stream.name: stream for stream in STREAMS}


@dataclass(frozen=True, slots=True)
class Happening:
    """One event: when, of which stream, its amounts. ``late``: sent only when the plot says so.

    ``broken``: in the form that the source's mapping does not know.
    """

    id: str
    stream: Stream
    at: datetime
    amounts: Mapping[str, int]
    late: bool = False
    broken: bool = False

    @property
    def day(self) -> date:
        """The local day on which it counts."""
        return self.at.astimezone(ZONE).date()

    def cloud_event(self) -> dict[str, Any]:
        """Return it as its source sends it."""
        data: dict[str, Any] = {**self.amounts, **self.stream.dims}
        if self.broken:
            data = {RENAMED.get(name, name): value for name, value in data.items()}
        return {
            "specversion": "1.0",
            "id": self.id,
            "source": f"/{self.stream.source}",
            "type": self.stream.type,
            "time": self.at.isoformat(),
            "data": data,
        }


def usual(stream: Stream, day: date) -> dict[str, int]:
    """Return what a healthy day brings: mostly a little above the usual, at times a little less."""
    rng = random.Random(f"{SEED}:{stream.name}:{day}")
    factor = Decimal(rng.randrange(90, 98) if rng.random() < 0.2 else rng.randrange(102, 122)) / 100
    return scaled(stream, factor)


def scaled(stream: Stream, factor: Decimal) -> dict[str, int]:
    """Return the stream's usual day by a factor, whole."""
    return {name: round(amount * factor) for name, amount in stream.amounts.items()}


def moment(day: date, at: time) -> datetime:
    """Return an aware time of the organisation's day."""
    return datetime.combine(day, at, ZONE)


def happenings(
    stream: Stream,
    day: date,
    amounts: Mapping[str, int],
    *,
    tag: str = "",
    late: bool = False,
    broken: bool = False,
) -> list[Happening]:
    """Return the day's events of a stream: its amounts in whole parts over the working hours."""
    step = (moment(day, CLOSES) - moment(day, OPENS)) / stream.parts
    shares = {name: _parted(amount, stream.parts) for name, amount in amounts.items()}
    return [
        Happening(
            id=f"{stream.name}-{day}{tag}-{number}",
            stream=stream,
            at=moment(day, OPENS) + step * number + timedelta(minutes=17),
            amounts={name: shares[name][number] for name in shares},
            late=late,
            broken=broken,
        )
        for number in range(stream.parts)
    ]


def _parted(amount: int, parts: int) -> list[int]:
    """Return whole parts that add up to the amount."""
    return [amount * (n + 1) // parts - amount * n // parts for n in range(parts)]
