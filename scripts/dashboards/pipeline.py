"""*Pipeline*: the health of the services, for operators."""

from typing import Any

from scripts.dashboards.parts import (
    HALF,
    NONE_IS_GOOD,
    ONE_IS_GOOD,
    QUARTER,
    THIRD,
    choice,
    course,
    levels,
    number,
    page,
)

MINE = 'service=~"$service"'


def _quantile(share: float, buckets: str, by: str = "service") -> str:
    return f"histogram_quantile({share}, sum by (le, {by}) (rate({buckets}[$__rate_interval])))"


def _batch_size() -> str:
    applied = f"sum by (service) (rate(shixian_consumer_%s_total{{{MINE}}}[$__rate_interval]))"
    return f"{applied % 'records'} / {applied % 'batches'}"


def build() -> Any:
    """The dashboard."""
    calls = 'shixian_http_requests_total{service="intake",route="/v1/events"'
    sweep = "shixian_tracker_last_sweep_timestamp_seconds"
    return page(
        "Shixian · Pipeline 运行",
        "shixian-pipeline",
        "now-3h",
        [choice("service", "Service 服务", 'label_values(up{job="shixian"}, service)')],
        {
            "Now 现在": [
                number(
                    "Replicas up",
                    "Processes that answer.",
                    'sum by (service) (up{job="shixian"})',
                    colors=ONE_IS_GOOD,
                    width=THIRD,
                    legend="{{service}}",
                ),
                number(
                    "Ready",
                    "Services that can do their work.",
                    "max by (service) (shixian_ready)",
                    colors=ONE_IS_GOOD,
                    width=THIRD,
                    legend="{{service}}",
                ),
                number(
                    "Parts away",
                    "What the services wait for.",
                    f"count(shixian_part_ok{{{MINE}}} == 0) or vector(0)",
                    colors=NONE_IS_GOOD,
                ),
                number(
                    "Differences",
                    "Counters that don't add up.",
                    "max(shixian_stats_audit_differences)",
                    colors=NONE_IS_GOOD,
                ),
            ],
            "Intake": [
                course(
                    "Calls",
                    "By class of answer.",
                    {"{{status}}": f"sum by (status) (rate({calls}}}[$__rate_interval]))"},
                    unit="reqps",
                    width=THIRD,
                ),
                course(
                    "Failed calls",
                    "Share that ended with a server error; the objective is 0.1 %.",
                    {
                        "failed": f'sum(rate({calls},status="5xx"}}[$__rate_interval])) '
                        f"/ (sum(rate({calls}}}[$__rate_interval])) > 0) or vector(0)"
                    },
                    unit="percentunit",
                    width=THIRD,
                ),
                course(
                    "Duration",
                    "99 % of the calls are answered in this time.",
                    {"{{service}}": _quantile(0.99, f"shixian_http_request_duration_seconds_bucket{{{MINE}}}")},
                    unit="s",
                    width=THIRD,
                ),
                course(
                    "Facts",
                    "By what became of them.",
                    {"{{result}}": "sum by (result) (rate(shixian_intake_events_total[$__rate_interval]))"},
                    unit="eps",
                    width=HALF,
                ),
                course(
                    "Dead letters",
                    "Put aside in an hour, by reason.",
                    {"{{topic}} {{reason}}": "max by (topic, reason) (increase(shixian_dead_letters_total[1h]))"},
                    width=HALF,
                ),
            ],
            "Log": [
                course(
                    "Lag",
                    "Records not applied.",
                    {"{{service}}": f"sum by (service) (shixian_consumer_lag_records{{{MINE}}})"},
                    width=THIRD,
                ),
                course(
                    "Lag in time",
                    "How long the oldest has been waiting.",
                    {"{{service}}": f"max by (service) (shixian_consumer_lag_seconds{{{MINE}}})"},
                    unit="s",
                    width=THIRD,
                ),
                course(
                    "Partitions owned",
                    "By process; together as many as the topic has.",
                    {"{{instance}}": f"max by (instance, topic) (shixian_consumer_partitions{{{MINE}}})"},
                    width=THIRD,
                ),
                course(
                    "Events",
                    "Applied a second.",
                    {
                        "facts": "sum(rate(shixian_tracker_facts_total[$__rate_interval]))",
                        "case events": "sum(rate(shixian_stats_events_total[$__rate_interval]))",
                    },
                    unit="eps",
                    width=QUARTER,
                ),
                course(
                    "Batches",
                    "99 % are applied in this time.",
                    {
                        "tracker": _quantile(0.99, "shixian_tracker_batch_seconds_bucket"),
                        "stats": _quantile(0.99, "shixian_stats_batch_seconds_bucket"),
                    },
                    unit="s",
                    width=QUARTER,
                ),
                course(
                    "Batch size",
                    "Records a batch, on average.",
                    {"{{service}}": _batch_size()},
                    width=QUARTER,
                ),
                course(
                    "Outbox",
                    "Case events decided and not in the log yet.",
                    {"events": "max(shixian_tracker_outbox_events)"},
                    width=QUARTER,
                ),
            ],
            "Clock": [
                course(
                    "Last sweep",
                    "How long ago each tracker's clock went round.",
                    {"{{instance}}": f"max by (instance) (time() - {sweep})"},
                    unit="s",
                    width=THIRD,
                ),
                course(
                    "Cases looked at",
                    "By the sweep, a second.",
                    {
                        "looked at": "sum(rate(shixian_tracker_swept_cases_total[$__rate_interval]))",
                        "failed": "sum(rate(shixian_tracker_sweep_failures_total[$__rate_interval]))",
                    },
                    width=THIRD,
                ),
                course(
                    "Standing still",
                    "Seconds with work and without progress; at the limit the process ends itself.",
                    {
                        "{{instance}}": f"max by (instance) (shixian_consumer_stalled_seconds{{{MINE}}})",
                        "limit": "max(shixian_consumer_stall_limit_seconds)",
                    },
                    unit="s",
                    width=THIRD,
                ),
            ],
            "Means": [
                course(
                    "Database connections",
                    "In use, as a share of those allowed.",
                    {
                        "{{instance}}": 'max by (instance) (shixian_database_connections{state="in-use"} '
                        "/ ignoring (state) shixian_database_connections_limit)"
                    },
                    unit="percentunit",
                    width=THIRD,
                ),
                course(
                    "Memory",
                    "Resident.",
                    {"{{instance}}": f'process_resident_memory_bytes{{job="shixian",{MINE}}}'},
                    unit="bytes",
                    width=THIRD,
                ),
                course(
                    "Processor",
                    "Cores used.",
                    {"{{instance}}": f'rate(process_cpu_seconds_total{{job="shixian",{MINE}}}[$__rate_interval])'},
                    width=THIRD,
                ),
                number(
                    "Numbers read",
                    "Age of the numbers that the stats service shows.",
                    "time() - max(shixian_stats_snapshot_timestamp_seconds)",
                    unit="s",
                    colors=levels((None, "green"), (60, "orange"), (120, "red")),
                    width=HALF,
                ),
                number(
                    "Version", "What runs.", "count by (version) (shixian_build_info)", width=HALF, legend="{{version}}"
                ),
            ],
        },
    )
