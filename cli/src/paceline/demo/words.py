"""What every demonstration says, in English and in Chinese; each has its own words besides."""

import os
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from paceline import show

Texts = Mapping[str, tuple[str, str]]

# key: (English, Chinese)
TEXTS: Texts = {
    "starting": (
        "starting Kafka, the document server and the four services ...",
        "正在启动 Kafka、文档服务器和四个服务……",
    ),
    "prometheus": ("Prometheus: {url}", "Prometheus：{url}"),
    "prometheus.absent": (
        "Prometheus is not installed: going on without it",
        "未安装 Prometheus，不启动它，继续",
    ),
    "port": ("port {wanted} is busy: using {port} instead", "端口 {wanted} 被占用，改用 {port}"),
    "goal": ("goal", "目标"),
    "plan": ("plan", "计划"),
    "actual": ("actual", "实际"),
    "share": ("%", "%"),
    "light": ("light", "灯"),
    "green": ("green", "绿"),
    "yellow": ("yellow", "黄"),
    "red": ("red", "红"),
    "grey": ("grey", "灰"),
    "none": ("none", "无"),
    "floor": ("floor", "保底值"),
    "target": ("target", "目标值"),
    "stretch": ("stretch goal", "冲刺值"),
    "deeds": ("What happened", "发生了什么"),
    "seconds": ("{number:.1f} s", "{number:.1f} 秒"),
    "unknown": ("-", "-"),
    "folder.used": (
        "{folder} is not empty; name a new folder",
        "{folder} 不是空文件夹；请指定新文件夹",
    ),
    "asked": ("asked to end ({signal})", "收到结束信号（{signal}）"),
    "stopping": ("stopping ...", "正在停止……"),
    "stopped": ("stopped; nothing is left running", "已停止，没有遗留进程"),
}


def language(chosen: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """Return ``zh`` or ``en``: what was chosen, else what the machine speaks."""
    spoken = chosen or next(
        (environment[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)),
        "en",
    )
    return "zh" if spoken.lower().startswith("zh") else "en"


class Words:
    """The sentences of one language: the common ones, and those of one demonstration."""

    def __init__(self, lang: str, texts: Texts = TEXTS) -> None:
        self.lang = lang
        self._texts = {**TEXTS, **texts}
        self._column = 1 if lang == "zh" else 0

    def say(self, key: str, **values: Any) -> str:
        """Return the sentence of this name with its values filled in."""
        return self._texts[key][self._column].format(**values)

    def date(self, day: date) -> str:
        """Return a day with its weekday."""
        if self._column:
            return f"{day.year}年{day.month}月{day.day}日 星期{'一二三四五六日'[day.weekday()]}"
        return f"{day:%a} {day.day} {day:%b %Y}"


def percent(ratio: Decimal | None) -> str:
    """Return a ratio as whole percent, rounded down; a dash where there is none."""
    return show.percent(ratio) or "-"
