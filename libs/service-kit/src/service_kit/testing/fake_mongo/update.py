"""What an update makes of a document."""

from collections.abc import Callable, Mapping
from decimal import Context, Decimal
from itertools import pairwise
from typing import Any

from bson.objectid import ObjectId
from pymongo.errors import WriteError

from service_kit.testing.fake_mongo.query import Query, fits, is_operators, matches
from service_kit.testing.fake_mongo.values import copied, equal, order, stored

Update = Mapping[str, Any]
_DIGITS = Context(prec=34)


def updated(document: Mapping[str, Any], update: Update, inserting: bool) -> dict[str, Any]:
    """Return the document after the update; raises WriteError as the server does."""
    _check_paths(update)
    result: dict[str, Any] = copied(document)
    for operator, changes in update.items():
        if operator == "$setOnInsert" and not inserting:
            continue
        for path, value in changes.items():
            _change(result, path.split("."), _OPERATORS[operator], stored(value))
    if not inserting and not equal(result.get("_id"), document.get("_id")):
        raise WriteError("the (immutable) field '_id' was altered", 66)
    return result


def _check_paths(update: Update) -> None:
    if not update or not all(name.startswith("$") for name in update):
        raise ValueError("update only works with $ operators")
    unknown = set(update) - set(_OPERATORS)
    if unknown:
        raise NotImplementedError(f"FakeMongo: update operators {sorted(unknown)}")
    paths = [path for changes in update.values() for path in changes]
    if len(paths) > 1:
        marked = sorted(f"{path}." for path in paths)
        for one, two in pairwise(marked):
            if two.startswith(one):
                raise WriteError(f"Updating the path '{two[:-1]}' would create a conflict", 40)


def from_query(query: Query) -> dict[str, Any]:
    """Return what an upsert begins with: the fields that the query says are equal to something."""
    fresh: dict[str, Any] = {}
    for name, wanted in query.items():
        if name == "$and":
            for part in wanted:
                fresh |= from_query(part)
        elif name.startswith("$"):
            continue
        elif not is_operators(wanted):
            _change(fresh, name.split("."), _set, stored(wanted))
        elif "$eq" in wanted:
            _change(fresh, name.split("."), _set, stored(wanted["$eq"]))
    return fresh


def with_id(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with ``_id`` first, a new one if it has none."""
    found = document.get("_id")
    return {"_id": ObjectId() if "_id" not in document else found} | document


class _Missing:
    """There is nothing at the path."""


_MISSING = _Missing()
_Operator = Callable[[Any, Any], Any]


def _change(holder: Any, path: list[str], operator: _Operator, value: Any) -> None:
    """Put ``operator(old, value)`` at the path, making the documents on the way."""
    *way, last = path
    for step in way:
        inner = _get(holder, step)
        if inner is _MISSING:
            if operator in (_unset, _pull):
                return
            inner = {}
            _put(holder, step, inner)
        if not isinstance(inner, dict | list):
            if operator in (_unset, _pull):
                return
            raise WriteError(f"Cannot create field in element {{{step}: {inner!r}}}", 28)
        holder = inner
    new = operator(_get(holder, last), value)
    if new is not _MISSING:
        _put(holder, last, new)
    elif isinstance(holder, dict):
        holder.pop(last, None)


def _get(holder: Any, step: str) -> Any:
    if isinstance(holder, list):
        inside = step.isdigit() and int(step) < len(holder)
        return holder[int(step)] if inside else _MISSING
    return holder.get(step, _MISSING)


def _put(holder: Any, step: str, value: Any) -> None:
    if isinstance(holder, dict):
        holder[step] = value
        return
    if not step.isdigit():
        raise WriteError(f"Cannot create field '{step}' in an array", 28)
    holder.extend([None] * (int(step) + 1 - len(holder)))
    holder[int(step)] = value


def _set(old: Any, value: Any) -> Any:
    return value


def _unset(old: Any, value: Any) -> Any:
    return _MISSING


def _inc(old: Any, value: Any) -> Any:
    if old is _MISSING:
        return value
    if isinstance(old, bool) or not isinstance(old, int | float | Decimal):
        raise WriteError(f"Cannot apply $inc to a value of non-numeric type: {old!r}", 14)
    if isinstance(old, Decimal) or isinstance(value, Decimal):
        return _DIGITS.add(Decimal(old), Decimal(value))
    return old + value


def _min(old: Any, value: Any) -> Any:
    return value if old is _MISSING or order(value) < order(old) else old


def _max(old: Any, value: Any) -> Any:
    return value if old is _MISSING or order(value) > order(old) else old


def _each(value: Any) -> list[Any]:
    if not (isinstance(value, dict) and "$each" in value):
        return [value]
    if set(value) != {"$each"}:
        raise NotImplementedError(f"FakeMongo: modifiers {sorted(value)}")
    return list(value["$each"])


def _list(old: Any, operator: str) -> list[Any]:
    if old is _MISSING:
        return []
    if not isinstance(old, list):
        raise WriteError(f"Cannot apply {operator} to a non-array field: {old!r}", 2)
    return old


def _push(old: Any, value: Any) -> Any:
    return [*_list(old, "$push"), *_each(value)]


def _add_to_set(old: Any, value: Any) -> Any:
    items = list(_list(old, "$addToSet"))
    for item in _each(value):
        if not any(equal(item, other) for other in items):
            items.append(item)
    return items


def _pull(old: Any, value: Any) -> Any:
    if old is _MISSING:
        return _MISSING
    return [item for item in _list(old, "$pull") if not _pulled(item, value)]


def _pulled(item: Any, wanted: Any) -> bool:
    if is_operators(wanted):
        return fits([item], wanted)
    if isinstance(wanted, dict):
        return isinstance(item, dict) and matches(item, wanted)
    return equal(item, wanted)


_OPERATORS: dict[str, _Operator] = {
    "$set": _set,
    "$setOnInsert": _set,
    "$unset": _unset,
    "$inc": _inc,
    "$min": _min,
    "$max": _max,
    "$push": _push,
    "$addToSet": _add_to_set,
    "$pull": _pull,
}
