"""The organisation's goals: company, team, project, individual, each a part of the one above."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from paceline.demo.firm.streams import STREAMS, ZONE_NAME, Stream
from paceline.trial.oracle import Wanted, working

START, END = date(2026, 11, 2), date(2026, 11, 30)  # Monday to Monday, 21 working days
POLICY = {
    "grain": "day",
    "source_always_alive": True,
    "freshness_minutes": 60,
    "restate_share": None,
}


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: the sum of ``value`` over events of ``type`` of a source."""

    name: str
    source: str
    type: str
    value: str
    dims: tuple[str, ...] = ()
    unit: str = "leads"
    where: Mapping[str, str] = field(default_factory=dict)

    def of(self, stream: Stream) -> bool:
        """Whether the stream's events count in it."""
        mine = (stream.source, stream.type) == (self.source, self.type)
        return mine and self.where.items() <= stream.dims.items()

    def document(self) -> dict[str, Any]:
        """Return it as metrics-ingest takes it."""
        where = [{"field": name, "op": "eq", "value": v} for name, v in self.where.items()]
        if self.source == "by-hand":
            where.append({"field": "metric", "op": "eq", "value": self.name})
        money = {"currency": "CNY"} if self.unit == "CNY" else {}
        return {
            "name": self.name,
            "source": self.source,
            "types": [self.type],
            "value": "amount" if self.source == "by-hand" else self.value,
            "dims": list(self.dims),
            "unit": self.unit,
            "where": where,
            **money,
        }


METRICS = (
    Metric("leads", "crm", "lead.captured", "count", ("channel", "person")),
    Metric("article_leads", "crm", "lead.captured", "count", ("person",), "leads",
           {"channel": "content"}),
    Metric("revenue", "crm", "deal.won", "amount", ("kind", "person", "campaign"), "CNY"),
    Metric("impressions", "ads", "ad.report", "impressions", ("channel",), "impressions"),
    Metric("clicks", "ads", "ad.report", "clicks", ("channel",), "clicks"),
    Metric("ad_spend", "ads", "ad.report", "cost", ("channel",), "CNY"),
    Metric("partner_leads", "partner", "referral", "leads"),
    Metric("trials", "web", "trial.started", "count", (), "trials"),
    Metric("visits", "web", "visits.counted", "count", (), "visits"),
    Metric("fair_leads", "by-hand", "number.typed", "count"),
)  # fmt: skip
METRIC = {metric.name: metric for metric in METRICS}


@dataclass(frozen=True, slots=True)
class Rail:
    """A guardrail: ``metric`` over ``over`` under the same filter, at most ``limit``."""

    name: str
    metric: str
    over: str
    limit: int
    where: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Aim:
    """A goal. ``daily`` is its plan per working day; a ratio has ``over`` and ``ratio`` instead."""

    id: str
    name: str
    metric: str
    daily: int = 0
    where: Mapping[str, str] = field(default_factory=dict)
    level: str = "team"
    team: str = ""
    owner: str = ""
    parent: str = ""
    over: str = ""
    ratio: Decimal | None = None
    rail: Rail | None = None
    always_alive: bool = True
    start: date = START
    end: date = END

    @property
    def wanted(self) -> Wanted:
        """What it asks for, for the oracle."""
        target = Decimal(self.daily) * len(working(self.start, self.end))
        return Wanted(
            Decimal(self.daily), self.start, self.end, target * 8 / 10, target, target * 12 / 10
        )

    def streams(self, metric: str | None = None) -> list[Stream]:
        """Return the streams that it counts, of its metric or of another with the same filter."""
        counted = METRIC[metric or self.metric]
        return [s for s in STREAMS if counted.of(s) and self.where.items() <= s.dims.items()]

    def document(self) -> dict[str, Any]:
        """Return it as goal-service takes it."""
        document: dict[str, Any] = {
            "id": self.id,
            "name": self.name,
            "metric": self.metric,
            "start": str(self.start),
            "end": str(self.end),
            "zone": ZONE_NAME,
            "where": _where(self.where),
            "level": self.level,
            "owner_team": self.team,
            "owner": self.owner,
            "parent": self.parent,
            "policy": POLICY | {"source_always_alive": self.always_alive},
        }
        return document | (self._sum() if self.ratio is None else self._ratio()) | self._rails()

    def _sum(self) -> dict[str, Any]:
        want = self.wanted
        tiers = {"target": want.target, "floor": want.floor, "stretch": want.stretch}
        return {"plan": {"daily": self.daily}, **tiers}

    def _ratio(self) -> dict[str, Any]:
        over = {"over_metric": self.over, "over_where": _where(self.where)}
        return {"form": "ratio", "target": self.ratio, **over}

    def _rails(self) -> dict[str, Any]:
        if self.rail is None:
            return {}
        rail, where = self.rail, _where(self.rail.where)
        over = {"over_metric": rail.over, "over_where": where}
        one = {"name": rail.name, "metric": rail.metric, "limit": rail.limit, "where": where}
        return {"guardrails": [one | over]}


