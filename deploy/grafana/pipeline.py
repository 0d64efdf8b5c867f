"""The pipeline's board: whether events are counted at once, and once each."""

from panels import STEP, Board, Look, Panel, Text, rate

PIPELINE = Board(
    name="pipeline",
    title=Text("Paceline: pipeline", "Paceline：流水线"),
    tells=Text(
        "Whether events are counted at once and once each: rates, lag, outboxes, dead letters, "
        "restarts. Every alert has a page in docs/operators/runbooks.",
        "事件是否及时且只计一次：速率、滞后、发件箱、死信、重启。"
        "每条告警在 docs/operators/runbooks 中都有说明。",
    ),
    rows=(
        (
            Text("Health", "健康"),
            (
                Panel(
                    Text("Services that answer", "正常应答的服务"),
                    Text("By service; 0 is down.", "按服务；0 表示无应答。"),
                    Look.NUMBER,
                    (('sum by (service) (up{job="paceline"})', "{{service}}"),),
                ),
                Panel(
                    Text("Starts in an hour", "每小时启动次数"),
                    Text("How often a process was started again.", "进程被重新启动的次数。"),
                    Look.NUMBER,
                    (
                        (
                            "sum by (service) (changes(process_start_time_seconds"
                            '{job="paceline"}[1h]))',
                            "{{service}}",
                        ),
                    ),
                ),
                Panel(
                    Text("Halted partitions", "已停止的分区"),
                    Text("They wait for an operator.", "等待运维人员处理。"),
                    Look.NUMBER,
                    (("sum by (group) (paceline_halted_partitions)", "{{group}}"),),
                ),
                Panel(
                    Text("Alerts that fire", "触发中的告警"),
                    Text("Empty is good.", "为空即正常。"),
                    Look.LINES,
                    (
                        (
                            'count by (alertname, severity) (ALERTS{alertstate="firing"})',
                            "{{severity}} {{alertname}}",
                        ),
                    ),
                    width=24,
                ),
            ),
        ),
        (
            Text("Events", "事件"),
            (
                Panel(
                    Text("Events a second by outcome", "每秒事件（按结果）"),
                    Text(
                        "accepted, unmatched (no metric wants it), duplicate, conflict, "
                        "dead-letter.",
                        "accepted 已接受、unmatched 无指标、duplicate 重复、conflict 冲突、"
                        "dead-letter 死信。",
                    ),
                    Look.LINES,
                    (("outcome:paceline_ingest_folded_events:rate5m", "{{outcome}}"),),
                    "eps",
                ),
                Panel(
                    Text("Events at the HTTP door", "HTTP 入口事件"),
                    Text("Accepted or rejected, a second.", "每秒接受与拒绝的事件。"),
                    Look.LINES,
                    ((rate("ingest_http_events_total", "outcome"), "{{outcome}}"),),
                    "eps",
                ),
                Panel(
                    Text("Events from own topics", "来自自有 topic 的事件"),
                    Text("Re-keyed into the raw log, a second.", "每秒重新分区写入原始日志。"),
                    Look.LINES,
                    ((rate("ingest_rekeyed_events_total", "service"), "{{service}}"),),
                    "eps",
                ),
                Panel(
                    Text("Dead letters by source and cause", "死信（按数据源与原因）"),
                    Text("`-` is a source that is not declared.", "“-”表示未声明的数据源。"),
                    Look.LINES,
                    (
                        (
                            "source_cause:paceline_ingest_dead_letters:rate5m",
                            "{{source}}: {{cause}}",
                        ),
                    ),
                    "eps",
                ),
                Panel(
                    Text("Seen ids in memory", "内存中的已见 id"),
                    Text("72 hours of them; beyond the bound on disk.", "保留 72 小时，超限写盘。"),
                    Look.LINES,
                    (("sum by (instance) (paceline_ingest_window_ids)", "{{instance}}"),),
                ),
                Panel(
                    Text("Foreign topics", "外部 topic"),
                    Text("Read, or absent from the broker.", "已读取，或在 broker 上不存在。"),
                    Look.LINES,
                    (("sum by (state) (paceline_ingest_foreign_topics)", "{{state}}"),),
                ),
            ),
        ),
        (
            Text("Completeness", "完整性"),
            (
                Panel(
                    Text("Behind in seconds, by partition", "各分区滞后秒数"),
                    Text(
                        "On the organisation's clock: a replay that steps it shows the step.",
                        "按组织时钟；回放拨动时钟时会短暂跳高。",
                    ),
                    Look.LINES,
                    (
                        (
                            "service_partition:paceline_watermark_lag_seconds:max",
                            "{{service}} {{partition}}",
                        ),
                    ),
                    "s",
                ),
                Panel(
                    Text("Records behind", "滞后记录数"),
                    Text("By group and topic.", "按消费组与 topic。"),
                    Look.LINES,
                    (("group_topic:paceline_lag_records:sum", "{{group}} {{topic}}"),),
                ),
                Panel(
                    Text("Goals that wait for facts", "等待数据的目标"),
                    Text(
                        "Their span has closed; above 0 for minutes is an alert.",
                        "周期已结束但数据未齐；持续数分钟即告警。",
                    ),
                    Look.LINES,
                    (
                        ("sum(paceline_alerting_waiting_goals)", "goals"),
                        ("sum(paceline_goal_missing_rows)", "missing rows"),
                        ("sum(paceline_ingest_watermark_waiting_partitions)", "foreign partitions"),
                    ),
                ),
            ),
        ),
        (
            Text("Work", "处理"),
            (
                Panel(
                    Text("Records applied a second", "每秒应用的记录"),
                    Text("Each once, dead letters included.", "每条只应用一次，含死信。"),
                    Look.LINES,
                    (("group:paceline_records:rate5m", "{{group}}"),),
                ),
                Panel(
                    Text("Cells and judged spans a second", "每秒单元与判定周期"),
                    Text("What goal-service adds and alerting judges.", "目标服务写入与判定数量。"),
                    Look.LINES,
                    (
                        (rate("goal_cells_total", "service"), "cells"),
                        (rate("alerting_judged_spans_total", "service"), "judged spans"),
                    ),
                ),
                Panel(
                    Text("Rows that came again", "重复到达的行"),
                    Text("Dropped; normal after a kill.", "已丢弃；进程被杀后属正常。"),
                    Look.LINES,
                    (
                        (rate("goal_repeated_rows_total", "service"), "{{service}}"),
                        (rate("incentives_facts_resent_total", "service"), "{{service}}"),
                    ),
                ),
                Panel(
                    Text("Outbox: written and not sent", "发件箱：待发送"),
                    Text("Waiting transactions by database.", "按数据库统计的待发事务数。"),
                    Look.LINES,
                    (("sum by (database) (paceline_relay_backlog_bundles)", "{{database}}"),),
                ),
                Panel(
                    Text("Outbox: sent a second", "发件箱：每秒发送"),
                    Text("Rows that Kafka acknowledged.", "Kafka 已确认的行。"),
                    Look.LINES,
                    (("database:paceline_relay_rows:rate5m", "{{database}}"),),
                ),
                Panel(
                    Text("Records of ours that nobody could read", "无法读取的内部记录"),
                    Text("By group, in an hour; any is an alert.", "按消费组，每小时；有即告警。"),
                    Look.LINES,
                    (("sum by (group) (increase(paceline_dead_letters_total[1h]))", "{{group}}"),),
                ),
            ),
        ),
        (
            Text("Database and processes", "数据库与进程"),
            (
                Panel(
                    Text("Transactions: 99th percentile", "事务耗时（99 分位）"),
                    Text("Runs again included.", "含重试。"),
                    Look.LINES,
                    (("service:paceline_transaction_seconds:p99_rate5m", "{{service}}"),),
                    "s",
                ),
                Panel(
                    Text("Transactions a second", "每秒事务"),
                    Text("And how many ran again.", "以及重试次数。"),
                    Look.LINES,
                    (
                        (rate("transaction_seconds_count", "service"), "{{service}}"),
                        (rate("transaction_retries_total", "service"), "{{service}} again"),
                    ),
                ),
                Panel(
                    Text("The console's calls: 95th percentile", "控制台调用耗时（95 分位）"),
                    Text("By the service that is asked.", "按被调用的服务。"),
                    Look.LINES,
                    (
                        (
                            "histogram_quantile(0.95, "
                            + rate("console_call_seconds_bucket", "called, le")
                            + ")",
                            "{{called}}",
                        ),
                    ),
                    "s",
                ),
                Panel(
                    Text("Memory", "内存"),
                    Text("Resident, by service.", "常驻内存，按服务。"),
                    Look.LINES,
                    (
                        (
                            'sum by (service) (process_resident_memory_bytes{job="paceline"})',
                            "{{service}}",
                        ),
                    ),
                    "bytes",
                    12,
                ),
                Panel(
                    Text("Processors", "处理器"),
                    Text("Cores used, by service.", "占用的核数，按服务。"),
                    Look.LINES,
                    (
                        (
                            "sum by (service) (rate(process_cpu_seconds_total"
                            f'{{job="paceline"}}{STEP}))',
                            "{{service}}",
                        ),
                    ),
                    width=12,
                ),
            ),
        ),
    ),
)
