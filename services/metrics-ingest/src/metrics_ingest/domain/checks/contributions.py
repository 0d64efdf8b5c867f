"""Whether a source's contributions can be told apart and told whole, and stay what they were."""

from collections.abc import Iterable
from typing import NoReturn

from metrics_ingest.domain.causes import Unfit
from metrics_ingest.domain.conditions import predicate_of
from metrics_ingest.domain.definitions import (
    ALL_TYPES,
    Contribution,
    ContributionKind,
    Kind,
    Metric,
    MetricKind,
    Source,
)
from metrics_ingest.domain.plans import kinds_of
from metrics_ingest.domain.subjects.contributions import DAY, METRIC_ROLES, name_of
from service_kit.errors import UserError

GRAINS = ("minute", DAY)
MOST_DAYS = 366
_NAMING = (Kind.STRING, Kind.INTEGER, Kind.TIME)
_ORDERED = (Kind.INTEGER, Kind.TIME)
# Which kinds have a field, besides `types` and `grain`.
_OWN = {
    "key": (ContributionKind.SNAPSHOT, ContributionKind.SLICE, ContributionKind.ENTITY),
    "as_of": (ContributionKind.SNAPSHOT, ContributionKind.SLICE, ContributionKind.ENTITY),
    "cell": (ContributionKind.SLICE,),
    "part": (ContributionKind.SLICE,),
    "parts": (ContributionKind.SLICE,),
    "partial": (ContributionKind.ENTITY,),
    "nulled": (ContributionKind.ENTITY,),
    "gone": (ContributionKind.ENTITY,),
    "at": (ContributionKind.ENTITY,),
}


def check_contributions(source: Source, kinds: dict[str, Kind]) -> None:
    """Raise UserError unless every event of the source contributes in one way, and completely."""
    if not 0 <= source.restates_days <= MOST_DAYS:
        _refuse("$.restates_days", f"0 to {MOST_DAYS} days", f"必须为 0 到 {MOST_DAYS} 天")
    seen: set[str] = set()
    for index, each in enumerate(source.contributions):
        where = f"$.contributions[{index}]"
        for kind in each.types or ("*",):
            if kind in seen:
                _refuse(
                    f"{where}.types",
                    f"{kind} stands in two contributions; an event contributes in one way",
                    f"{kind} 出现在两个 contribution 中；每类事件只能有一种贡献方式",
                )
            seen.add(kind)
        _check_one(each, where, kinds)
        if source.topics:
            _check_order(each, where)


def _check_order(each: Contribution, where: str) -> None:
    """What a topic holds comes in slices, all of whose records arrive in one instant."""
    if each.kind is not ContributionKind.DELTA and each.as_of is None:
        _refuse(
            f"{where}.as_of",
            f"by a topic versions of a {each.kind} arrive at once, and only as_of tells which is "
            "newer: name the field",
            f"经主题到达的 {each.kind} 各版本同时到达，只有 as_of 能说明孰新孰旧：请指定字段",
        )


def _check_one(each: Contribution, where: str, kinds: dict[str, Kind]) -> None:
    for name, owners in _OWN.items():
        if getattr(each, name) and each.kind not in owners:
            _refuse(
                f"{where}.{name}",
                f"a {each.kind} has no {name}; leave it out",
                f"{each.kind} 没有 {name}；请省略",
            )
    if each.grain not in GRAINS or (each.grain == DAY and each.kind is ContributionKind.DELTA):
        _refuse(
            f"{where}.grain",
            "minute, or day for a snapshot, a slice or an entity",
            "必须是 minute；snapshot、slice、entity 也可以是 day",
        )
    if each.kind is ContributionKind.DELTA:
        return
    if not each.key:
        _refuse(
            f"{where}.key",
            "name the fields that name the cell, the slice or the entity",
            "请给出标识单元格、切片或实体的字段",
        )
    _check_fields(each.key, f"{where}.key", kinds, _NAMING)
    _check_fields(each.cell, f"{where}.cell", kinds, _NAMING)
    for name, allowed in (
        ("as_of", _ORDERED),
        ("part", _NAMING),
        ("parts", (Kind.INTEGER,)),
        ("nulled", (Kind.STRING,)),
        ("at", _ORDERED),
    ):
        field = getattr(each, name)
        _check_fields(() if field is None else (field,), f"{where}.{name}", kinds, allowed)
    if each.kind is ContributionKind.SLICE:
        _check_slice(each, where)
    _check_gone(each, where, kinds)


