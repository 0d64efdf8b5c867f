"""The committed schemas, and that the comparison sees each kind of break."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from event_contracts import schemas
from event_contracts.compatibility import breaking

BATCH = "facts.batch.v1"
GOAL = "goals.goal.v1"
Mutation = Callable[[dict[str, Any]], Any]


def mutated(name: str, change: Mutation) -> dict[str, Any]:
    schema = copy.deepcopy(dict(schemas.generated()[name]))
    change(schema["$defs"])
    return schema


def test_nothing_breaks_the_committed_schemas() -> None:
    assert schemas.breaks(schemas.committed(), schemas.generated()) == []


def test_the_committed_schemas_are_the_generated_ones() -> None:
    assert schemas.stale(schemas.committed(), schemas.generated()) == []
    assert schemas.main(["--check"]) == 0


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        (BATCH, lambda d: d["FactBatch"]["properties"].pop("corrects"), "$.corrects: removed"),
        (
            BATCH,
            lambda d: d["FactBatch"]["properties"].update(as_of_ms={"type": "string"}),
            "$.as_of_ms: type was integer, is string",
        ),
        (
            BATCH,
            lambda d: d["FactBatch"]["required"].append("corrects"),
            "$.corrects: newly required, older messages lack it",
        ),
        (
            BATCH,
            lambda d: (
                d["FactBatch"]["properties"].update(account={"type": "string"}),
                d["FactBatch"]["required"].append("account"),
            ),
            "$.account: newly required, older messages lack it",
        ),
        (
            BATCH,
            lambda d: d["FactBatch"]["required"].remove("source"),
            "$.source: no longer required, older readers need it",
        ),
        (
            BATCH,
            lambda d: d["Cell"]["prefixItems"].__setitem__(2, {"type": "number"}),
            "$.cells[][2]: format was decimal, is None",
        ),
        (BATCH, lambda d: d["Cell"]["prefixItems"].pop(), "$.cells[]: position 3 removed"),
        (
            BATCH,
            lambda d: d["Cell"].update(minItems=5),
            "$.cells[]: minItems was 4, is 5",
        ),
        (
            BATCH,
            lambda d: d["FactBatch"]["properties"]["dims"]["items"].update(
                additionalProperties={"type": "integer"}
            ),
            "$.dims[][]: type was string, is integer",
        ),
        (
            BATCH,
            lambda d: d["FactBatch"]["properties"]["type"].update(enum=["facts.batch.v2"]),
            "$.type: enum was ['facts.batch.v1'], is ['facts.batch.v2']",
        ),
        (
            GOAL,
            lambda d: d["Policy"]["properties"]["red_after"].update(default=2),
            "$.policy.red_after: default was 3, is 2",
        ),
        (
            GOAL,
            lambda d: d["GoalChanged"]["properties"]["floor"]["anyOf"].append({"type": "boolean"}),
            "$.floor: anyOf was",
        ),
    ],
)
def test_a_breaking_difference_is_named(name: str, change: Mutation, sentence: str) -> None:
    found = breaking(schemas.generated()[name], mutated(name, change))
    assert any(each.startswith(sentence) for each in found), found


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["FactBatch"]["properties"].update(account={"type": "string", "default": ""}),
        lambda d: d["Cell"]["prefixItems"].append({"type": "integer"}),
        lambda d: d["FactBatch"].update(description="Said in other words."),
    ],
    ids=["an optional field", "a further position", "prose"],
)
def test_what_readers_and_writers_of_both_versions_understand_is_no_break(change: Mutation) -> None:
    assert breaking(schemas.generated()[BATCH], mutated(BATCH, change)) == []


def test_a_type_that_is_gone_breaks_and_a_new_one_does_not() -> None:
    old = schemas.generated()
    new = {name: schema for name, schema in old.items() if name != BATCH}
    assert schemas.breaks(old, new) == [
        "facts.batch.v1: the type is gone, its messages are still in the topics"
    ]
    assert schemas.breaks(new, old) == []


def test_the_check_fails_on_a_mutated_committed_schema(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert schemas.main(["--write", "--folder", str(tmp_path)]) == 0
    file = tmp_path / f"{BATCH}.json"
    file.write_text(file.read_text().replace('"as_of_ms"', '"as_of_minutes"'))
    assert schemas.main(["--check", "--folder", str(tmp_path)]) == 1
    assert "facts.batch.v1 $.as_of_minutes: removed" in capsys.readouterr().err


def test_writing_refuses_to_cover_up_a_break(tmp_path: Path) -> None:
    assert schemas.main(["--write", "--folder", str(tmp_path)]) == 0
    file = tmp_path / f"{BATCH}.json"
    before = file.read_text().replace('"integer"', '"number"')
    file.write_text(before)
    assert schemas.main(["--write", "--folder", str(tmp_path)]) == 1
    assert file.read_text() == before


def test_writing_removes_nothing_and_the_check_names_a_left_over(tmp_path: Path) -> None:
    assert schemas.main(["--write", "--folder", str(tmp_path)]) == 0
    (tmp_path / "weather.report.v1.json").write_text('{"$ref": "#/$defs/W", "$defs": {"W": {}}}')
    assert schemas.main(["--check", "--folder", str(tmp_path)]) == 1
