"""The days of one clock, each in its place: counted, off and why, left out and why. Ranges, or day by day."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from services.statute import clock as clocks
from services.statute.calendar import Calendar
from services.statute.clock import Clock, Interval
from services.words.catalogue import said

_DAY = timedelta(days=1)
_NAMES = (
    ("Chinese New Year Extended Holiday", "春节延长假期"),
    ("Chinese New Year (Spring Festival)", "春节"),
    ("Chinese New Year's Eve", "除夕"),
    ("New Year's Day", "元旦"),
    ("Tomb-Sweeping Day", "清明节"),
    ("Labor Day", "劳动节"),
    ("Dragon Boat Festival", "端午节"),
    ("Mid-Autumn Festival", "中秋节"),
    ("National Day", "国庆节"),
    (" (observed)", "（补休）"),
    ("make-up working day", "调休上班"),
    ("day off", "放假"),
)
_SWAPPED = re.compile(r"Day off \(substituted from (\d\d)/(\d\d)/(\d{4})\)")


class Basis(Struct, frozen=True):
    """What a line rests on: the same citation in both languages, but for the remark on it."""

    zh: str
    en: str
    unsure: bool = False
    """The text was not read for the statute's file."""


NO_BASIS = Basis("", "")


@cache
def cited(article: str, confirmed: bool = True) -> Basis:
    """An article as the basis of a line."""
    if confirmed or not article:
        return Basis(article, article)
    return Basis(f"{article}（未核对原文）", f"{article} (text not read)", True)


class Line(Struct, frozen=True):
    """A line of an explanation: what holds from ``first`` to ``last`` (local dates), and on which basis."""

    kind: str
    first: date | None
    last: date | None
    zh: str
    en: str
    basis: Basis = NO_BASIS
    days: int = 0
    """How many units of the limit the line counts."""
    limit: str = "answer"

    def plain(self) -> dict[str, Any]:
        """The line as the API and the command line give it."""
        return {
            "limit": self.limit,
            "kind": self.kind,
            "from": self.first.isoformat() if self.first else None,
            "to": self.last.isoformat() if self.last else None,
            "days": self.days,
            "text": {"zh": self.zh, "en": self.en},
            "article": self.basis.en,
            "basis": {"zh": self.basis.zh, "en": self.basis.en},
        }


class _Span(Struct):
    kind: str
    """``counted``, ``make-up``, ``weekend``, ``holiday``, ``left-out`` or ``roll``."""
    first: date
    last: date
    why: list[str]
    days: int
    gap: Interval | None = None


def in_chinese(name: str) -> str:
    """A day's name in Chinese, as far as it is one of China's."""
    for english, chinese in _NAMES:
        name = name.replace(english, chinese)
    return _SWAPPED.sub(r"调休放假（与\3-\1-\2对调）", name)


def _spans(clock: Clock, calendar: Calendar, through: date) -> Iterator[_Span]:
    """Each day after the start up to ``through`` by itself."""
    working = clock.unit in ("working-day", "working-week")
    unrolled = clocks.due_on(replace(clock, roll="none"), calendar) or through
    gaps, place = clocks.union(clock.excluded), 0
    day = clock.start + _DAY
    while day <= through:
        while place < len(gaps) and (last := gaps[place].last) is not None and last < day:
            place += 1
        gap = gaps[place] if place < len(gaps) and gaps[place].first <= day else None
        off = calendar.why_off(day)
        if gap is not None:
            yield _Span("left-out", day, day, [], 0, gap)
        elif not working:
            rolling = day > unrolled
            yield _Span("roll" if rolling else "counted", day, day, [off or ""] if rolling else [], int(not rolling))
        elif off is None:
            made_up = day in calendar.on and day.weekday() in calendar.weekend
            yield _Span("make-up" if made_up else "counted", day, day, [calendar.on[day]] if made_up else [], 1)
        else:
            yield _Span("holiday" if day in calendar.off else "weekend", day, day, [off], 0)
        day += _DAY


def _merged(spans: Iterator[_Span]) -> list[_Span]:
    """Neighbours of a kind as one; an ordinary weekend inside goes with what surrounds it."""
    merged: list[_Span] = []
    for span in spans:
        before = merged[-1] if merged else None
        same = before is not None and span.kind == before.kind and span.gap == before.gap
        weekend = span.kind == "weekend" and before is not None and before.kind in ("counted", "holiday")
        if before is not None and before.kind == "weekend" and span.kind == "holiday":
            merged[-1] = replace(span, first=before.first)
        elif before is not None and (same or weekend):
            before.last, before.days = span.last, before.days + span.days
            before.why += [why for why in span.why if not weekend and why not in before.why]
        else:
            merged.append(span)
    return merged


def account(clock: Clock, calendar: Calendar, through: date, limit: str, each_day: bool = False) -> list[Line]:
    """The days of ``clock`` up to ``through``; a line a day if ``each_day``."""
    if each_day or clock.excluded or clock.beyond or clock.deferred:
        return _lines(clock, calendar, through, limit, each_day)
    # A limit that nothing interrupts is the same for every request of its day; the others are hardly ever alike.
    asked = (clock, through, limit)
    known: tuple[Line, ...] | None = calendar.memory.get(asked)
    return list(known or calendar.remember(asked, tuple(_lines(clock, calendar, through, limit, each_day))))


def _lines(clock: Clock, calendar: Calendar, through: date, limit: str, each_day: bool) -> list[Line]:
    spans = _spans(clock, calendar, through)
    lines, number = [], 0
    working = clock.unit in ("working-day", "working-week")
    for span in spans if each_day else _merged(spans):
        from_, number = number + 1, number + span.days
        lines.append(_line(span, from_, number, working, limit))
    return lines


def _line(span: _Span, first: int, last: int, working: bool, limit: str) -> Line:
    numbers = f"{first}" if first == last else f"{first}-{last}"
    english, chinese = "; ".join(span.why), "；".join(in_chinese(w) for w in span.why)
    basis = cited(span.gap.article) if span.gap else NO_BASIS
    match span.kind:
        case "counted":
            zh = f"第{numbers}个工作日" if working else f"第{numbers}日"
            en = f"working day{'s' * (first != last)} {numbers}" if working else f"day{'s' * (first != last)} {numbers}"
            if working and span.days < (span.last - span.first).days + 1:
                zh, en = f"{zh}（周末不计）", f"{en} (weekends not counted)"
        case "make-up":
            zh = f"第{numbers}个工作日：{chinese}"
            en = f"working day{'s' * (first != last)} {numbers}: {english}"
        case "left-out":
            assert span.gap is not None and span.gap.reason is not None
            why = said(span.gap.reason)
            zh, en = f"{why.zh}，不计入期限", f"left out of the count: {why.en}"
        case "roll":
            zh, en = f"末日非工作日，顺延（{chinese}）", f"the last day is no working day, moved on ({english})"
        case "weekend":
            zh, en = "周末，不计入", "weekend, not counted"
        case _:
            zh, en = f"{chinese or '周末'}，不计入", f"{english or 'weekend'}: not counted"
    return Line(span.kind, span.first, span.last, zh, en, basis, span.days, limit)