def _check_slice(each: Contribution, where: str) -> None:
    if not each.cell or each.as_of is None:
        _refuse(
            f"{where}.cell" if not each.cell else f"{where}.as_of",
            "a slice needs cell, the fields that name its rows, and as_of, which is the same in "
            "all of them",
            "slice 需要 cell（标识各行的字段）和 as_of（同一切片各行相同）",
        )
    if (each.part is None) != (each.parts is None):
        _refuse(
            f"{where}.parts",
            "part and parts go together: which of how many",
            "part 与 parts 必须同时给出：第几部分、共几部分",
        )


def _check_gone(each: Contribution, where: str, kinds: dict[str, Kind]) -> None:
    for index, condition in enumerate(each.gone):
        place = f"{where}.gone[{index}]"
        _check_fields((condition.field,), f"{place}.field", kinds, tuple(Kind))
        try:
            predicate_of(condition, kinds[condition.field])
        except (Unfit, TypeError):
            kind = kinds[condition.field]
            _refuse(f"{place}.value", f"a value of kind {kind} is needed", f"需要 {kind} 类型的值")


def _check_fields(
    names: Iterable[str], where: str, kinds: dict[str, Kind], allowed: tuple[Kind, ...]
) -> None:
    for name in names:
        if name not in kinds:
            known = ", ".join(sorted(kinds)) or "-"
            _refuse(
                where,
                f"there is no field {name}; there are: {known}",
                f"没有字段 {name}；已有字段：{known}",
            )
        if kinds[name] not in allowed:
            wanted = ", ".join(allowed)
            _refuse(
                where,
                f"{name} is a {kinds[name]}; it has to be one of: {wanted}",
                f"{name} 是 {kinds[name]}；必须是以下之一：{wanted}",
            )


def check_contributions_kept(before: Source, after: Source) -> None:
    """Raise UserError when a new version names the old one's subjects or versions otherwise.

    What was booked under the old names could never be taken back; a version told by arrival and
    one told by a number cannot be compared; changes of what was told whole have nothing to change.
    """
    now = {name_of(each): _naming(each, after) for each in after.contributions}
    for each in before.contributions:
        if each.kind is ContributionKind.DELTA or now.get(name_of(each)) == _naming(each, before):
            continue
        name = name_of(each)
        _refuse(
            "$.contributions",
            f"the {each.kind} of {name} keeps its kind, its first type, key, cell, as_of and "
            "partial, and their fields their kinds: what is booked under them could not be "
            "compared or taken back. Make another source",
            f"{name} 的 {each.kind} 必须保持类型、首个事件类型、key、cell、as_of 与 partial 以及"
            "相应字段的类型不变，否则已入账的数据无法比较或冲销；请另建数据源",
        )


def check_deltas_kept(before: Source, after: Source, metrics: Iterable[Metric]) -> None:
    """Raise UserError when what a metric has added as it came would be states, or the reverse.

    Nobody knows which record a delta told of: the next state of it would count once more, and so
    would what tells of a record that is booked as a state.
    """
    for metric in metrics:
        for name in sorted(_looked_at(metric, (*before.contributions, *after.contributions))):
            was, now = _kind_of(name, before), _kind_of(name, after)
            if (was is ContributionKind.DELTA) is (now is ContributionKind.DELTA):
                continue
            what, zh = (
                ("all events", "全部") if name == ALL_TYPES else (f"events {name}", f"{name} ")
            )
            _refuse(
                "$.contributions",
                f"{what} count for the metric {metric.name} as {was}; as {now} what is booked "
                "would count once more. Leave them what they are, or make another source",
                f"{zh}事件此前以 {was} 方式计入指标 {metric.name}，改为 {now} 后会重复计数；"
                "请保持不变，或另建数据源",
            )


