"""Every metric that goal-service adds, with the operator's sentence."""

from service_kit.metrics import counter, gauge

CELLS = counter("goal_cells", "Cells of facts added to the fact store, each once.")
COMMANDS = counter(
    "goal_commands", "Commands carried out, facts and goal changes alike.", ["command"]
)
REPEATED = counter(
    "goal_repeated_rows", "Rows of a lane that came again and were dropped; normal after a kill."
)
MISSING = gauge(
    "goal_missing_rows",
    "Rows of lanes that later rows overtook; above 0 for minutes, watermarks are held: look at "
    "the relay.",
    ["partition"],
)
WATERMARK = gauge(
    "goal_watermark_seconds",
    "Everything accepted before this time is in the goals of the facts partition, epoch seconds.",
    ["partition"],
)
USES = gauge("goal_uses", "Goals that are found by a metric of the facts partition.", ["partition"])
COMPACTED = counter("goal_compacted_documents", "Loose fact documents folded into blocks.")
FOLLOWED = counter(
    "goal_followed_later",
    "Goals moved to a changed policy or leave by the timer and not by the request; a process was "
    "killed.",
)
WARNINGS = counter(
    "goal_warnings",
    "Warnings in answers about goals, by code. `calendar-year-unknown`: a country's make-up days "
    "are not known for the year; name them in the organisation's calendar of that country.",
    ["code"],
)
WARNINGS.labels("calendar-year-unknown")
