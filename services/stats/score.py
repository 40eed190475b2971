"""A score of units by a file of points; there is none unless one is configured. Pure."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct

from services.stats.cells import Number, plain
from services.statute.data_file import Title, convert, parse
from services.statute.errors import BadData

Point = Annotated[float, Meta(ge=-1000, le=1000, description="a number from -1000 to 1000")]


class Points(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of points: what a unit's year begins with, and what each of what it counts adds or takes."""

    title: Title
    start: Point = 100.0
    received: Point = 0.0
    completed: Point = 0.0
    returned: Point = 0.0
    late: Point = 0.0
    yellow: Point = 0.0
    red: Point = 0.0
    least: Point = 0.0
    """No score is below it."""

    def of(self, year: Any) -> Number:
        """The score of a unit's year."""
        sums = (Decimal(str(getattr(self, n))) * int(getattr(year, n)) for n in _COUNTED)
        return plain(max(Decimal(str(self.least)), Decimal(str(self.start)) + sum(sums, Decimal(0))))


_COUNTED = ("received", "completed", "returned", "late", "yellow", "red")


def load(path: str) -> Points | None:
    """The points of a file; None where no file is named. Raises :class:`BadData` that names file, key and reason."""
    if not path:
        return None
    file = Path(path).expanduser()
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadData(file.name, "file", f"can't be read: {error}") from None
    return convert(file.name, parse(file.name, text), Points)
