"""What the law makes of a request's facts: plain values, and the decisions that lead from one view to the next."""

from datetime import date
from typing import Any

from msgspec import Struct

from services.words.catalogue import flag, text
from services.words.remark import Remark


class Fact(Struct, frozen=True):
    """A fact as the law reads it: the contract's name for it, what names it for ever, and its data.

    ``data`` has the attributes that the contract lists for ``name``.
    """

    name: str
    source: str
    id: str
    data: Any


class Review(Struct, frozen=True):
    """A reconsideration, lawsuit or complaint against the handling of a request, as far as its facts say."""

    review: str
    organ: str
    kind: str
    filed_on: date
    first_handling_disputed: bool = False
    decided_on: date | None = None
    result: str = ""
    served_on: date | None = None
    statute: str | None = None
    delivered_on: date | None = None
    """When the decision reached the one that it is for."""
    answer_within: tuple[int, str] | None = None
    """The limit for a new answer that it orders: an amount and its unit."""


class Deadline(Struct, frozen=True):
    """One time limit of a request. Nothing here depends on the day of looking, except that the answer's follows the
    request's own state."""

    limit: str
    """``answer``, ``clarification-notice``, ``clarification-reply``, ``consultation``, ``fee-payment``,
    ``volume-deferral``, ``date-agreed``, ``reconsideration`` or ``litigation``."""
    start: date
    """The day of the event that it counts from."""
    due_on: date | None
    article: str
    provisional: bool = False
    stopped_since: date | None = None
    done_on: date | None = None
    overdue_from: date | None = None
    """The day after the limit, unless it was kept by then: from that day on it is (or will be) overdue."""
    about: str = ""
    """Which one, where there can be several: the consultation, the fact, the review."""
    silence: str = ""
    """What it means in law that the limit passes without a reply, if anything."""
    earliest: bool = False
    """Whether ``start`` is only the earliest day that it can be: the delivery that it counts from is not known."""
    party: str = ""
    """Of a consultation: who is asked."""


class Holding(Struct, frozen=True):
    """The time for which one unit has a step of a request."""

    assignment: str
    unit: str
    assigned_on: date
    accepted_on: date | None = None
    left_on: date | None = None
    how: str = ""
    """How it was given up: ``returned``, ``completed``, or ``ended`` with the request."""
    working_days: int | None = None
    due_on: date | None = None
    """A day that was set with the assignment itself."""


class Step(Struct, frozen=True):
    """A step of a request inside the office; see :mod:`services.statute.office.steps`."""

    about: str
    """What distinguishes it from the request's others: the assignment that opened it."""
    step: str
    """Which step of the procedure it is."""
    state: str
    """``assigned``, ``accepted``, ``returned``, ``completed`` or ``ended``."""
    assignment: str
    """The one that it was given by last."""
    started_on: date
    """The day that its limit counts from."""
    since: date
    """Since when it lies where it lies."""
    unit: str = ""
    """Who has it; empty: the office."""
    due_on: date | None = None
    done_on: date | None = None
    overdue_from: date | None = None
    overdue_at: str = ""
    """Who had it on that day."""
    holdings: tuple[Holding, ...] = ()
    """Who had it and has it, one after the other."""


class Duty(Struct, frozen=True):
    """A limit that an organ has besides the answer's; see :mod:`services.statute.office.duties`."""

    duty: str
    organ: str
    kind: str
    event_on: date
    """The day of what it counts from."""
    statute: str
    """The version whose rule it is."""
    article: str
    confirmed: bool
    unit: Any
    """In which days it is warned of: working days or calendar days."""
    state: str = "open"
    """``open``, ``done``, or ``ended`` with the review that opened it."""
    due_on: date | None = None
    """The last day; None where no calendar reaches there."""
    provisional: bool = False
    done_on: date | None = None
    """The day on which it was done, or ended."""
    overdue_from: date | None = None
    about: str = ""


class Reached(Struct, frozen=True):
    """A rung of the ladder that a limit has come to."""

    level: str
    """``warning``, ``yellow`` or ``red``."""
    limit: str
    on: date
    due_on: date
    about: str = ""
    """Which one, where there can be several: of a step, the assignment that opened it."""
    left: int = 0
    """Of a warning: the days that are left."""
    step: str = ""
    unit: str = ""
    """Of a step: who has it on that day; empty: the office."""
    answer_by: date | None = None
    """The second deadline that a card gives."""


