"""Every sentence of the pages, in English and Chinese; the services have their own."""

from collections.abc import Mapping

from console.domain.texts import common, goals, numbers, sources

PARTS = common.TEXTS, goals.TEXTS, numbers.TEXTS, sources.TEXTS
TEXTS: Mapping[str, tuple[str, str]] = {key: said for part in PARTS for key, said in part.items()}
"""By its key: English, Chinese."""


def say(key: str, language: str) -> str:
    """Return a text with its places for values; raises KeyError for a key that is not there."""
    return TEXTS[key][language == "zh"]
