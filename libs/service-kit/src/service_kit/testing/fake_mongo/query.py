"""Which documents a query matches, and what find makes of them: sort, limit, projection."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from service_kit.testing.fake_mongo.values import copied, equal, order, rank

Query = Mapping[str, Any]


def at(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """Yield the values under a dotted path, through lists of documents."""
    if not path:
        yield value
    elif isinstance(value, dict):
        if path[0] in value:
            yield from at(value[path[0]], path[1:])
    elif isinstance(value, list):
        if path[0].isdigit() and int(path[0]) < len(value):
            yield from at(value[int(path[0])], path[1:])
        for item in value:
            if isinstance(item, dict):
                yield from at(item, path)


def matches(document: Mapping[str, Any], query: Query) -> bool:
    """Whether the document meets the query; raises NotImplementedError for other operators."""
    return all(_meets(document, name, wanted) for name, wanted in query.items())


def _meets(document: Mapping[str, Any], name: str, wanted: Any) -> bool:
    if name[0] != "$":
        if "." in name:
            return fits(list(at(document, name.split("."))), wanted)
        return fits([document[name]] if name in document else [], wanted)
    if name == "$and":
        return all(matches(document, part) for part in wanted)
    if name == "$or":
        return any(matches(document, part) for part in wanted)
    if name == "$nor":
        return not any(matches(document, part) for part in wanted)
    raise NotImplementedError(f"FakeMongo: query operator {name}")


def fits(found: list[Any], wanted: Any) -> bool:
    """Whether the values found at a path meet a condition: a plain value or operators."""
    if type(wanted) is str or not is_operators(wanted):
        return _equals(found, wanted)
    return all(_OPERATORS.get(name, _unknown(name))(found, bound) for name, bound in wanted.items())


def is_operators(value: Any) -> bool:
    """Whether the value is a document of operators such as ``{"$gt": 3}``."""
    return isinstance(value, Mapping) and any(str(name)[:1] == "$" for name in value)


def _unknown(name: str) -> Callable[[list[Any], Any], bool]:
    def refuse(found: list[Any], bound: Any) -> bool:
        raise NotImplementedError(f"FakeMongo: query operator {name}")

    return refuse


def _spread(found: list[Any]) -> Iterator[Any]:
    for value in found:
        yield value
        if isinstance(value, list):
            yield from value


def _equals(found: list[Any], wanted: Any) -> bool:
    if len(found) == 1 and type(found[0]) is str and type(wanted) is str:
        return bool(found[0] == wanted)
    if wanted is None and not found:
        return True
    return any(equal(value, wanted) for value in _spread(found))


def _compare(test: Callable[[Any, Any], bool]) -> Callable[[list[Any], Any], bool]:
    def check(found: list[Any], bound: Any) -> bool:
        place, key = rank(bound), order(bound)
        return any(rank(value) == place and test(order(value), key) for value in _spread(found))

    return check


def _among(found: list[Any], bound: Any) -> bool:
    return any(_equals(found, wanted) for wanted in bound)


def _elements(found: list[Any], bound: Any) -> bool:
    lists = [value for value in found if isinstance(value, list)]
    if is_operators(bound):
        return any(fits([item], bound) for value in lists for item in value)
    return any(isinstance(i, dict) and matches(i, bound) for value in lists for i in value)


_OPERATORS: dict[str, Callable[[list[Any], Any], bool]] = {
    "$eq": _equals,
    "$ne": lambda found, bound: not _equals(found, bound),
    "$gt": _compare(lambda value, bound: bool(value > bound)),
    "$gte": _compare(lambda value, bound: bool(value >= bound)),
    "$lt": _compare(lambda value, bound: bool(value < bound)),
    "$lte": _compare(lambda value, bound: bool(value <= bound)),
    "$in": _among,
    "$nin": lambda found, bound: not _among(found, bound),
    "$exists": lambda found, bound: bool(found) == bool(bound),
    "$not": lambda found, bound: not fits(found, bound),
    "$elemMatch": _elements,
}


def ordered(documents: list[dict[str, Any]], sort: Any) -> list[dict[str, Any]]:
    """Return the documents sorted by ``"field"`` or ``[("field", 1), ...]``; missing is null."""
    if not sort:
        return documents
    keys = [(sort, 1)] if isinstance(sort, str) else list(sort)
    for name, direction in reversed(keys):
        documents = sorted(documents, key=_order_by(name.split(".")), reverse=direction < 0)
    return documents


def _order_by(path: list[str]) -> Callable[[dict[str, Any]], Any]:
    return lambda document: order(next(at(document, path), None))


def projected(document: dict[str, Any], projection: Any) -> dict[str, Any]:
    """Return a copy of the document, or of the part of it that the projection asks for."""
    if not projection:
        return dict(copied(document))
    fields = dict(projection) if isinstance(projection, Mapping) else dict.fromkeys(projection, 1)
    with_id = bool(fields.pop("_id", True))
    if any(fields.values()):
        kept = _included(document, [name.split(".") for name in fields])
    else:
        kept = _excluded(document, [name.split(".") for name in fields]) if fields else document
        kept = copied(kept)
        kept.pop("_id", None)
        if not fields and not with_id:
            return dict(kept)
    identity = {"_id": copied(document["_id"])} if with_id and "_id" in document else {}
    return identity | dict(kept)


def _included(value: Any, paths: list[list[str]]) -> Any:
    if isinstance(value, list):
        return [_included(item, paths) for item in value if isinstance(item, dict)]
    kept = {}
    for name, item in value.items():
        below = [path[1:] for path in paths if path[0] == name]
        if any(not path for path in below):
            kept[name] = copied(item)
        elif below and isinstance(item, dict | list):
            kept[name] = _included(item, below)
    return kept


def _excluded(value: Any, paths: list[list[str]]) -> Any:
    if isinstance(value, list):
        return [_excluded(item, paths) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {}
    for name, item in value.items():
        below = [path[1:] for path in paths if path[0] == name]
        if not any(not path for path in below):
            kept[name] = _excluded(item, below) if below else item
    return kept
