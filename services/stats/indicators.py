"""What people ask about a year beside its form: channels, outcomes, months, how much in time, in how many days."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msgspec import UnsetType

from services.events.vocabulary import CHANNELS, OUTCOMES
from services.stats.cells import Cell, Number, of_year
from services.stats.days import DaysTaken, days_taken


@dataclass(frozen=True, slots=True)
class Indicators:
    """One year of one organ, or of several together."""

    channels: Mapping[str, int]
    outcomes: Mapping[str, int]
    received_by_month: Sequence[int]
    ended_by_month: Sequence[int]
    in_time: int
    late: int
    taken: DaysTaken | UnsetType
    """How many requests took how many days until the first and until the final response."""

    @property
    def days(self) -> Mapping[int, int]:
        """How many requests took how many days of their limit's unit until the final response."""
        return {} if isinstance(self.taken, UnsetType) else self.taken.final.by_days

    @property
    def share_in_time(self) -> float | None:
        """Of what was answered under a limit, how much was in time; None where nothing was."""
        measured = self.in_time + self.late
        return self.in_time / measured if measured else None

    @property
    def median_days(self) -> int | None:
        """The number of days within which half of them were ended (the lower one of two)."""
        return None if isinstance(self.taken, UnsetType) else self.taken.final.median


def indicators(cells: Mapping[Cell, Number], organs: Sequence[str], year: int) -> Indicators:
    """From the cells that a report is made of."""
    found: dict[str, Counter[str]] = {}
    months = {"received": [0] * 12, "pace": [0] * 12}
    counted = of_year(cells, organs, year, "")
    for cell, number in counted.items():
        count = int(number)
        found.setdefault(cell.kind, Counter())[cell.a] += count
        if cell.kind in months:
            months[cell.kind][int(cell.c) - 1] += count
        if cell.kind == "closed":
            found.setdefault("timeliness", Counter())[cell.c] += count
    received, closed = found.get("received", Counter()), found.get("closed", Counter())
    timeliness = found.get("timeliness", Counter())
    return Indicators(
        {c: received[c] for c in CHANNELS if received[c]},
        {o: closed[o] for o in OUTCOMES if closed[o]},
        months["received"],
        months["pace"],
        timeliness["in-time"],
        timeliness["late"],
        days_taken(counted.items()),
    )
