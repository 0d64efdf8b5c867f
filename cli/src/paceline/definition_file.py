"""Sources and metrics as files: YAML or JSON, read exactly, with the line of every field.

    sources: [...]   as POST /v1/sources takes them
    metrics: [...]   as POST /v1/metrics takes them

A connector's notes (about, at_vendor, zone, currency) may stand beside them and are passed over.

Numbers are decimals as written and never pass a float; dates, times and words such as ``no`` stay
texts. A key that stands twice, a tag and anything but these two lists is refused.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from paceline.words import either

SOURCES = "sources"
METRICS = "metrics"
NOTES = ("about", "at_vendor", "zone", "currency")
MOST_BYTES = 4_000_000
MOST_NODES = 100_000
_TAG = "tag:yaml.org,2002:"
_TAGS = ("map", "seq", "str", "int", "float", "bool", "null", "timestamp", "value")
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII)
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+", re.ASCII)
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}

Step = str | int
Steps = tuple[Step, ...]
_STEP = re.compile(r"""\.([^.\[]+)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]""")


class BadFile(Exception):
    """What is wrong with a file, and where."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One definition: its fields, and the line (from 1) of each by its steps from the top."""

    file: Path
    kind: str
    fields: dict[str, Any]
    lines: dict[Steps, int]

    @property
    def name(self) -> str:
        """The definition's name."""
        return str(self.fields["name"])

    def place(self, where: str) -> str:
        """Return file, line and field of a JSON path such as ``$.over.where[0].field``."""
        steps = steps_of(where)
        known = next(steps[:n] for n in range(len(steps), -1, -1) if steps[:n] in self.lines)
        return f"{self.file}:{self.lines[known]}: {self.name} {where}"


def read_definitions(file: Path) -> list[Entry]:
    """Return the file's sources and then its metrics; raises BadFile."""
    entries = [entry for document in _documents(file) for entry in _entries(file, document)]
    if not entries:
        raise BadFile(
            f"{file}: "
            + either(
                "there is nothing in it; it needs a list sources or metrics",
                "文件为空；需要 sources 或 metrics 列表",
            )
        )
    return sorted(entries, key=lambda entry: entry.kind != SOURCES)


def steps_of(where: str) -> Steps:
    """Return the steps of a JSON path."""
    found = _STEP.finditer(where.removeprefix("$"))
    return tuple(m[1] if m[1] else int(m[2]) if m[2] else str(yaml.safe_load(m[3])) for m in found)


def _documents(file: Path) -> list[yaml.Node]:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise BadFile(f"{file}: {error.strerror}") from None
    if len(content) > MOST_BYTES:
        raise BadFile(f"{file}: " + either("larger than 4 MB", "超过 4 MB"))
    try:
        text = content.decode("utf-8-sig")
        return list(yaml.compose_all(text, yaml.SafeLoader))
    except UnicodeDecodeError as error:
        raise BadFile(
            f"{file}: " + either("no UTF-8", "不是 UTF-8") + f" ({error.start})"
        ) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = f"{file}:{mark.line + 1}" if mark is not None else str(file)
        raise BadFile(f"{at}: {error.problem or error.context}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise BadFile(f"{file}: {error}") from None


def _entries(file: Path, document: yaml.Node) -> Iterator[Entry]:
    if not isinstance(document, yaml.MappingNode):
        raise _bad(
            file,
            document,
            "the lists sources and metrics are wanted",
            "需要 sources 与 metrics 列表",
        )
    for key, items in document.value:
        if key.value in NOTES:
            continue
        if key.value not in (SOURCES, METRICS) or not isinstance(items, yaml.SequenceNode):
            raise _bad(
                file,
                key,
                f"{key.value}: only the lists sources and metrics are known",
                f"{key.value}：只允许 sources 与 metrics 列表",
            )
        for item in items.value:
            reader = _Reader(file)
            fields = reader.read(item, ())
            if not isinstance(fields, dict) or not isinstance(fields.get("name"), str):
                raise _bad(file, item, "each needs a name", "每一项都需要 name")
            yield Entry(file, key.value, fields, reader.lines)


@dataclass(slots=True)
class _Reader:
    """Turns nodes into values and notes their lines."""

    file: Path
    lines: dict[Steps, int] = field(default_factory=dict)
    nodes: int = 0

    def read(self, node: yaml.Node, at: Steps) -> Any:
        self.nodes += 1
        if self.nodes > MOST_NODES or len(at) > 64:
            raise _bad(self.file, node, "too large or too deep", "内容过大或嵌套过深")
        if node.tag.removeprefix(_TAG) not in _TAGS:
            raise _bad(self.file, node, f"the tag {node.tag} is unknown", f"未知标签 {node.tag}")
        self.lines[at] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, at)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*at, n)) for n, item in enumerate(node.value)]
        return _scalar(node)

    def _mapping(self, node: yaml.MappingNode, at: Steps) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value == "<<":
                raise _bad(self.file, key, "a key is a text", "键必须是文本")
            if key.value in found:
                raise _bad(
                    self.file, key, f"the key {key.value} stands twice", f"键 {key.value} 重复"
                )
            found[key.value] = self.read(value, (*at, key.value))
            self.lines[(*at, key.value)] = key.start_mark.line + 1
        return found


def _scalar(node: yaml.Node) -> Any:
    """Return a plain scalar as JSON would read it; what JSON does not know is a text."""
    text = str(node.value)
    if getattr(node, "style", None) is not None or node.tag == f"{_TAG}str":
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return Decimal(text) if _DECIMAL.fullmatch(text) else text


def _bad(file: Path, node: yaml.Node, en: str, zh: str) -> BadFile:
    return BadFile(f"{file}:{node.start_mark.line + 1}: {either(en, zh)}")
