"""What a change of rules would do to open requests: each decided by the rules that are, and by the other ones. Pure."""

import heapq
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Literal

from msgspec import Struct, field

from services.statute.status import status
from services.tracker.core.case import Case
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.view import look
from services.words.catalogue import Said

MOST = 100_000
"""How many requests one rehearsal names."""


class Standing(Struct, frozen=True, array_like=True):
    """How an open request stands on a day under one set of rules; :data:`UNDECIDED` where they can't decide it."""

    request: str
    organ: str
    due_on: date | None
    status: str
    provisional: bool


class Moved(Struct, frozen=True, kw_only=True):
    """A request that would stand otherwise."""

    request: str
    organ: str
    from_: date | None = field(name="from")
    """The last day for the answer by the rules as they are; null for none."""
    to: date | None
    status: str
    """What it is today by the rules as they are."""
    becomes: str
    """What it would be today."""


class Rehearsal(Struct, frozen=True, kw_only=True):
    """What would become of the open requests if the change came into force now."""

    what: Literal["notice", "rules"]
    digest: str
    """For ``confirms`` of a calendar's notice; of rules the digest that they would have."""
    needs_confirming: bool
    """Whether the notice drops days, so that it can be posted only with the digest as ``confirms``."""
    remarks: Sequence[Said]
    """What looks wrong about the notice."""
    as_of: datetime
    looked_at: int
    moved: int
    """Requests whose last day for the answer would be another one."""
    earlier: int
    later: int
    settled: int
    """Requests whose date is provisional and would be no longer."""
    overdue: int
    """Requests that would be overdue at once."""
    ended: int
    """Requests that would be at their end at once."""
    undecided: int
    """Requests that could not be decided; the clock would put them off, and say so in its log."""
    requests: list[Moved]
    """Those that would stand otherwise, the ones with an earlier date first, then by the new date."""
    not_named: int
    """Further ones that are left out of the list."""


UNDECIDED = "undecided"
ENDED = ("answered", "closed", "retracted")


def standing(case: Case, reference_data: ReferenceData, now: datetime) -> Standing:
    """An open case as the clock would find it at ``now``.

    One that can't be decided, which the clock would put off and log, is listed as such; the others go on.
    """
    try:
        return _standing(case, reference_data, now)
    except Exception:  # noqa: BLE001 - whatever it is, the request is counted and named as undecided
        return Standing(case.subject, case.view.organ, None, UNDECIDED, False)


def _standing(case: Case, reference_data: ReferenceData, now: datetime) -> Standing:
    organ = case.view.organ
    zone = reference_data.zone(organ) if organ in reference_data.organs else UTC
    today = max(case.as_of, now.astimezone(zone).date())
    view = look(case, reference_data, today).view
    return Standing(case.subject, view.organ or organ, view.due_on, status(view, today), view.provisional)


class Tally:
    """Counts and names what moves; holds a bounded number of requests, whatever their number."""

    def __init__(self, limit: int = MOST) -> None:
        self.looked_at = self.moved = self.earlier = self.later = self.settled = self.overdue = self.ended = 0
        self.undecided = 0
        self._limit = limit
        self._differing = 0
        self._first: list[Moved] = []

    def add(self, before: Iterable[Standing], after: Iterable[Standing]) -> None:
        """The same requests under both sets of rules, in the same order."""
        for one, other in zip(before, after, strict=True):
            self.looked_at += 1
            self._count(one, other)
            if (one.due_on, one.status) != (other.due_on, other.status):
                self._differing += 1
                self._first.append(
                    Moved(
                        request=one.request,
                        organ=one.organ,
                        from_=one.due_on,
                        to=other.due_on,
                        status=one.status,
                        becomes=other.status,
                    )
                )
        if len(self._first) > 2 * self._limit:
            self._first = heapq.nsmallest(self._limit, self._first, key=_place)

    def _count(self, one: Standing, other: Standing) -> None:
        self.moved += one.due_on != other.due_on
        if one.due_on and other.due_on:
            self.earlier += other.due_on < one.due_on
            self.later += other.due_on > one.due_on
        self.settled += one.provisional and not other.provisional
        self.overdue += one.status != "overdue" and other.status == "overdue"
        self.undecided += other.status == UNDECIDED
        self.ended += one.status not in ENDED and other.status in ENDED

    def result(
        self,
        what: Literal["notice", "rules"],
        digest: str,
        now: datetime,
        remarks: Sequence[Said] = (),
        *,
        needs_confirming: bool = False,
    ) -> Rehearsal:
        """All of it together."""
        named = heapq.nsmallest(self._limit, self._first, key=_place)
        return Rehearsal(
            what=what,
            digest=digest,
            needs_confirming=needs_confirming,
            remarks=remarks,
            as_of=now,
            looked_at=self.looked_at,
            moved=self.moved,
            earlier=self.earlier,
            later=self.later,
            settled=self.settled,
            overdue=self.overdue,
            ended=self.ended,
            undecided=self.undecided,
            requests=named,
            not_named=self._differing - len(named),
        )


def _place(one: Moved) -> tuple[int, date, str]:
    """What moves earlier first, then what moves later, what gets a date or loses it, what keeps it."""
    if one.from_ == one.to:
        rank = 3
    elif one.from_ is None or one.to is None:
        rank = 2
    else:
        rank = 0 if one.to < one.from_ else 1
    return rank, one.to or date.max, one.request
