"""What both demonstrations share: words, ports, folders, and what runs beside a play."""

import asyncio
import socket
from decimal import Decimal
from pathlib import Path

import pytest

from paceline.demo import words
from paceline.demo.firm import words as firm
from paceline.demo.place import Place, free_base_port
from paceline.demo.shop import words as shop
from paceline.demo.stage import Wishes, beside, has_screen
from paceline.demo.words import Texts, language, percent


@pytest.mark.parametrize("texts", [shop.TEXTS, firm.TEXTS], ids=["shop", "firm"])
def test_every_sentence_exists_in_both_languages_with_the_same_values(texts: Texts) -> None:
    def fields(text: str) -> set[str]:
        return {part.split("}")[0].split(":")[0] for part in text.split("{")[1:]}

    for key, (english, chinese) in {**words.TEXTS, **texts}.items():
        assert fields(english) == fields(chinese), key


def test_the_language_is_the_one_asked_for_else_the_machines() -> None:
    assert language("zh", {"LANG": "en_GB.UTF-8"}) == "zh"
    assert language(None, {"LANG": "zh_CN.UTF-8"}) == "zh"
    assert language(None, {"LC_ALL": "C.UTF-8", "LANG": "zh_CN.UTF-8"}) == "en"
    assert language(None, {}) == "en"


def test_a_share_just_below_the_bound_never_reads_as_the_bound() -> None:
    assert percent(Decimal("0.6999")) == "69 %"
    assert percent(Decimal("0.70")) == "70 %"
    assert percent(None) == "-"


def test_a_busy_port_moves_the_system_a_hundred_ports_on() -> None:
    wanted = free_base_port(23_000)
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", wanted + 21))
        busy.listen()
        assert free_base_port(wanted) > wanted


def test_a_second_demonstration_gets_a_folder_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = Place()
    (first.folder / "up.log").write_text("old")
    second = Place()
    assert second.folder != first.folder
    second.leave()
    assert not second.folder.exists()
    first.leave()
    third = Place()
    assert third.folder == first.folder
    assert not (third.folder / "up.log").exists()
    third.leave()


def test_the_console_is_opened_only_if_wished_for_and_only_on_a_screen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("paceline.demo.stage.has_screen", lambda: True)
    Wishes(None, None, 8100, None).open("http://one")
    Wishes(None, None, 8100, None, browse=True).open("http://two")
    assert opened == ["http://two"]
    monkeypatch.setattr("paceline.demo.stage.has_screen", lambda: False)
    Wishes(None, None, 8100, None, browse=True).open("http://three")
    assert opened == ["http://two"]
    assert has_screen({"DISPLAY": ":0"}, "linux")
    assert not has_screen({}, "linux")
    assert has_screen({}, "darwin")


async def test_what_goes_on_beside_ends_with_the_main_thing_and_its_failure_is_raised() -> None:
    ended = asyncio.Event()

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def failing() -> None:
        raise ValueError("the side")

    assert await beside(asyncio.sleep(0, "done"), forever()) == "done"
    assert ended.is_set()
    with pytest.raises(ValueError, match="the side"):
        await beside(asyncio.sleep(60), failing())
