"""The smallest counts there are: cells, which no form has shaped yet, and what each row of the fold adds to them. Pure.

Facts are counted at their finest, so that one year can be printed in any form. What a cell counts, and by which
dimensions, says the table of kinds (:mod:`services.stats.kinds`); cells are made and read by the names there.

A level of 0 and no level are different things, hence ``level-known``. What is pending at the end of a year is what was
``carried`` up to that year less what was ``carried-ended`` up to it (:func:`of_year`): a request adds to two years at
most, however long it stays open, and the number is never negative, not even where facts contradict one another. The
same way ``breached`` less ``breached-ended`` is what was past its limit and not ended when the year ended.

Each cell of requests and reviews names the statute's version that they are under, and a form counts its own law's only
(:class:`Law`). A review has the law of its request; under an organ's code what the filing says, and where that says
nothing (the cell's ``statute`` is empty then) the organ's own.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from msgspec import Struct

from services.events.case_data import RequestSummary
from services.events.facts import ReviewDecidedData, ReviewFiledData, TallyData
from services.events.vocabulary import LEVELS
from services.stats.kind import Kind
from services.stats.kinds import (
    CARRY_KINDS,
    COUNTED_STATES,
    FIRST_HANDLING,
    KINDS,
    LEVEL_KINDS,
    PENDING,
    PLACE_OF,
    PLACES,
    pace,
)
from services.stats.office_cells import OfficeRow, added

Number = int | Decimal


class Cell(NamedTuple):
    """One count of one organ in one year, as it is stored; the kind says what is in which place."""

    organ: str
    year: int
    kind: str
    a: str
    b: str = ""
    c: str = ""
    statute: str = ""
    """The statute's version; empty where what is counted is under none, and where a review doesn't say."""


_FIRST_PLACE = Cell._fields.index(PLACES[0])


def _maker(kind: Kind) -> Callable[..., Cell]:
    """The function that makes a cell of a kind from organ, year, statute and each dimension by its name.

    It is compiled once from the table, as ``namedtuple`` does: several cells are made for each event folded, and
    looking the names up each time would cost more than all else. Raises ``TypeError`` for a name too many or too few.
    """
    empty = ["''"] * (len(PLACES) - len(kind.names))
    values = ", ".join(["organ", "year", repr(kind.name), *kind.names, *empty, "statute"])
    made: Callable[..., Cell] = eval(
        f"lambda organ, year, *, {', '.join(kind.names)}, statute='': new(Cell, ({values}))",
        {"new": tuple.__new__, "Cell": Cell},
    )
    made.__name__ = made.__qualname__ = kind.name
    return made


MAKE: Mapping[str, Callable[..., Cell]] = {name: _maker(kind) for name, kind in KINDS.items()}
"""By kind: makes its cells, ``MAKE["carried"](organ, year, applicant=...)``."""
_contradicting = MAKE["contradicting"]
_item_received, _item_closed, _committed = (MAKE[kind] for kind in ("item-received", "item-closed", "committed"))
_received, _closed, _pace, _first = (MAKE[kind] for kind in ("received", "closed", "pace", "first"))
_carried, _carried_ended = MAKE["carried"], MAKE["carried-ended"]
_breached, _breached_ended = MAKE["breached"], MAKE["breached-ended"]
_review, _review_later = MAKE["review"], MAKE["review-later"]
_tally, _level, _level_known = (MAKE[kind] for kind in ("tally", "level", "level-known"))


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
    statute: str = ""
    """The law that it counts under: its request's, else what the filing says; empty: the organ's own."""


class TallyRow(Struct, frozen=True):
    """A tally as it counts now; ``source`` and ``id`` name the fact."""

    subject: str
    source: str
    id: str
    counted: TallyData


Row = RequestRow | ReviewRow | TallyRow | OfficeRow


def contributions(row: Row | None) -> Mapping[Cell, Number]:
    """What a row adds to the cells; nothing where there is no row."""
    match row:
        case RequestRow(request=RequestSummary() as request):
            return _of_request(request, row.subject)
        case ReviewRow():
            return _of_review(row)
        case OfficeRow(organ=organ):
            return {MAKE[kind](organ, year, **dimensions): 1 for (kind, year), dimensions in added(row).items()}
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


def _of_request(request: RequestSummary, subject: str) -> Mapping[Cell, Number]:
    """A request that is not received in law yet, or was posted by mistake, counts nowhere. One that was answered has
    ended, also while a review orders another answer: one request, one row."""
    received_on, closed_on = request.received_on, request.closed_on
    if received_on is None or request.state not in COUNTED_STATES:
        return {}
    organ, applicant, year, law = request.organ, request.applicant, received_on.year, request.statute
    month = f"{received_on.month:02}"
    cells: dict[Cell, Number] = {
        _received(organ, year, channel=request.channel, applicant=applicant, month=month, statute=law): 1,
    }
    if request.item is not None:
        dimensions = {"item": request.item, "channel": request.channel, "applicant": applicant}
        cells[_item_received(organ, year, statute=law, **dimensions)] = 1
    if request.contradicting:
        # In doubt is what was received as well as how it ended, each in its year.
        for doubtful in {year, closed_on.year if closed_on is not None else year}:
            cells[_contradicting(organ, doubtful, request=subject, statute=law)] = 1
    if request.first_response_on is not None:
        first = "" if request.first_working_days is None else str(request.first_working_days)
        cells[_first(organ, request.first_response_on.year, days=first, statute=law)] = 1
    late_from = request.breached_from or request.overdue_from
    breached = late_from.year if late_from is not None else None
    if closed_on is None:
        cells[_carried(organ, year, applicant=applicant, statute=law)] = 1
        if breached is not None:
            cells[_breached(organ, breached, applicant=applicant, statute=law)] = 1
        return cells
    ended, how = closed_on.year, request.timeliness or ""
    # An end without an outcome of its own (a transfer, say) is one of the form's "other" ends.
    outcome = request.outcome or "other"
    cells[_closed(organ, ended, outcome=outcome, applicant=applicant, timeliness=how, statute=law)] = 1
    if request.item is not None:
        cells[_item_closed(organ, ended, item=request.item, outcome=outcome, timeliness=how, statute=law)] = 1
        if request.committed_timeliness == "in-time":
            cells[_committed(organ, ended, applicant=applicant, item=request.item, statute=law)] = 1
    days = "" if request.working_days is None else str(request.working_days)
    month = f"{closed_on.month:02}"
    cells[_pace(organ, ended, days=days, pace=pace(how, request.extended), month=month, statute=law)] = 1
    if ended > year:
        cells[_carried(organ, year, applicant=applicant, statute=law)] = 1
        cells[_carried_ended(organ, ended, applicant=applicant, statute=law)] = 1
    if breached is not None and ended > breached:
        cells[_breached(organ, breached, applicant=applicant, statute=law)] = 1
        cells[_breached_ended(organ, ended, applicant=applicant, statute=law)] = 1
    return cells


def _of_review(row: ReviewRow) -> Mapping[Cell, Number]:
    """In the year of its filing; and in a later one of its decision, for the forms that count it there once more."""
    filed, decided = row.filed, row.decided
    year, disputed = filed.filed_on.year, FIRST_HANDLING if filed.first_handling_disputed else ""
    dimensions = {"review": filed.kind, "disputed": disputed, "statute": row.statute}
    if decided is None or decided.decided_on.year <= year:
        result = decided.result if decided is not None else PENDING
        return {_review(filed.organ, year, result=result, **dimensions): 1}
    return {
        _review(filed.organ, year, result=PENDING, **dimensions): 1,
        _review_later(filed.organ, decided.decided_on.year, result=decided.result, **dimensions): 1,
    }


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
    cells: dict[Cell, Number] = {}
    for row in rows:
        add(cells, contributions(row))
    return cells


class Law(NamedTuple):
    """Which requests and reviews a form counts."""

    statutes: frozenset[str]
    """The form's statute, and the versions of it."""
    foreign: frozenset[str] = frozenset()
    """The organs whose own law is another: a review under the code of one that says nothing does not count."""

    def counts(self, cell: Cell) -> bool:
        """Whether a cell is of this law, or of none at all."""
        if cell.statute:
            return cell.statute in self.statutes
        return not KINDS[cell.kind].has_law or cell.organ not in self.foreign


