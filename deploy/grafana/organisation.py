"""The organisation's board: goals, their lights, and what happened."""

from panels import Board, Look, Panel, Text

GOALS = "level_light_colour:paceline_alerting_goals:sum"
MINE = '{tenant=~"$tenant"}'
LABEL = "{{tenant}} / {{goal}}"

ORGANISATION = Board(
    name="organisation",
    title=Text("Paceline: organisation", "Paceline：组织"),
    tells=Text(
        "Goals as they were known when they were judged; a corrected history is in the console. "
        "Goals of single persons and goals that not everybody may see are only counted.",
        "显示判定当时已知的目标状态；更正后的历史请见控制台。个人目标及非全员可见的目标只计数、不具名。",
    ),
    tenants=True,
    rows=(
        (
            Text("Now", "现在"),
            (
                Panel(
                    Text("Running goals", "进行中的目标"),
                    Text("All levels, persons' own included.", "包括所有层级与个人目标。"),
                    Look.NUMBER,
                    ((f'sum({GOALS}{{light="run"}})', "goals"),),
                    width=6,
                ),
                Panel(
                    Text("Red to date", "累计红灯"),
                    Text(
                        "Goals whose total so far is below the lower bound of the plan so far.",
                        "累计实际低于累计计划下限的目标数。",
                    ),
                    Look.NUMBER,
                    ((f'sum({GOALS}{{light="to-date",colour="red"}}) or vector(0)', "red"),),
                    width=6,
                ),
                Panel(
                    Text("Red runs", "连续红灯"),
                    Text(
                        "Goals whose latest spans in a row were low.",
                        "最近连续若干周期偏低的目标数。",
                    ),
                    Look.NUMBER,
                    ((f'sum({GOALS}{{light="run",colour="red"}}) or vector(0)', "red"),),
                    width=6,
                ),
                Panel(
                    Text("Behind in seconds", "滞后秒数"),
                    Text(
                        "How old the newest moment is up to which all events are counted, on the "
                        "organisation's clock.",
                        "全部事件均已计入的最新时刻距今多久（按组织时钟）。",
                    ),
                    Look.NUMBER,
                    (
                        (
                            "max(service_partition:paceline_watermark_lag_seconds:max"
                            '{service="alerting"})',
                            "lag",
                        ),
                    ),
                    "s",
                    6,
                ),
            ),
        ),
        (
            Text("Goals", "目标"),
            (
                Panel(
                    Text("Headline: the to-date light", "总览：累计灯"),
                    Text(
                        "Everything from the period's start against the plan so far, at the last "
                        "judged span.",
                        "自周期开始的累计实际与累计计划之比，截至最近一次判定。",
                    ),
                    Look.LIGHTS,
                    (
                        (
                            "max by (tenant, goal) (paceline_alerting_goal_light"
                            '{tenant=~"$tenant",light="to-date"})',
                            LABEL,
                        ),
                    ),
                    width=12,
                ),
                Panel(
                    Text("The run light", "连续灯"),
                    Text(
                        "The last judged span and the low ones before it.",
                        "最近判定的周期及此前连续偏低的周期。",
                    ),
                    Look.LIGHTS,
                    (
                        (
                            "max by (tenant, goal) (paceline_alerting_goal_light"
                            '{tenant=~"$tenant",light="run"})',
                            LABEL,
                        ),
                    ),
                    width=12,
                ),
                Panel(
                    Text("Completion to date", "累计完成率"),
                    Text(
                        "Actual to date by plan to date; 100 % is on plan.",
                        "累计实际 ÷ 累计计划；100 % 即按计划进行。",
                    ),
                    Look.BARS,
                    (
                        (
                            f"max by (tenant, goal) (paceline_alerting_goal_completion{MINE})",
                            LABEL,
                        ),
                    ),
                    "percentunit",
                    12,
                ),
                Panel(
                    Text("Attainment of the target", "目标达成率"),
                    Text(
                        "Actual to date by the whole period's target, of goals that add up.",
                        "累计实际 ÷ 整个周期的目标值（仅限可累加目标）。",
                    ),
                    Look.BARS,
                    (
                        (
                            f"max by (tenant, goal) (paceline_alerting_goal_attainment{MINE})",
                            LABEL,
                        ),
                    ),
                    "percentunit",
                    12,
                ),
            ),
        ),
        (
            Text("How it goes", "走势"),
            (
                Panel(
                    Text("Goals by to-date light", "按累计灯计目标数"),
                    Text("All levels together.", "所有层级合计。"),
                    Look.LINES,
                    ((f'sum by (colour) ({GOALS}{{light="to-date"}})', "{{colour}}"),),
                ),
                Panel(
                    Text("Goals by run light", "按连续灯计目标数"),
                    Text("All levels together.", "所有层级合计。"),
                    Look.LINES,
                    ((f'sum by (colour) ({GOALS}{{light="run"}})', "{{colour}}"),),
                ),
                Panel(
                    Text("Goals by level", "按层级计目标数"),
                    Text(
                        "Persons' own goals are only ever counted.",
                        "个人目标只计数，不逐一显示。",
                    ),
                    Look.LINES,
                    ((f'sum by (level) ({GOALS}{{light="run"}})', "{{level}}"),),
                ),
            ),
        ),
        (
            Text("What happened", "发生了什么"),
            (
                Panel(
                    Text("Goal events in an hour", "每小时目标事件"),
                    Text("By kind, each once.", "按类型统计，每个事件只计一次。"),
                    Look.LINES,
                    (("sum by (kind) (increase(paceline_alerting_deeds_total[1h]))", "{{kind}}"),),
                ),
                Panel(
                    Text("Restatements in an hour", "每小时重述"),
                    Text(
                        "Judged spans whose number or colour was corrected by what came late.",
                        "因迟到数据而更正数值或颜色的已判定周期。",
                    ),
                    Look.LINES,
                    (
                        (
                            "sum(increase(paceline_alerting_deeds_total"
                            '{kind="goal.restated"}[1h]))',
                            "restated",
                        ),
                    ),
                ),
                Panel(
                    Text("Praise in an hour", "每小时表扬"),
                    Text(
                        "Posted, kept without consent, or waiting for the directory.",
                        "已发布、因本人未同意而保留，或等待人员目录。",
                    ),
                    Look.LINES,
                    (
                        (
                            "sum by (state) (increase(paceline_incentives_awards_total[1h]))",
                            "{{state}}",
                        ),
                    ),
                ),
                Panel(
                    Text("Goals without gauges", "未单独显示的目标"),
                    Text(
                        "More goals than PACELINE_BOARD_GOALS: these are counted and not named.",
                        "超出 PACELINE_BOARD_GOALS 上限：只计数，不具名。",
                    ),
                    Look.NUMBER,
                    (("sum(paceline_alerting_goals_left_out)", "left out"),),
                ),
            ),
        ),
    ),
)
