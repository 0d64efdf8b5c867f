"""Documents as the driver hands them over, and how many a query may name."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from bson.codec_options import CodecOptions, TypeCodec, TypeDecoder, TypeRegistry
from bson.decimal128 import Decimal128
from bson.int64 import Int64

Document = dict[str, Any]

# How many ids a query names. One of the servers in use compares every id with every document it
# finds: a thousand at once took it 1.4 s, forty at a time 0.12 s.
IDS = 40


def portions(ids: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield the ids in portions that one query may name."""
    whole = list(ids)
    for start in range(0, len(whole), IDS):
        yield whole[start : start + IDS]


async def find_ids(collection: Any, ids: Iterable[Any], **options: Any) -> list[Document]:
    """Return those documents of a driver's collection that have these ids, in any order."""
    found: list[Document] = []
    for portion in portions(ids):
        found += await collection.find({"_id": {"$in": portion}}, **options).to_list(None)
    return found


class _DecimalCodec(TypeCodec):
    """Decimals are stored as Decimal128: 34 digits, exact."""

    python_type = Decimal
    bson_type = Decimal128

    def transform_python(self, value: Decimal) -> Decimal128:
        return Decimal128(value)

    def transform_bson(self, value: Decimal128) -> Decimal:
        return value.to_decimal()


class _PlainIntegers(TypeDecoder):
    """Whole numbers come back as int, not as the driver's subclass, which no encoder knows."""

    bson_type = Int64

    def transform_bson(self, value: Int64) -> int:
        return int(value)


CODEC: CodecOptions[Document] = CodecOptions(
    type_registry=TypeRegistry([_DecimalCodec(), _PlainIntegers()]), tz_aware=True
)
