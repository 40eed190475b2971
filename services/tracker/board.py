"""What needs doing, counted: from the snapshot that the metrics are made of, so that both say the same.

It costs what there are organs and days, not what is open. The numbers are as old as the snapshot.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta

from msgspec import UNSET, Struct, UnsetType

from services.events.vocabulary import Label
from services.tracker.core.reference_data import ReferenceData
from services.tracker.listing import Today
from services.tracker.snapshot import Snapshot


class Counts(Struct, frozen=True, kw_only=True):
    """How many requests need what. A request is in one of ``overdue``, ``due_today``, ``this_week``, ``later``,
    ``stopped`` and ``unconfirmed``, or is ended."""

    as_of: datetime
    today: date
    """In the organ's zone; where there are several, the date that most have."""
    week_ends: date
    overdue: int
    due_today: int
    this_week: int
    """Due after today, through Sunday."""
    later: int
    stopped: int
    stopped_for: Mapping[str, int]
    """By what is waited for: ``clarification``, ``consultation``, ``fee``, ``special-step``."""
    in_review: int
    """Of which a review is pending, whatever their status."""
    in_review_for: Mapping[str, int]
    """By the kind of the review that was filed first: ``reconsideration``, ``litigation-direct``,
    ``litigation-after-reconsideration``, ``complaint``."""
    waits_for_someone: int
    """Requests whose clock stands still or of which a review is pending, each once."""
    unconfirmed: int
    attention: int
    """Things that need a person; a request may have several. As ``/v1/attention`` lists them: of the organ itself."""
    attention_by_kind: Mapping[str, int]
    steps: Mapping[str, int]
    """Steps inside the office that are not done, by the unit that has them; empty: the office itself."""
    duties: int
    """Duties of the organs that are not done."""
    duties_overdue: int
    """Of these: whose last day has passed."""
    attention_by_organ: Mapping[str, int] | UnsetType = UNSET
    """Where it is asked for: what needs a person, by the organ itself; those that have nothing are left out."""


class UnitItem(Struct, frozen=True, kw_only=True):
    """A unit of an organ."""

    code: str
    organ: str
    name: Label
    parent: str | None = None


class ItemItem(Struct, frozen=True, kw_only=True):
    """A service item of an organ."""

    code: str
    organ: str
    name: Label
    statute: str


class Office(Struct, frozen=True, kw_only=True):
    """What an office has registered."""

    units: list[UnitItem]
    items: list[ItemItem]


def counts(
    snapshot: Snapshot,
    today: Today,
    organs: Collection[str] | None,
    now: datetime,
    organ: str | None = None,
    *,
    by_organ: bool = False,
) -> Counts:
    """The counts of some organs (None: of all), which are ``organ`` with all under it, where one is asked for;
    ``by_organ``: also whose it is that needs a person."""

    def wanted(organ: str) -> bool:
        return organs is None or organ in organs

    due = _sums((_when(day, today.of(of)), n) for (of, day), n in snapshot.due.items() if wanted(of))
    stopped = _sums((code.removeprefix("stopped-"), n) for (of, code), n in snapshot.stopped.items() if wanted(of))
    needing = _sums((of, n) for (of, _), n in snapshot.needing.items() if wanted(of))
    kinds = _sums(
        (kind, n) for (of, kind), n in snapshot.needing.items() if (wanted(of) if organ is None else of == organ)
    )
    steps = _sums((unit, n) for (of, unit), n in snapshot.steps.items() if wanted(of))
    duties = [work for work in snapshot.office if work.kind == "duty" and wanted(work.organ)]
    reviewed = _sums((kind, n) for (of, kind, _), n in snapshot.reviewed.items() if wanted(of))
    elsewhere = sum(n for (of, _, is_stopped), n in snapshot.reviewed.items() if wanted(of) and not is_stopped)
    day = min((today.of(of) for of in organs), default=today.usual) if organs else today.usual
    return Counts(
        as_of=now,
        today=day,
        week_ends=sunday(day),
        overdue=due["overdue"],
        due_today=due["due_today"],
        this_week=due["this_week"],
        later=due["later"],
        stopped=stopped.total(),
        stopped_for=dict(sorted(stopped.items())),
        in_review=reviewed.total(),
        in_review_for=dict(sorted(reviewed.items())),
        waits_for_someone=stopped.total() + elsewhere,
        unconfirmed=sum(number for of, number in snapshot.unconfirmed.items() if wanted(of)),
        attention=kinds.total(),
        attention_by_kind=dict(sorted(kinds.items())),
        steps=dict(sorted(steps.items())),
        duties=sum(work.number for work in duties),
        duties_overdue=sum(
            work.number for work in duties if work.due_on is not None and work.due_on < today.of(work.organ)
        ),
        attention_by_organ=dict(sorted(needing.items())) if by_organ else UNSET,
    )


def _sums(numbers: Iterable[tuple[str, int]]) -> Counter[str]:
    """The sum of the numbers of each name."""
    found: Counter[str] = Counter()
    for name, number in numbers:
        found[name] += number
    return found


def sunday(day: date) -> date:
    """The last day of its week."""
    return day + timedelta(days=6 - day.weekday())


def _when(due_on: date, today: date) -> str:
    if due_on < today:
        return "overdue"
    if due_on == today:
        return "due_today"
    return "this_week" if due_on <= sunday(today) else "later"


def office(reference_data: ReferenceData, organs: Collection[str] | None) -> Office:
    """The units and items of some organs; None: of all."""

    def wanted(organ: str) -> bool:
        return organs is None or organ in organs

    return Office(
        units=[
            UnitItem(code=unit.code, organ=unit.organ, name=unit.name, parent=unit.parent)
            for code, unit in sorted(reference_data.units.items())
            if wanted(unit.organ)
        ],
        items=[
            ItemItem(code=item.code, organ=item.organ, name=item.name, statute=item.statute)
            for code, item in sorted(reference_data.items.items())
            if wanted(item.organ)
        ],
    )
