"""Golden examples: what stands on the wire, kept as files that are never edited once landed."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from event_contracts.examples import FOLDER, Example, examples
from event_contracts.topics import TOPICS
from event_contracts.wire import decoder_of, encode, key_of, type_of

EXAMPLES = examples()
EACH = pytest.mark.parametrize("example", EXAMPLES, ids=str)

# The fields whose values make the key; "" is an empty part, "part?" stands there if it is set.
KEYS = {
    "raw.event.v1": ("tenant", "source", "id"),
    "subjects.batch.v1": ("tenant", "source"),
    "facts.batch.v1": ("tenant", "metric"),
    "facts.batches.v1": ("tenant",),
    "facts.goal-control.v1": ("tenant", "metric"),
    "watermark.v1": ("", "origin"),
    "metric-definitions.metric.v1": ("tenant", "metric"),
    "goals.goal.v1": ("tenant", "goal"),
    "progress.day.v1": ("tenant", "goal", "metric", "part?", "day"),
    "progress.back-filled.v1": ("tenant", "goal", "metric", "part?", ""),
    "directory.person.v1": ("tenant", "person", ""),
    "directory.team.v1": ("tenant", "", "team"),
    "directory.organisation.v1": ("tenant", "", ""),
    "progress.source-alive.v1": ("tenant", "", "metric", "day"),
    "goal-events.event.v1": ("tenant", "goal"),
    "rewards.praised.v1": ("tenant", "rule", "value"),
}


@EACH
def test_an_example_says_what_it_shows(example: Example) -> None:
    assert example.about.endswith(".")


@EACH
def test_every_example_decodes_to_its_type(example: Example) -> None:
    message = decoder_of(example.topic.message)(example.value)
    assert type_of(type(message)) == example.fields["type"]
    assert type_of(type(message)).endswith(f".{example.version}")


@EACH
def test_every_example_encodes_back_to_equal_json(example: Example) -> None:
    again = encode(decoder_of(example.topic.message)(example.value))
    assert json.loads(again) == example.fields


@EACH
def test_decimals_keep_every_digit(example: Example) -> None:
    message = decoder_of(example.topic.message)(example.value)
    texts = [text for text in leaves(example.fields) if isinstance(text, str)]
    for amount in decimals(message):
        assert str(amount) in texts


@EACH
def test_a_reader_ignores_fields_that_it_does_not_know(example: Example) -> None:
    decode = decoder_of(example.topic.message)
    wider = {**example.fields, "from_next_year": {"deep": [1, "2"]}}
    assert encode(decode(msgspec.json.encode(wider))) == encode(decode(example.value))


@EACH
def test_a_reader_refuses_a_type_that_it_does_not_know(example: Example) -> None:
    stranger = {**example.fields, "type": "weather.report.v1"}
    with pytest.raises(msgspec.ValidationError, match=r"Invalid value 'weather\.report\.v1'"):
        decoder_of(example.topic.message)(json.dumps(stranger).encode())


@EACH
def test_a_message_without_one_of_its_required_fields_is_refused(example: Example) -> None:
    decode = decoder_of(example.topic.message)
    required = type(decode(example.value)).__struct_fields__[0]
    with pytest.raises(msgspec.ValidationError, match="missing required field"):
        decode(json.dumps({k: v for k, v in example.fields.items() if k != required}))


@EACH
def test_the_key_is_made_of_the_fields_that_the_topic_names(example: Example) -> None:
    fields = example.fields
    names = [name for name in KEYS[fields["type"]] if name != "part?" or "part" in fields]
    names = [name.removesuffix("?") for name in names]
    assert example.key.decode() == key_of(*(example.fields.get(name, "") for name in names))


@EACH
def test_what_a_relay_sends_carries_lane_seq_and_range(example: Example) -> None:
    headers = example.headers
    if example.topic.name == "raw":  # produced by the door itself, not by a relay
        assert headers == {}
        return
    assert set(headers) == {"lane", "seq", "range"}
    start, _, end = headers["range"].partition(b"-")
    assert int(start) <= int(end)
    assert int(headers["seq"]) >= 1


def test_every_topic_and_every_message_type_has_an_example() -> None:
    shown = {(e.topic.name, e.fields["type"]) for e in EXAMPLES}
    assert shown == {(topic.name, type_of(t)) for topic in TOPICS for t in topic.types}


def test_every_file_below_examples_is_an_example() -> None:
    files = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file()}
    assert files == {f"{example}.json" for example in EXAMPLES}


def test_a_folder_that_is_no_topic_and_a_file_that_is_no_example_are_refused(
    tmp_path: Path,
) -> None:
    file = tmp_path / "weather" / "v1" / "rain.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"about": "Rain.", "key": "k", "headers": {}, "value": {}}')
    with pytest.raises(KeyError, match="weather"):
        examples(folder=tmp_path)
    file.write_text('{"about": "Rain.", "key": "k", "headers": {}, "value": {}, "more": 1}')
    with pytest.raises(msgspec.ValidationError, match="unknown field `more`"):
        examples(folder=tmp_path)


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in leaves(part)]
    if isinstance(value, list):
        return [leaf for part in value for leaf in leaves(part)]
    return [value]


def decimals(message: Any) -> list[Decimal]:
    """Return the amounts that the message was sent with, not those of its defaults."""
    sent = msgspec.to_builtins(message, builtin_types=(Decimal, msgspec.Raw))
    return [leaf for leaf in leaves(sent) if isinstance(leaf, Decimal)]
