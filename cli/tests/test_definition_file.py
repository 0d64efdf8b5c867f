"""Definitions in files: read exactly, with the line of every field."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from paceline.definition_file import BadFile, read_definitions, steps_of

ROOT = Path(__file__).resolve().parents[2]


def read(tmp_path: Path, text: str) -> list[dict[str, Any]]:
    file = tmp_path / "m.yaml"
    file.write_text(text, encoding="utf-8")
    return [entry.fields for entry in read_definitions(file)]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("0.1", Decimal("0.1")),
        ("0.10", Decimal("0.10")),
        ("-12345678901234567890.123456789", Decimal("-12345678901234567890.123456789")),
        ("50", 50),
        ("no", "no"),
        ("on", "on"),
        ("2026-05-01", "2026-05-01"),
        ("12:30", "12:30"),
        ("010", "010"),
        ("1_000", "1_000"),
        ("1e3", "1e3"),
        (".inf", ".inf"),
        ("true", True),
        ("null", None),
        ("", None),
        ("'true'", "true"),
        ('"5"', "5"),
        ("领先", "领先"),
        ("[a, 0.5]", ["a", Decimal("0.5")]),
    ],
)
def test_a_value_is_what_was_written(tmp_path: Path, written: str, value: Any) -> None:
    (found,) = read(tmp_path, f"metrics:\n  - name: m\n    threshold: {written}\n")
    assert found == {"name": "m", "threshold": value}
    assert type(found["threshold"]) is type(value)
    assert str(found["threshold"]) == str(value)


def test_json_is_read_too_and_sources_come_first(tmp_path: Path) -> None:
    text = '{"metrics": [{"name": "m", "x": 0.1}], "sources": [{"name": "s"}]}'
    assert read(tmp_path, text) == [{"name": "s"}, {"name": "m", "x": Decimal("0.1")}]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("metrics:\n  - name: m\n    name: n\n", 3, "twice"),
        ("metrics:\n  - kind: ratio\n", 2, "name"),
        ("metric:\n  - name: m\n", 1, "only the lists"),
        ("metrics: 5\n", 1, "only the lists"),
        ("- name: m\n", 1, "lists"),
        ("metrics:\n  - name: !!python/name:os.system m\n", 2, "tag"),
        ("metrics:\n  - name: m\n    x: [1\n", 4, ""),
        ("metrics:\n  - name: m\n    ? [a]\n    : 1\n", 3, "text"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    with pytest.raises(BadFile) as refused:
        read(tmp_path, text)
    assert f"m.yaml:{line}: " in str(refused.value)
    assert said in str(refused.value)


def test_aliases_that_grow_without_bound_are_refused(tmp_path: Path) -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    text = "metrics:\n  - name: m\n" + "".join(f"    {row}\n" for row in rows)
    with pytest.raises(BadFile, match="too large"):
        read(tmp_path, text)


def test_the_line_of_a_field_is_found_by_its_path(tmp_path: Path) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(
        "metrics:\n  - name: m\n    over:\n      types: [a]\n      where:\n        - {field: x}\n"
    )
    (entry,) = read_definitions(file)
    assert steps_of('$.doors["topic:a.b"].fields.x') == ("doors", "topic:a.b", "fields", "x")
    lines = {
        "$.over.where[0].field": 6,
        "$.over.types": 4,
        "$.over.value": 3,
        "$.quantile": 2,
    }
    for where, line in lines.items():
        assert entry.place(where) == f"{file}:{line}: m {where}"


def test_the_example_of_the_documentation_has_every_kind(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    found = read(tmp_path, page.split("```yaml\n")[1].split("```")[0])
    assert {each.get("kind", "additive") for each in found[1:]} == {
        "additive",
        "ratio",
        "unique",
        "quantile",
        "cumulative",
        "unit-threshold",
        "conversion",
    }


def test_a_connector_is_read_with_its_notes_passed_over(tmp_path: Path) -> None:
    shipped = ROOT / "services/metrics-ingest/src/metrics_ingest/connectors"
    for file in shipped.glob("*.yaml"):
        entries = read_definitions(file)
        assert [entry.kind for entry in entries].count("sources") == 1, file.name
    (found,) = read(tmp_path, "about: a kiosk\nat_vendor: [a, b]\nsources:\n  - name: s\n")
    assert found == {"name": "s"}