def _looked_at(metric: Metric, contributions: Iterable[Contribution]) -> set[str]:
    """Return the types that a metric looks at; of one that names none, those of contributions.

    ``*`` stands for such as no contribution names.
    """
    measures = [metric.types] + ([metric.over.types] if metric.over is not None else [])
    every = {ALL_TYPES}.union(*(each.types for each in contributions))
    return {name for types in measures for name in types or every}


def _kind_of(name: str, source: Source) -> ContributionKind:
    """Return what events of a type say; ``*``: of a type that no contribution names."""
    rest = ContributionKind.DELTA
    for each in source.contributions:
        if name in each.types:
            return each.kind
        if not each.types:
            rest = each.kind
    return rest


def _naming(each: Contribution, source: Source) -> tuple[object, ...]:
    """Return by what subjects are named, and their versions told apart."""
    kinds = kinds_of(source)
    fields = (*each.key, *each.cell, each.as_of or "")
    own = each.kind, each.key, each.cell, each.as_of, each.partial
    return *own, *(kinds.get(name) for name in fields)


def check_subject_metric(metric: Metric, source: Source) -> None:
    """Raise UserError when a unit or a conversion would count the states of something as events.

    A conversion may look at records: it follows what each of them is.
    """
    if metric.kind not in METRIC_ROLES:
        return
    over = metric.over.types if metric.over is not None else ()
    for types in {metric.types, over} if metric.over is not None else {metric.types}:
        for each in source.contributions:
            if each.kind is ContributionKind.DELTA or not _looks_at(types, each, source):
                continue
            if metric.kind is MetricKind.CONVERSION and each.kind is ContributionKind.ENTITY:
                _check_finds_its_subject(metric, each)
                continue
            _refuse(
                "$.types",
                f"a {metric.kind} counts events, and those of {name_of(each)} come as "
                f"{each.kind}: the same is told again and again. Name types that are deltas",
                f"{metric.kind} 按事件计数，而 {name_of(each)} 是 {each.kind}，会重复上报；"
                "请指定 delta 类型的事件",
            )
    if metric.kind is MetricKind.CONVERSION:
        _check_told_by_fields(metric, source)


def _looks_at(types: Iterable[str], each: Contribution, source: Source) -> bool:
    """Whether a measure of these types (none: all) looks at events of a contribution."""
    named, own = {kind for c in source.contributions for kind in c.types}, set(each.types)
    wanted = set(types)
    return bool(not wanted or wanted & own or (not own and wanted - named))


def _check_finds_its_subject(metric: Metric, each: Contribution) -> None:
    """What changes of a record leave out cannot say whose it is."""
    if each.partial and metric.of not in each.key:
        _refuse(
            "$.of",
            f"the events of {name_of(each)} carry changes only, and need not say {metric.of}: "
            f"nothing would be taken back. Use a field of its key ({', '.join(each.key)})",
            f"{name_of(each)} 的事件只含变更字段，不一定含 {metric.of}，无法撤回；"
            f"请使用其 key 中的字段（{', '.join(each.key)}）",
        )


def _check_told_by_fields(metric: Metric, source: Source) -> None:
    """A record of which several types tell has all of them: they do not say what it is."""
    measures = [("$", metric.types, metric.where)]
    if metric.over is not None:
        measures.append(("$.over", metric.over.types, metric.over.where))
    for where, types, conditions in measures:
        for each in source.contributions:
            own = set(each.types)
            several = each.kind is ContributionKind.ENTITY and (each.partial or len(own) > 1)
            if not several or not types or conditions or not _looks_at(types, each, source):
                continue
            if not own or own - set(types):
                _refuse(
                    f"{where}.types",
                    f"a record of {name_of(each)} has all of its types, whichever event told of "
                    "it last: say by a condition in where which of its states counts, or name all "
                    "of its types",
                    f"{name_of(each)} 的记录同时具有其全部类型，与最后一个事件的类型无关；"
                    "请在 where 中用条件说明哪种状态计数，或列出其全部类型",
                )


def _refuse(where: str, en: str, zh: str) -> NoReturn:
    raise UserError("invalid-value", where, en, zh)
