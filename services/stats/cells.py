"""The smallest counts there are: cells, which no form has shaped yet, and what each row of the fold adds to them. Pure.

Facts are counted at their finest, so that one year can be printed in any form. What the places ``a``, ``b`` and ``c``
of a cell hold depends on its kind:

=============  =====================================  ===================  ==========================
kind           year                                   a, b, c              counts
=============  =====================================  ===================  ==========================
received       of the day of receipt                  channel, applicant,  requests
                                                      month (``01``...)
closed         of the day that ended the request      outcome, applicant,  requests
                                                      timeliness
pace           of the day that ended the request      working days used,   requests
                                                      pace, month
first          of the first response                  working days used                         requests
carried        of the day of receipt                  applicant            requests that did not end in
                                                                           that year
carried-ended  of the day that ended the request      applicant            those of them that ended since
review         of the filing                          kind, result,        reviews; ``pending`` if not
                                                      disputed or not      decided by the year's end
tally          of the tally's day                     measure              the sum of the tallies
level          of the tally's day                     measure, day, tally  the level that one tally says
level-known    of the tally's day                     measure, day, tally  1 for each such tally
=============  =====================================  ===================  ==========================

A level of 0 and no level are different things, hence ``level-known``. What is pending at the end of a year is what was
``carried`` up to that year less what was ``carried-ended`` up to it (:func:`of_year`): a request adds to two years at
most, however long it stays open, and the number is never negative, not even where facts contradict one another.
"""

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from msgspec import Struct

from services.events.cases import RequestSummary
from services.events.facts import ReviewDecidedData, ReviewFiledData, TallyData

Number = int | Decimal

LEVEL_SUFFIX = "-in-force"
"""A measure with this ending is a level: its latest value in the year counts, not the sum."""
PENDING = "pending"
FIRST_HANDLING = "first-handling-disputed"
PACES = tuple(f"{t}{e}" for t in ("in-time", "late", "unlimited") for e in ("", "-extended"))
"""``unlimited``: an end that no limit is measured against, a withdrawal say."""
LEVEL_KINDS = ("level", "level-known")
CARRY_KINDS = ("carried", "carried-ended")
COUNTED_STATES = ("open", "stopped", "answered", "closed")
ENDED_STATES = ("answered", "closed")


class Cell(NamedTuple):
    """One count of one organ in one year; see the module's table."""

    organ: str
    year: int
    kind: str
    a: str
    b: str = ""
    c: str = ""


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
        case TallyRow(counted=counted) if counted.measure.endswith(LEVEL_SUFFIX):
            place = (counted.measure, counted.on.isoformat(), f"{row.source} {row.id}")
            return {
                Cell(counted.organ, counted.on.year, "level", *place): plain(counted.count),
                Cell(counted.organ, counted.on.year, "level-known", *place): 1,
            }
        case TallyRow(counted=counted):
            return {Cell(counted.organ, counted.on.year, "tally", counted.measure): plain(counted.count)}
        case _:
            return {}


def _of_request(request: RequestSummary) -> Mapping[Cell, Number]:
    """A request that is not received in law yet, or was posted by mistake, counts nowhere."""
    received_on, closed_on = request.received_on, request.closed_on
    if received_on is None or request.state not in COUNTED_STATES:
        return {}
    organ, applicant, year = request.organ, request.applicant, received_on.year
    cells: dict[Cell, Number] = {
        Cell(organ, year, "received", request.channel, applicant, f"{received_on.month:02}"): 1,
    }
    if request.first_response_on is not None:
        first = "" if request.first_working_days is None else str(request.first_working_days)
        cells[Cell(organ, request.first_response_on.year, "first", first)] = 1
    if closed_on is None or request.state not in ENDED_STATES:
        cells[Cell(organ, year, "carried", applicant)] = 1
        return cells
    # An end without an outcome of its own (a transfer, say) is one of the form's "other" ends.
    outcome, timeliness = request.outcome or "other", request.timeliness or ""
    cells[Cell(organ, closed_on.year, "closed", outcome, applicant, timeliness)] = 1
    days = "" if request.working_days is None else str(request.working_days)
    cells[Cell(organ, closed_on.year, "pace", days, pace(timeliness, request.extended), f"{closed_on.month:02}")] = 1
    if closed_on.year > year:
        cells[Cell(organ, year, "carried", applicant)] = 1
        cells[Cell(organ, closed_on.year, "carried-ended", applicant)] = 1
    return cells


def pace(timeliness: str, extended: bool) -> str:
    """One of :data:`PACES`: how a request ended by the clock, and whether its limit had been extended."""
    return f"{timeliness or 'unlimited'}{'-extended' if extended else ''}"


def _of_review(filed: ReviewFiledData, decided: ReviewDecidedData | None) -> Mapping[Cell, Number]:
    year = filed.filed_on.year
    result = decided.result if decided is not None and decided.decided_on.year <= year else PENDING
    disputed = FIRST_HANDLING if filed.first_handling_disputed else ""
    return {Cell(filed.organ, year, "review", filed.kind, result, disputed): 1}


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
            sign = 1 if cell.kind == "carried" else -1
            if cell.year <= year:
                add(found, {Cell(under, year, "carried-out", cell.a): number}, sign)
            if cell.year < year:
                add(found, {Cell(under, year, "carried-in", cell.a): number}, sign)
        if cell.year != year or cell.kind in CARRY_KINDS:
            continue
        if cell.kind == "level-known":
            known = latest.get((cell.organ, cell.a))
            if known is None or cell[4:] > known[4:]:
                latest[cell.organ, cell.a] = cell
        elif cell.kind != "level":
            add(found, {cell._replace(organ=under): number})
    for (_, measure), cell in latest.items():
        add(found, {Cell(under, year, "tally", measure): cells.get(cell._replace(kind="level"), 0)})
        add(found, {Cell(under, year, "level-known", measure): 1})
    return found
