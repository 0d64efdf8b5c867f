"""`paceline metrics`: define sources and metrics by files, and try a metric before it counts."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qsl

import typer
from rich.table import Table

from paceline.connection import ApiError, Connection, JsonFile, Key, Url, connect
from paceline.definition_file import METRICS, SOURCES, BadFile, Entry, read_definitions
from paceline.show import cell, console, fail, text
from paceline.words import either
from service_kit import strict_json
from service_kit.errors import UserError

app = typer.Typer(help="What is measured: sources and metrics.", no_args_is_help=True)
sources = typer.Typer(help="Where events come from.", no_args_is_help=True)

Files = Annotated[list[Path], typer.Argument(help="YAML or JSON with lists sources and metrics.")]
Reason = Annotated[str, typer.Option(help="Why, for the audit trail.")]
TRY = "/v1/metrics/try"


@app.command("apply")
@sources.command("apply")
def apply(
    files: Files, reason: Reason = "", url: Url = None, key: Key = None, json: JsonFile = None
) -> None:
    """Write the files' sources and metrics: new ones, and further versions of changed ones."""
    try:
        entries = [entry for file in files for entry in read_definitions(file)]
    except BadFile as error:
        fail(str(error))
    door = connect("metrics-ingest", url, key, json)
    shown = Table(either("kind", "类别"), either("name", "名称"), "version", either("now", "结果"))
    for entry in sorted(entries, key=lambda each: each.kind != SOURCES):
        try:
            version, fate = write(door, entry, reason)
        except ApiError as error:
            console.print(shown)
            fail(f"{entry.place(error.where)}: {error.message}")
        shown.add_row(entry.kind.removesuffix("s"), cell(entry.name), str(version), fate)
    console.print(shown)


def write(door: Connection, entry: Entry, reason: str) -> tuple[int, str]:
    """Write one definition; return its version and whether it is new, changed or unchanged."""
    path = f"/v1/{entry.kind}"
    body = entry.fields | {"reason": reason}
    try:
        before = door.get(f"{path}/{entry.name}")
    except ApiError as error:
        if error.status != 404:
            raise
        return door.post(path, body)["version"], either("created", "已创建")
    after = door.put(f"{path}/{entry.name}", body)
    same = after["version"] == before["version"]
    fate = either("unchanged", "未变") if same else either("changed", "已更改")
    return after["version"], fate


@app.command("list")
def listed(url: Url = None, key: Key = None, json: JsonFile = None) -> None:
    """List the metrics: how each is made, of which source, at which version."""
    door = connect("metrics-ingest", url, key, json)
    heads = ("name", "kind", "source", "unit", "dims", "version")
    shown = Table(*heads)
    try:
        for metric in door.items("/v1/metrics"):
            cells = [metric | {"dims": ", ".join(metric["dims"])}]
            shown.add_row(*(cell(cells[0][head]) for head in heads))
    except ApiError as error:
        fail(str(error))
    console.print(shown)


@app.command("try")
def try_metrics(
    file: Annotated[Path, typer.Argument(help="YAML or JSON with the metric, perhaps its source.")],
    events: Annotated[
        Path, typer.Option(help="Samples as the door gets them: one, a JSON list, one a line.")
    ],
    metric: Annotated[str | None, typer.Option(help="Only this one of the file's metrics.")] = None,
    door: Annotated[str, typer.Option(help="The door that they come through.")] = "http",
    query: Annotated[
        str, typer.Option(help="Of a hook: what follows the ? of its address, a=1&b=2.")
    ] = "",
    url: Url = None,
    key: Key = None,
    json: JsonFile = None,
) -> None:
    """Say what each sample would add to each metric of the file, or why not; write nothing."""
    try:
        entries = read_definitions(file)
        samples = read_samples(events)
    except BadFile as error:
        fail(str(error))
    wanted = [e for e in entries if e.kind == METRICS and metric in (None, e.name)]
    if not wanted:
        fail(either(f"{file} has no such metric", f"{file} 中没有此指标"))
    service = connect("metrics-ingest", url, key, json)
    declared = {entry.name: entry for entry in entries if entry.kind == SOURCES}
    for entry in wanted:
        source = declared.get(str(entry.fields.get("source")))
        body = {
            "metric": entry.fields,
            "source": None if source is None else source.fields,
            "door": door,
            "events": samples,
            "query": dict(parse_qsl(query, keep_blank_values=True)),
        }
        try:
            answer = service.post(TRY, body)
        except ApiError as error:
            fail(_explained(error, entry, source))
        _show(answer)


def _explained(error: ApiError, metric: Entry, source: Entry | None) -> str:
    """Return the error with the line that it is about, in the metric or in its source."""
    for prefix, entry in (("$.metric", metric), ("$.source", source)):
        if entry is not None and error.where.startswith(f"{prefix}."):
            return f"{entry.place('$' + error.where.removeprefix(prefix))}: {error.message}"
    about = source if source is not None and error.where.startswith("$.doors") else metric
    return f"{about.place(error.where)}: {error.message}"


def read_samples(file: Path) -> list[Any]:
    """Return the events of a JSON list, of one JSON object, or of one a line; raises BadFile."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise BadFile(f"{file}: {error.strerror}") from None
    try:
        whole = strict_json.loads(content)
        return whole if isinstance(whole, list) else [whole]
    except UserError as error:
        if error.code != "json-trailing":
            raise BadFile(f"{file}: {error.where}: {either(error.en, error.zh)}") from None
    return list(_lines(file, content))


def _lines(file: Path, content: bytes) -> Iterable[Any]:
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield strict_json.loads(line)
        except UserError as error:
            raise BadFile(f"{file}:{number}: {either(error.en, error.zh)}") from None


def _show(answer: dict[str, Any]) -> None:
    shown = Table(
        "#",
        "id",
        either("type", "类型"),
        either("time", "时间"),
        either("adds", "计入"),
        either("why not", "未计入原因"),
        title=cell(f"{answer['metric']} ({answer['kind']})"),
    )
    for number, event in enumerate(answer["events"]):
        read = event["read"] or {}
        why = "; ".join(f"{each['where']}: {each['message']}" for each in event["why"])
        row = (number, event["id"], read.get("type"), read.get("at"), _adds(event["adds"]), why)
        shown.add_row(*map(cell, row))
    console.print(shown)
    console.print(either("together: ", "合计：") + _figures(answer["total"]), markup=False)
    if answer["needs_history"]:
        console.print(
            either(
                "of each subject's history only these samples are known here",
                "此处仅按这些样例计算每个主体的历史",
            )
        )


def _adds(adds: dict[str, Any] | None) -> str:
    if adds is None:
        return "-"
    if adds["item"] is not None:
        return text(adds["item"])
    return _over([adds["sum"], adds["over"]])


def _figures(total: dict[str, Any]) -> str:
    events = either(f"{total['count']} events", f"{total['count']} 个事件")
    if total["estimate"] is not None:
        return f"{total['estimate']} ({events})"
    return f"{_over([total['sum'], total['over']])} ({events})"


def _over(parts: Sequence[Any]) -> str:
    above, below = map(text, parts)
    return above if below == "0" else f"{above} / {below}"
