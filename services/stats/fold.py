"""The fold: case events into rows, and into changes of the cells. Pure; the database and the offline report share it.

An event carries the request as it stands after it, so folding is replacing a row, and the cells change by what the new
row contributes less what the old one did. Events of a subject are numbered: one that is not beyond the last number
folded is a repetition and changes nothing.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

import structlog
from msgspec.structs import replace

from services.events.cases import CaseEvent, ReviewClosed, ReviewOpened, TallyCounted
from services.events.vocabulary import Ref
from services.stats.cells import Cell, Number, RequestRow, ReviewRow, Row, TallyRow, add, contributions
from services.stats.office_cells import OfficeKey, OfficeRow, belongs, pieces_of

log = structlog.get_logger(__name__)

ReviewKey = tuple[str, str]
"""Subject and review."""
TallyKey = tuple[str, str, str]
"""Subject, and the tally's source and id."""
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


class Place(NamedTuple):
    """Where on the case topic an event stands."""

    partition: int
    offset: int


NOWHERE = Place(-1, -1)
"""Of an event that was not read from the log: a file folded offline."""


class Change(NamedTuple):
    """A cell changed by ``delta``, because of which event, and when that event was written."""

    cell: Cell
    delta: Number
    subject: str
    sequence: int
    recorded_at: datetime
    cause: Ref | None = None
    """The fact that led to the event; none where the clock alone did."""
    place: Place = NOWHERE


