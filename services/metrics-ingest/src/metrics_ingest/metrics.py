"""Every metric that this service exports, with the operator's sentence."""

from service_kit.metrics import counter, gauge

FOLDED = counter(
    "ingest_folded_events",
    "Events by what became of them: accepted, unmatched, duplicate, conflict, skipped or "
    "dead-letter.",
    ["outcome"],
)
BULK_FOLDED = counter(
    "ingest_bulk_events",
    "Accepted events that were folded in bulk: those that are plainly mapped and only added up or "
    "counted; all others are folded one by one.",
)
DEAD = counter(
    "ingest_dead_letters",
    "Events that cannot count, by declared source (`-`: none such) and cause; see "
    "/v1/dead-letters.",
    ["source", "cause"],
)
OTHER_SETS = counter(
    "ingest_other_dimension_events",
    "Events booked under `other`: their metric has more dimension sets a day than are kept.",
)
DOOR = counter("ingest_http_events", "Events at the HTTP door: accepted or rejected.", ["outcome"])
SUBJECT_EVENTS = counter(
    "ingest_subject_events",
    "Events by what they are to their subject (snapshot, slice, entity, units, conversion) and by "
    "what became of them: applied, repeated, stale, conflict, waiting (a part of a slice that is "
    "not whole), beyond (a row of a slice with no room for more), unmatched; copy: a batch that "
    "came twice.",
    ["role", "outcome"],
)
SUBJECT_MISSING = gauge(
    "ingest_subject_missing_rows",
    "Rows of lanes into a partition of subjects that later ones overtook; above 0 for minutes, "
    "watermarks are held: look at the relay.",
    ["partition"],
)
SUBJECT_WATERMARK = gauge(
    "ingest_subject_watermark_seconds",
    "Everything accepted before this time has met its subject, epoch seconds.",
    ["partition"],
)
HOOKED = counter(
    "ingest_hook_events",
    "What signed webhooks brought: events, unreadable bodies (dead letters), or refused requests "
    "by why: signature-missing, signature-wrong, timestamp-old, timestamp-future.",
    ["outcome"],
)
REFUSED = counter(
    "ingest_refused_requests",
    "Requests told to come again: rate (429, one sender's limit), share (429, its bodies take all "
    "the room that is not left for others) or room (503, too much is under way).",
    ["limit"],
)
UNDER_WAY = gauge("ingest_room_bytes", "Bytes of bodies in memory; bounded by PACELINE_ROOM_BYTES.")
# A counter that begins with its first event hides that event from rates.
for _outcome in ("accepted", "unmatched", "duplicate", "conflict", "skipped", "dead-letter"):
    FOLDED.labels(_outcome)
for _outcome in ("accepted", "rejected"):
    DOOR.labels(_outcome)
_WHY = ("signature-missing", "signature-wrong", "timestamp-old", "timestamp-future")
for _outcome in ("event", "unreadable", *_WHY):
    HOOKED.labels(_outcome)
for _limit in ("rate", "room", "share"):
    REFUSED.labels(_limit)
REKEYED = counter("ingest_rekeyed_events", "Events taken from the organisation's own topics.")
WINDOW_IDS = gauge("ingest_window_ids", "Seen ids held in memory.")
WINDOW_SPILLED = counter(
    "ingest_window_spilled_ids",
    "Seen ids moved from memory to disk because the bound was reached: give it more memory.",
)
FOREIGN_TOPICS = gauge(
    "ingest_foreign_topics",
    "Foreign topics by state: read, absent from the broker (or not to be read by our user), or "
    "waiting for the schema registry.",
    ["state"],
)
SCHEMAS = counter(
    "ingest_schemas",
    "Answers of the schema registry: fetched, unknown, unusable (no Avro), or failed (its topics "
    "wait).",
    ["outcome"],
)
for _outcome in ("fetched", "unknown", "unusable", "failed"):
    SCHEMAS.labels(_outcome)
WATERMARK = gauge(
    "ingest_watermark_seconds",
    "Everything accepted before this time is folded from the raw partition, epoch seconds.",
    ["partition"],
)
WATERMARK_WAITS = gauge(
    "ingest_watermark_waiting_partitions",
    "Foreign partitions that hold the watermark of everybody, or of their tenant alone, back "
    "because they are not re-keyed far enough.",
)
HELD_TENANTS = gauge(
    "ingest_held_tenants",
    "Tenants whose lights alone wait because a topic of theirs stands still, is far behind or "
    "cannot be seen; GET /v1/sources/NAME/stats says why.",
)
