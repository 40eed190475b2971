"""Calendars: a year whose days off are not published makes every date that reaches into it provisional."""

from services.ops.config import WORDS, Config
from services.ops.rule import OFFICERS, OPERATORS, Rule, alert

_DAY = 86_400


def rules(config: Config) -> list[Rule]:
    """The rules of this subject."""
    alerts = []
    for severity, days in zip(WORDS, config.calendar_days, strict=True):
        alerts.append(
            alert(
                config,
                "CalendarNotPublished",
                f"(max by (calendar) (shixian_calendar_published_until_timestamp_seconds) - time()) / {_DAY} < {days}",
                severity=severity,
                audience=OPERATORS,
                symptom="calendar",
                summary="Next year's days off are not in the system yet.",
                description="The calendar {{ $labels.calendar }} is published for "
                '{{ printf "%.0f" $value }} days more. Publish the notice (calendar-published) when it is out.',
                for_=config.calendar_for,
            )
        )
    for severity, day in zip(WORDS, config.provisional_days, strict=True):
        alerts.append(
            alert(
                config,
                "ProvisionalDueDates",
                "max by (organ) (shixian_requests_provisional) > 0 and on () "
                f"(month() == {config.provisional_month} and day_of_month() >= {day})",
                severity=severity,
                audience=OFFICERS,
                symptom="provisional",
                summary="Due dates reach into a year whose days off are not published.",
                description="{{ $labels.organ }}: the due dates of {{ $value }} open requests are provisional.",
                chinese=(
                    "期限跨入放假安排尚未公布的年度。",
                    "{{ $labels.organ }}：{{ $value }} 件在办申请的期限为暂定。",
                ),
                for_=config.provisional_for,
                link=f"{config.desk_url}/?organ={{{{ $labels.organ | urlquery }}}}&status=unfinished",
            )
        )
    return alerts
