"""The terminal's language, and what tables of lights say in it."""

import os

# key: (English, Chinese)
TEXTS: dict[str, tuple[str, str]] = {
    "goal": ("goal", "目标"),
    "span": ("span", "周期"),
    "to-date light": ("to-date light", "累计灯"),
    "run light": ("run light", "当期灯"),
    "run lights": ("run lights, the newest right", "当期灯（最新在右）"),
    "plan": ("plan", "计划"),
    "actual": ("actual", "实际"),
    "ratio": ("ratio", "完成率"),
    "low run": ("low run", "连续偏低"),
    "total": ("to date", "累计"),
    "of target": ("of target", "占目标"),
    "deed": ("deed", "事件"),
    "light": ("light", "灯"),
    "completion": ("completion", "完成率"),
    "green": ("green", "绿"),
    "yellow": ("yellow", "黄"),
    "red": ("red", "红"),
    "grey": ("grey", "灰"),
    "none": ("none", "无"),
    "provisional": ("provisional", "暂定"),
    "watch": ("watch", "关注"),
    "restated": ("restated", "已更正"),
    "breached": ("guardrail breached", "突破护栏"),
}


def language() -> str:
    """Return the language of the terminal for Accept-Language."""
    spoken = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG", "")
    return "zh" if spoken.startswith("zh") else "en"


def say(key: str) -> str:
    """Return the words of this name; a name without words stands for itself."""
    return TEXTS[key][language() == "zh"] if key in TEXTS else key
