"""What the law makes of a case at a day: its view. Pure."""

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from msgspec.structs import replace

from services.events.facts import RequestReceived
from services.events.office_facts import ItemData
from services.statute import assessment
from services.statute.assessment import Assessment
from services.statute.errors import StatuteError
from services.statute.office import duties
from services.statute.office.items import item_of
from services.statute.office.supervision import on_duty
from services.statute.profile import Profile
from services.statute.state import Fact, RequestState
from services.statute.timeline import Timeline
from services.statute.versions import profile_for
from services.tracker.core import contradictions
from services.tracker.core.amend import Amended, amend
from services.tracker.core.case import Case, lawful
from services.tracker.core.contradictions import Settled, settle
from services.tracker.core.foreign import counted, part
from services.tracker.core.reference_data import ReferenceData
from services.words.remark import Remark, key, remark


class Looked(NamedTuple):
    """A case at a day: its view, and what the law made of it where there was a law to ask."""

    view: RequestState
    assessment: Assessment | None = None
    """None while the request or its organ is not known, or the law's files lack something."""

    @property
    def profile(self) -> Profile | None:
        """The version of the statute that the view was derived with."""
        return self.assessment.profile if self.assessment else None


def look(case: Case, reference_data: ReferenceData, today: date, amended: Amended | None = None) -> Looked:
    """The case at ``today``.

    ``amended`` is what :func:`~services.tracker.core.amend.amend` gives for the case's facts, if already known.
    """
    kept, foreign = part(case.facts, case.subject, reference_data.organs)
    if len(kept) != len(case.facts):
        case, amended = replace(case, facts=kept), amend(kept)
        amended = replace(amended, refused=(*foreign, *amended.refused))
    amended = amended or amend(kept)
    settled = _settled(amended, reference_data, today)
    timeline = assessment.read(settled.facts)
    looked = _looked(case, timeline, amended, reference_data, today)
    without = settled.without + _conflicting(case)
    if not without:
        return looked
    view = replace(looked.view, refused=(*looked.view.refused, *without))
    return Looked(view, replace(looked.assessment, state=view) if looked.assessment else None)


def _looked(case: Case, timeline: Timeline, amended: Amended, reference_data: ReferenceData, today: date) -> Looked:
    """The same without what contradicts other facts."""
    if timeline.received is None and timeline.duties:
        return Looked(_on_duty(timeline, amended, reference_data, today))
    if timeline.received is None:
        return Looked(_without_request(case, timeline, amended, reference_data))
    data = timeline.received.data
    organ = reference_data.organs.get(data.organ)
    if organ is None:
        return Looked(_awaiting(_bare(timeline, amended), remark("organ-registered", organ=data.organ)))
    item, statute = law_of(data, organ.statute, reference_data)
    if item is not None:
        timeline.item = item_of(item)
    elif data.item is not None:
        other = reference_data.items.get(data.item)
        if other is None:
            return Looked(_awaiting(_bare(timeline, amended), remark("item-registered", item=data.item)))
        timeline.note(timeline.received, "item-of-another", item=data.item, organ=other.organ)
    try:
        assessed = assessment.assess(timeline, statute, reference_data.calendar(organ.calendar), today)
    except StatuteError as error:
        return Looked(_awaiting(_bare(timeline, amended), error.remark))
    if amended.refused or amended.waiting:
        view = replace(assessed.state, refused=(*amended.refused, *assessed.state.refused))
        assessed = replace(assessed, state=_awaiting(view, _awaited(amended)))
    return Looked(assessed.state, assessed)


def _on_duty(timeline: Timeline, amended: Amended, reference_data: ReferenceData, today: date) -> RequestState:
    """A subject that is no request, but a duty of an organ."""
    code = timeline.duties[0].data.organ
    organ = reference_data.organs.get(code)
    if organ is None:
        return _awaiting(_bare(timeline, amended), remark("organ-registered", organ=code))
    try:
        profile = profile_for(organ.statute, timeline.duties[0].data.event_on)
        calendar = reference_data.calendar(organ.calendar)
        view = on_duty(duties.alone(timeline, profile, calendar, today), profile, calendar, today)
    except StatuteError as error:
        return _awaiting(_bare(timeline, amended), error.remark)
    view = replace(view, refused=(*amended.refused, *view.refused), reviews=assessment.reviews(timeline))
    return _awaiting(view, _awaited(amended)) if amended.waiting else view


