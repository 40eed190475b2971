"""Levels of one day that say different numbers: one of them counts, and which is right nobody has said. Pure."""

from collections.abc import Collection, Mapping

from services.events.vocabulary import Label
from services.stats.cells import Cell, Number, levels, value
from services.stats.forms.shape import Form
from services.stats.rules import Check

ONE_LEVEL = "one-level-a-day"
"""A check of every form: it stands in a report where it does not hold, and names the organs, measures and days."""
ONE_LEVEL_LABEL = Label("同一天只填报一个现行有效数", "of one day no two levels are reported that differ")
_DIFFERENT = Label("同一天填报了不同的现行有效数：", "different levels of one day: ")
NAMED = 20
"""How many of them it names."""


def one_level_a_day(form: Form, cells: Mapping[Cell, Number], organs: Collection[str], year: int) -> list[Check]:
    """What fails where a number of the form rests on one of several levels of a day: all, and which counts."""
    every = (row.counting(column) for table in form.tables for row in table.rows for column in table.columns_of(row))
    asked = {measure for counts in every if counts is not None for measure in counts.measure or ()}
    counting = {cell: n for cell, n in levels(cells, organs, year).items() if value(cell, "measure") in asked}
    days = {_day(cell): number for cell, number in counting.items()}
    told: dict[tuple[str, str, str], set[Number]] = {}
    for cell in cells:
        if cell.kind == "level-known" and (day := _day(cell)) in days:
            told.setdefault(day, set()).add(cells.get(cell._replace(kind="level"), 0))
    different = sorted((day, sorted(numbers)) for day, numbers in told.items() if len(numbers) > 1)
    if not different:
        return []
    each_zh, each_en = [], []
    for (organ, measure, on), numbers in different[:NAMED]:
        listed, counts = ", ".join(map(str, numbers)), days[organ, measure, on]
        each_zh.append(f"{organ} {measure} {on}：{listed}（计入 {counts}）")
        each_en.append(f"{organ} {measure} {on}: {listed} ({counts} counts)")
    left = len(different) - NAMED
    more = Label(f"；另 {left} 项", f"; and {left} more") if left > 0 else Label("", "")
    zh, en = f"{_DIFFERENT.zh}{'；'.join(each_zh)}{more.zh}", f"{_DIFFERENT.en}{'; '.join(each_en)}{more.en}"
    return [Check(ONE_LEVEL, False, en, zh)]


def _day(level: Cell) -> tuple[str, str, str]:
    return level.organ, value(level, "measure"), value(level, "day")
