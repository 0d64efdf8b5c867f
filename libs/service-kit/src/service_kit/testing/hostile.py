"""JSON that wants to do harm, and how it is told whether a door stood: the corpus of all doors.

A number stays exact or is refused; what cannot stand everywhere (MongoDB, other languages) is
refused; what only looks hostile is taken.
"""

import json
import math
import os
import random
from collections.abc import Iterator, Mapping
from decimal import Context, Decimal
from typing import Any

from service_kit.store import Store

TIMES = int(os.environ.get("PACELINE_HOSTILE", "1"))
"""So many times as many generated cases."""
SHARD = int(os.environ.get("PACELINE_HOSTILE_SHARD", "0"))
"""0, 1, ...: makes others of them, beside pytest's --hypothesis-seed."""

# A value as it is written, and the number it must stay; None: it has to be refused.
NUMBERS: dict[str, Decimal | None] = {
    "NaN": None,
    "Infinity": None,
    "-Infinity": None,
    "1e400": None,
    "-1e400": None,
    "1e-7000": None,
    "9" * 5000: None,
    "1." + "0" * 5000: None,
    "1e999999999999999999999": None,
    str(2**64): Decimal(2**64),
    str(2**63): Decimal(2**63),
    str(-(2**63) - 1): Decimal(-(2**63) - 1),
    str(2**53 + 1): Decimal(2**53 + 1),
    "-0": Decimal(0),
    "-0.0": Decimal(0),
    "1.0": Decimal(1),
    "1": Decimal(1),
    "1e2": Decimal(100),
    "0.1": Decimal("0.1"),
    "1.10": Decimal("1.10"),
    "0.30000000000000004": Decimal("0.30000000000000004"),
    "123456789012345.123456789012": Decimal("123456789012345.123456789012"),
    "01": None,
    "+1": None,
    ".5": None,
    "0x10": None,
    "1_000": None,
}
SOUND: list[str] = [
    '"\\ud83c\\udfaf"',
    '{"$where":"1","$gt":1}',
    '{"a.b":{"c.d":1}}',
    '{"__proto__":{"x":1},"constructor":1}',
    '{"":1}',
    '"\\u2028\\u202e"',
    "[" * 40 + "]" * 40,
    '"' + "品" * 3000 + '"',
    "null",
    "[]",
    "true",
]
REFUSED: list[str] = [
    "[" * 200_000,
    "[" * 200_000 + "]" * 200_000,
    '{"a":' * 100_000 + "1" + "}" * 100_000,
    "[" * 70 + "]" * 70,
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":2}',
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '{"\\ud800":1}',
    '{"a\\u0000b":1}',
    '"a\\u0000b"',
    "'a'",
    "{a:1}",
    "[1,]",
    '"a\nb"',
    '"\\x41"',
    "/* c */1",
    "undefined",
    "1 2",
]
RAW: list[bytes] = [
    b"",
    b" ",
    b"\xef\xbb\xbf{}",
    b"\xff\xfe{\x00}\x00",
    b'"\xff"',
    b'"\xed\xa0\x80"',
    b"\x00",
    b"\x1f\x8b\x08\x00",
    b"{" * 4_000_000,
    b"[" + b"1," * 200_000 + b"1]",
]

WIDE = Context(prec=100)


def encoded(text: str) -> bytes:
    """Return the bytes of a text that may hold half characters."""
    return text.encode("utf-8", "surrogatepass")


class Wild:
    """Writes JSON that is sound in its brackets and strange in everything else."""

    STRANGE = tuple(
        text
        for text in (*NUMBERS, *SOUND, *REFUSED, "9" * 40, "1e29", "1e30", "-1e-30")
        if len(text) < 200 and (text in NUMBERS or text[0] not in "['/1u" or text == "[]")
    )

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def value(self, depth: int = 0) -> str:
        """Return any value."""
        pick = self.random.random()
        if depth > 3 or pick < 0.5:
            return self.scalar()
        parts = [self.value(depth + 1) for _ in range(self.random.randrange(4))]
        if pick < 0.7:
            return "[" + ",".join(parts) + "]"
        return "{" + ",".join(f"{self.key()}:{part}" for part in parts) + "}"

    def scalar(self) -> str:
        """Return a number, a text or something that is neither."""
        pick = self.random.random()
        if pick < 0.45:
            return self.random.choice(self.STRANGE)
        if pick < 0.75:
            digits = str(self.random.getrandbits(self.random.choice((8, 63, 64, 100, 120))))
            point = self.random.randrange(len(digits))
            text = digits if pick < 0.6 else f"{digits[: point + 1]}.{digits[point:]}"
            return text + (f"e{self.random.randrange(-40, 40)}" if pick > 0.7 else "")
        return json.dumps("".join(self.random.choice("aé品\u202e\x7f$.") for _ in range(4)))

    def key(self) -> str:
        """Return the name of a member."""
        keys = ("a", "b", "$set", "a.b", "\\u0061", "品", "", "properties", "id", "\\ud800")
        return f'"{self.random.choice(keys)}"'


def exact(text: str) -> Any:
    """Return what the text says, every number to the digit; raises AssertionError on NaN."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=never)


def never(name: str) -> None:
    """Raise AssertionError: a constant that JSON does not have was taken."""
    raise AssertionError(f"{name} was taken")


def plain(value: Any) -> str:
    """Return a text that is the same for the same value, however it was written."""
    if isinstance(value, Decimal):
        return "0" if not value else str(value.normalize(WIDE))
    if isinstance(value, dict):
        return "{" + ",".join(f"{key!r}:{plain(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(plain, value)) + "]"
    return repr(value)


def check_finite(value: Any) -> None:
    """Raise AssertionError where a document holds a number that is none."""
    if isinstance(value, dict):
        for part in value.values():
            check_finite(part)
    elif isinstance(value, list):
        for part in value:
            check_finite(part)
    elif isinstance(value, float):
        assert math.isfinite(value)
    elif isinstance(value, Decimal):
        assert value.is_finite()


async def check_stored(store: Store) -> None:
    """Raise AssertionError where the fake server keeps a document with a number that is none."""
    server: Any = store.client.server
    for database, name in server.names:
        for row in await store.client[database][name].find({}).to_list(None):
            check_finite(row)


def telling(what: str, cases: Mapping[str, int], config: Any) -> Iterator[None]:
    """For a fixture of a module: say at its end how many cases were run."""
    yield
    capture = config.pluginmanager.get_plugin("capturemanager")
    if capture is not None:
        with capture.global_and_fixture_disabled():
            print(f"\n{what}: {sum(cases.values())} cases, {dict(cases)}")
