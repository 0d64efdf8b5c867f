"""A connector: a source and its metrics written down for a vendor, to be made one's own."""

from typing import Any

import msgspec

from metrics_ingest.domain.definitions import TOPIC_DOOR, Metric, Source
from metrics_ingest.domain.money.currencies import is_currency, named_by
from service_kit.errors import UserError


class Connector(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file. ``at_vendor`` is what to set there; ``zone`` and ``currency`` say where theirs are
    found. It has one source; the lists are those of ``paceline metrics apply``.
    """

    about: str
    at_vendor: tuple[str, ...]
    zone: str
    currency: str
    sources: tuple[Source, ...]
    metrics: tuple[Metric, ...]
    name: str = ""

    @property
    def source(self) -> Source:
        """The source that it makes."""
        return self.sources[0]


class Wanted(msgspec.Struct, frozen=True):
    """What is to be one's own: each left out is as in the file.

    ``currency`` takes the place of the file's currency codes, also of that which holds where an
    event names none; ``topic`` that of its topic.
    ``prefix`` begins the metrics' names: two accounts of a vendor are two sources. ``overrides`` is
    a merge patch (RFC 7396) on ``{"source": ..., "metrics": {NAME: ...}}``, by the file's names.
    """

    source: str | None = None
    zone: str | None = None
    currency: str | None = None
    topic: str | None = None
    prefix: str = ""
    overrides: dict[str, Any] = {}


def made(connector: Connector, wanted: Wanted) -> tuple[Source, tuple[Metric, ...]]:
    """Return the source and the metrics; raises UserError. They are still to be checked."""
    document = msgspec.to_builtins(
        {"source": connector.source, "metrics": {m.name: m for m in connector.metrics}}
    )
    _take_over(document, wanted)
    document = merged(document, wanted.overrides)
    source = document.get("source")
    name = source.get("name") if isinstance(source, dict) else None
    metrics = document.get("metrics", {})
    for metric in metrics.values() if isinstance(metrics, dict) else ():
        if isinstance(metric, dict):
            metric |= {"source": name, "name": wanted.prefix + str(metric.get("name", ""))}
    try:
        declared = msgspec.convert(source, Source)
        found = msgspec.convert(metrics, dict[str, Metric])
    except msgspec.ValidationError as error:
        raise UserError(
            "invalid-value",
            "$.overrides",
            f"with these the document is none: {error}",
            f"应用这些覆盖后文档无效：{error}",
        ) from None
    return declared, tuple(found.values())


def _take_over(document: dict[str, Any], wanted: Wanted) -> None:
    source = document["source"]
    if wanted.source is not None:
        source["name"] = wanted.source
    if wanted.zone is not None:
        source["zone"] = wanted.zone
    if wanted.topic is not None:
        source["doors"] = _with_topic(source["doors"], wanted.topic)
    if wanted.currency is not None:
        for door in source["doors"].values():
            _pay_in(wanted.currency, door["fields"])
        for metric in document["metrics"].values():
            metric["currency"] = metric["currency"] and wanted.currency


def _pay_in(currency: str, fields: dict[str, Any]) -> None:
    """Put a currency in the place of those that fields are in, also where an event names none."""
    for field in [field for field in fields.values() if field["currency"] is not None]:
        code, named = named_by(field["currency"])
        if code is not None:
            field["currency"] = currency if named is None else f"{named} or {currency}"
        if named in fields:
            holder = fields[named]
            holder["paths"] = [
                f"={currency}" if path[:1] == "=" and is_currency(path[1:]) else path
                for path in holder["paths"]
            ]


def _with_topic(doors: dict[str, Any], topic: str) -> dict[str, Any]:
    if not any(door.startswith(TOPIC_DOOR) for door in doors):
        raise UserError(
            "invalid-value",
            "$.topic",
            "this connector reads no topic; leave it out",
            "此连接器不读取主题；请去掉该项",
        )
    return {TOPIC_DOOR + topic if d.startswith(TOPIC_DOOR) else d: m for d, m in doors.items()}


def merged(value: Any, patch: Any) -> Any:
    """Return a JSON value with a merge patch applied: null takes away (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    kept = dict(value) if isinstance(value, dict) else {}
    for name, part in patch.items():
        if part is None:
            kept.pop(name, None)
        else:
            kept[name] = merged(kept.get(name), part)
    return kept
