"""A writer's schema, compiled into what reads its records. Names: specification 1.12, "Names"."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from metrics_ingest.domain.avro import binary
from metrics_ingest.domain.avro.binary import Body, Misfit, Read
from metrics_ingest.domain.avro.logical import conversion, in_base64
from metrics_ingest.domain.causes import AVRO_MISFIT, Unfit

PRIMITIVES: dict[str, Read] = {
    "null": binary.read_null,
    "boolean": binary.read_boolean,
    "int": binary.read_int,
    "long": binary.read_long,
    "float": binary.read_float,
    "double": binary.read_double,
    "bytes": binary.read_bytes,
    "string": binary.read_string,
}
_NAMED = ("record", "error", "enum", "fixed")
_encode = msgspec.json.Encoder().encode


class Unusable(Exception):
    """What the registry holds is no Avro schema that can be read."""


class AvroSchema:
    """Reads what one version of a schema wrote."""

    def __init__(self, text: str, references: Sequence[str] = ()) -> None:
        """Compile the schema; ``references`` are those it names, each after what it names itself.

        Raises Unusable.
        """
        compiler = _Compiler()
        for each in (*references, text):
            self._read = compiler.compiled(each)

    def json_of(self, data: bytes) -> bytes:
        """Return the JSON text of a record's bytes; raises Unfit where they do not fit."""
        body = Body(data)
        try:
            value = self._read(body)
            if body.at < len(data):
                raise Misfit(f"{len(data) - body.at} bytes are left behind the record")
            return _encode(value)
        except Misfit as misfit:
            raise Unfit(AVRO_MISFIT, misfit.where, misfit.detail) from None
        except RecursionError:
            raise Unfit(AVRO_MISFIT, "$", "nested too deep") from None


class _Compiler:
    """The named types that were met; a type may name itself, so its name is looked up late."""

    def __init__(self) -> None:
        self._named: dict[str, Read | None] = {}

    def compiled(self, text: str) -> Read:
        try:
            return self._read_of(json.loads(text), "")
        except RecursionError:
            raise Unusable("nested too deep") from None
        except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError):
            raise Unusable("an Avro schema in JSON is wanted") from None

    def _read_of(self, schema: Any, space: str) -> Read:
        if isinstance(schema, list):
            return binary.union_of([self._read_of(branch, space) for branch in schema])
        if isinstance(schema, str):
            return self._by_name(schema, space)
        kind = schema["type"]
        if not isinstance(kind, str):
            return self._read_of(kind, space)
        if kind in _NAMED:
            return self._named_of(kind, schema, space)
        return _converted(self._shape(kind, schema, space), schema)

    def _by_name(self, name: str, space: str) -> Read:
        if name == "bytes":
            return lambda body: in_base64(binary.read_bytes(body))
        if name in PRIMITIVES:
            return PRIMITIVES[name]
        full = name if "." in name or not space else f"{space}.{name}"
        if full not in self._named:
            full = name  # a type without a namespace, named from inside of one
        if full not in self._named:
            raise Unusable(f"the type {name[:200]} is named and not there")
        return self._named[full] or (lambda body: self._found(full)(body))

    def _found(self, full: str) -> Read:
        """Return what reads a type inside of itself: there once its schema is read to the end."""
        found = self._named[full]
        assert found is not None
        return found

    def _shape(self, kind: str, schema: dict[str, Any], space: str) -> Read:
        if kind == "array":
            return binary.array_of(self._read_of(schema["items"], space))
        if kind == "map":
            return binary.map_of(self._read_of(schema["values"], space))
        return PRIMITIVES[kind] if kind in PRIMITIVES else self._by_name(kind, space)

    def _named_of(self, kind: str, schema: dict[str, Any], space: str) -> Read:
        name: str = schema["name"]
        space = schema.get("namespace", space) if "." not in name else name.rpartition(".")[0]
        full = name if "." in name or not space else f"{space}.{name}"
        self._named[full] = None
        read = _converted(self._body_of(kind, schema, space), schema)
        self._named[full] = read
        return read

    def _body_of(self, kind: str, schema: dict[str, Any], space: str) -> Read:
        if kind == "enum":
            return binary.enum_of([str(symbol) for symbol in schema["symbols"]])
        if kind == "fixed":
            return binary.fixed_of(int(schema["size"]))
        fields = schema["fields"]
        return binary.record_of([(str(f["name"]), self._read_of(f["type"], space)) for f in fields])


def _converted(read: Read, schema: dict[str, Any]) -> Read:
    convert = conversion(schema)
    return read if convert is None else lambda body: convert(read(body))
