"""Every metric that alerting adds, with the operator's sentence."""

from service_kit.metrics import counter, gauge

JUDGED = counter("alerting_judged_spans", "Spans judged, first judgements and corrections alike.")
DEEDS = counter("alerting_deeds", "Goal events sent, each once.", ["kind"])
WAITING = gauge(
    "alerting_waiting_goals",
    "Goals whose span has closed but whose facts are not complete; above 0 for minutes, the "
    "pipeline lags: see `paceline doctor`.",
)
WATERMARK = gauge(
    "alerting_watermark_seconds",
    "Everything accepted before this time has reached the partition, epoch seconds.",
    ["partition"],
)
