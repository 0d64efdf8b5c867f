"""The AsyncAPI document: as generated, whole, and without a reference that leads nowhere."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from event_contracts import asyncapi
from event_contracts.examples import examples
from event_contracts.topics import TOPICS, Topic
from event_contracts.wire import decoder_of, type_of

DOCUMENT: dict[str, Any] = msgspec.json.decode(asyncapi.FILE.read_bytes())
EACH = pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)


def references(value: Any) -> Iterator[str]:
    parts = value if isinstance(value, list) else []
    if isinstance(value, dict):
        parts = list(value.values())
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
    for part in parts:
        yield from references(part)


def found(reference: str, document: dict[str, Any] = DOCUMENT) -> Any:
    """Return what a reference inside the document points to; KeyError: nothing."""
    assert reference.startswith("#/")
    place: Any = document
    for step in reference.removeprefix("#/").split("/"):
        place = place[step.replace("~1", "/").replace("~0", "~")]
    return place


def test_the_committed_document_is_the_generated_one() -> None:
    assert asyncapi.main(["--check"]) == 0


def test_a_document_that_was_edited_by_hand_is_noticed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "asyncapi.json"
    assert asyncapi.main(["--check", "--file", str(file)]) == 1
    assert asyncapi.main(["--write", "--file", str(file)]) == 0
    file.write_bytes(file.read_bytes().replace(b'"compact"', b'"delete"'))
    assert asyncapi.main(["--check", "--file", str(file)]) == 1
    assert "--write" in capsys.readouterr().err


def test_it_has_what_version_3_requires_and_no_section_that_it_does_not_know() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= DOCUMENT["info"].keys()
    known = {"asyncapi", "id", "info", "servers", "defaultContentType"}
    assert DOCUMENT.keys() <= known | {"channels", "operations", "components"}


def test_every_reference_resolves() -> None:
    pointers = list(references(DOCUMENT))
    assert len(pointers) > 2 * len(TOPICS)
    for pointer in pointers:
        assert isinstance(found(pointer), dict), pointer


def test_a_reference_that_leads_nowhere_would_be_found() -> None:
    with pytest.raises(KeyError):
        found("#/components/messages/weather.report.v1")


def test_names_of_components_are_those_that_the_standard_allows() -> None:
    for name in DOCUMENT["components"]["messages"]:
        assert re.fullmatch(r"[A-Za-z0-9._-]+", name)


@EACH
def test_every_topic_is_a_channel_with_its_address_its_messages_and_how_long_it_keeps(
    topic: Topic,
) -> None:
    channel = DOCUMENT["channels"][topic.name]
    assert channel["address"] == f"paceline.{topic.name}"
    assert set(channel["messages"]) == {type_of(message) for message in topic.types}
    kept = channel["bindings"]["kafka"]["topicConfiguration"]
    assert kept["cleanup.policy"] == (["compact"] if topic.compacted else ["delete"])
    assert kept["retention.ms"] == (-1 if topic.compacted else topic.retention_days * 86_400_000)


@EACH
def test_every_producer_sends_and_every_consumer_receives(topic: Topic) -> None:
    reference = f"#/channels/{topic.name}"
    operations = [o for o in DOCUMENT["operations"].values() if o["channel"]["$ref"] == reference]
    by_action: dict[str, set[str]] = {"send": set(), "receive": set()}
    for operation in operations:
        by_action[operation["action"]].add(operation["tags"][0]["name"])
        # An operation may name only messages of its own channel.
        assert operation["messages"]
        assert all(m["$ref"].startswith(f"{reference}/messages/") for m in operation["messages"])
    assert by_action == {"send": set(topic.producers), "receive": set(topic.consumers)}


def test_there_is_no_channel_and_no_message_without_a_topic() -> None:
    assert set(DOCUMENT["channels"]) == {topic.name for topic in TOPICS}
    types = {type_of(message) for topic in TOPICS for message in topic.types}
    assert set(DOCUMENT["components"]["messages"]) == types


def test_every_golden_example_is_shown_and_still_decodes() -> None:
    messages = DOCUMENT["components"]["messages"]
    shown = {e["name"]: e["payload"] for m in messages.values() for e in m["examples"]}
    for example in examples():
        assert shown[str(example)] == example.fields
        decoder_of(example.topic.message)(msgspec.json.encode(shown[str(example)]))


def test_a_payload_names_its_dialect_and_requires_what_its_type_requires() -> None:
    for name, message in DOCUMENT["components"]["messages"].items():
        assert message["payload"]["schemaFormat"].endswith("draft-2020-12")
        root = found(message["payload"]["schema"]["$ref"])
        assert root["properties"]["type"]["enum"] == [name]
        assert "tenant" in root["required"] or name == "watermark.v1"
