"""Every service: does it run, can it work?"""

from services.ops.config import WORDS, Config
from services.ops.rule import OPERATORS, Rule, alert

SERVICES = ("intake", "tracker", "stats", "desk")
_AWAY = (
    """{{ range printf "shixian_part_ok{service='%s'} == 0" $labels.service | query }} {{ .Labels.part }}{{ end }}"""
)

_AWAY_THERE = (
    "{{ range printf \"shixian_part_ok{service='%s',instance='%s'} == 0\" $labels.service $labels.instance | query }} "
    "{{ .Labels.part }}{{ end }}"
)


def rules(config: Config) -> list[Rule]:
    """The rules of this subject."""
    absent = "\nor\n".join(f'max by (service) (absent(up{{job="shixian",service="{name}"}}))' for name in SERVICES)
    down = {
        "warning": (
            'min by (service, instance) (up{job="shixian"}) == 0',
            "A replica of {{ $labels.service }}, {{ $labels.instance }}, does not answer.",
        ),
        "critical": (f'max by (service) (up{{job="shixian"}}) == 0\nor\n{absent}', "No {{ $labels.service }} answers."),
    }
    alerts = [
        alert(
            config,
            "ServiceDown",
            expr,
            severity=severity,
            audience=OPERATORS,
            symptom="down",
            summary="A service does not answer.",
            description=description,
            for_=config.down_for,
        )
        for severity, (expr, description) in down.items()
    ]
    for severity, for_ in zip(WORDS, config.not_ready_for, strict=True):
        alerts.append(
            alert(
                config,
                "ServiceNotReady",
                "max by (service) (shixian_ready) == 0",
                severity=severity,
                audience=OPERATORS,
                symptom="not-ready",
                summary="A service runs, but something that it needs is away.",
                description=f"{{{{ $labels.service }}}} waits for:{_AWAY}.",
                for_=for_,
            )
        )
    alerts.append(
        alert(
            config,
            "ReplicaNotReady",
            "min by (service, instance) (shixian_ready) == 0",
            severity="warning",
            audience=OPERATORS,
            symptom="not-ready",
            summary="A replica of a service runs, but has been unable to work for long; others may hide it.",
            description=f"{{{{ $labels.service }}}}, {{{{ $labels.instance }}}}, waits for:{_AWAY_THERE}.",
            chinese=(
                "服务的一个副本在运行，但长时间不能工作；其他副本可能掩盖了它。",
                f"{{{{ $labels.service }}}} 的 {{{{ $labels.instance }}}} 在等待：{_AWAY_THERE}。",
            ),
            for_=config.replica_not_ready_for,
        )
    )
    window = config.restarts_window
    for severity, often in zip(WORDS, config.restarts, strict=True):
        alerts.append(
            alert(
                config,
                "ServiceRestarting",
                "max by (service, instance) "
                f'(changes(process_start_time_seconds{{job="shixian"}}[{window}])) > {often}',
                severity=severity,
                audience=OPERATORS,
                symptom="restarting",
                summary="A service ends and is started again and again.",
                description=f"{{{{ $labels.service }}}}, {{{{ $labels.instance }}}}, was started again "
                f"{{{{ $value }}}} times in {window}.",
                chinese=(
                    "服务反复结束又重新启动。",
                    f"{{{{ $labels.service }}}} 的 {{{{ $labels.instance }}}} 在 {window} 内重新启动了 "
                    "{{ $value }} 次。",
                ),
                for_="0s",
            )
        )
    alerts += [
        alert(
            config,
            "DatabasePoolExhausted",
            'max by (service, instance) (shixian_database_connections{state="in-use"} '
            f"/ ignoring (state) shixian_database_connections_limit) >= {config.pool_share}",
            severity="warning",
            audience=OPERATORS,
            symptom="pool",
            summary="A service uses nearly all connections that it may have to PostgreSQL.",
            description="{{ $labels.instance }} uses {{ $value | humanizePercentage }} of its connections.",
            for_=config.pool_for,
        ),
        alert(
            config,
            "RulesDiffer",
            "count(count by (digest) (shixian_rules_info)) > 1",
            severity="warning",
            audience=OPERATORS,
            symptom="rules",
            summary="Services judge by different statutes, calendars or forms.",
            description="There are {{ $value }} digests of the data files in force; all services need the same.",
            for_=config.pool_for,
        ),
        alert(
            config,
            "Watchdog",
            "vector(1)",
            severity="none",
            audience=OPERATORS,
            symptom="watchdog",
            summary="Fires always: where it is missed, alerting itself is broken.",
            description="Send it to something that complains when it stops coming.",
            for_="0s",
        ),
    ]
    return alerts
