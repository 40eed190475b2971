"""Days off and make-up days, written down by hand from the notices and statutes, and counting with a plain loop.

Nothing here imports the program or the holidays package: what is counted here checks both.
Days of a weekend that are off anyway stand in the lists only where the notice names them as part of a range.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

DAY = timedelta(days=1)


def d(text: str) -> date:
    return date.fromisoformat(text)


def spans(year: int, text: str) -> set[date]:
    """``"1/1-1/3 2/9"`` as days of a year; a span may begin in December of the year before (``-12/30-1/1``)."""
    found: set[date] = set()
    for part in text.split():
        before = part.startswith("-")
        first, _, last = part.removeprefix("-").partition("-")
        month, day = map(int, first.split("/"))
        begin = date(year - before, month, day)
        end = begin if not last else date(year, *map(int, last.split("/")))
        while begin <= end:
            found.add(begin)
            begin += DAY
    return found


@dataclass
class Days:
    off: set[date]
    on: set[date] = field(default_factory=set)

    def works(self, day: date) -> bool:
        return day in self.on or (day.weekday() < 5 and day not in self.off)


# The State Council General Office's notices: days off, then weekend days worked; "-" is December of the year before.
CN_NOTICES = {
    2008: ("-12/30-1/1 2/6-2/12 4/4-4/6 5/1-5/3 6/7-6/9 9/13-9/15 9/29-10/5", "-12/29 2/2 2/3 5/4 9/27 9/28"),
    2009: ("1/1-1/3 1/25-1/31 4/4-4/6 5/1-5/3 5/28-5/30 10/1-10/8", "1/4 1/24 2/1 5/31 9/27 10/10"),
    2010: (
        "1/1-1/3 2/13-2/19 4/3-4/5 5/1-5/3 6/14-6/16 9/22-9/24 10/1-10/7",
        "2/20 2/21 6/12 6/13 9/19 9/25 9/26 10/9",
    ),
    2011: ("1/1-1/3 2/2-2/8 4/3-4/5 4/30-5/2 6/4-6/6 9/10-9/12 10/1-10/7", "1/30 2/12 4/2 10/8 10/9"),
    2012: ("1/1-1/3 1/22-1/28 4/2-4/4 4/29-5/1 6/22-6/24 9/30-10/7", "-12/31 1/21 1/29 3/31 4/1 4/28 9/29"),
    2013: (
        "1/1-1/3 2/9-2/15 4/4-4/6 4/29-5/1 6/10-6/12 9/19-9/21 10/1-10/7",
        "1/5 1/6 2/16 2/17 4/7 4/27 4/28 6/8 6/9 9/22 9/29 10/12",
    ),
    2014: ("1/1 1/31-2/6 4/5-4/7 5/1-5/3 5/31-6/2 9/6-9/8 10/1-10/7", "1/26 2/8 5/4 9/28 10/11"),
    2015: (
        "1/1-1/3 2/18-2/24 4/4-4/6 5/1-5/3 6/20-6/22 9/3-9/5 9/26-9/27 10/1-10/7",
        "1/4 2/15 2/28 9/6 10/10",
    ),
    2016: ("1/1-1/3 2/7-2/13 4/2-4/4 4/30-5/2 6/9-6/11 9/15-9/17 10/1-10/7", "2/6 2/14 6/12 9/18 10/8 10/9"),
    2017: ("-12/31-1/2 1/27-2/2 4/2-4/4 4/29-5/1 5/28-5/30 10/1-10/8", "1/22 2/4 4/1 5/27 9/30"),
    2018: ("-12/30-1/1 2/15-2/21 4/5-4/7 4/29-5/1 6/16-6/18 9/22-9/24 10/1-10/7", "2/11 2/24 4/8 4/28 9/29 9/30"),
    2019: ("-12/30-1/1 2/4-2/10 4/5-4/7 5/1-5/4 6/7-6/9 9/13-9/15 10/1-10/7", "-12/29 2/2 2/3 4/28 5/5 9/29 10/12"),
    2020: ("1/1 1/24-2/2 4/4-4/6 5/1-5/5 6/25-6/27 10/1-10/8", "1/19 4/26 5/9 6/28 9/27 10/10"),
    2021: ("1/1-1/3 2/11-2/17 4/3-4/5 5/1-5/5 6/12-6/14 9/19-9/21 10/1-10/7", "2/7 2/20 4/25 5/8 9/18 9/26 10/9"),
    2022: ("1/1-1/3 1/31-2/6 4/3-4/5 4/30-5/4 6/3-6/5 9/10-9/12 10/1-10/7", "1/29 1/30 4/2 4/24 5/7 10/8 10/9"),
    2023: ("-12/31-1/2 1/21-1/27 4/5 4/29-5/3 6/22-6/24 9/29-10/6", "1/28 1/29 4/23 5/6 6/25 10/7 10/8"),
    2024: ("1/1 2/10-2/17 4/4-4/6 5/1-5/5 6/10 9/15-9/17 10/1-10/7", "2/4 2/18 4/7 4/28 5/11 9/14 9/29 10/12"),
    2025: ("1/1 1/28-2/4 4/4-4/6 5/1-5/5 5/31-6/2 10/1-10/8", "1/26 2/8 4/27 9/28 10/11"),
    2026: ("1/1-1/3 2/15-2/23 4/4-4/6 5/1-5/5 6/19-6/21 9/25-9/27 10/1-10/7", "1/4 2/14 2/28 5/9 9/20 10/10"),
}
# 全国年节及纪念日放假办法 (2024): the fixed days of 2027, with days made up for those on a weekend; no notice yet.
CN_2027 = "1/1 2/5-2/10 4/5 5/1-5/4 6/9 9/15 10/1-10/5"

CN = Days(
    off=set().union(*(spans(y, off) for y, (off, _) in CN_NOTICES.items())) | spans(2027, CN_2027),
    on=set().union(*(spans(y, on) for y, (_, on) in CN_NOTICES.items())),
)
CN.off -= CN.on
# Until 2020-01-27: Spring Festival 24 to 30 January, Saturday 1 February worked.
CN_JANUARY_2020 = Days(CN.off - spans(2020, "1/31-2/2"), CN.on | spans(2020, "2/1"))
# Until 2019-03-22: Labour Day on 1 May only, no Sunday worked for it.
CN_MARCH_2019 = Days(CN.off - spans(2019, "5/2-5/4"), CN.on - spans(2019, "4/28 5/5"))

# Bank holidays on weekdays, as on the government's list (gov.uk/bank-holidays) and in Schedule 1 of the Act of 1971.
ENGLAND = {
    2020: "1/1 4/10 4/13 5/8 5/25 8/31 12/25 12/28",
    2021: "1/1 4/2 4/5 5/3 5/31 8/30 12/27 12/28",
    2022: "1/3 4/15 4/18 5/2 6/2 6/3 8/29 9/19 12/26 12/27",
    2023: "1/2 4/7 4/10 5/1 5/8 5/29 8/28 12/25 12/26",
    2024: "1/1 3/29 4/1 5/6 5/27 8/26 12/25 12/26",
    2025: "1/1 4/18 4/21 5/5 5/26 8/25 12/25 12/26",
    2026: "1/1 4/3 4/6 5/4 5/25 8/31 12/25 12/28",
}
SCOTLAND = {
    2020: "1/1 1/2 4/10 5/8 5/25 8/3 11/30 12/25 12/28",
    2021: "1/1 1/4 4/2 5/3 5/31 8/2 11/30 12/27 12/28",
    2022: "1/3 1/4 4/15 5/2 6/2 6/3 8/1 9/19 11/30 12/26 12/27",
    2023: "1/2 1/3 4/7 5/1 5/8 5/29 8/7 11/30 12/25 12/26",
    2024: "1/1 1/2 3/29 5/6 5/27 8/5 12/2 12/25 12/26",
    2025: "1/1 1/2 4/18 5/5 5/26 8/4 12/1 12/25 12/26",
}
# Northern Ireland has England's days and these two.
NORTH = {
    2020: "3/17 7/13",
    2021: "3/17 7/12",
    2022: "3/17 7/12",
    2023: "3/17 7/12",
    2024: "3/18 7/12",
    2025: "3/17 7/14",
}


def years(*tables: dict[int, str]) -> Days:
    return Days(set().union(*(spans(year, text) for table in tables for year, text in table.items())))


ENG, SCT, UK = years(ENGLAND), years(SCOTLAND), years(ENGLAND, SCOTLAND, NORTH)

# 5 U.S.C. 6103(a): on Friday for a Saturday, on Monday for a Sunday. Juneteenth since 2021.
US = years(
    {
        2010: "1/1 1/18 2/15 5/31 7/5 9/6 10/11 11/11 11/25 12/24 12/31",
        2011: "1/17 2/21 5/30 7/4 9/5 10/10 11/11 11/24 12/26",
        2016: "1/1 1/18 2/15 5/30 7/4 9/5 10/10 11/11 11/24 12/26",
        2017: "1/2 1/16 2/20 5/29 7/4 9/4 10/9 11/10 11/23 12/25",
        2020: "1/1 1/20 2/17 5/25 7/3 9/7 10/12 11/11 11/26 12/25",
        2021: "1/1 1/18 2/15 5/31 6/18 7/5 9/6 10/11 11/11 11/25 12/24 12/31",
        2022: "1/17 2/21 5/30 6/20 7/4 9/5 10/10 11/11 11/24 12/26",
        2023: "1/2 1/16 2/20 5/29 6/19 7/4 9/4 10/9 11/10 11/23 12/25",
        2024: "1/1 1/15 2/19 5/27 6/19 7/4 9/2 10/14 11/11 11/28 12/25",
        2025: "1/1 1/20 2/17 5/26 6/19 7/4 9/1 10/13 11/11 11/27 12/25",
    }
)
US_DC = Days(US.off | {d("2017-01-20"), d("2021-01-20"), d("2025-01-20")})

# 2014: 2013/C 39/03; 2023: 2021/C 201 I/02; the others by the same days: 1 and 2 January, Thursday and Friday before
# and Monday after Easter, 1 and 9 May, Ascension and the Friday after, Whit Monday, 21 July, 15 August,
# 1 and 2 November, 24 to 31 December.
EU = years(
    {
        2014: "1/1 1/2 4/17 4/18 4/21 5/1 5/9 5/29 5/30 6/9 7/21 8/15 12/24-12/31",
        2015: "1/1 1/2",
        2018: "1/1 1/2 12/24-12/31",
        2019: "1/1 1/2 4/18 4/19 4/22 5/1 5/9 5/30 5/31 6/10 8/15 11/1 12/24-12/31",
        2020: "1/1 1/2",
        2023: "1/2 4/6 4/7 4/10 5/1 5/9 5/18 5/19 5/29 7/21 8/15 11/1 11/2 12/25-12/29",
        2024: "1/1 1/2 3/28 3/29 4/1",
    }
)

# Organisation of Working Time Act 1997, Sch. 2; St Brigid's Day since 2023; 18 March 2022 by regulation. One on a
# weekend moves nothing.
IE = years(
    {
        2016: "1/1 3/17 3/28 5/2 6/6 8/1 10/31 12/26",
        2021: "1/1 3/17 4/5 5/3 6/7 8/2 10/25",
        2022: "3/17 3/18 4/18 5/2 6/6 8/1 10/31 12/26",
        2023: "2/6 3/17 4/10 5/1 6/5 8/7 10/30 12/25 12/26",
        2024: "1/1 2/5 4/1 5/6 6/3 8/5 10/28 12/25 12/26",
        2025: "1/1 2/3 3/17 4/21 5/5 6/2 8/4 10/27 12/25 12/26",
    }
)

# Holidays Act 1958 (ACT), weekdays; and New South Wales for the agencies in Sydney.
AU = years(
    {
        2022: "1/3 1/26 3/14 4/15 4/18 4/25 5/30 6/13 9/22 10/3 12/26 12/27",
        2023: "1/2 1/26 3/13 4/7 4/10 4/25 5/29 6/12 10/2 12/25 12/26",
        2024: "1/1 1/26 3/11 3/29 4/1 4/25 5/27 6/10 10/7 12/25 12/26",
        2025: "1/1 1/27 3/10 4/18 4/21 4/25 6/2 6/9 10/6 12/25 12/26",
    }
)
AU_NSW = years({2018: "1/1 1/26 3/30 4/2 4/25 6/11 10/1 12/25 12/26"})

# Holidays of all Länder, weekdays; Berlin has 8 March besides.
DE = years(
    {
        2020: "1/1 4/10 4/13 5/1 5/21 6/1 12/25",
        2023: "4/7 4/10 5/1 5/18 5/29 10/3 12/25 12/26",
        2024: "1/1 3/29 4/1 5/1 5/9 5/20 10/3 12/25 12/26",
        2025: "1/1 4/18 4/21 5/1 5/29 6/9 10/3 12/25 12/26",
    }
)
DE_BE = Days(DE.off | {d("2024-03-08"), d("2023-03-08")})

# Lei 662/1949, 6.802/1980, 14.759/2023 (20 November since 2024) and Good Friday, weekdays.
BR = years(
    {
        2023: "4/7 4/21 5/1 9/7 10/12 11/2 11/15 12/25",
        2024: "1/1 3/29 5/1 11/15 11/20 12/25",
        2025: "1/1 4/18 4/21 5/1 11/20 12/25",
    }
)


@dataclass(frozen=True)
class Worked:
    """A date and how it was counted."""

    on: date
    text: str


def working(days: Days, start: date, amount: int, out: Iterable[tuple[str, str]] = ()) -> Worked:
    """The ``amount``-th working day after ``start`` by a loop over all days, leaving out the days of ``out``."""
    gaps = [(d(a), d(b)) for a, b in out]
    day, left, first, off, on = start, amount, None, [], []
    while left:
        day += DAY
        if any(a <= day <= b for a, b in gaps):
            continue
        if days.works(day):
            left -= 1
            first = first or day
            if day.weekday() > 4:
                on.append(day)
        elif day.weekday() < 5:
            off.append(day)
    text = f"{amount} working days after {start}: day 1 {first:%m-%d}, day {amount} {day:%Y-%m-%d}"
    if off:
        text += "; weekdays off: " + " ".join(f"{x:%m-%d}" for x in off)
    if on:
        text += "; weekend days worked: " + " ".join(f"{x:%m-%d}" for x in on)
    if gaps:
        text += "; left out: " + ", ".join(f"{a} to {b}" for a, b in gaps)
    return Worked(day, text)


def calendar_days(start: date, amount: int, out: Iterable[tuple[str, str]] = ()) -> Worked:
    """The ``amount``-th day after ``start``, leaving out the days of ``out``."""
    gaps = [(d(a), d(b)) for a, b in out]
    day, left = start, amount
    while left:
        day += DAY
        left -= not any(a <= day <= b for a, b in gaps)
    text = f"{amount} days after {start}: {day:%a %Y-%m-%d}"
    return Worked(day, text + ("; left out: " + ", ".join(f"{a} to {b}" for a, b in gaps) if gaps else ""))


def months(start: date, amount: int) -> Worked:
    """The day of the same number so many months later, or the month's last day where it has none."""
    year, month = start.year, start.month
    for _ in range(amount):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    day, number = None, start.day
    while day is None:
        try:
            day = date(year, month, number)
        except ValueError:
            number -= 1
    return Worked(day, f"{amount} month(s) after {start}: {day:%a %Y-%m-%d}")


def rolled(days: Days, worked: Worked) -> Worked:
    """The last day, moved to the next working day if it is none."""
    day = worked.on
    while not days.works(day):
        day += DAY
    return worked if day == worked.on else Worked(day, f"{worked.text}, no working day: {day:%a %Y-%m-%d}")
