"""The stats service: are the numbers of today, and are they right?"""

from services.ops.config import WORDS, Config
from services.ops.rule import OPERATORS, Rule, alert

_MINE = '{service="stats"}'


def rules(config: Config) -> list[Rule]:
    """The rules of this subject."""
    stale = f"(time() - max by (service) (shixian_stats_snapshot_timestamp_seconds{_MINE})) > {config.snapshot_seconds}"
    alerts = []
    for severity, seconds in zip(WORDS, config.lag_seconds, strict=True):
        expr = f"max by (service) (shixian_consumer_lag_seconds{_MINE}) > {seconds}"
        alerts.append(
            alert(
                config,
                "StatsBehind",
                f"{expr}\nor\n{stale}" if severity == "warning" else expr,
                severity=severity,
                audience=OPERATORS,
                symptom="stats-lag",
                summary="The counts are behind the log; the alerts on requests see the past.",
                description="The counts are {{ $value | humanizeDuration }} old.",
                for_=config.lag_for,
                keep_for=config.lag_keep,
            )
        )
    alerts.append(
        alert(
            config,
            "AuditDifference",
            f"max by (service) (shixian_stats_audit_differences{_MINE}) > 0",
            severity="critical",
            audience=OPERATORS,
            symptom="audit",
            summary="Counters do not add up to what they count.",
            description="{{ $value }} counters differ from their changes or from the requests themselves.",
            for_=config.audit_for,
        )
    )
    return alerts
