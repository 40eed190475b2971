"""What the work inside offices adds to the counts: a row for each piece of it, as the last event about it says. Pure.

A piece is the time for which a unit had a step, a step past its last day, a card, or a duty of the organ.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Literal, NamedTuple

from msgspec import Struct

from services.events import cases as c
from services.events.cases import CaseEvent
from services.events.office_cases import CardNow, DutyNow, Holding, StepNow

Piece = Literal["holding", "step", "card", "duty"]


class OfficeRow(Struct, frozen=True):
    """A piece of the work inside an office."""

    subject: str
    piece: Piece
    about: str
    """What distinguishes it from the subject's others of its kind."""
    organ: str
    unit: str = ""
    """Whose it is; empty: the office's own."""
    code: str = ""
    """The step of the procedure, the card, or the kind of the duty."""
    on: date | None = None
    """The day of the assignment; the day after the last one of a step that is late; the day of the card; the last day
    of a duty."""
    left_on: date | None = None
    """The day on which the unit gave the step up, or the duty was done."""
    how: str = ""
    """How the unit gave it up; what limit a card is for; ``open``, ``in-time`` or ``late``."""
    days: int | None = None
    """The working days for which the unit had it."""


OfficeKey = tuple[str, Piece, str]


class PieceNow(NamedTuple):
    """What an event says of a piece; None: it is taken back."""

    key: OfficeKey
    row: OfficeRow | None


def touches(event: CaseEvent) -> bool:
    """Whether an event is about the work inside an office."""
    return isinstance(event, _OFFICE)


def pieces_of(event: CaseEvent) -> Iterator[PieceNow]:
    """What an event says of pieces. A step that is taken back whole takes its holdings with it; the fold does that."""
    organ = event.data.request.organ if event.data.request is not None else ""
    match event:
        case c.StepOpened(data=data) | c.StepPassed(data=data):
            yield _step(event.subject, organ, data.step)
            yield _holding(event.subject, organ, data.step, data.holding)
        case c.StepDueSet(data=data) | c.StepOverdue(data=data) | c.StepOverdueWithdrawn(data=data):
            yield _step(event.subject, organ, data.step)
        case c.StepDone(data=data):
            yield _step(event.subject, organ, data.step)
        case c.StepWithdrawn(data=data) if data.holding is not None:
            yield _step(event.subject, organ, data.step)
            yield PieceNow((event.subject, "holding", _held(data.step, data.holding)), None)
        case c.StepWithdrawn(data=data):
            yield PieceNow((event.subject, "step", data.step.about), None)
        case c.CardIssued(data=data):
            yield _card(event.subject, data.card.organ or organ, data.card)
        case c.CardWithdrawn(data=data):
            yield PieceNow((event.subject, "card", _which(data.card)), None)
        case c.DutyWithdrawn(data=data):
            yield PieceNow((event.subject, "duty", data.duty.duty), None)
        case (
            c.DutyDueSet(data=data)
            | c.DutyOverdue(data=data)
            | c.DutyOverdueWithdrawn(data=data)
            | c.DutyEnded(data=data)
            | c.DutyReopened(data=data)
        ):
            yield _duty(event.subject, data.duty)
        case _:
            return


_OFFICE = (
    *(c.StepOpened, c.StepPassed, c.StepDueSet, c.StepOverdue, c.StepOverdueWithdrawn, c.StepDone, c.StepWithdrawn),
    *(c.CardIssued, c.CardWithdrawn, c.DutyDueSet, c.DutyOverdue, c.DutyOverdueWithdrawn, c.DutyEnded),
    *(c.DutyReopened, c.DutyWithdrawn),
)


def _step(subject: str, organ: str, step: StepNow) -> PieceNow:
    key: OfficeKey = (subject, "step", step.about)
    return PieceNow(key, OfficeRow(*key, organ, step.overdue_at or "", step.step, step.overdue_from))


def _held(step: StepNow, held: Holding) -> str:
    return f"{step.about} {held.assignment}"


def belongs(holding: OfficeRow, about: str) -> bool:
    """Whether a holding is one of the step that ``about`` names."""
    return holding.piece == "holding" and holding.about.startswith(f"{about} ")


def _holding(subject: str, organ: str, step: StepNow, held: Holding) -> PieceNow:
    key: OfficeKey = (subject, "holding", _held(step, held))
    days, how = held.working_days, held.how or ""
    return PieceNow(key, OfficeRow(*key, organ, held.unit, step.step, held.assigned_on, held.left_on, how, days))


def _which(card: CardNow) -> str:
    return f"{card.limit} {card.card} {card.about or ''}"


def _card(subject: str, organ: str, card: CardNow) -> PieceNow:
    key: OfficeKey = (subject, "card", _which(card))
    return PieceNow(key, OfficeRow(*key, organ, card.unit or "", card.card, card.on, None, card.limit))


def _duty(subject: str, duty: DutyNow) -> PieceNow:
    key: OfficeKey = (subject, "duty", duty.duty)
    how = "late" if duty.overdue_from is not None else "open" if duty.state == "open" else "in-time"
    return PieceNow(key, OfficeRow(*key, duty.organ, "", duty.kind, duty.due_on, duty.done_on, how))


def added(row: OfficeRow) -> Mapping[tuple[str, int], Mapping[str, str]]:
    """What a piece counts: by kind of cell and year, the dimensions. Each counts 1."""
    if row.on is None:
        return {}
    match row.piece:
        case "holding":
            counted: dict[tuple[str, int], Mapping[str, str]] = {
                ("unit-received", row.on.year): {"unit": row.unit, "step": row.code}
            }
            if row.left_on is not None:
                days = "" if row.days is None else str(row.days)
                counted["unit-ended", row.left_on.year] = {"unit": row.unit, "how": row.how, "days": days}
            return counted
        case "step":
            return {("unit-late", row.on.year): {"unit": row.unit, "step": row.code}}
        case "card":
            return {("card", row.on.year): {"unit": row.unit, "card": row.code, "limit": row.how}}
        case "duty":
            return {("duty", row.on.year): {"duty": row.code, "how": row.how}}
