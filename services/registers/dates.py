"""Dates as people write them, and what can't be one."""

import re
from datetime import date, datetime, timedelta
from functools import cache
from typing import Literal

import cn2an

from services.events.vocabulary import FIRST_DAY, LAST_DAY
from services.registers.cells import Cell, text

Wrong = Literal["no-date", "no-year", "no-such-day", "out-of-range", "two-days"]

_TIME = re.compile(r"[T ]?\d{1,2}[:时]\d{1,2}(?:分|:\d{1,2}(?:\.\d+)?|秒)*$")
_WEEKDAY = re.compile(r" ?[(]?(?:星期|周|礼拜)[一二三四五六日天][)]?$")
_FULL = (
    re.compile(r"(\d{4}) ?年 ?(\d{1,2}) ?月 ?(\d{1,2}) ?[日号]?"),
    re.compile(r"(\d{4}) ?([-/.、]) ?(\d{1,2}) ?\2 ?(\d{1,2})[.日号]?"),
    re.compile(r"(\d{4})(\d{2})(\d{2})"),
)
_DAY = re.compile(r"(\d{1,2}) ?(?:月 ?(\d{1,2}) ?[日号]?|[./-] ?(\d{1,2})[日号]?)")
_CHINESE = re.compile(
    r"(?:([〇零○OΟ0一二三四五六七八九两]{4})年)?([元一二三四五六七八九十]{1,3})月([一二三四五六七八九十廿卅]{1,4})[日号]?"
)
_LONGEST = 60
"""Characters; no date is longer."""
_SERIALS = range(18264, 109574)
"""Excel's numbers of the days from 1950-01-01 to 2199-12-31, counted from 1900."""
_EPOCH_1900, _EPOCH_1904 = date(1899, 12, 30), date(1904, 1, 1)


def read(cell: Cell, year: int | None = None, *, from_1904: bool = False) -> date | Wrong:
    """The day that a cell names, or why it names none.

    ``year`` is that of days written without one; ``from_1904``: the workbook counts its days from 1904. Two-digit
    years, days before months and days of the lunar calendar are refused: which day is meant is not certain. Neither is
    it where a spreadsheet has made a number of what was typed: 12.1 may be the 1st of December as well as the 10th.
    """
    if isinstance(cell, datetime):
        return _bounded(cell.date())
    if isinstance(cell, date):
        return _bounded(cell)
    written = text(cell)
    if len(written) > _LONGEST:
        return "no-date"
    if re.fullmatch(r"\d{5,6}(?:\.\d+)?", written):
        return _serial(float(written), from_1904)
    plain = _WEEKDAY.sub("", _TIME.sub("", written).strip()).strip()
    for pattern in _FULL:
        if match := pattern.fullmatch(plain):
            digits = [g for g in match.groups() if g.isdigit()]
            return _day(int(digits[0]), int(digits[1]), int(digits[2]))
    if match := _DAY.fullmatch(plain):
        if year is None:
            return "no-year"
        if days := either(cell, year):
            return "two-days" if len(days) > 1 else days[0]
        return _day(year, int(match[1]), int(match[2] or match[3]))
    if match := _CHINESE.fullmatch(plain.replace(" ", "")):
        return _chinese(match, year)
    return "no-date"


def either(cell: Cell, year: int | None) -> list[date]:
    """The days that may have been typed as month and day where only a number is left, which has no 0 at its end."""
    match = re.fullmatch(r"(\d{1,2})\.(\d{1,2})", text(cell)) if isinstance(cell, float) else None
    if match is None or year is None:
        return []
    days = (_day(year, int(match[1]), int(typed)) for typed in (match[2], f"{match[2]}0"))
    return [each for each in days if isinstance(each, date)]


def _chinese(match: re.Match[str], year: int | None) -> date | Wrong:
    if match[1] is None and year is None:
        return "no-year"
    digits = {c: str(n) for n, c in enumerate("〇一二三四五六七八九")} | dict.fromkeys("零○OΟ0", "0") | {"两": "2"}
    of = int("".join(digits[c] for c in match[1])) if match[1] else year or 0
    try:
        month, day = _numeral(match[2].replace("元", "一")), _numeral(match[3])
    except ValueError:
        return "no-date"
    return _day(of, month, day)


@cache
def _numeral(written: str) -> int:
    """A number below a hundred in Chinese numerals. Raises ``ValueError``."""
    return int(cn2an.cn2an(written.replace("廿", "二十").replace("卅", "三十"), "normal"))


def _serial(number: float, from_1904: bool) -> date | Wrong:
    """Excel's count of days: from 1900, with a 29 February 1900 that never was, or from 1904."""
    days = int(number) + (1462 if from_1904 else 0)
    return _EPOCH_1900 + timedelta(days) if days in _SERIALS else "no-date"


def _day(year: int, month: int, day: int) -> date | Wrong:
    try:
        return _bounded(date(year, month, day))
    except ValueError:
        return "no-such-day"


def _bounded(day: date) -> date | Wrong:
    return day if FIRST_DAY <= day <= LAST_DAY else "out-of-range"
