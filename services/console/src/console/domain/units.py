"""What units are called in Chinese; a metric's unit is free text, an unknown one stays as it is."""

import re

UNITS = {
    "articles": "篇文章",
    "clicks": "次点击",
    "customers": "个客户",
    "deals": "单",
    "events": "个事件",
    "impressions": "次展示",
    "leads": "条线索",
    "orders": "单",
    "trials": "个试用",
    "visits": "次访问",
}
_COUNTED = re.compile(rf"(?<=\d )({'|'.join(UNITS)})(?![A-Za-z])")


def unit_name(unit: str, language: str) -> str:
    """Return the unit as it is called in the language."""
    return UNITS.get(unit, unit) if language == "zh" else unit


def with_units(text: str, language: str) -> str:
    """Return a service's sentence with the units behind its numbers in the language."""
    if language != "zh":
        return text
    return _COUNTED.sub(lambda found: UNITS[found[0]], text)
