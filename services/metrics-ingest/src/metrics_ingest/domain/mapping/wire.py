"""How a topic's records are written: in JSON, or behind Confluent's five bytes in JSON or Avro."""

from service_kit.errors import UserError

JSON = "json"
CONFLUENT = "confluent"
AVRO = "avro"
WIRES = (JSON, CONFLUENT, AVRO)
_HEAD = 5  # a zero, and the id of the schema


def unwrapped(wire: str, value: bytes | None) -> bytes | None:
    """Return the JSON of a record's value; Confluent's serialisers write five bytes before it.

    Raises UserError where those should be and are not.
    """
    if wire != CONFLUENT or value is None:
        return value
    return framed(value)[1]


def framed(value: bytes) -> tuple[int, bytes]:
    """Return the id of a value's schema and what stands behind it; raises UserError."""
    if len(value) < _HEAD or value[0] != 0:
        raise UserError(
            "no-schema-id",
            "byte 0",
            "Confluent's wire format begins with a zero byte and the id of a schema",
            "Confluent 格式以零字节和 schema 编号开头",
        )
    return int.from_bytes(value[1:_HEAD], "big"), value[_HEAD:]
