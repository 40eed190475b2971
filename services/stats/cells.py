"""The smallest counts there are: cells, which no form has shaped yet, and what each row of the fold adds to them. Pure.

Facts are counted at their finest, so that one year can be printed in any form. What a cell counts, and by which
dimensions, says the table of kinds (:mod:`services.stats.kinds`); cells are made and read by the names there.

A level of 0 and no level are different things, hence ``level-known``. What is pending at the end of a year is what was
``carried`` up to that year less what was ``carried-ended`` up to it (:func:`of_year`): a request adds to two years at
most, however long it stays open, and the number is never negative, not even where facts contradict one another.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from msgspec import Struct

from services.events.cases import RequestSummary
from services.events.facts import ReviewDecidedData, ReviewFiledData, TallyData
from services.events.vocabulary import LEVELS
from services.stats.kinds import (
    CARRY_KINDS,
    COUNTED_STATES,
    ENDED_STATES,
    FIRST_HANDLING,
    KINDS,
    PENDING,
    PLACE_OF,
    PLACES,
    Kind,
    pace,
)

Number = int | Decimal


class Cell(NamedTuple):
    """One count of one organ in one year, as it is stored; the kind says what is in which place."""

    organ: str
    year: int
    kind: str
    a: str
    b: str = ""
    c: str = ""


_FIRST_PLACE = Cell._fields.index(PLACES[0])


def _maker(kind: Kind) -> Callable[..., Cell]:
    """The function that makes a cell of a kind from organ, year and each dimension by its name.

    It is compiled once from the table, as ``namedtuple`` does: several cells are made for each event folded, and
    looking the names up each time would cost more than all else. Raises ``TypeError`` for a name too many or too few.
    """
    empty = ["''"] * (len(PLACES) - len(kind.names))
    values = ", ".join(["organ", "year", repr(kind.name), *kind.names, *empty])
    made: Callable[..., Cell] = eval(
        f"lambda organ, year, *, {', '.join(kind.names)}: new(Cell, ({values}))", {"new": tuple.__new__, "Cell": Cell}
    )
    made.__name__ = made.__qualname__ = kind.name
    return made


MAKE: Mapping[str, Callable[..., Cell]] = {name: _maker(kind) for name, kind in KINDS.items()}
"""By kind: makes its cells, ``MAKE["carried"](organ, year, applicant=...)``."""
_received, _closed, _pace, _first = (MAKE[kind] for kind in ("received", "closed", "pace", "first"))
_carried, _carried_ended = MAKE["carried"], MAKE["carried-ended"]
_review, _tally, _level, _level_known = (MAKE[kind] for kind in ("review", "tally", "level", "level-known"))


def value(cell: Cell, dimension: str) -> str:
    """What a cell has in a dimension. Raises ``KeyError`` where its kind has no such one."""
    return cell[_FIRST_PLACE + PLACE_OF[cell.kind][dimension]]  # type: ignore[return-value]


def values(cell: Cell) -> Iterable[tuple[str, str]]:
    """Each dimension of a cell with its value."""
    return zip(PLACE_OF[cell.kind], cell[_FIRST_PLACE:], strict=False)  # type: ignore[arg-type]


class RequestRow(Struct, frozen=True):
    """A subject of the case topic: a request as it stands, or (without one) an organ's own events."""

    subject: str
    sequence: int
    """The number of the last case event folded."""
    request: RequestSummary | None = None


class ReviewRow(Struct, frozen=True):
    """A review of a request, or of an organ's doings."""

    subject: str
    filed: ReviewFiledData
    decided: ReviewDecidedData | None = None


class TallyRow(Struct, frozen=True):
    """A tally as it counts now; ``source`` and ``id`` name the fact."""

    subject: str
    source: str
    id: str
    counted: TallyData


Row = RequestRow | ReviewRow | TallyRow


def contributions(row: Row | None) -> Mapping[Cell, Number]:
    """What a row adds to the cells; nothing where there is no row."""
    match row:
        case RequestRow(request=RequestSummary() as request):
            return _of_request(request)
        case ReviewRow():
            return _of_review(row.filed, row.decided)
        case TallyRow(counted=counted) if counted.measure in LEVELS:
            organ, year, measure, day = counted.organ, counted.on.year, counted.measure, counted.on.isoformat()
            tally = f"{row.source} {row.id}"
            return {
                _level(organ, year, measure=measure, day=day, tally=tally): plain(counted.count),
                _level_known(organ, year, measure=measure, day=day, tally=tally): 1,
            }
        case TallyRow(counted=counted):
            return {_tally(counted.organ, counted.on.year, measure=counted.measure): plain(counted.count)}
        case _:
            return {}


