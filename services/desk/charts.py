"""Charts as SVG text, made here: they need no script, print sharp, and say their numbers to a screen reader as well."""

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from services.desk.rendering import say_in
from services.events.names import NAMES
from services.runtime.languages import Lang

_WIDE, _BAR, _LABEL = 560, 22, 190
_PACE = {"in_time": "in_time", "late": "late", "overdue_open": "overdue"}
"""The words for what a share in time is made of, and the indicators."""
_STEPS = 30
"""At most so many columns of days; where there are more, each takes several."""
_DIGIT = 6.3
"""How wide a digit of the small text is; numbers that would run into one another are left to the description."""


def charts(found: Mapping[str, Any], lang: Lang) -> list[str]:
    """The charts of a year's indicators as the API gives them, those without numbers left out."""

    def name_of(code: str) -> str:
        return say_in(lang, NAMES[code]) if code in NAMES else code

    channels = [(name_of(code), number) for code, number in found["channels"].items()]
    outcomes = sorted(((name_of(code), number) for code, number in found["outcomes"].items()), key=lambda p: -p[1])
    pace = [(say_in(lang, word), found[key]) for word, key in _PACE.items()]
    share = found["share_in_time"]
    percent = "" if share is None else f" {share:.1%} / {found['base']}"
    months = [(f"{n}月" if lang == "zh" else str(n)) for n in range(1, 13)]
    series = [
        (say_in(lang, "received_head"), found["received_by_month"]),
        (say_in(lang, "ended_head"), found["ended_by_month"]),
    ]
    both: Mapping[str, Any] = found.get("days_taken") or {}
    taken = {say_in(lang, f"{name}-response"): both[name] for name in ("first", "final") if name in both}
    comma, colon = ("，", "：") if lang == "zh" else (", ", ": ")
    medians = comma.join(f"{name} {each['median']}" for name, each in taken.items() if each["median"] is not None)
    median = f" · {say_in(lang, 'median')}{colon}{medians}" if medians else ""
    return [
        chart
        for chart in (
            bars(say_in(lang, "by_channel"), channels),
            bars(say_in(lang, "by_outcome"), outcomes),
            columns(say_in(lang, "by_month"), months, series),
            bars(say_in(lang, "share_in_time") + percent, pace if share is not None else []),
            columns(say_in(lang, "pace") + median, *_distribution(taken)),
        )
        if chart
    ]


def _distribution(taken: Mapping[str, Any]) -> tuple[list[str], list[tuple[str, list[int]]]]:
    """The days side by side, in steps of several where there are too many, with the numbers of each response."""
    by_days = {name: {int(days): n for days, n in each["by_days"].items()} for name, each in taken.items()}
    if not any(by_days.values()):
        return [], []
    last = max(days for each in by_days.values() for days in each)
    step = -(-(last + 1) // _STEPS)
    places = last // step + 1
    series = []
    for name, each in by_days.items():
        counts = [0] * places
        for days, count in each.items():
            counts[days // step] += count
        if each:
            series.append((name, counts))
    names = [str(n * step) if step == 1 else f"{n * step}–{n * step + step - 1}" for n in range(places)]
    return names, series


def bars(title: str, items: Sequence[tuple[str, int]]) -> str:
    """Lying bars, each with its label and its number; nothing where there are none."""
    if not items:
        return ""
    most = max(n for _, n in items) or 1
    room = _WIDE - _LABEL - 60
    parts = []
    for place, (label, number) in enumerate(items):
        y = place * (_BAR + 6)
        width = room * number / most
        parts.append(
            f'<text x="{_LABEL - 8}" y="{y + 16}" text-anchor="end">{escape(_short(label))}</text>'
            f'<rect x="{_LABEL}" y="{y}" width="{width:.1f}" height="{_BAR}" class="s0"/>'
            f'<text x="{_LABEL + width + 6:.1f}" y="{y + 16}">{number}</text>'
        )
    return _figure(title, "".join(parts), len(items) * (_BAR + 6), [f"{label} {n}" for label, n in items])


def columns(title: str, labels: Sequence[str], series: Sequence[tuple[str, Sequence[int]]]) -> str:
    """Standing columns, side by side where there are several series; nothing where all are 0."""
    most = max((n for _, numbers in series for n in numbers), default=0)
    if not most:
        return ""
    high, left = 150, 8
    slot = (_WIDE - 2 * left) / len(labels)
    width = slot * 0.8 / len(series)
    parts = []
    for s, (_, numbers) in enumerate(series):
        for n, number in enumerate(numbers):
            tall = high * number / most
            x = left + n * slot + slot * 0.1 + s * width
            parts.append(
                f'<rect x="{x:.1f}" y="{18 + high - tall:.1f}" width="{width:.1f}" height="{tall:.1f}" class="s{s}"/>'
            )
            if number and len(str(number)) * _DIGIT <= width + 1:
                at = f'x="{x + width / 2:.1f}" y="{14 + high - tall:.1f}"'
                parts.append(f'<text {at} text-anchor="middle" class="small">{number}</text>')
    every = -(-max(28.0, max(map(len, labels)) * _DIGIT + 6) // slot)
    for n, label in enumerate(labels):
        if n % every == 0:
            at = f'x="{left + n * slot + slot / 2:.1f}" y="{high + 36}"'
            parts.append(f'<text {at} text-anchor="middle" class="small">{escape(label)}</text>')
    parts.append(f'<line x1="{left}" x2="{_WIDE - left}" y1="{high + 18.5}" y2="{high + 18.5}"/>')
    height = high + 44
    if len(series) > 1:
        for s, (name, _) in enumerate(series):
            x = left + s * 110
            parts.append(f'<rect x="{x}" y="{height}" width="12" height="12" class="s{s}"/>')
            parts.append(f'<text x="{x + 18}" y="{height + 11}">{escape(name)}</text>')
        height += 20
    description = [
        f"{label}: " + ", ".join(f"{name} {numbers[n]}".strip() for name, numbers in series)
        for n, label in enumerate(labels)
    ]
    return _figure(title, "".join(parts), height, description)


def _short(label: str) -> str:
    """A label that fits beside its bar; a Chinese character is twice as wide."""
    room, kept = 26, ""
    for letter in label:
        room -= 2 if ord(letter) > 0x2E80 else 1
        if room < 0:
            return f"{kept}…"
        kept += letter
    return kept


def _figure(title: str, inside: str, height: float, description: Sequence[str]) -> str:
    return (
        f'<figure class="chart"><figcaption>{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {_WIDE} {height:.0f}" role="img" aria-label="{escape(title, {chr(34): "&quot;"})}">'
        f"<desc>{escape('; '.join(description))}</desc>{inside}</svg></figure>"
    )