def of_year(
    cells: Mapping[Cell, Number], organs: Collection[str], year: int, under: str, law: Law | None = None
) -> dict[Cell, Number]:
    """What one year's report is made of: the cells of ``organs`` summed under one organ's code, those of ``law``.

    ``carried-in``, ``carried-out`` and ``overdue`` (by applicant) stand in it for what was pending when the year began
    and when it ended, so ``cells`` needs the years before as well. Of each level the latest of each organ stands among
    the tallies, from an earlier year where it was not entered again; ``level-known`` says of how many organs it was
    entered in the year itself. Cells that are 0 are left out; which version of the law each was under is left out, too.
    """
    result: dict[Cell, Number] = {}
    for cell, number in cells.items():
        if cell.organ not in organs or (law is not None and not law.counts(cell)):
            continue
        for kind in _PARTS.get(cell.kind, ()):
            if kind.covers(cell.year, year):
                whole = cell._replace(organ=under, year=year, kind=kind.name, statute="")
                add(result, {whole: number}, kind.signs[cell.kind])
        if cell.year == year and cell.kind not in (*CARRY_KINDS, *LEVEL_KINDS):
            add(result, {cell._replace(organ=under, statute=""): number})
    for cell, number in levels(cells, organs, year).items():
        measure = value(cell, "measure")
        add(result, {_tally(under, year, measure=measure): number})
        if cell.year == year:
            # Which tally reported it does not matter in a report.
            add(result, {_level_known(under, year, measure=measure, day="", tally=""): 1})
    return result


_PARTS = {
    part: [kind for kind in KINDS.values() if part in kind.of]
    for part in {part for kind in KINDS.values() for part in kind.of}
}
"""By kind of counters: the kinds that are the sum of such."""


def levels(cells: Mapping[Cell, Number], organs: Collection[str], year: int) -> dict[Cell, Number]:
    """The latest level of each organ and measure up to the year's end, with its cell; of an earlier year where it was
    not entered again."""
    latest: dict[tuple[str, str], Cell] = {}
    for cell in cells:
        if cell.kind == "level-known" and cell.organ in organs and cell.year <= year:
            key = (cell.organ, value(cell, "measure"))
            if key not in latest or _reported_at(cell) > _reported_at(latest[key]):
                latest[key] = cell
    return {cell: cells.get(cell._replace(kind="level"), 0) for cell in latest.values()}


def _reported_at(level: Cell) -> tuple[str, str]:
    return value(level, "day"), value(level, "tally")