class RequestState(Struct, frozen=True, rename={"old_flags": "flags", "old_rejected": "rejected"}):
    """A request as it stands on a day; every date is derived from the facts, the profile and the calendar."""

    state: str = "waiting"
    awaits: Remark | None = None
    """What the case waits for before it can be judged whole."""
    waiting_for: str = ""
    """The same as a key: what is waited for and its name; empty for nothing."""
    remarks: tuple[Remark, ...] = ()
    """What the law says against some of the facts; they are kept, and cure nothing."""
    organ: str = ""
    channel: str = ""
    applicant: str = ""
    submitted_on: date | None = None
    received_on: date | None = None
    statute: str = ""
    calendar: str = ""
    """The calendar's id and version that the dates were computed with, a space between them."""
    item: str = ""
    """The service item, where the request names one."""
    committed_due_on: date | None = None
    """The last day that the office promises for the item; no extension moves it."""
    committed_timeliness: str = ""
    """Of an answer: ``in-time`` or ``late`` by that."""
    due_on: date | None = None
    provisional: bool = False
    extended: int = 0
    last_due_on: date | None = None
    """The due date before the stop that is still on, while the end of that is not known."""
    latest_due_on: date | None = None
    """While the clock stands still: the due date if the reply comes on the last day that it can."""
    moves: tuple[tuple[str, str, str], ...] = ()
    """What moved the due date, in order: what names the fact, the last day of its effect if any, the article."""
    statute_other: str = ""
    """The other version of the statute that a request pending at a change of law can be held to."""
    due_on_other: date | None = None
    """The due date under that version."""
    clocks: tuple[Deadline, ...] = ()
    """All time limits of the request, the answer's first."""
    stopped_since: date | None = None
    stop: Remark | None = None
    """Why the clock stands still."""
    warned: tuple[tuple[date, int], ...] = ()
    """The rungs of the warning ladder that lie behind: the day, and the units that were left on it."""
    overdue_from: date | None = None
    answered_on: date | None = None
    closed_on: date | None = None
    closing: str = ""
    """How the request ended: answered, withdrawn, transferred, abandoned or retracted."""
    outcome: str = ""
    timeliness: str = ""
    working_days: int | None = None
    ordered_by: str = ""
    """The review that ordered a new answer, if one did; ``due_on`` is then that answer's."""
    own_due_on: date | None = None
    """The last day by the law's own limit, where a new answer was ordered."""
    breached_from: date | None = None
    """The first day after that limit, where it was missed, and that of an ordered answer as well."""
    reanswered_on: date | None = None
    """When the answer that it ordered was given; the request counts with its first one."""
    reanswer_outcome: str = ""
    first_response_on: date | None = None
    """When the organ first informed the applicant of anything (:mod:`services.statute.first`)."""
    first_working_days: int | None = None
    reviews: tuple[Review, ...] = ()
    refused: tuple[Remark, ...] = ()
    """Facts that have no effect, each with the reason."""
    steps: tuple[Step, ...] = ()
    """The work inside the office; none of it moves the request's own dates."""
    duties: tuple[Duty, ...] = ()
    rungs: tuple[Reached, ...] = ()
    """What the ladder of supervision has come to: of steps all, of the answer's limit the cards."""
    wake_on: date | None = None
    """The next day on which the clock alone changes this view."""

    old_flags: tuple[str, ...] = ()
    """Remarks as cases stored before there were codes have them; they are read, and never written."""
    old_rejected: tuple[tuple[str, str, str], ...] = ()
    """Likewise: source, id and reason of facts that have no effect."""

    @property
    def calendar_id(self) -> str:
        """The id of that calendar, without its version."""
        return self.calendar.partition(" ")[0]

    @property
    def flags(self) -> tuple[str, ...]:
        """The remarks in English, as the contract's older field has them."""
        return tuple([flag(each) for each in self.remarks]) or self.old_flags

    @property
    def stopped_for(self) -> str:
        """Why the clock stands still, in English; empty where it does not."""
        return text(self.stop)


class Decision(Struct, frozen=True):
    """One thing that follows: the contract's name for the case event, the day it holds from, and its values."""

    name: str
    on: date
    values: dict[str, Any]
