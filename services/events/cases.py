"""Case events: what the tracker decided, each with its ``sequence`` within the request (or the organ).

Each carries ``request``, the request as it stands after the event, so that a reader needs no law to count it; and the
first event of a decision carries ``fact``, the fact that led to it, so that cases can be folded from this topic alone.
"""

from services.events.case_data import (
    AnsweredData,
    ApproachingData,
    CardData,
    ClockResumedData,
    ClockStoppedData,
    ClosedData,
    DueDateData,
    DutyData,
    DutyDueData,
    OpenedData,
    OverdueData,
    OverdueWithdrawnData,
    RecordedData,
    RejectedData,
    ReopenedData,
    ReviewClosedData,
    ReviewOpenedData,
    StepData,
    StepDueData,
    StepPassedData,
    StepWithdrawnData,
    TallyCountedData,
)
from services.events.envelope import Event, type_of


class RequestOpened(Event, frozen=True, kw_only=True, tag=type_of("request-opened")):
    data: OpenedData


class DueDateSet(Event, frozen=True, kw_only=True, tag=type_of("due-date-set")):
    data: DueDateData


class ClockStopped(Event, frozen=True, kw_only=True, tag=type_of("clock-stopped")):
    data: ClockStoppedData


class ClockResumed(Event, frozen=True, kw_only=True, tag=type_of("clock-resumed")):
    data: ClockResumedData


class DeadlineApproaching(Event, frozen=True, kw_only=True, tag=type_of("deadline-approaching")):
    data: ApproachingData


class RequestOverdue(Event, frozen=True, kw_only=True, tag=type_of("request-overdue")):
    data: OverdueData


class OverdueWithdrawn(Event, frozen=True, kw_only=True, tag=type_of("overdue-withdrawn")):
    data: OverdueWithdrawnData


class RequestAnswered(Event, frozen=True, kw_only=True, tag=type_of("request-answered")):
    data: AnsweredData


class RequestClosed(Event, frozen=True, kw_only=True, tag=type_of("request-closed")):
    data: ClosedData


class RequestReopened(Event, frozen=True, kw_only=True, tag=type_of("request-reopened")):
    data: ReopenedData


class ReviewOpened(Event, frozen=True, kw_only=True, tag=type_of("review-opened")):
    data: ReviewOpenedData


class ReviewClosed(Event, frozen=True, kw_only=True, tag=type_of("review-closed")):
    data: ReviewClosedData


class StepOpened(Event, frozen=True, kw_only=True, tag=type_of("step-opened")):
    data: StepPassedData


class StepPassed(Event, frozen=True, kw_only=True, tag=type_of("step-passed")):
    data: StepPassedData


class StepDueSet(Event, frozen=True, kw_only=True, tag=type_of("step-due-set")):
    data: StepDueData


class StepOverdue(Event, frozen=True, kw_only=True, tag=type_of("step-overdue")):
    data: StepData


class StepOverdueWithdrawn(Event, frozen=True, kw_only=True, tag=type_of("step-overdue-withdrawn")):
    data: StepData


class StepDone(Event, frozen=True, kw_only=True, tag=type_of("step-done")):
    data: StepData


class StepWithdrawn(Event, frozen=True, kw_only=True, tag=type_of("step-withdrawn")):
    data: StepWithdrawnData


class CardIssued(Event, frozen=True, kw_only=True, tag=type_of("card-issued")):
    data: CardData


class CardWithdrawn(Event, frozen=True, kw_only=True, tag=type_of("card-withdrawn")):
    data: CardData


class DutyDueSet(Event, frozen=True, kw_only=True, tag=type_of("duty-due-set")):
    data: DutyDueData


class DutyOverdue(Event, frozen=True, kw_only=True, tag=type_of("duty-overdue")):
    data: DutyData


class DutyOverdueWithdrawn(Event, frozen=True, kw_only=True, tag=type_of("duty-overdue-withdrawn")):
    data: DutyData


class DutyEnded(Event, frozen=True, kw_only=True, tag=type_of("duty-ended")):
    data: DutyData


class DutyReopened(Event, frozen=True, kw_only=True, tag=type_of("duty-reopened")):
    data: DutyData


class DutyWithdrawn(Event, frozen=True, kw_only=True, tag=type_of("duty-withdrawn")):
    data: DutyData


class TallyCounted(Event, frozen=True, kw_only=True, tag=type_of("tally-recorded")):
    """The case topic's ``tally-recorded``: a tally as it counts now."""

    data: TallyCountedData


class FactRecorded(Event, frozen=True, kw_only=True, tag=type_of("fact-recorded")):
    """A fact was kept with the case and changed no date and no state."""

    data: RecordedData


class FactRejected(Event, frozen=True, kw_only=True, tag=type_of("fact-rejected")):
    data: RejectedData


CaseEvent = (
    RequestOpened
    | DueDateSet
    | ClockStopped
    | ClockResumed
    | DeadlineApproaching
    | RequestOverdue
    | OverdueWithdrawn
    | RequestAnswered
    | RequestClosed
    | RequestReopened
    | ReviewOpened
    | ReviewClosed
    | StepOpened
    | StepPassed
    | StepDueSet
    | StepOverdue
    | StepOverdueWithdrawn
    | StepDone
    | StepWithdrawn
    | CardIssued
    | CardWithdrawn
    | DutyDueSet
    | DutyOverdue
    | DutyOverdueWithdrawn
    | DutyEnded
    | DutyReopened
    | DutyWithdrawn
    | TallyCounted
    | FactRecorded
    | FactRejected
)
