"""Charts as SVG text, made here: they need no script, print sharp, and say their numbers to a screen reader as well."""

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from msgspec import UnsetType

from services.stats.days import FINAL, FIRST, LABELS, Taken
from services.stats.indicators import Indicators
from services.stats.report import Lang, said
from services.stats.words import NAMES, WORDS

_WIDE, _BAR, _LABEL = 560, 22, 190
_STEPS = 30
"""At most so many columns of days; where there are more, each takes several."""
_DIGIT = 6.3
"""How wide a digit of the small text is; numbers that would run into one another are left to the description."""


def charts(found: Indicators, lang: Lang) -> list[str]:
    """The charts of a year, those without numbers left out."""
    channels = [(said(NAMES[c], lang), n) for c, n in found.channels.items()]
    outcomes = sorted(((said(NAMES[o], lang), n) for o, n in found.outcomes.items()), key=lambda p: -p[1])
    pace = [(said(WORDS[w], lang), n) for w, n in (("in_time", found.in_time), ("late", found.late))]
    share = found.share_in_time
    percent = "" if share is None else f" {share:.1%}"
    months = [(f"{n}月" if lang == "zh" else str(n)) for n in range(1, 13)]
    series = [
        (said(WORDS["received_head"], lang), list(found.received_by_month)),
        (said(WORDS["ended_head"], lang), list(found.ended_by_month)),
    ]
    taken: dict[str, Taken] = {}
    if not isinstance(found.taken, UnsetType):
        taken = {said(LABELS[FIRST], lang): found.taken.first, said(LABELS[FINAL], lang): found.taken.final}
    comma, colon = ("，", "：") if lang == "zh" else (", ", ": ")
    medians = comma.join(f"{name} {each.median}" for name, each in taken.items() if each.median is not None)
    median = f" · {said(WORDS['median'], lang)}{colon}{medians}" if medians else ""
    return [
        chart
        for chart in (
            bars(said(WORDS["by_channel"], lang), channels),
            bars(said(WORDS["by_outcome"], lang), outcomes),
            columns(said(WORDS["by_month"], lang), months, series),
            bars(said(WORDS["share_in_time"], lang) + percent, pace if share is not None else []),
            columns(said(WORDS["pace"], lang) + median, *_distribution(taken)),
        )
        if chart
    ]


def _distribution(taken: Mapping[str, Taken]) -> tuple[list[str], list[tuple[str, list[int]]]]:
    """The days side by side, in steps of several where there are too many, with the numbers of each response."""
    if not any(each.by_days for each in taken.values()):
        return [], []
    last = max(days for each in taken.values() for days in each.by_days)
    step = -(-(last + 1) // _STEPS)
    places = last // step + 1
    series = []
    for name, each in taken.items():
        counts = [0] * places
        for days, count in each.by_days.items():
            counts[days // step] += count
        if each.by_days:
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
    told = [
        f"{label}: " + ", ".join(f"{name} {numbers[n]}".strip() for name, numbers in series)
        for n, label in enumerate(labels)
    ]
    return _figure(title, "".join(parts), height, told)


def _short(label: str) -> str:
    """A label that fits beside its bar; a Chinese character is twice as wide."""
    room, kept = 26, ""
    for letter in label:
        room -= 2 if ord(letter) > 0x2E80 else 1
        if room < 0:
            return f"{kept}…"
        kept += letter
    return kept


def _figure(title: str, inside: str, height: float, told: Sequence[str]) -> str:
    return (
        f'<figure class="chart"><figcaption>{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {_WIDE} {height:.0f}" role="img" aria-label="{escape(title, {chr(34): "&quot;"})}">'
        f"<desc>{escape('; '.join(told))}</desc>{inside}</svg></figure>"
    )
