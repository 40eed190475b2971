"""What people ask about a year beside its form: channels, outcomes, months, how much in time, in how many days."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msgspec import UnsetType

from services.events.vocabulary import CHANNELS, OUTCOMES
from services.stats.beside import Timely, timely
from services.stats.cells import Cell, Law, Number, of_year, values
from services.stats.response_times import DaysTaken, days_taken

_MONTHS = tuple(f"{month:02}" for month in range(1, 13))


@dataclass(frozen=True, slots=True)
class Indicators:
    """One year of one organ, or of several together."""

    channels: Mapping[str, int]
    outcomes: Mapping[str, int]
    received_by_month: Sequence[int]
    ended_by_month: Sequence[int]
    timely: Timely | UnsetType
    """How much was in time, of what."""
    taken: DaysTaken | UnsetType
    """How many requests took how many days until the first and until the final response."""

    @property
    def days(self) -> Mapping[int, int]:
        """How many requests took how many days of their limit's unit until the final response."""
        return {} if isinstance(self.taken, UnsetType) else self.taken.final.by_days

    @property
    def in_time(self) -> int:
        return 0 if isinstance(self.timely, UnsetType) else self.timely.in_time

    @property
    def late(self) -> int:
        return 0 if isinstance(self.timely, UnsetType) else self.timely.late

    @property
    def overdue(self) -> int:
        """Past the limit and not ended."""
        return 0 if isinstance(self.timely, UnsetType) else self.timely.overdue

    @property
    def base(self) -> int:
        """What the share is a share of: answered in time, answered late, overdue and not ended."""
        return self.in_time + self.late + self.overdue

    @property
    def share_in_time(self) -> float | None:
        """Of what is measured against a limit, how much was answered in time; None where nothing is."""
        return None if isinstance(self.timely, UnsetType) else self.timely.share

    @property
    def median_days(self) -> int | None:
        """The number of days within which half of them were ended (the lower one of two)."""
        return None if isinstance(self.taken, UnsetType) else self.taken.final.median


def indicators(cells: Mapping[Cell, Number], organs: Sequence[str], year: int, law: Law | None = None) -> Indicators:
    """From the cells that a report is made of; of one law, or of all."""
    counts: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    counted = of_year(cells, organs, year, "", law)
    for cell, number in counted.items():
        for dimension, has in values(cell):
            counts[cell.kind, dimension][has] += int(number)
    channels, outcomes = counts["received", "channel"], counts["closed", "outcome"]
    return Indicators(
        {c: channels[c] for c in CHANNELS if channels[c]},
        {o: outcomes[o] for o in OUTCOMES if outcomes[o]},
        [counts["received", "month"][month] for month in _MONTHS],
        [counts["pace", "month"][month] for month in _MONTHS],
        timely(counted.items()),
        days_taken(counted.items()),
    )
