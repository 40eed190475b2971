"""*Deadlines*: what is due and overdue, by organ, with links to the requests. Every replica gives the same numbers."""

from typing import Any

from scripts.dashboards.parts import (
    FEW_ARE_GOOD,
    HALF,
    NONE_IS_GOOD,
    bars,
    choice,
    course,
    desk_url,
    levels,
    number,
    page,
    rows_of,
)

MINE = 'organ=~"$organ"'
BOARD = "${desk}/?organ=${__data.fields.organ:percentencode}"


def _sum(metric: str, more: str = "") -> str:
    return f"sum(max by (organ) ({metric}{{{MINE}{more}}}))"


def _each(metric: str, more: str = "") -> str:
    return f"max by (organ) ({metric}{{{MINE}{more}}})"


def build() -> Any:
    """The dashboard."""
    due = "shixian_requests_due_within"
    oldest = "shixian_requests_oldest_overdue"
    untouched = "shixian_requests_untouched_due_within"
    return page(
        "Shixian · Deadlines 时限",
        "shixian-deadlines",
        "now-7d",
        [choice("organ", "Organ 机关", "label_values(shixian_requests_open, organ)"), desk_url()],
        {
            "Now 现在": [
                number(
                    "Overdue 逾期",
                    "Requests whose last day has passed.",
                    _sum("shixian_requests_overdue"),
                    colors=NONE_IS_GOOD,
                ),
                number("Due today 今日到期", "Today is their last day.", _sum(due, ',days="0"'), colors=FEW_ARE_GOOD),
                number(
                    "Due in 3 working days 三个工作日内",
                    "By the organ's calendar; what the alert counts.",
                    _sum("shixian_requests_due_soon", ',working_days="3"'),
                    colors=FEW_ARE_GOOD,
                ),
                number("Due in 7 days 七日内", "Today included.", _sum(due, ',days="7"')),
                number(
                    "Oldest overdue 最长逾期",
                    "How long it has been overdue.",
                    f"max({oldest}_age_seconds{{{MINE}}})",
                    unit="s",
                    colors=NONE_IS_GOOD,
                ),
                number(
                    "Provisional dates 暂定期限",
                    "Due dates in a year whose calendar is not published.",
                    _sum("shixian_requests_provisional"),
                    colors=FEW_ARE_GOOD,
                ),
            ],
            "By organ 各机关": [
                rows_of(
                    "Organs 机关",
                    "The organ's name leads to its board.",
                    {
                        "overdue 逾期": _each("shixian_requests_overdue"),
                        "due today 今日": _each(due, ',days="0"'),
                        "3 days 三日": _each(due, ',days="3"'),
                        "7 days 七日": _each(due, ',days="7"'),
                        "running 计时": _each("shixian_requests_open", ',state="open"'),
                        "stopped 停止": _each("shixian_requests_open", ',state="stopped"'),
                        "provisional 暂定": _each("shixian_requests_provisional"),
                    },
                    links={"organ": f"{BOARD}&status=unfinished", "overdue 逾期": f"{BOARD}&status=overdue"},
                ),
                rows_of(
                    "Longest overdue 逾期最久",
                    "One of each organ; the number leads to the request with the account of its dates.",
                    {
                        "overdue for 已逾期": f"max by (organ, request) ({oldest}_info{{{MINE}}}) "
                        f"* on (organ) group_left () max by (organ) ({oldest}_age_seconds{{{MINE}}})"
                    },
                    links={"request": "${desk}/requests/${__data.fields.request:percentencode}"},
                    units={"overdue for 已逾期": "s"},
                    width=HALF,
                ),
                rows_of(
                    "Other limits 其他期限",
                    "Consultations, notices and payments: overdue, and ending within three days.",
                    {
                        "overdue 逾期": f"max by (organ, limit) (shixian_limits_overdue{{{MINE}}})",
                        "3 days 三日": f'max by (organ, limit) (shixian_limits_due_within{{{MINE},days="3"}})',
                    },
                    links={"organ": f"{BOARD}&status=unfinished"},
                    width=HALF,
                ),
            ],
            "Ahead 预警": [
                bars(
                    "Untouched, due in 7 days 未处理",
                    "Nothing but the receipt is known of them.",
                    _each(untouched, ',limit="answer",days="7"'),
                    "organ",
                ),
                bars(
                    "Clarification notice ends in 3 days 补正告知",
                    "Until then the applicant can be asked.",
                    _each(untouched, ',limit="clarification-notice",days="3"'),
                    "organ",
                ),
                bars(
                    "Waiting 等待",
                    "Cases that no limit runs for yet, by what they wait for.",
                    "max by (waiting_for) (shixian_cases_waiting)",
                    "waiting_for",
                ),
            ],
            "Course 变化": [
                course("Overdue 逾期", "By organ.", {"{{organ}}": _each("shixian_requests_overdue")}),
                course(
                    "Open 在办",
                    "By state.",
                    {"{{state}}": f"sum by (state) (max by (organ, state) (shixian_requests_open{{{MINE}}}))"},
                    stacked=True,
                ),
                number(
                    "Calendars 日历",
                    "Days for which the days off are published.",
                    "(max by (calendar) (shixian_calendar_published_until_timestamp_seconds) - time()) / 86400",
                    unit="d",
                    colors=levels((None, "red"), (14, "orange"), (45, "green")),
                    width=HALF,
                    legend="{{calendar}}",
                ),
                number(
                    "Breaches noticed within 最迟发现",
                    "99 % of the missed limits were noticed in this time.",
                    "histogram_quantile(0.99, "
                    "sum by (le) (rate(shixian_overdue_detection_delay_seconds_bucket[$__range])))",
                    unit="s",
                    width=HALF,
                ),
            ],
        },
    )
