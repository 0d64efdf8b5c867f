"""Sources and metrics are declared: checked, versioned, noted, announced."""

from typing import NoReturn

import msgspec

from metrics_ingest.domain.announcing import announcement
from metrics_ingest.domain.checks.contributions import (
    check_contributions_kept,
    check_deltas_kept,
)
from metrics_ingest.domain.checks.definitions import (
    check_dims_kept,
    check_metric,
    check_source,
    check_without_registry,
)
from metrics_ingest.domain.checks.money import check_currency_kept
from metrics_ingest.domain.commands import DefineMetric, DefineSource, ResumeSource
from metrics_ingest.domain.definitions import Metric, Source
from metrics_ingest.domain.money.exchange import effect_of
from metrics_ingest.domain.topics_of import ANY_TOPIC, TopicsOf
from metrics_ingest.ports.definitions import Announcements, DefinitionStore
from service_kit.errors import UserError

MOST_METRICS = 1_000
"""Of a source: each of its events is held against those of its type."""


async def define_source(
    command: DefineSource,
    store: DefinitionStore,
    announcements: Announcements,
    prefix: str,
    registry: bool,
    topics: TopicsOf = ANY_TOPIC,
) -> Source:
    """Write a source and return it with its version; the same content again changes nothing.

    ``prefix`` begins our own topics, ``registry`` tells whether there is one of schemas, ``topics``
    which ones a tenant may name. The source's metrics are announced anew where others know
    something of it that changes. A new version of a paused source runs again. Raises UserError.
    """
    tenant, source = command.tenant, command.source
    before = await store.source(tenant, source.name)
    _check_presence(before is not None, command.exists, "source", source.name)
    metrics = await store.metrics_of(tenant, source.name)
    check_source(source, metrics, prefix)
    topics.check(tenant, source)
    if not registry:
        check_without_registry(source)
    if before is not None:
        check_contributions_kept(before, source)
        check_deltas_kept(before, source, metrics)
    version = before.version if before else 0
    if before is not None and msgspec.structs.replace(source, version=version) == before:
        return before
    taken = await store.claim_topics(tenant, source.name, source.topics)
    if taken is not None:
        _refuse_topic(taken)
    written = msgspec.structs.replace(source, version=version + 1, paused=None)
    await store.write_source(tenant, written)
    detail = {"version": written.version, "reason": command.reason}
    await store.note(tenant, command.actor, "source.defined", source.name, detail)
    if before is not None:
        await _tell_metrics(command, before, store, announcements)
    return written


async def resume_source(command: ResumeSource, store: DefinitionStore) -> Source:
    """Let a paused source run again; one that runs is left as it is. Raises UserError."""
    before = await store.source(command.tenant, command.name)
    if before is None:
        _refuse_missing("source", command.name)
    if before.paused is None:
        return before
    written = msgspec.structs.replace(before, version=before.version + 1, paused=None)
    await store.write_source(command.tenant, written)
    detail = {"version": written.version}
    await store.note(command.tenant, command.actor, "source.resumed", command.name, detail)
    return written


async def define_metric(
    command: DefineMetric, store: DefinitionStore, announcements: Announcements
) -> Metric:
    """Write a metric, announce it, and return it with its version. Raises UserError.

    The same content again changes nothing. What has been folded stays as it was folded. The rate
    effect of a metric at budget rates is written and announced with it.
    """
    tenant, metric = command.tenant, command.metric
    before = await store.metric(tenant, metric.name)
    _check_presence(before is not None, command.exists, "metric", metric.name)
    source = check_metric(metric, await store.source(tenant, metric.source))
    if before is not None:
        check_dims_kept(before, metric)
        check_currency_kept(before, metric, source)
    if before is None or before.source != metric.source:
        await _check_room(tenant, metric.source, store)
    version = before.version if before else 0
    if before is not None and msgspec.structs.replace(metric, version=version) == before:
        return before
    written = msgspec.structs.replace(metric, version=version + 1)
    await store.write_metric(tenant, written)
    detail = {"version": written.version, "reason": command.reason}
    await store.note(tenant, command.actor, "metric.defined", metric.name, detail)
    announcements.publish(announcement(tenant, written, source))
    effect = effect_of(written, before)
    if effect is not None:
        await store.write_metric(tenant, effect)
        announcements.publish(announcement(tenant, effect, source))
    return written


async def _tell_metrics(
    command: DefineSource, before: Source, store: DefinitionStore, announcements: Announcements
) -> None:
    """Give each metric of which others know what has changed in its source a further version."""
    tenant, after = command.tenant, command.source
    for metric in await store.metrics_of(tenant, after.name):
        if announcement(tenant, metric, before) == announcement(tenant, metric, after):
            continue
        written = msgspec.structs.replace(metric, version=metric.version + 1)
        await store.write_metric(tenant, written)
        detail = {"version": written.version, "reason": f"source {after.name}: {command.reason}"}
        await store.note(tenant, command.actor, "metric.defined", metric.name, detail)
        announcements.publish(announcement(tenant, written, after))


async def _check_room(tenant: str, source: str, store: DefinitionStore) -> None:
    if len(await store.metrics_of(tenant, source)) >= MOST_METRICS:
        raise UserError(
            "too-many-metrics",
            "$.source",
            f"the source {source} has {MOST_METRICS:,} metrics, the most that one may have; tell "
            "them apart by dimensions, or declare a second source",
            f"数据源 {source} 已有 {MOST_METRICS:,} 个指标，达到上限；请用维度区分，或另建数据源",
        )


def _check_presence(there: bool, wanted: bool, what: str, name: str) -> None:
    if there and not wanted:
        raise UserError(
            "exists",
            "$.name",
            f"the {what} {name} exists; change it with PUT",
            f"{name} 已存在；请用 PUT 修改",
            status=409,
        )
    if wanted and not there:
        _refuse_missing(what, name)


def _refuse_missing(what: str, name: str) -> NoReturn:
    raise UserError(
        "not-found",
        "path.name",
        f"there is no {what} {name}; create it with POST",
        f"{name} 不存在；请用 POST 创建",
        status=404,
    )


def _refuse_topic(topic: str) -> NoReturn:
    raise UserError(
        "topic-taken",
        "$.doors",
        f"the topic {topic} is read for another source; a topic belongs to one",
        f"主题 {topic} 已被其他数据源读取；一个主题只能属于一个数据源",
        status=409,
    )
