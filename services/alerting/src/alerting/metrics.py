"""Every metric that alerting adds, with the operator's sentence."""

from alerting.domain.judged import Kind
from service_kit.metrics import counter, gauge

JUDGED = counter("alerting_judged_spans", "Spans judged, first judgements and corrections alike.")
DEEDS = counter("alerting_deeds", "Goal events sent, each once.", ["kind"])
for _kind in Kind:  # a counter that begins with its first event hides that event from rates
    DEEDS.labels(str(_kind))
WAITING = gauge(
    "alerting_waiting_goals",
    "Goals whose span has closed but whose facts are not complete; above 0 for minutes, the "
    "pipeline lags: see `paceline doctor`.",
)
FAILED = counter(
    "alerting_failed_judgements",
    "Judgements of single goals that ended in an error of ours, which the log has; each is tried "
    "again after a minute, and the other goals are judged.",
)
GOALS = gauge(
    "alerting_goals",
    "Running goals of the partitions held here, by level and by the colour of both their lights at "
    "the last judged span; `none` is not judged yet.",
    ["level", "light", "colour"],
)
LIGHT = gauge(
    "alerting_goal_light",
    "A goal's light at the last judged span, as known then: 0 none, 1 grey, 2 green, 3 yellow, "
    "4 red.",
    ["tenant", "goal", "level", "light"],
)
COMPLETION = gauge(
    "alerting_goal_completion",
    "What a goal has to date, as a share of what its plan wanted to date; 1 is on plan.",
    ["tenant", "goal", "level"],
)
ATTAINMENT = gauge(
    "alerting_goal_attainment",
    "What a goal that adds up has to date, as a share of the whole period's target.",
    ["tenant", "goal", "level"],
)
LEFT_OUT = gauge(
    "alerting_goals_left_out",
    "Goals that everybody may see and that have no gauges, because there are more than "
    "PACELINE_BOARD_GOALS.",
)
WATERMARK = gauge(
    "alerting_watermark_seconds",
    "Everything accepted before this time has reached the partition, epoch seconds.",
    ["partition"],
)
