"""Conditions on mapped fields, compiled."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from metrics_ingest.domain.definitions import Condition, Kind, Op
from metrics_ingest.domain.values import CONVERT, Value

Fields = Mapping[str, Value]
Test = Callable[[Fields], bool]

_COMPARE: dict[Op, Callable[[Any, Any], bool]] = {
    Op.EQ: operator.eq,
    Op.NE: operator.ne,
    Op.GT: operator.gt,
    Op.GE: operator.ge,
    Op.LT: operator.lt,
    Op.LE: operator.le,
}


def predicate_of(condition: Condition, kind: Kind) -> Test:
    """Compile a condition on a field of this kind.

    A field that is not there meets ``ne`` and ``exists: false``, and no other condition.
    """
    name = condition.field
    if condition.op is Op.EXISTS:
        wanted = condition.value is not False
        return lambda fields: (name in fields) is wanted
    if condition.op is Op.IN:
        among = frozenset(CONVERT[kind](item, name) for item in condition.value)
        return lambda fields: fields.get(name) in among
    value = CONVERT[kind](condition.value, name)
    compare = _COMPARE[condition.op]
    absent = condition.op is Op.NE
    return lambda fields: compare(fields[name], value) if name in fields else absent
