"""Write the boards as Grafana reads them: ``make boards``. Each board once in each language."""

import sys
from collections.abc import Iterator
from pathlib import Path

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    timeseries,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import BarGaugeDisplayMode, VizOrientation
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
    VariableRefresh,
)

sys.path.insert(0, str(Path(__file__).parent))

from organisation import ORGANISATION
from panels import Board, Look, Panel, Text
from pipeline import PIPELINE

FOLDER = Path(__file__).parent / "dashboards"
BOARDS = (ORGANISATION, PIPELINE)
LANGUAGES = ("en", "zh")
SOURCE = DataSourceRef(type_val="prometheus", uid="paceline-prometheus")
HEIGHT = 8
COLOURS = (
    (Text("none", "无"), "transparent"),
    (Text("grey", "灰"), "#8e8e8e"),
    (Text("green", "绿"), "#37872d"),
    (Text("yellow", "黄"), "#e0b400"),
    (Text("red", "红"), "#c4162a"),
)

Builder = timeseries.Panel | stat.Panel | bargauge.Panel | statetimeline.Panel


def board(one: Board, language: str) -> str:
    """Return a board as JSON."""
    built = (
        dashboard.Dashboard(say(one.title, language))
        .uid(f"paceline-{one.name}-{language}")
        .description(say(one.tells, language))
        .tags(["paceline", language])
        .timezone("browser")
        .refresh("30s")
        .time("now-6h", "now")
        .readonly()
    )
    if one.tenants:
        built.with_variable(_tenants(language))
    for title, panels in one.rows:
        built.with_row(dashboard.Row(say(title, language)))
        for each in panels:
            built.with_panel(_panel(each, language))
    text: str = JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(built.build())
    return text + "\n"


def say(text: Text, language: str) -> str:
    """Return the text in the language."""
    return text.zh if language == "zh" else text.en


def _tenants(language: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable("tenant")
        .label(say(Text("Organisation", "组织"), language))
        .datasource(SOURCE)
        .query("label_values(paceline_alerting_goal_light, tenant)")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .include_all(True)
        .all_value(".*")
        .multi(True)
    )


def _panel(one: Panel, language: str) -> Builder:
    built = _look(one.look, language)
    built.title(say(one.title, language)).description(say(one.tells, language))
    built.datasource(SOURCE).unit(one.unit).span(one.width).height(HEIGHT)
    for number, (expression, legend) in enumerate(one.queries):
        query = prometheus.Dataquery().expr(expression).legend_format(legend)
        query.ref_id(chr(ord("A") + number))
        built.with_target(
            query.instant() if one.look in (Look.NUMBER, Look.BARS) else query.range()
        )
    return built


def _look(look: Look, language: str) -> Builder:
    match look:
        case Look.NUMBER:
            return stat.Panel().reduce_options(_last()).thresholds(_plain())
        case Look.BARS:
            return (
                bargauge.Panel()
                .reduce_options(_last())
                .orientation(VizOrientation.HORIZONTAL)
                .display_mode(BarGaugeDisplayMode.BASIC)
                .thresholds(_plain())
                .min(0)
            )
        case Look.LIGHTS:
            colours = {
                str(n): ValueMappingResult(text=say(name, language), color=colour, index=n)
                for n, (name, colour) in enumerate(COLOURS)
            }
            return statetimeline.Panel().mappings([ValueMap(colours)])
        case Look.LINES:
            return timeseries.Panel().min(0)


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"])


def _plain() -> dashboard.ThresholdsConfig:
    """Grafana's own are red from 80 on, whatever the number means."""
    steps = [Threshold(color="blue", value=None)]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def files() -> Iterator[tuple[Path, str]]:
    """Yield every file of the boards with what is to stand in it."""
    for one in BOARDS:
        for language in LANGUAGES:
            yield FOLDER / f"{one.name}.{language}.json", board(one, language)


if __name__ == "__main__":
    for path, text in files():
        path.write_text(text)
