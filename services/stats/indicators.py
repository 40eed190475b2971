"""What people ask about a year beside its form: channels, outcomes, months, how much in time, in how many days."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msgspec import UnsetType

from services.events.vocabulary import CHANNELS, OUTCOMES
from services.stats.cells import Cell, Number, of_year, values
from services.stats.response_times import DaysTaken, days_taken

_MONTHS = tuple(f"{month:02}" for month in range(1, 13))


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
    found: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    counted = of_year(cells, organs, year, "")
    for cell, number in counted.items():
        for dimension, has in values(cell):
            found[cell.kind, dimension][has] += int(number)
    channels, outcomes = found["received", "channel"], found["closed", "outcome"]
    timeliness = found["closed", "timeliness"]
    return Indicators(
        {c: channels[c] for c in CHANNELS if channels[c]},
        {o: outcomes[o] for o in OUTCOMES if outcomes[o]},
        [found["received", "month"][month] for month in _MONTHS],
        [found["pace", "month"][month] for month in _MONTHS],
        timeliness["in-time"],
        timeliness["late"],
        days_taken(counted.items()),
    )
