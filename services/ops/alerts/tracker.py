"""The tracker: does it keep up, does its clock look, does what it decides get out?"""

from services.ops.config import WORDS, Config
from services.ops.rule import OPERATORS, Rule, alert

_MINE = '{service="tracker"}'


def rules(config: Config) -> list[Rule]:
    """The rules of this subject."""
    alerts = []
    for severity, seconds in zip(WORDS, config.lag_seconds, strict=True):
        alerts.append(
            alert(
                config,
                "TrackerLagging",
                f"max by (service) (shixian_consumer_lag_seconds{_MINE}) > {seconds}",
                severity=severity,
                audience=OPERATORS,
                symptom="tracker-lag",
                summary="Facts wait to be judged; due dates and warnings come late.",
                description="The oldest fact has been waiting for {{ $value | humanizeDuration }}.",
                for_=config.lag_for,
                keep_for=config.lag_keep,
            )
        )
    window = config.stuck_window
    alerts.append(
        alert(
            config,
            "TrackerStuck",
            f"sum by (service) (shixian_consumer_lag_records{_MINE}) > 0 and on (service) "
            f"sum by (service) (increase(shixian_consumer_batches_total{_MINE}[{window}])) == 0",
            severity="critical",
            audience=OPERATORS,
            symptom="tracker-lag",
            summary="The tracker has facts before it and makes no progress at all.",
            description=f"{{{{ $value }}}} facts wait, and no batch was applied in {window}.",
            for_=config.stuck_for,
            keep_for=config.lag_keep,
        )
    )
    for severity, seconds in zip(WORDS, config.sweep_seconds, strict=True):
        alerts.append(
            alert(
                config,
                "SweepStale",
                f"max by (service, instance) (time() - shixian_tracker_last_sweep_timestamp_seconds{_MINE})\n"
                f"> max by (service, instance) (shixian_tracker_sweep_interval_seconds{_MINE}) + {seconds}",
                severity=severity,
                audience=OPERATORS,
                symptom="sweep",
                summary="The clock has stopped looking at the cases: missed limits stay unnoticed.",
                description="{{ $labels.instance }} finished its last sweep {{ $value | humanizeDuration }} ago.",
                for_=config.sweep_for,
            )
        )
    window = config.sweep_failures_window
    alerts.append(
        alert(
            config,
            "SweepFailing",
            f"sum by (service) (increase(shixian_tracker_sweep_failures_total{_MINE}[{window}])) > 0",
            severity="warning",
            audience=OPERATORS,
            symptom="sweep-failures",
            summary="The clock fails over cases: what happens to them by time alone stays unnoticed.",
            description=f'About {{{{ printf "%.0f" $value }}}} times in {window} a case could not be swept.',
            chinese=(
                "定时检查在个别案件上失败：这些案件仅因时间推移而发生的事项不会被发现。",
                f'{window} 内约有 {{{{ printf "%.0f" $value }}}} 次案件检查失败。',
            ),
            for_="0s",
        )
    )
    for severity, events in zip(WORDS, config.outbox_events, strict=True):
        alerts.append(
            alert(
                config,
                "OutboxGrowing",
                f"max by (service) (shixian_tracker_outbox_events{_MINE}) > {events}",
                severity=severity,
                audience=OPERATORS,
                symptom="outbox",
                summary="Decisions are made, but do not get into the log.",
                description="{{ $value }} case events wait to be published.",
                for_=config.outbox_for,
            )
        )
    window = config.dead_letters_window
    for severity, letters in zip(WORDS, config.dead_letters, strict=True):
        alerts.append(
            alert(
                config,
                "DeadLettersArriving",
                f"max by (service, topic, reason) (increase(shixian_dead_letters_total[{window}])) > {letters}",
                severity=severity,
                audience=OPERATORS,
                symptom="dead-letters",
                summary="Records of the log could not be applied and were put aside.",
                description='About {{ printf "%.0f" $value }} records of {{ $labels.topic }} '
                f"in {window}, reason {{{{ $labels.reason }}}}.",
                for_="0s",
            )
        )
    return alerts
