"""*Units*: the work inside an office, by unit, and the duties of organs. Every replica gives the same numbers."""

from typing import Any

from scripts.dashboards.parts import (
    FEW_ARE_GOOD,
    HALF,
    NONE_IS_GOOD,
    bars,
    choice,
    course,
    desk_url,
    number,
    page,
    rows_of,
)

MINE = 'organ=~"$organ"'
BOARD = "${desk}/?organ=${__data.fields.organ:percentencode}"


def _sum(metric: str, more: str = "") -> str:
    return f"sum(max by (organ, unit) ({metric}{{{MINE}{more}}}))"


def _unit(metric: str, more: str = "") -> str:
    return f"max by (organ, unit) ({metric}{{{MINE}{more}}})"


def _duty(metric: str, more: str = "") -> str:
    return f"max by (organ, kind) ({metric}{{{MINE}{more}}})"


def build() -> Any:
    """The dashboard."""
    due, cards = "shixian_assignments_due_within", "shixian_cards_total"
    return page(
        "Shixian · Units 承办单位",
        "shixian-units",
        "now-7d",
        [choice("organ", "Organ 机关", "label_values(shixian_assignments_open, organ)"), desk_url()],
        {
            "Now 现在": [
                number("Open steps 在办环节", "Given and not done.", _sum("shixian_assignments_open")),
                number(
                    "Overdue steps 逾期环节",
                    "Their last day has passed.",
                    _sum("shixian_assignments_overdue"),
                    colors=NONE_IS_GOOD,
                ),
                number("Due today 今日到期", "Today is their last day.", _sum(due, ',days="0"'), colors=FEW_ARE_GOOD),
                number(
                    "Not taken on 未签收",
                    "Given three days ago or earlier.",
                    _sum("shixian_assignments_unaccepted", ',days="3"'),
                    colors=FEW_ARE_GOOD,
                ),
                number(
                    "Overdue duties 逾期职责",
                    "Duties of the organ itself.",
                    f"sum({_duty('shixian_duties_overdue')})",
                    colors=NONE_IS_GOOD,
                ),
            ],
            "By unit 各单位": [
                rows_of(
                    "Units 单位",
                    "Units stand by themselves for the organs named in SHIXIAN_UNITS; others are counted together.",
                    {
                        "open 在办": _unit("shixian_assignments_open"),
                        "overdue 逾期": _unit("shixian_assignments_overdue"),
                        "1 day 一日": _unit(due, ',days="1"'),
                        "3 days 三日": _unit(due, ',days="3"'),
                        "not taken on 未签收": _unit("shixian_assignments_unaccepted", ',days="1"'),
                    },
                    links={"organ": BOARD},
                ),
                bars(
                    "Yellow cards 黄牌",
                    "Of all years.",
                    f'sum by (organ, unit) (max by (organ, unit, year, limit) ({cards}{{{MINE},card="yellow"}}))',
                    "unit",
                ),
                bars(
                    "Red cards 红牌",
                    "Of all years.",
                    f'sum by (organ, unit) (max by (organ, unit, year, limit) ({cards}{{{MINE},card="red"}}))',
                    "unit",
                ),
            ],
            "Duties 法定职责": [
                rows_of(
                    "Duties 职责",
                    "By kind.",
                    {
                        "open 未履行": _duty("shixian_duties_open"),
                        "overdue 逾期": _duty("shixian_duties_overdue"),
                        "5 days 五日": _duty("shixian_duties_due_within", ',days="5"'),
                    },
                    links={"organ": BOARD},
                    width=HALF,
                ),
                course(
                    "Overdue steps 逾期环节", "By unit.", {"{{organ}} {{unit}}": _unit("shixian_assignments_overdue")}
                ),
            ],
        },
    )
