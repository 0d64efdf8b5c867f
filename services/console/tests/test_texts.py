"""The catalogue: what pages ask for is there, what is there is asked for, in both languages."""

import re
from pathlib import Path
from string import Formatter

import pytest

import console
from console.domain.texts import TEXTS
from event_contracts.deeds import KINDS

HERE = Path(console.__file__).parent
TEMPLATES = sorted((HERE / "templates").glob("*.html"))
_KEY = re.compile(r'["\']([a-z-]+(?:\.[a-z_-]+)+)["\']')
_FAMILY = re.compile(r'["\']([a-z-]+(?:\.[a-z_]+)*\.(?:to-)?)["\'] ~')
# Asked for by the code of the pages, not by a template.
_ELSEWHERE = ("error.", "faults.title", "nav.", "field.")


def _asked() -> tuple[set[str], set[str]]:
    text = "\n".join(path.read_text() for path in TEMPLATES)
    text += "\n".join(path.read_text() for path in (HERE / "api").glob("*.py"))
    return set(_KEY.findall(text)), set(_FAMILY.findall(text))


def test_every_text_that_a_template_asks_for_is_there() -> None:
    for path in TEMPLATES:
        for key in re.findall(r'\bt\("([^"]+)"(?! ~)', path.read_text()):
            assert key in TEXTS, f"{path.name}: {key}"


def test_every_kind_of_deed_has_its_sentence() -> None:
    assert [kind for kind in KINDS if f"deed.{kind}" not in TEXTS] == []


def test_every_text_is_asked_for() -> None:
    keys, families = _asked()
    unused = [
        key
        for key in TEXTS
        if key not in keys | {"sign-in", "signed-out", "as-of", "signed-out.help"}
        and not any(key.startswith(family) for family in families)
        and not key.startswith(_ELSEWHERE)
        and key.removesuffix(".one") not in keys
    ]
    assert unused == []


@pytest.mark.parametrize("key", sorted(TEXTS))
def test_both_languages_have_the_same_places_for_values(key: str) -> None:
    places = [sorted(name for _, name, _, _ in Formatter().parse(text) if name)
              for text in TEXTS[key]]  # fmt: skip
    assert places[0] == places[1]
    assert any("\u4e00" <= letter <= "\u9fff" for letter in TEXTS[key][1])
