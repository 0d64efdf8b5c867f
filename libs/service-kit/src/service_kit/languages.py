"""The language of whoever reads what a program prints."""

import os
from collections.abc import Mapping


def language(environment: Mapping[str, str] | None = None) -> str:
    """Return ``zh`` or ``en``: the terminal's language, for texts and for Accept-Language."""
    env = os.environ if environment is None else environment
    spoken = env.get("LC_ALL") or env.get("LC_MESSAGES") or env.get("LANG", "")
    return "zh" if spoken.startswith("zh") else "en"
