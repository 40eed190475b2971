"""What one fact more would do to a request, before it is posted. Pure: nothing is stored, nothing is sent."""

from datetime import date, datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from services.events.facts import (
    AnswerDelivered,
    AnswerIssued,
    ClarificationReceived,
    ClarificationRequested,
    ConsultationClosed,
    ConsultationOpened,
    ConsultationReached,
    ExtensionGranted,
    FeeNotified,
    FeePaid,
    ReceiptConfirmed,
    RequestFact,
    RequestReceived,
    VolumeDeferred,
)
from services.statute.profile import Profile
from services.statute.state import RequestState
from services.statute.status import Status, status
from services.tracker.core.case import Case
from services.tracker.core.counted import moves_counted, years_moved
from services.tracker.core.decide import decide
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.view import look
from services.words.catalogue import Said, said

_SHOWN = ("received_on", "due_on", "latest_due_on", "answered_on", "closed_on", "closing", "outcome", "timeliness")


class Standing(Struct, frozen=True, kw_only=True):
    """How a request stands."""

    status: Status
    organ: str = ""
    received_on: date | None = None
    due_on: date | None = None
    latest_due_on: date | None = None
    answered_on: date | None = None
    closed_on: date | None = None
    closing: str = ""
    outcome: str = ""
    timeliness: str = ""
    clocks: list[dict[str, Any]] = []
    """The other time limits that run or ran."""


class Proposal(Struct, frozen=True, kw_only=True):
    """What one fact more would do."""

    request: str
    before: Standing
    after: Standing
    remarks: list[Said]
    """What the law would say against it, or against others because of it; the fact would be kept."""
    rejected: list[Said]
    """What would have no effect: this fact, or others because of it, each with the reason."""
    known: bool
    """A fact of this source and id is there already."""
    moves_ended: bool
    """Whether numbers that are counted already would change: of a request that is ended, of a review that is decided,
    or of a year that is over."""
    years: list[int]
    """The report years whose numbers change then."""
    article: str
    """What a fact of this kind rests on, by the request's statute."""


def proposal(case: Case, fact: RequestFact, reference_data: ReferenceData, now: datetime) -> Proposal:
    """The case as it stands today, and as it would stand after ``fact``; a fact without instant is made now."""
    after, _ = decide(case, replace(fact, recordedtime=now), reference_data, now, {})
    organ = after.view.organ or case.view.organ
    zone = reference_data.zone(organ) if organ in reference_data.organs else None
    today = now.astimezone(zone).date()
    (old, _), (new, assessment) = (look(one, reference_data, max(today, one.as_of)) for one in (case, after))
    known, refused = set(old.remarks), set(old.refused)
    moved = moves_counted(old, new, today)
    return Proposal(
        request=case.subject,
        before=_standing(old, today),
        after=_standing(new, today),
        remarks=[said(each) for each in new.remarks if each not in known],
        rejected=[said(each) for each in new.refused if each not in refused],
        known=any(known.ref == fact.ref for known in case.facts),
        moves_ended=moved,
        years=sorted(years_moved(old, new, today)) if moved else [],
        article=article_of(fact, assessment.profile if assessment else None),
    )


def article_of(fact: RequestFact, profile: Profile | None) -> str:
    """The article that a kind of fact rests on; empty where the statute's file names none."""
    if profile is None:
        return ""
    match fact:
        case ExtensionGranted():
            return profile.extension.article
        case ClarificationRequested() | ClarificationReceived():
            return profile.clarification.article
        case ConsultationOpened() | ConsultationReached() | ConsultationClosed():
            return profile.consultation.third_party.article
        case FeeNotified() | FeePaid():
            return profile.fee.article
        case VolumeDeferred():
            return profile.volume.article
        case AnswerIssued() | AnswerDelivered():
            return profile.answer.article
        case RequestReceived() | ReceiptConfirmed():
            return profile.receipt.article
        case _:
            return ""


def _standing(view: RequestState, today: date) -> Standing:
    others = [
        {"limit": each.limit, "about": each.about, "start": each.start, "due_on": each.due_on, "done_on": each.done_on}
        for each in view.clocks
        if each.limit != "answer"
    ]
    shown = {name: getattr(view, name) for name in _SHOWN}
    return Standing(status=status(view, today), organ=view.organ, clocks=others, **shown)