class Fold:
    """Rows and cells. Made empty it folds a whole log; made with a batch's rows it collects what the batch changes."""

    def __init__(
        self,
        requests: Iterable[RequestRow] = (),
        reviews: Iterable[ReviewRow] = (),
        tallies: Iterable[TallyRow] = (),
        office: Iterable[OfficeRow] = (),
    ) -> None:
        self.requests: dict[str, RequestRow] = {r.subject: r for r in requests}
        self.reviews: dict[ReviewKey, ReviewRow | None] = {(r.subject, r.filed.review): r for r in reviews}
        """None: taken back."""
        self._reviews_of: defaultdict[str, set[str]] = defaultdict(set)
        for subject, review in self.reviews:
            self._reviews_of[subject].add(review)
        self.tallies: dict[TallyKey, TallyRow | None] = {(t.subject, t.source, t.id): t for t in tallies}
        """None: taken back."""
        self.office: dict[OfficeKey, OfficeRow | None] = {}
        """None: taken back."""
        self._office_of: defaultdict[str, set[OfficeKey]] = defaultdict(set)
        for row in office:
            self._keep((row.subject, row.piece, row.about), row)
        self.cells: dict[Cell, Number] = {}
        """By how much each cell differs from what the rows given at the start contribute (0 is left out)."""
        self.changes: list[Change] = []
        """Each change of a cell, in order."""
        self._place = NOWHERE
        self.repeated = 0
        """How many events had been folded before."""

    def apply(self, event: CaseEvent, place: Place = NOWHERE) -> bool:
        """Fold one event that stands at ``place``; False if it is a repetition."""
        self._place = place
        before = self.requests.get(event.subject)
        last, number = before.sequence if before else 0, event.sequence or 0
        if number <= last:
            self.repeated += 1
            return False
        if number > last + 1:
            log.warning("case_events_missing", subject=event.subject, expected=last + 1, found=number)
        after = RequestRow(event.subject, number, event.data.request)
        self.requests[event.subject] = after
        if before is None or before.request != after.request:
            self._count(event, before, after)
        if before is not None and _law(before) != _law(after):
            self._reviews_under(event, _law(after))
        if before is not None and before.request and after.request and before.request.organ != after.request.organ:
            self._office_under(event, before.request.organ, after.request.organ)
        for piece, now in pieces_of(event):
            self._piece(event, piece, now)
        match event:
            case ReviewOpened(data=data):
                self._review(event, ReviewRow(event.subject, data.filed, None, _law(after) or data.filed.statute or ""))
            case ReviewClosed(data=data) if data.decided is not None:
                law = _law(after) or data.filed.statute or ""
                self._review(event, ReviewRow(event.subject, data.filed, data.decided, law))
            case ReviewClosed(data=data):
                self._review(event, None, data.filed.review)
            case TallyCounted(data=data):
                key = (event.subject, data.tally.source, data.tally.id)
                row = None if data.counted is None else TallyRow(*key, data.counted)
                self._count(event, self.tallies.get(key), row)
                self.tallies[key] = row
            case _:
                pass
        return True

    def about(self, subject: str) -> "Fold":
        """The rows of one subject as they are by now, in a fold of their own: what is tried there changes nothing here,
        even where it fails half-way."""
        request = self.requests.get(subject)
        reviews = (self.reviews[subject, name] for name in self._reviews_of[subject])
        office = (self.office[key] for key in self._office_of[subject])
        return Fold(
            () if request is None else (request,),
            [review for review in reviews if review is not None],
            [tally for key, tally in self.tallies.items() if key[0] == subject and tally is not None],
            [piece for piece in office if piece is not None],
        )

    def _review(self, event: CaseEvent, row: ReviewRow | None, review: str = "") -> None:
        key = (event.subject, row.filed.review if row else review)
        self._count(event, self.reviews.get(key), row)
        self.reviews[key] = row
        self._reviews_of[event.subject].add(key[1])

    def _piece(self, event: CaseEvent, key: OfficeKey, row: OfficeRow | None) -> None:
        self._count(event, self.office.get(key), row)
        self._keep(key, row)
        if row is None and key[1] == "step":
            for other in sorted(self._office_of[key[0]]):
                held = self.office[other]
                if held is not None and belongs(held, key[2]):
                    self._piece(event, other, None)

    def _keep(self, key: OfficeKey, row: OfficeRow | None) -> None:
        self.office[key] = row
        self._office_of[key[0]].add(key)

    def _office_under(self, event: CaseEvent, before: str, after: str) -> None:
        """The work on a request that turns out to be another organ's: it goes with it."""
        for key in sorted(self._office_of[event.subject]):
            row = self.office[key]
            if row is not None and row.organ == before and row.piece != "duty":
                self._piece(event, key, replace(row, organ=after))

    def _reviews_under(self, event: CaseEvent, law: str) -> None:
        """The reviews of a request that is under another law now: they go with it."""
        for review in sorted(self._reviews_of[event.subject]):
            row = self.reviews[event.subject, review]
            if row is not None:
                self._review(event, ReviewRow(row.subject, row.filed, row.decided, law or row.filed.statute or ""))

    def _count(self, event: CaseEvent, before: Row | None, after: Row | None) -> None:
        delta: dict[Cell, Number] = {}
        add(delta, contributions(before), -1)
        add(delta, contributions(after))
        add(self.cells, delta)
        recorded_at = event.recordedtime or event.time or _NO_TIME
        self.changes += [
            Change(cell, number, event.subject, event.sequence or 0, recorded_at, event.data.cause, self._place)
            for cell, number in delta.items()
        ]

    def rows(self) -> list[Row]:
        """All rows that there are."""
        all_rows: list[Row] = list(self.requests.values())
        all_rows += [r for r in self.reviews.values() if r is not None]
        all_rows += [t for t in self.tallies.values() if t is not None]
        all_rows += [o for o in self.office.values() if o is not None]
        return all_rows

    def cells_of(self, organ: str, year: int) -> dict[Cell, Number]:
        """The cells of one organ up to a year, as its report needs them."""
        return {cell: number for cell, number in self.cells.items() if cell.organ == organ and cell.year <= year}


def _law(row: RequestRow) -> str:
    """The version of the statute that a request is under; empty for an organ's own events."""
    return row.request.statute if row.request is not None else ""