def worded(case: Case, reference_data: ReferenceData) -> RequestState:
    """The case's view with its remarks as codes; of a case stored before there were codes they are worked out anew, and
    nothing else of its view."""
    view = case.view
    before_codes = view.old_flags or view.old_rejected or (view.state == "stopped" and view.stop is None)
    if not before_codes and not (view.waiting_for and view.awaits is None):
        return view
    fresh = look(case, reference_data, case.as_of).view
    return replace(
        view,
        remarks=fresh.remarks,
        refused=fresh.refused,
        stop=fresh.stop,
        awaits=fresh.awaits,
        old_flags=(),
        old_rejected=(),
    )


def organ_of(case: Case) -> str:
    """The organ whose registration the case depends on; empty while no request is known.

    A case whose dates aren't known yet has it in its facts alone.
    """
    if case.view.organ or case.view.state != "waiting" or case.view.waiting_for in ("", "request-received"):
        return case.view.organ
    # The first receipt in the log says which; without the law, since the law is what such a case may lack.
    facts = settle([lawful(f) for f in amend(counted(case.facts, case.subject)).facts], lambda _: None).facts
    received = assessment.read(facts).received
    if received is None:
        return next((str(f.data.organ) for f in facts if f.name == "duty-opened"), "")
    return str(received.data.organ)


def law_of(data: Any, organs: str, reference_data: ReferenceData) -> tuple[ItemData | None, str]:
    """The service item of a request by its receipt's data, where it is its organ's own, and its law: its own, else its
    item's, else its organ's."""
    item = reference_data.items.get(data.item) if data.item is not None else None
    if item is None or item.organ != data.organ:
        return None, data.statute or organs
    return item, data.statute or item.statute


def _settled(amended: Amended, reference_data: ReferenceData, today: date) -> Settled:
    def received_on(facts: Sequence[Fact]) -> date | None:
        timeline = assessment.read(facts)
        organ = reference_data.organs.get(timeline.received.data.organ) if timeline.received else None
        if timeline.received is None or organ is None:
            return None
        _, statute = law_of(timeline.received.data, organ.statute, reference_data)
        try:
            return assessment.assess(
                timeline, statute, reference_data.calendar(organ.calendar), today
            ).state.received_on
        except StatuteError:
            return None  # the case waits for what its law lacks, and is judged then

    return settle([lawful(f) for f in amended.facts], received_on)


def _conflicting(case: Case) -> tuple[Remark, ...]:
    """Names with two contents, until an amendment of what stands under the name has put that right."""
    refs = dict.fromkeys(conflict.ref for conflict in case.conflicts if not conflict.settled)
    return tuple([remark(contradictions.ID_CONFLICT, ref) for ref in refs])


def _bare(timeline: Timeline, amended: Amended) -> RequestState:
    """What is known without the law."""
    return RequestState(reviews=assessment.reviews(timeline), refused=amended.refused, remarks=tuple(timeline.remarks))


def _awaiting(view: RequestState, what: Remark | None) -> RequestState:
    return replace(view, awaits=what, waiting_for=key(what))


def _awaited(amended: Amended) -> Remark | None:
    if not amended.waiting:
        return None
    return remark("fact", source=amended.waiting[0].source, id=amended.waiting[0].id)


def _without_request(case: Case, timeline: Timeline, amended: Amended, reference_data: ReferenceData) -> RequestState:
    bare = _bare(timeline, amended)
    gone = [f for f in amended.taken_back if isinstance(f, RequestReceived)]
    if gone:
        data = min(gone, key=lambda f: f.ref).data
        organ = reference_data.organs.get(data.organ)
        taken_back = replace(
            bare,
            state="retracted",
            organ=data.organ,
            channel=data.channel,
            applicant=data.applicant,
            submitted_on=data.submitted_on,
            statute=data.statute or (organ.statute if organ else "unknown"),
        )
        return _awaiting(taken_back, None if organ else remark("organ-registered", organ=data.organ))
    if case.subject in reference_data.organs:
        # Its reviews are no case of their own that the clock could wake: a duty that one would open is not watched.
        unwatched = [
            remark("review-opens-no-duty", fact, review=key)
            for key, fact in sorted(timeline.filed.items())
            if fact.data.served_on is not None
        ]
        bare = replace(bare, state="organ", remarks=(*bare.remarks, *unwatched))
        return _awaiting(bare, _awaited(amended))
    return _awaiting(bare, remark("request-received"))
