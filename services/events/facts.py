"""Facts: what an intake system saw, in the past tense. One class an event type, tagged by ``type``."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from msgspec import Meta

from services.events.data import Data as Data
from services.events.envelope import Event, type_of
from services.events.office_facts import (
    AssignmentAccepted,
    AssignmentCompleted,
    AssignmentOpened,
    AssignmentReturned,
    DutyDone,
    DutyOpened,
    ItemRegistered,
    SpecialStepClosed,
    SpecialStepOpened,
    UnitRegistered,
)
from services.events.vocabulary import (
    Applicant,
    Channel,
    Code,
    Days,
    FollowReason,
    Label,
    Mail,
    Measure,
    Outcome,
    Party,
    Ref,
    Reply,
    ReviewKind,
    ReviewResult,
    Service,
    Text,
    Within,
    Year,
)

Amount = Annotated[Decimal, Meta(description="a number from 0 up, decimals kept exactly")]


class OrganData(Data, frozen=True, kw_only=True):
    code: Code
    name: Label
    timezone: Code
    calendar: Code
    statute: Code
    parent: Code | None = None


class CalendarData(Data, frozen=True, kw_only=True):
    calendar: Code
    year: Year
    days_off: Annotated[tuple[date, ...], Meta(max_length=400)]
    working_days: Annotated[tuple[date, ...], Meta(max_length=400)]
    notice: Text
    published_on: date
    confirms: Code | None = None
    """The digest of the rehearsal that named the days off which the notice drops."""


class Follows(Data, frozen=True, kw_only=True):
    """The request that another one follows, and why."""

    request: Code
    why: FollowReason


class ReceivedData(Data, frozen=True, kw_only=True):
    organ: Code
    channel: Channel
    applicant: Applicant
    submitted_on: date
    received_on: date | None = None
    confirmed_on: date | None = None
    statute: Code | None = None
    mail: Mail | None = None
    """By post only: whether it was signed for."""
    follows: Annotated[tuple[Follows, ...], Meta(max_length=50)] = ()
    item: Code | None = None
    """The service item that it is for; its law holds where the request names none."""


class ConfirmedData(Data, frozen=True, kw_only=True):
    confirmed_on: date


class ClarificationRequestedData(Data, frozen=True, kw_only=True):
    requested_on: date
    respond_by: date


class ClarificationReceivedData(Data, frozen=True, kw_only=True):
    received_on: date
    excused: bool = False
    """Late with good cause."""


class ConsultationOpenedData(Data, frozen=True, kw_only=True):
    consultation: Code
    party: Party
    sent_on: date
    reached_on: date | None = None


class ConsultationReachedData(Data, frozen=True, kw_only=True):
    consultation: Code
    reached_on: date


class ConsultationClosedData(Data, frozen=True, kw_only=True):
    consultation: Code
    closed_on: date
    reply: Reply


class ExtensionData(Data, frozen=True, kw_only=True):
    decided_on: date
    notified_on: date
    amount: Days
    reason: Text | None = None
    approved_on: date | None = None


class VolumeDeferredData(Data, frozen=True, kw_only=True):
    notified_on: date
    until: date


class DateAgreedData(Data, frozen=True, kw_only=True):
    agreed_on: date
    until: date


class FeeNotifiedData(Data, frozen=True, kw_only=True):
    notified_on: date
    amount: Amount


class FeePaidData(Data, frozen=True, kw_only=True):
    paid_on: date


class AnswerData(Data, frozen=True, kw_only=True):
    outcome: Outcome
    answered_on: date
    service: Service
    delivered_on: date | None = None
    after_review: Code | None = None
    """The review that ordered it."""


class AnswerDeliveredData(Data, frozen=True, kw_only=True):
    delivered_on: date


class WithdrawnData(Data, frozen=True, kw_only=True):
    withdrawn_on: date


class TransferredData(Data, frozen=True, kw_only=True):
    transferred_on: date
    to_organ: Code


class ReviewFiledData(Data, frozen=True, kw_only=True):
    review: Code
    organ: Code
    kind: ReviewKind
    filed_on: date
    first_handling_disputed: bool = False
    served_on: date | None = None
    """When the organ was served with it."""
    statute: Code | None = None
    """Under an organ's code: the law that the handling under review falls under."""


class ReviewDecidedData(Data, frozen=True, kw_only=True):
    review: Code
    decided_on: date
    result: ReviewResult
    delivered_on: date | None = None
    answer_within: Within | None = None
    """The limit for a new answer, where the decision orders one; it counts from the decision's receipt."""


class ReviewDecisionDeliveredData(Data, frozen=True, kw_only=True):
    review: Code
    delivered_on: date


