"""The clock of a request drawn on a calendar: the account of its answer's limit, a cell a day."""

from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

DAYS = frozenset({"counted", "make-up", "weekend", "holiday", "left-out", "roll", "stopped", "restart"})
"""Kinds of lines that say what a day is."""
SHORT_DAYS = DAYS - {"counted", "make-up"}
"""Kinds of days that don't count: their cell says in a word what they are."""
UNNAMED = ("", "counted", "weekend")
"""Kinds of days that need no name: what they are is seen."""
MONTHS = 18
"""More are not drawn."""


class Cell(NamedTuple):
    """A day of a month."""

    day: int
    kind: str = ""
    number: int = 0
    """Which of the limit's days it is."""
    marks: tuple[str, ...] = ()
    """``received``, ``due``, ``today``, ``ended``."""
    text: Mapping[str, str] | None = None
    """What the account says of it."""
    article: Mapping[str, str] | None = None


class Named(NamedTuple):
    """Days on end of which the account says the same, in words that need no pointer: why they don't count, or what
    else they are."""

    first: date
    last: date
    kind: str
    text: Mapping[str, str]
    article: Mapping[str, str] | None = None


class Month(NamedTuple):
    """A month in weeks from Monday; None where a day is another month's."""

    year: int
    month: int
    weeks: list[list[Cell | None]]
    named: list[Named]
    """Its days that have a name: holidays, days that were worked instead, stops, the last day; no ordinary weekend."""


def drawn(lines: Iterable[Mapping[str, Any]], request: Mapping[str, Any], today: str) -> list[Month]:
    """The months from the receipt through the last day (or today, if that is later); none before the receipt."""
    days: dict[date, Cell] = {}
    number = 0
    lines = [line for line in lines if line["limit"] == "answer"]
    last = max(
        filter(None, (request.get("due_on"), request.get("latest_due_on"), request.get("closed_on"))), default=""
    )
    ended = request.get("answered_on") or request.get("closed_on")
    end = date.fromisoformat(max(last, "" if ended else today) or today)
    for line in lines:
        if line["kind"] not in DAYS or not line["from"]:
            continue
        number += line["days"]
        day = date.fromisoformat(line["from"])
        through = date.fromisoformat(line["to"]) if line["to"] else min(end, date.fromisoformat(today))
        while day <= through:
            days[day] = Cell(day.day, line["kind"], number if line["days"] else 0, (), line["text"], line["basis"])
            day += timedelta(days=1)
    marks: dict[date, list[str]] = {}
    named = (
        ("received", request.get("received_on")),
        ("due", request.get("due_on")),
        ("ended", ended),
        ("today", today),
    )
    for mark, text in named:
        if text:
            marks.setdefault(date.fromisoformat(text), []).append(mark)
    if not request.get("received_on"):
        return []
    due = next((line for line in lines if line["kind"] == "due"), None)
    for day, those in marks.items():
        cell = days.get(day, Cell(day.day))
        extra = {}
        if due is not None and "due" in those:
            extra = {"article": due["basis"]} | ({"text": due["text"]} if cell.kind in UNNAMED else {})
        days[day] = cell._replace(marks=tuple(those), **extra)
    return _months(days, date.fromisoformat(request["received_on"]), end)


def _months(days: Mapping[date, Cell], first: date, end: date) -> list[Month]:
    found: list[Month] = []
    year, month = first.year, first.month
    while (year, month) <= (end.year, end.month) and len(found) < MONTHS:
        blank, length = monthrange(year, month)
        cells: list[Cell | None] = [None] * blank
        cells += [days.get(date(year, month, n), Cell(n)) for n in range(1, length + 1)]
        cells += [None] * (-len(cells) % 7)
        weeks = [cells[n : n + 7] for n in range(0, len(cells), 7)]
        found.append(Month(year, month, weeks, list(_named(year, month, cells))))
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return found


def _named(year: int, month: int, cells: Iterable[Cell | None]) -> Iterator[Named]:
    before: Named | None = None
    for cell in cells:
        if cell is None or not cell.text or (cell.kind in UNNAMED and "due" not in cell.marks):
            continue
        day, kind = date(year, month, cell.day), "due" if cell.kind in UNNAMED else cell.kind
        follows = before is not None and before.last + timedelta(days=1) == day
        if before is not None and follows and (before.kind, before.text) == (kind, cell.text):
            before = before._replace(last=day)
            continue
        if before is not None:
            yield before
        before = Named(day, day, kind, cell.text, cell.article)
    if before is not None:
        yield before
