"""Due dates as an iCalendar feed (RFC 5545), for the calendar that an officer looks at anyway. Made in lots.

The library folds and escapes; its components cost a millisecond an entry, so the lines are put together here.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from icalendar import vText
from icalendar.parser import Contentline

from services.tracker.items import Item
from services.tracker.office_store import OpenDuty

MOST = 20_000
"""Entries of a feed. One that is cut ends with an entry that says so, on the last day that it covers."""

FOLD = 75
"""Bytes of a line, from which on it is folded."""
_HEAD = (
    "BEGIN:VCALENDAR",
    "VERSION:2.0",
    "PRODID:-//Shixian//Deadlines//EN",
    "X-WR-CALNAME:办理时限 Deadlines",
)


def begin() -> bytes:
    """What stands before the entries."""
    return _lines(_HEAD)


def entries(items: Sequence[Item], now: datetime) -> bytes:
    """An all-day event on the last day of each request that has one; a provisional date is a tentative event."""
    return b"".join(
        _entry(
            f"{item.id}@shixian",
            item.due_on,
            f"{item.id} 答复期限 answer due ({item.organ})",
            f"{item.statute} · {item.status}",
            "TENTATIVE" if item.provisional else "CONFIRMED",
            now,
        )
        for item in items
        if item.due_on is not None
    )


def duties(items: Sequence[OpenDuty], now: datetime) -> bytes:
    """An all-day event on the last day of each duty that has one."""
    return b"".join(
        _entry(
            f"{item.request}#{item.duty}@shixian",
            item.due_on,
            f"{item.duty} 法定职责 duty due ({item.organ})",
            f"{item.kind} · {item.article}",
            "TENTATIVE" if item.provisional else "CONFIRMED",
            now,
        )
        for item in items
        if item.due_on is not None
    )


def cut(on: date, now: datetime) -> bytes:
    """The entry that says that there is more than the feed has."""
    summary = f"以后的期限未列出 later deadlines are not listed (feed cut after {MOST} entries)"
    return _entry("cut@shixian", on, summary, "?organ=CODE", "TENTATIVE", now)


def end() -> bytes:
    """What stands behind the entries."""
    return _lines(("END:VCALENDAR",))


def _entry(uid: str, on: date, summary: str, description: str, status: str, now: datetime) -> bytes:
    return _lines(
        (
            "BEGIN:VEVENT",
            f"SUMMARY:{_escaped(summary)}",
            f"DTSTART;VALUE=DATE:{on:%Y%m%d}",
            f"DTEND;VALUE=DATE:{on + timedelta(days=1):%Y%m%d}",
            f"DTSTAMP:{now:%Y%m%dT%H%M%SZ}",
            f"UID:{_escaped(uid)}",
            f"DESCRIPTION:{_escaped(description)}",
            f"STATUS:{status}",
            "TRANSP:TRANSPARENT",
            "END:VEVENT",
        )
    )


def _lines(lines: Sequence[str]) -> bytes:
    return b"".join(_folded(line) + b"\r\n" for line in lines)


def _folded(line: str) -> bytes:
    if len(line) < FOLD and line.isascii():
        return line.encode()
    folded: bytes = Contentline(line).to_ical()  # type: ignore[no-untyped-call]  # the library has no types here
    return folded


def _escaped(text: str) -> str:
    return vText(text).to_ical().decode()
