"""In how many days requests were first responded to and in how many ended: a distribution, and the table it prints as.

The days are those of the limit's unit, suspensions left out. A request counts under the first response in the year in
which that was given, and under the final one in the year of its end.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import UNSET, Struct, UnsetType

from services.events.vocabulary import Label
from services.stats.cells import Cell, Number, value
from services.stats.forms.shape import Column, Counts, FormRow, FormTable

FIRST, FINAL = "first-response", "final-response"
_KINDS = {"first": FIRST, "pace": FINAL}
LABELS = {FIRST: Label("首次回应", "First response"), FINAL: Label("最终答复（办结）", "Final response")}
TITLE = Label("答复用时分布（不含中止期间）", "Days taken (suspensions left out)")
_HEAD = Label("用时（天，按期限的单位计）", "Days, in the limit's unit")
_TOTAL, _MEDIAN = Label("合计", "Total"), Label("中位数（天）", "Median (days)")


class Taken(Struct, frozen=True):
    """How many requests took how long until one of the two responses."""

    requests: int = 0
    median: int | None = None
    """The number of days within which half of them were done (the lower one of two); none where there are none."""
    by_days: dict[int, int] = {}
    """Requests by the number of days."""


class DaysTaken(Struct, frozen=True):
    """The two distributions of a year."""

    first: Taken
    final: Taken


def days_taken(cells: Iterable[tuple[Cell, Number]]) -> DaysTaken | UnsetType:
    """From the cells of one year; ``UNSET`` where nothing was responded to."""
    by_kind: dict[str, Counter[int]] = {FIRST: Counter(), FINAL: Counter()}
    for cell, number in cells:
        if cell.kind in _KINDS and (days := value(cell, "days")):
            by_kind[_KINDS[cell.kind]][int(days)] += int(number)
    if not any(by_kind.values()):
        return UNSET
    return DaysTaken(*(Taken(sum(d.values()), median(d), dict(sorted(d.items()))) for d in by_kind.values()))


def median(days: Mapping[int, int]) -> int | None:
    """The number of days within which half of the requests were done (the lower one of two); None without any."""
    half, seen = (sum(days.values()) + 1) // 2, 0
    for each, count in sorted(days.items()):
        seen += count
        if seen >= half:
            return each
    return None


def as_table(taken: DaysTaken | UnsetType) -> tuple[FormTable, dict[str, dict[str, Number]]] | None:
    """The distribution as a table like those of the form, with its numbers by row and column; None without any."""
    if isinstance(taken, UnsetType):
        return None
    both = {FIRST: taken.first, FINAL: taken.final}
    days = sorted({*taken.first.by_days, *taken.final.by_days})
    numbers: dict[str, dict[str, Number]] = {
        str(d): {column: each.by_days.get(d, 0) for column, each in both.items()} for d in days
    }
    numbers["total"] = {column: each.requests for column, each in both.items()}
    numbers["median"] = {column: each.median for column, each in both.items() if each.median is not None}
    labels = {str(d): Label(str(d), str(d)) for d in days} | {"total": _TOTAL, "median": _MEDIAN}
    counts = Counts(kind="pace")
    rows = tuple(
        FormRow(row, label, cells=dict.fromkeys(numbers[row], counts)) for row, label in labels.items() if numbers[row]
    )
    columns = tuple(Column(column, LABELS[column]) for column in both)
    return FormTable("days-taken", TITLE, _HEAD, columns, rows), numbers
