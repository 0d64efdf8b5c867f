"""Every sentence that a dead letter can hold is said in Chinese too."""

import ast
from pathlib import Path

import pytest

import metrics_ingest
from metrics_ingest.domain.causes import SENTENCES, Unfit, error_text, sentence, unfit_of
from metrics_ingest.domain.words import in_chinese

ROOT = Path(metrics_ingest.__file__).parent


def raised() -> list[tuple[str, str]]:
    """Return the detail of every ``Unfit(...)`` in the code that is a text, holes as ``7``."""
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            if named and node.func.id == "Unfit" and len(node.args) == 3:
                text = _text(node.args[2])
                if text is not None:
                    found.append((f"{path.name}:{node.lineno}", text))
    return found


def _text(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else "7" for part in node.values
        )
    return None


def test_every_detail_in_the_code_has_a_chinese_sentence() -> None:
    details = raised()
    assert len(details) > 15
    assert [(place, text) for place, text in details if in_chinese(text) is None] == []


def test_no_sentence_in_chinese_has_an_english_half() -> None:
    told = sentence(
        "wrong-kind", "data.gross", "a number is wanted, this is a string", chinese=True
    )
    assert told == "data.gross 的类型不对：需要数字，此处为文本。请修正映射或发送方后重放。"
    told = sentence(
        "currency-unknown", "data.money", "an ISO 4217 code such as CNY is wanted", True, "RMB"
    )
    assert told == (
        "data.money 不是有效币种：需要 ISO 4217 代码，例如 CNY，实际为RMB。"
        "请修正映射或发送方后重放。"
    )
    told = sentence("source-paused", "", "501 of the last 1000 records were bad", chinese=True)
    assert "最近 1000 条记录中有 501 条有误" in told


def test_english_says_what_was_there_too() -> None:
    told = sentence(
        "schema-drift", "data.x", "a field that the mapping names is wanted", False, "array"
    )
    assert "is wanted, this is array" in told


@pytest.mark.parametrize("cause", sorted(SENTENCES))
def test_a_cause_tells_its_place_or_its_detail_in_both_languages(cause: str) -> None:
    for text in SENTENCES[cause]:
        assert "{detail}" in text or "{where}" in text


def test_what_a_door_writes_into_a_raw_event_is_read_again_whatever_is_in_it() -> None:
    text = error_text("missing-field", "a | b", "every event needs its id", "每个事件\n都需要 ID")
    unfit = unfit_of(text)
    assert (unfit.cause, unfit.where, unfit.zh) == ("missing-field", "a | b", "每个事件 都需要 ID")
    old = unfit_of("missing-field | a | every event needs its id")
    assert (old.where, str(old), old.zh) == ("a", "every event needs its id", "每个事件都需要ID")
    assert unfit_of("nonsense").cause == "unreadable"
    assert isinstance(unfit_of(""), Unfit)
