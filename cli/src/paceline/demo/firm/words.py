"""What the organisation's demonstration says, in English and in Chinese."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from paceline.demo.words import Texts, Words

# key: (English, Chinese)
TEXTS: Texts = {
    "title": ("{name}: 12 teams, 150 people, November", "{name}：12 个团队，150 人，十一月"),
    "day": ("day {number} of {days}", "第 {number} 天，共 {days} 天"),
    "living": ("living", "实时运行中"),
    "goals": ("Goals with both lights", "目标与双灯"),
    "goals.some": (
        "Goals with both lights: the {shown} most urgent of {all}",
        "目标与双灯：共 {all} 个，最紧急的 {shown} 个",
    ),
    "to_date": ("to date", "累计灯"),
    "run": ("run light, last {days} days", "走势灯（近 {days} 天）"),
    "of_plan": ("actual / plan to date", "累计实际 / 计划"),
    "whose": ("whose", "负责"),
    "watch": ("watch", "留意"),
    "legend": (
        "█ green  ▅ yellow  ▂ red  ░ grey; the day that runs is dim",
        "█ 绿  ▅ 黄  ▂ 红  ░ 灰；当天为淡色",
    ),
    "praise": ("Praise: articles past 100 leads", "表扬：一篇文章带来 100 条线索"),
    "praised": ("{day} ★ {person}, {actual} leads", "{day} ★ {person}，{actual} 条线索"),
    "unpraised": ("one more has not agreed to it", "另有 1 人未同意公开表扬"),
    "facts": (
        "{sent:,} events sent · {deeds} goal events · {praises} praises · {letters} dead letters",
        "已发送 {sent:,} 个事件 · {deeds} 个目标事件 · {praises} 次表扬 · {letters} 个死信",
    ),
    "console": ("Console: {url}", "控制台：{url}"),
    "sign-in": (
        "Sign in: wang.wei (administrator), li.na or xu.jing; password: {file}",
        "登录：wang.wei（管理员）、li.na 或 xu.jing；密码：{file}",
    ),
    "status": (
        "{day}: {counts}; {sent:,} events, {deeds} goal events",
        "{day}：{counts}；{sent:,} 个事件，{deeds} 个目标事件",
    ),
    # Goal events
    "goal.off_track": (
        "{goal} red on its third low day: {actual} of {plan}; {told} told",
        "{goal}转红：连续第三天偏低（{actual}，计划 {plan}），已通知{told}",
    ),
    "owner": ("owner", "负责人"),
    "lead": ("lead", "上级"),
    "goal.escalated": ("{goal}: the lead was told of the red", "{goal}：红灯已上报上级"),
    "goal.restated": (
        "{goal} corrected to {light}, was {before}: {actual} of {plan}",
        "{goal}已更正：由{before}改为{light}（{actual}，计划 {plan}）",
    ),
    "goal.recovered": (
        "{goal} recovered: the red is taken back",
        "{goal}恢复：红灯已撤销",
    ),
    "goal.reached": (
        "{goal} reached its {tier}: {actual}",
        "{goal}达成{tier}：{actual}",
    ),
    "goal.missed": ("{goal} missed: {actual}", "{goal}未达成：{actual}"),
    "goal.changed": ("{goal} was changed", "{goal}已修改"),
    "guardrail.breached": (
        "{goal} not green: {guardrail} {actual}, at most {plan}",
        "{goal}：{guardrail}为 {actual}，上限 {plan}，不能亮绿灯",
    ),
    "guardrail.cleared": (
        "{goal}: {guardrail} is within bounds again",
        "{goal}：{guardrail}已回到界内",
    ),
    "source.silent": (
        "{goal} is grey: nothing readable came from its source",
        "{goal}变灰：数据源没有可读的数据",
    ),
    "source.resumed": ("{goal}: its source is heard again", "{goal}：数据源已恢复"),
    # What the plot does
    "held": (
        "(plot) a live platform delivers half of today two days late",
        "（剧情）直播平台今天一半的数据晚两天到",
    ),
    "arrived": (
        "(plot) the late leads of {late} arrive",
        "（剧情）{late} 迟到的线索已到达",
    ),
    "renamed": (
        "(plot) the partners' new export renames a field: its events cannot count",
        "（剧情）渠道伙伴的新导出改了字段名：事件无法计入",
    ),
    # The end
    "right": (
        "{lights:,} lights, {deeds} goal events, {praises} praises as the plot says",
        "{lights:,} 个灯、{deeds} 个目标事件、{praises} 次表扬，均与剧情一致",
    ),
    "wrong": (
        "{count} of {lights:,} lights, {deeds} goal events, {praises} praises differ: {first}",
        "{lights:,} 个灯、{deeds} 个目标事件、{praises} 次表扬中有 {count} 处不符：{first}",
    ),
    "next": ("What to try:", "试一试："),
    "try.number": (
        "In the console, as xu.jing: Numbers, fair_leads, for {day} a better number, say 40: "
        "the red light moves.",
        "在控制台以 xu.jing 登录：填数，fair_leads，为 {day} 填一个更好的数（如 40）："
        "红灯随之变化。",
    ),
    "try.mend": (
        "As wang.wei: Sources, partner: write data.lead_count beside data.leads, save, "
        "send the dead letters again.",
        "以 wang.wei 登录：数据源，partner：在 data.leads 旁加上 data.lead_count，保存，重放死信。",
    ),
    "try.shell": (
        "For curl and the README's tour:  . {file}",
        "curl 与 README 导览所需的变量：  . {file}",
    ),
    "try.watch": ("In another terminal:  {command} watch", "在另一个终端：  {command} watch"),
    "until.stop": (
        "It keeps living until Ctrl-C, an event every few seconds.",
        "系统持续运行，每几秒一个事件；按 Ctrl-C 结束。",
    ),
    "until.for": (
        "It keeps living for {seconds:.0f} s more.",
        "系统再运行 {seconds:.0f} 秒。",
    ),
}
WORD = {"light", "before", "tier"}


class FirmWords(Words):
    """The sentences of one language."""

    def __init__(self, lang: str) -> None:
        super().__init__(lang, TEXTS)

    def name(self, name: str) -> str:
        """Return the part of a name in two languages that is in this one."""
        at = next((number for number, letter in enumerate(name) if letter >= "\u3400"), None)
        if at is None:
            return name
        if at == 0:  # a person: the characters first, then how they are spoken
            own, _, spoken = name.partition(" ")
            return own if self._column else spoken or own
        return name[at:] if self._column else name[:at].strip()

    def deed(self, kind: str, name: str, unit: str, values: Mapping[str, Any]) -> str:
        """Return a goal event as a sentence."""
        if kind.startswith("guardrail."):
            unit = "CNY"
        said = {
            key: amount(value, unit) if isinstance(value, Decimal) else value
            for key, value in values.items()
        }
        said |= {key: self.say(said[key]) for key in WORD if said.get(key)}
        told = self.say(said.get("escalated_to") or "owner")
        said["guardrail"] = self.name(said.get("guardrail") or "")
        return self.say(kind, **(said | {"goal": self.name(name), "told": told}))


def amount(value: Decimal | None, unit: str) -> str:
    """Return an amount in whole units, a ratio below one in percent."""
    if value is None:
        return "-"
    if 0 < value < 1:
        return f"{value * 100:.1f} %"
    return f"¥{value:,.0f}" if unit == "CNY" else f"{value:,.0f}"
