"""The smallest counts there are: cells, which no form has shaped yet, and what each row of the fold adds to them. Pure.

Facts are counted at their finest, so that one year can be printed in any form. What the places ``a``, ``b`` and ``c``
of a cell hold depends on its kind:

=============  =====================================  ===================  ==========================
kind           year                                   a, b, c              counts
=============  =====================================  ===================  ==========================
received       of the day of receipt                  channel, applicant   requests
closed         of the day that ended the request      outcome, applicant,  requests
                                                      timeliness
review         of the filing                          kind, result,        reviews; ``pending`` if not
                                                      disputed or not      decided by the year's end
tally          of the tally's day                     measure              the sum of the tallies
level          of the tally's day                     measure, day, tally  the level that one tally says
level-known    of the tally's day                     measure, day, tally  1 for each such tally
=============  =====================================  ===================  ==========================

A level of 0 and no level are different things, hence ``level-known``.
"""

from collections.abc import Iterable, Mapping
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
    cells: dict[Cell, Number] = {
        Cell(request.organ, received_on.year, "received", request.channel, request.applicant): 1
    }
    if closed_on is not None and request.state in ENDED_STATES:
        # An end without an outcome of its own (a transfer, say) is one of the form's "other" ends.
        outcome, timeliness = request.outcome or "other", request.timeliness or ""
        cells[Cell(request.organ, closed_on.year, "closed", outcome, request.applicant, timeliness)] = 1
    return cells


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
