"""Everything the shop's year says, in English and in Chinese, for people who run campaigns."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from paceline.demo.words import Texts, Words

GOAL_NAMES = {
    "gross_revenue": "总收入",
    "net_revenue": "净收入",
    "orders": "订单数",
    "export_revenue": "出口收入",
}
SYMBOLS = {"GBP": "£"}

# key: (English, Chinese)
TEXTS: Texts = {
    "title": ("a year of a real web shop, replayed", "一家真实网店的一年，快速回放"),
    "title.generated": (
        "a generated year of a web shop, replayed",
        "一家网店的一年（生成数据），快速回放",
    ),
    "credit": (
        "data: Chen, D. (2015), Online Retail, UCI, doi 10.24432/C5BW33, CC BY 4.0",
        "数据：Chen, D. (2015), Online Retail, UCI, doi 10.24432/C5BW33, CC BY 4.0",
    ),
    "day": ("day {number} of {days}", "第 {number} 天，共 {days} 天"),
    "over": ("the year is over", "这一年已播完"),
    "goals": ("Goals, judged every working day", "目标（每个工作日判定）"),
    "lights": ("last 20 days", "近 20 个工作日"),
    "to_date": ("to date", "累计"),
    "of_plan": ("of plan", "占计划"),
    "of_target": ("of year", "占全年"),
    "legend": ("█ green  ▅ yellow  ▂ red", "█ 绿  ▅ 黄  ▂ 红"),
    "praise": ("Praise: over 10,000 in a day", "表扬：单日超过 10,000"),
    "facts": (
        "{sent:,} events sent · {rate:,.0f} a second · numbers complete to {complete} · "
        "{lag} behind · {deeds} goal events · {praise} praises",
        "已发送 {sent:,} 个事件 · 每秒 {rate:,.0f} 个 · 数据完整至 {complete} · "
        "滞后 {lag} · {deeds} 个目标事件 · {praise} 次表扬",
    ),
    "goal.off_track": (
        "{goal} turned red: third day below 70 % ({actual} of {plan})",
        "{goal}转红：连续第三天低于 70 %（{actual}，计划 {plan}）",
    ),
    "light.changed": (
        "{goal} left the red: {actual} of {plan}, {light}",
        "{goal}走出红灯：{actual}，计划 {plan}，{light}",
    ),
    "goal.restated": (
        "{goal} corrected to {light}, was {before}: late orders count ({actual})",
        "{goal}已更正：由{before}改为{light}，迟到的订单已计入（{actual}）",
    ),
    "goal.recovered": (
        "{goal} recovered: this day's red is taken back",
        "{goal}恢复：当天的红灯已撤销",
    ),
    "goal.reached": (
        "{goal} reached its {tier} for the year: {amount}",
        "{goal}达成全年{tier}：{amount}",
    ),
    "goal.missed": (
        "{goal} missed its year: {actual}, floor {floor}",
        "{goal}全年未达成：{actual}，保底值 {floor}",
    ),
    "held": (
        "(demo) orders from abroad are held back: a partner reports two days late",
        "（演示）国外订单晚两天到达：合作方上报延迟",
    ),
    "arrived": (
        "(demo) the late orders of {late} arrive",
        "（演示）{late} 的迟到订单已到达",
    ),
    "often": ("{value} {count} x", "{value} {count} 次"),
    "equal": (
        "All {count:,} lights are exactly the published ones.",
        "全部 {count:,} 个灯与公布的结果完全一致。",
    ),
    "unequal": (
        "{wrong} of {count:,} lights differ from the published ones: {first}",
        "{count:,} 个灯中有 {wrong} 个与公布的结果不同：{first}",
    ),
    "running": ("Everything keeps running{until}.", "系统继续运行{until}。"),
    "clock.now": ("Its clock now shows the present.", "系统时钟已调到现在。"),
    "clock.there": ("Its clock goes on from that day.", "系统时钟从那一天继续走。"),
    "until.stop": (" until Ctrl-C", "，按 Ctrl-C 结束"),
    "until.for": (" for {seconds:.0f} s more", "，再运行 {seconds:.0f} 秒"),
    "curl": ("Addresses and key, for curl:", "地址与密钥（供 curl 使用）："),
    "next": ("Try next, in another terminal:", "接下来，在另一个终端试试："),
    "try.goals": ("what is wanted, and how far it is", "目标是什么，完成多少"),
    "try.lights": ("every judged day of a goal", "某个目标每个判定日的灯"),
    "try.watch": ("goal events, live", "实时查看目标事件"),
    "try.send": ("a late order: turns a day green", "补发一笔迟到订单：让某天转绿"),
    "generated": (
        "The real shop's data are not on this machine: playing a generated year instead.",
        "本机没有真实网店的数据：改为播放生成的一年。",
    ),
}


class ShopWords(Words):
    """The sentences of one language."""

    def __init__(self, lang: str) -> None:
        super().__init__(lang, TEXTS)

    def goal(self, goal: str) -> str:
        """Return a goal's name as people say it."""
        return GOAL_NAMES.get(goal, goal) if self._column else goal.replace("_", " ")

    def deed(self, kind: str, goal: str, unit: str, values: Mapping[str, Any]) -> str:
        """Return a goal event as a sentence; amounts are Decimal or None."""
        said = {
            name: amount(value, unit) if isinstance(value, Decimal) else value
            for name, value in values.items()
        }
        for name in ("light", "before", "tier"):
            said[name] = self.say(said[name]) if said.get(name) else None
        name = self.goal(goal)
        return self.say(kind, **(said | {"goal": name if self._column else name.capitalize()}))


def amount(value: Decimal | None, unit: str) -> str:
    """Return an amount in whole units with its currency: £35,000."""
    return "-" if value is None else f"{SYMBOLS.get(unit, '')}{value:,.0f}"
