"""A door's JSON Schema (Draft 2020-12), compiled: events that do not fit are dead letters.

A schema is a tenant's own, so it may not stall the fold: it fetches nothing, its work on one event
is bounded, and keywords whose work cannot be bounded (WITHOUT) are refused when it is written.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from typing import Any

import jsonschema
import msgspec
from jsonschema import Draft202012Validator
from jsonschema.validators import extend

from metrics_ingest.domain.causes import SCHEMA_VIOLATION, Unfit, sort_of

SCHEMA_BYTES = 64 * 1024
MOST_STEPS = 50_000
WITHOUT = frozenset(
    {
        "pattern",
        "patternProperties",
        "uniqueItems",
        "unevaluatedItems",
        "unevaluatedProperties",
        "$dynamicRef",
        "$id",
    }
)
_LONG = 200
_encode = msgspec.json.Encoder(decimal_format="number").encode


class SchemaError(ValueError):
    """A schema that cannot be taken: ``where`` is the place in it."""

    def __init__(self, where: str, en: str, zh: str) -> None:
        super().__init__(en)
        self.where, self.en, self.zh = where, en, zh


class _TooCostly(Exception):
    """The event needs more steps than are given."""


class Schema:
    """A schema that events are checked against."""

    def __init__(self, document: dict[str, Any]) -> None:
        """Raises SchemaError."""
        check_schema(document)
        self._left = 0
        counted = {
            name: partial(self._counted, keyword)
            for name, keyword in Draft202012Validator.VALIDATORS.items()
        }
        types = Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer)
        extended: Any = extend  # jsonschema's is not typed
        validator = extended(Draft202012Validator, counted, type_checker=types)
        self._validator = validator(_exact(document))

    def check(self, value: object) -> None:
        """Raise Unfit where the value does not fit: the place, what is wanted, what was found."""
        self._left = MOST_STEPS
        try:
            error = next(self._validator.iter_errors(value), None)
        except _TooCostly:
            raise Unfit(SCHEMA_VIOLATION, "$", f"it takes more than {MOST_STEPS} steps") from None
        except (RecursionError, ArithmeticError, TypeError, ValueError):
            raise Unfit(SCHEMA_VIOLATION, "$", "the schema does not end on this event") from None
        if error is not None:
            raise Unfit(SCHEMA_VIOLATION, str(error.json_path), _told(error))

    def _counted(self, keyword: Callable[..., Any], *args: Any) -> Iterator[Any]:
        self._left -= 1
        if self._left < 0:
            raise _TooCostly
        yield from keyword(*args) or ()


def check_schema(document: dict[str, Any]) -> None:
    """Raise SchemaError unless the document is a schema that can be taken."""
    if len(_encode(document)) > SCHEMA_BYTES:
        raise SchemaError("", f"at most {SCHEMA_BYTES} bytes", f"最多 {SCHEMA_BYTES} 字节")
    _check_parts(document, "")
    try:
        Draft202012Validator.check_schema(document)
    except jsonschema.SchemaError as error:
        place = error.json_path.removeprefix("$")
        en, zh = "no JSON Schema of Draft 2020-12", "不是 Draft 2020-12 的 JSON Schema"
        raise SchemaError(place, f"{en}: {error.validator}", f"{zh}：{error.validator}") from None
    except RecursionError:
        raise SchemaError("", "nested too deep", "嵌套过深") from None


def _check_parts(root: object, place: str) -> None:
    """Refuse what cannot be bounded, and references that leave the document or end nowhere."""
    pending = [(root, place)]
    while pending:
        node, where = pending.pop()
        if isinstance(node, list):
            pending += [(each, f"{where}[{n}]") for n, each in enumerate(node)]
        if not isinstance(node, dict):
            continue
        names = node.keys() & WITHOUT
        if names and not where.endswith((".properties", ".$defs", ".dependentSchemas")):
            name = min(names)
            raise SchemaError(f"{where}.{name}", f"{name} is not taken here", f"此处不支持 {name}")
        reference = node.get("$ref")
        if isinstance(reference, str) and not _ends_somewhere(root, reference):
            raise SchemaError(
                f"{where}.$ref",
                "a reference points inside the schema, such as #/$defs/money",
                "引用必须指向本 schema 内部，例如 #/$defs/money",
            )
        pending += [(part, f"{where}.{name}") for name, part in node.items()]


def _ends_somewhere(root: object, reference: str) -> bool:
    if reference == "#":
        return True
    node = root
    if not reference.startswith("#/"):
        return False
    for step in reference[2:].split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(node, dict) or name not in node:
            return False
        node = node[name]
    return isinstance(node, dict | bool)


def _exact(node: Any) -> Any:
    """Return the schema with its numbers as exact as those of events."""
    if isinstance(node, float):
        return Decimal(repr(node))
    if isinstance(node, dict):
        return {name: _exact(part) for name, part in node.items()}
    return [_exact(part) for part in node] if isinstance(node, list) else node


def _is_integer(checker: object, value: object) -> bool:
    if isinstance(value, Decimal):
        return value == value.to_integral_value()
    return isinstance(value, int) and not isinstance(value, bool)


def _told(error: jsonschema.ValidationError) -> str:
    wanted = _encode(error.validator_value).decode("utf-8", "replace")[:_LONG]
    return f"{error.validator} {wanted} is wanted, this is a {sort_of(error.instance)}"
