"""The terminal's language, and what tables of lights say in it."""

from service_kit.languages import language

__all__ = ["either", "language", "say"]

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
    "security without kafka": (
        "PACELINE_KAFKA_PROTOCOL asks for a guarded broker, but PACELINE_KAFKA names none: name "
        "its address, or take the protocol away (the embedded broker speaks PLAINTEXT)",
        "PACELINE_KAFKA_PROTOCOL 要求受保护的 Kafka，但 PACELINE_KAFKA 未给出地址："
        "请给出地址，或删除该协议设置（内嵌 Kafka 只用 PLAINTEXT）",
    ),
    "breached": ("guardrail breached", "突破护栏"),
}


def say(key: str) -> str:
    """Return the words of this name; a name without words stands for itself."""
    return TEXTS[key][language() == "zh"] if key in TEXTS else key


def either(en: str, zh: str) -> str:
    """Return the sentence in the terminal's language."""
    return zh if language() == "zh" else en