def _of_request(request: RequestSummary) -> Mapping[Cell, Number]:
    """A request that is not received in law yet, or was posted by mistake, counts nowhere."""
    received_on, closed_on = request.received_on, request.closed_on
    if received_on is None or request.state not in COUNTED_STATES:
        return {}
    organ, applicant, year = request.organ, request.applicant, received_on.year
    cells: dict[Cell, Number] = {
        _received(organ, year, channel=request.channel, applicant=applicant, month=f"{received_on.month:02}"): 1,
    }
    if request.first_response_on is not None:
        first = "" if request.first_working_days is None else str(request.first_working_days)
        cells[_first(organ, request.first_response_on.year, days=first)] = 1
    if closed_on is None or request.state not in ENDED_STATES:
        cells[_carried(organ, year, applicant=applicant)] = 1
        return cells
    ended, timeliness = closed_on.year, request.timeliness or ""
    # An end without an outcome of its own (a transfer, say) is one of the form's "other" ends.
    cells[_closed(organ, ended, outcome=request.outcome or "other", applicant=applicant, timeliness=timeliness)] = 1
    days = "" if request.working_days is None else str(request.working_days)
    how = pace(timeliness, request.extended)
    cells[_pace(organ, ended, days=days, pace=how, month=f"{closed_on.month:02}")] = 1
    if ended > year:
        cells[_carried(organ, year, applicant=applicant)] = 1
        cells[_carried_ended(organ, ended, applicant=applicant)] = 1
    return cells


def _of_review(filed: ReviewFiledData, decided: ReviewDecidedData | None) -> Mapping[Cell, Number]:
    year = filed.filed_on.year
    result = decided.result if decided is not None and decided.decided_on.year <= year else PENDING
    disputed = FIRST_HANDLING if filed.first_handling_disputed else ""
    return {_review(filed.organ, year, review=filed.kind, result=result, disputed=disputed): 1}


def plain(value: Number) -> Number:
    """The same number in one form: an ``int`` where it is whole, else a ``Decimal`` without trailing zeros."""
    if isinstance(value, int):
        return value
    if value == value.to_integral_value():
        return int(value)
    return value.normalize()


def add(into: dict[Cell, Number], cells: Mapping[Cell, Number], sign: int = 1) -> None:
    """Add ``cells`` to ``into`` (or take them away); cells that come to 0 are left out."""
    for cell, number in cells.items():
        total = plain(into.get(cell, 0) + sign * number)
        if total:
            into[cell] = total
        else:
            into.pop(cell, None)


def recount(rows: Iterable[Row]) -> dict[Cell, Number]:
    """The cells counted anew from all rows; what the counters must equal."""
    found: dict[Cell, Number] = {}
    for row in rows:
        add(found, contributions(row))
    return found


def of_year(cells: Mapping[Cell, Number], organs: Collection[str], year: int, under: str) -> dict[Cell, Number]:
    """What one year's report is made of: the cells of ``organs`` summed under one organ's code.

    ``carried-in`` and ``carried-out`` (by applicant) stand in it for what was pending when the year began and when it
    ended, so ``cells`` needs the years before as well; of each level the latest of each organ stands among the
    tallies, and ``level-known`` says of how many organs it is known. Cells that are 0 are left out.
    """
    found: dict[Cell, Number] = {}
    latest: dict[tuple[str, str], Cell] = {}
    for cell, number in cells.items():
        if cell.organ not in organs:
            continue
        if cell.kind in CARRY_KINDS:
            for kind in ("carried-in", "carried-out"):
                if KINDS[kind].covers(cell.year, year):
                    sum_up = {MAKE[kind](under, year, applicant=value(cell, "applicant")): number}
                    add(found, sum_up, KINDS[kind].signs[cell.kind])
        elif cell.year != year:
            continue
        elif cell.kind == "level-known":
            key = (cell.organ, value(cell, "measure"))
            if key not in latest or _told_at(cell) > _told_at(latest[key]):
                latest[key] = cell
        elif cell.kind != "level":
            add(found, {cell._replace(organ=under): number})
    for (_, measure), cell in latest.items():
        add(found, {_tally(under, year, measure=measure): cells.get(cell._replace(kind="level"), 0)})
        # Which tally said it does not matter in a report.
        add(found, {_level_known(under, year, measure=measure, day="", tally=""): 1})
    return found


def _told_at(level: Cell) -> tuple[str, str]:
    return value(level, "day"), value(level, "tally")
