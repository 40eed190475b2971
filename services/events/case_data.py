"""What case events carry: the ``data`` of each, and the request as it stands after it."""

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct

from services.events.facts import Data, RequestFact, ReviewDecidedData, ReviewFiledData, TallyData
from services.events.office_cases import CardNow, DutyNow, Holding, OfficeLimit, StepNow
from services.events.vocabulary import Applicant, Channel, Code, Outcome, Ref, State, Text, Timeliness
from services.words.catalogue import Said

Limit = Literal[
    "answer",
    "clarification-notice",
    "clarification-reply",
    "consultation",
    "fee-payment",
    "volume-deferral",
    "date-agreed",
    "reconsideration",
    "litigation",
]
"""Which time limit a due date belongs to."""


class RequestSummary(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One request after an event: its dimensions and its dates (local dates in the organ's zone)."""

    organ: Code
    channel: Channel
    applicant: Applicant
    statute: Code
    """The statute's version, e.g. ``CN-2008``."""
    submitted_on: date
    state: State
    received_on: date | None = None
    due_on: date | None = None
    """The last day for the answer as it stands; none while the clock is stopped without a known end."""
    provisional: bool = False
    extended: bool = False
    answered_on: date | None = None
    closed_on: date | None = None
    """The day of the answer or of the closing, whichever ended the request."""
    outcome: Outcome | None = None
    timeliness: Timeliness | None = None
    working_days: int | None = None
    """Days of the limit's unit used until the end, suspended ones left out."""
    overdue_from: date | None = None
    """The first day after the limit, if the limit was missed; after that of an ordered answer, if that one was."""
    first_response_on: date | None = None
    """The day on which the applicant was first informed of anything: a notice to clarify, to pay, of an extension or
    of a deferral, or else the answer. Events written before this field existed lack it."""
    item: Code | None = None
    """The service item that it is for."""
    committed_due_on: date | None = None
    """The last day that the office promises for it."""
    committed_timeliness: Timeliness | None = None
    first_working_days: int | None = None
    """Days of the limit's unit used until then, suspended ones left out."""
    breached_from: date | None = None
    """The first day after the law's own limit, where ``overdue_from`` is that after an ordered answer's."""
    contradicting: bool = False
    """Facts of it contradict one another, and some have no effect, until a correction or a retraction puts that
    right."""


class CaseData(Data, frozen=True, kw_only=True):
    """What every case event's ``data`` has."""

    cause: Ref | None = None
    """The fact that led to this; none where the clock alone did."""
    fact: RequestFact | None = None
    request: RequestSummary | None = None
    """None for what concerns an organ and no request, and before the request itself is known."""
    as_of: date | None = None
    """The local date that the decision was made for."""
    reference: Annotated[int, Meta(ge=0)] | None = None
    """How many records of the reference topic were known."""
    rules: Code | None = None
    """The digest of the statutes and calendars that it was decided by. Events written before there was one lack it."""


class OpenedData(CaseData, frozen=True, kw_only=True):
    received_on: date
    article: Text


class DueDateData(CaseData, frozen=True, kw_only=True):
    limit: Literal[Limit, OfficeLimit]
    old_due_on: date | None = None
    due_on: date
    article: Text
    provisional: bool = False
    calendar: Text
    """The calendar's version that the date was computed with."""


class ClockStoppedData(CaseData, frozen=True, kw_only=True):
    limit: Limit
    since: date
    reason: Text
    remark: Said | None = None
    """The reason as a code, with words. Events written before there were codes lack it."""
    article: Text


class ClockResumedData(CaseData, frozen=True, kw_only=True):
    limit: Limit
    on: date
    due_on: date
    article: Text


class ApproachingData(CaseData, frozen=True, kw_only=True):
    limit: Literal[Limit, OfficeLimit]
    about: Code | None = None
    """Which one, where there can be several: of a step, the assignment that opened it; of a duty, the duty."""
    organ: Code | None = None
    """Of a duty that belongs to no request: whose it is."""
    due_on: date
    days_left: Annotated[int, Meta(ge=0)]
    """Days of the limit's unit from the event's instant to the due date; 0 on the day itself."""


class OverdueData(CaseData, frozen=True, kw_only=True):
    limit: Limit
    due_on: date
    overdue_from: date


class OverdueWithdrawnData(CaseData, frozen=True, kw_only=True):
    limit: Limit
    overdue_from: date
    """The day from which the request had counted as overdue."""
    due_on: date | None = None
    """The last day as it is now; none while the clock is stopped or the request is not received."""


class AnsweredData(CaseData, frozen=True, kw_only=True):
    outcome: Outcome
    due_on: date
    answered_on: date
    timeliness: Timeliness
    working_days: int
    article: Text


class ClosedData(CaseData, frozen=True, kw_only=True):
    closed_on: date
    reason: Literal["withdrawn", "abandoned", "transferred", "retracted"]
    outcome: Outcome | None = None


class ReopenedData(CaseData, frozen=True, kw_only=True):
    reason: Text
    remark: Said | None = None
    """The reason as a code, with words. Events written before there were codes lack it."""


class ReviewOpenedData(CaseData, frozen=True, kw_only=True):
    filed: ReviewFiledData


class ReviewClosedData(CaseData, frozen=True, kw_only=True):
    filed: ReviewFiledData
    decided: ReviewDecidedData | None = None
    """None where the filing itself was taken back."""


class TallyCountedData(CaseData, frozen=True, kw_only=True):
    tally: Ref
    """The tally fact that this is the value of."""
    counted: TallyData | None = None
    """None where the tally was retracted."""


class RecordedData(CaseData, frozen=True, kw_only=True):
    waiting_for: Text | None = None
    """What the fact waits for before it can take effect, if anything."""
    awaits: Said | None = None
    """The same as a code, with words."""
    flags: tuple[Text, ...] = ()
    """What the law says against it, if anything, in English."""
    remarks: tuple[Said, ...] = ()
    """The same as codes, with words."""


class RejectedData(CaseData, frozen=True, kw_only=True):
    reason: Text
    remark: Said | None = None
    """The reason as a code, with words. Events written before there were codes lack it."""
    content: Code | None = None
    """Where the fact came under the source and id of another one of its subject: a digest of what it says. It is kept
    nowhere but in the fact topic."""


class StepData(CaseData, frozen=True, kw_only=True):
    step: StepNow


class StepPassedData(CaseData, frozen=True, kw_only=True):
    step: StepNow
    holding: Holding
    """The part of it that changed."""


class StepDueData(CaseData, frozen=True, kw_only=True):
    step: StepNow
    old_due_on: date | None = None


class StepWithdrawnData(CaseData, frozen=True, kw_only=True):
    step: StepNow
    """As it stood before."""
    holding: Holding | None = None
    """What of it was taken back; none: the whole step."""


class CardData(CaseData, frozen=True, kw_only=True):
    card: CardNow


class DutyData(CaseData, frozen=True, kw_only=True):
    duty: DutyNow


class DutyDueData(CaseData, frozen=True, kw_only=True):
    duty: DutyNow
    old_due_on: date | None = None