def _where(filters: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"dim": dim, "any_of": [value]} for dim, value in filters.items()]


def _channel(name: str) -> dict[str, str]:
    return {"channel": name}


COST_PER_LEAD = Rail("cost per lead 单条线索成本", "ad_spend", "leads", 80, {"channel": "social"})


def aims(fair_start: date) -> tuple[Aim, ...]:
    """Return all goals, parents first; the season of the trade fairs begins on its own day."""
    return (
        Aim("revenue", "Revenue of November 十一月营收", "revenue", 105_000, level="company",
            owner="wang.wei", team="marketing"),
        Aim("new-business", "New business 新签", "revenue", 65_000, {"kind": "new"},
            team="sales", owner="wu.gang", parent="revenue"),
        Aim("renewals", "Renewals 续约", "revenue", 40_000, {"kind": "renewal"},
            team="success", owner="zheng.hui", parent="revenue"),
        Aim("double-11", "Double 11 campaign 双十一活动", "revenue", 15_000,
            {"kind": "new", "campaign": "double-11"}, level="project",
            team="sales", owner="su.mei", parent="new-business"),
        Aim("new-su-mei", "Double 11 deals of Su Mei 苏梅的双十一签约", "revenue", 15_000,
            {"person": "su.mei", "campaign": "double-11"}, level="individual",
            team="sales", owner="su.mei", parent="double-11"),
        Aim("new-luo-dan", "New business of Luo Dan 罗丹的新签", "revenue", 30_000,
            {"kind": "new", "person": "luo.dan"}, level="individual",
            team="sales", owner="luo.dan", parent="new-business"),
        Aim("new-james-reed", "New business of James Reed 里德的新签", "revenue", 20_000,
            {"kind": "new", "person": "james.reed"}, level="individual",
            team="sales", owner="james.reed", parent="new-business"),
        Aim("leads", "Leads of November 十一月线索", "leads", 112, level="company",
            owner="wang.wei", team="marketing", parent="revenue"),
        Aim("leads-sem", "Leads by SEM 搜索线索", "leads", 40, _channel("sem"),
            team="growth", owner="li.na", parent="leads"),
        Aim("sem-ctr", "Click-through of SEM 搜索点击率", "clicks", where=_channel("sem"),
            over="impressions", ratio=Decimal("0.04"),
            team="growth", owner="li.na", parent="leads-sem"),
        Aim("sem-zhang-min", "SEM leads of Zhang Min 张敏的搜索线索", "leads", 22,
            {"channel": "sem", "person": "zhang.min"}, level="individual",
            team="growth", owner="zhang.min", parent="leads-sem"),
        Aim("sem-liu-yang", "SEM leads of Liu Yang 刘洋的搜索线索", "leads", 18,
            {"channel": "sem", "person": "liu.yang"}, level="individual",
            team="growth", owner="liu.yang", parent="leads-sem"),
        Aim("leads-content", "Leads by content 内容线索", "leads", 30, _channel("content"),
            team="content", owner="chen.jie", parent="leads"),
        Aim("articles-sun-yue", "Article leads of Sun Yue 孙悦的文章线索", "leads", 10,
            {"channel": "content", "person": "sun.yue"}, level="individual",
            team="content", owner="sun.yue", parent="leads-content"),
        Aim("articles-he-lin", "Article leads of He Lin 何琳的文章线索", "leads", 10,
            {"channel": "content", "person": "he.lin"}, level="individual",
            team="content", owner="he.lin", parent="leads-content"),
        Aim("leads-social", "Leads by social media 社媒线索", "leads", 20, _channel("social"),
            team="social", owner="emma.clarke", parent="leads", rail=COST_PER_LEAD),
        Aim("leads-live", "Leads by live streams 直播线索", "leads", 10, _channel("live"),
            team="live", owner="huang.kai", parent="leads"),
        Aim("leads-email", "Leads by e-mail 邮件线索", "leads", 12, _channel("email"),
            team="mail", owner="zhou.ting", parent="leads"),
        Aim("partner-leads", "Leads by partners 渠道线索", "partner_leads", 9,
            team="partners", owner="tom.baker", parent="revenue", always_alive=False),
        Aim("fair-leads", "Leads of trade fairs 展会线索", "fair_leads", 15,
            team="fairs", owner="xu.jing", parent="revenue", start=fair_start),
        Aim("trials", "Trials started 试用开通", "trials", 25,
            team="product", owner="ma.hong", parent="leads"),
        Aim("visits", "Visits of the web site 官网访问", "visits", 5_000,
            team="brand", owner="lin.fan", parent="leads"),
    )  # fmt: skip
