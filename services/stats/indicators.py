"""What people ask about a year beside its form: channels, outcomes, months, how much in time, in how many days."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.events.vocabulary import CHANNELS, OUTCOMES
from services.stats.cells import Cell, Number, of_year


@dataclass(frozen=True, slots=True)
class Indicators:
    """One year of one organ, or of several together."""

    channels: Mapping[str, int]
    outcomes: Mapping[str, int]
    received_by_month: Sequence[int]
    ended_by_month: Sequence[int]
    in_time: int
    late: int
    days: Mapping[int, int]
    """How many requests took how many days of their limit's unit until the final response, suspensions left out."""

    @property
    def share_in_time(self) -> float | None:
        """Of what was answered under a limit, how much was in time; None where nothing was."""
        measured = self.in_time + self.late
        return self.in_time / measured if measured else None

    @property
    def median_days(self) -> int | None:
        """The number of days within which half of them were ended (the lower one of two)."""
        half, seen = (sum(self.days.values()) + 1) // 2, 0
        for days, count in sorted(self.days.items()):
            seen += count
            if seen >= half:
                return days
        return None


def indicators(cells: Mapping[Cell, Number], organs: Sequence[str], year: int) -> Indicators:
    """From the cells that a report is made of."""
    found: dict[str, Counter[str]] = {}
    months = {"received": [0] * 12, "pace": [0] * 12}
    days: Counter[int] = Counter()
    for cell, number in of_year(cells, organs, year, "").items():
        count = int(number)
        found.setdefault(cell.kind, Counter())[cell.a] += count
        if cell.kind in months:
            months[cell.kind][int(cell.c) - 1] += count
        if cell.kind == "closed":
            found.setdefault("timeliness", Counter())[cell.c] += count
        if cell.kind == "pace" and cell.a:
            days[int(cell.a)] += count
    received, closed = found.get("received", Counter()), found.get("closed", Counter())
    timeliness = found.get("timeliness", Counter())
    return Indicators(
        {c: received[c] for c in CHANNELS if received[c]},
        {o: closed[o] for o in OUTCOMES if closed[o]},
        months["received"],
        months["pace"],
        timeliness["in-time"],
        timeliness["late"],
        dict(days),
    )