class TallyData(Data, frozen=True, kw_only=True):
    organ: Code
    on: date
    measure: Measure
    count: Amount


class CorrectedData(Data, frozen=True, kw_only=True):
    amends: Ref
    data: dict[str, Any]
    """The whole replacement of the amended fact's ``data``; checked against that fact's type once it is known."""


class RetractedData(Data, frozen=True, kw_only=True):
    amends: Ref
    reason: Text


class OrganRegistered(Event, frozen=True, kw_only=True, tag=type_of("organ-registered")):
    data: OrganData


class CalendarPublished(Event, frozen=True, kw_only=True, tag=type_of("calendar-published")):
    data: CalendarData


class RequestReceived(Event, frozen=True, kw_only=True, tag=type_of("request-received")):
    data: ReceivedData


class ReceiptConfirmed(Event, frozen=True, kw_only=True, tag=type_of("receipt-confirmed")):
    data: ConfirmedData


class ClarificationRequested(Event, frozen=True, kw_only=True, tag=type_of("clarification-requested")):
    data: ClarificationRequestedData


class ClarificationReceived(Event, frozen=True, kw_only=True, tag=type_of("clarification-received")):
    data: ClarificationReceivedData


class ConsultationOpened(Event, frozen=True, kw_only=True, tag=type_of("consultation-opened")):
    data: ConsultationOpenedData


class ConsultationReached(Event, frozen=True, kw_only=True, tag=type_of("consultation-reached")):
    data: ConsultationReachedData


class ConsultationClosed(Event, frozen=True, kw_only=True, tag=type_of("consultation-closed")):
    data: ConsultationClosedData


class ExtensionGranted(Event, frozen=True, kw_only=True, tag=type_of("extension-granted")):
    data: ExtensionData


class VolumeDeferred(Event, frozen=True, kw_only=True, tag=type_of("volume-deferred")):
    data: VolumeDeferredData


class DateAgreed(Event, frozen=True, kw_only=True, tag=type_of("date-agreed")):
    data: DateAgreedData


class FeeNotified(Event, frozen=True, kw_only=True, tag=type_of("fee-notified")):
    data: FeeNotifiedData


class FeePaid(Event, frozen=True, kw_only=True, tag=type_of("fee-paid")):
    data: FeePaidData


class AnswerIssued(Event, frozen=True, kw_only=True, tag=type_of("answer-issued")):
    data: AnswerData


class AnswerDelivered(Event, frozen=True, kw_only=True, tag=type_of("answer-delivered")):
    data: AnswerDeliveredData


class RequestWithdrawn(Event, frozen=True, kw_only=True, tag=type_of("request-withdrawn")):
    data: WithdrawnData


class RequestTransferred(Event, frozen=True, kw_only=True, tag=type_of("request-transferred")):
    data: TransferredData


class ReviewFiled(Event, frozen=True, kw_only=True, tag=type_of("review-filed")):
    data: ReviewFiledData


class ReviewDecided(Event, frozen=True, kw_only=True, tag=type_of("review-decided")):
    data: ReviewDecidedData


class ReviewDecisionDelivered(Event, frozen=True, kw_only=True, tag=type_of("review-decision-delivered")):
    data: ReviewDecisionDeliveredData


class TallyRecorded(Event, frozen=True, kw_only=True, tag=type_of("tally-recorded")):
    data: TallyData


class FactCorrected(Event, frozen=True, kw_only=True, tag=type_of("fact-corrected")):
    data: CorrectedData


class FactRetracted(Event, frozen=True, kw_only=True, tag=type_of("fact-retracted")):
    data: RetractedData


ReferenceFact = OrganRegistered | CalendarPublished | UnitRegistered | ItemRegistered
"""Facts about the world; they live in the reference topic."""

RequestFact = (
    RequestReceived
    | ReceiptConfirmed
    | ClarificationRequested
    | ClarificationReceived
    | ConsultationOpened
    | ConsultationReached
    | ConsultationClosed
    | ExtensionGranted
    | VolumeDeferred
    | DateAgreed
    | FeeNotified
    | FeePaid
    | AnswerIssued
    | AnswerDelivered
    | RequestWithdrawn
    | RequestTransferred
    | ReviewFiled
    | ReviewDecided
    | ReviewDecisionDelivered
    | SpecialStepOpened
    | SpecialStepClosed
    | AssignmentOpened
    | AssignmentAccepted
    | AssignmentReturned
    | AssignmentCompleted
    | DutyOpened
    | DutyDone
    | TallyRecorded
    | FactCorrected
    | FactRetracted
)
"""Facts about one request (or, for tallies and some reviews, one organ); they live in the fact topic."""

Fact = ReferenceFact | RequestFact
