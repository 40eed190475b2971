"""One request's case: its facts, and the view that the law derives from them. Pure.

:func:`decide` answers what a new fact leads to, :func:`tick` what the mere passing of time does, :func:`evolve` is the
case after an event. The facts are what counts; the view is derived from them, so their order of arrival can't matter.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple, TypeGuard, get_args

from msgspec import Struct
from msgspec.structs import replace

from services.events.cases import CaseEvent, FactRejected
from services.events.envelope import PREFIX, VERSION
from services.events.facts import FactCorrected, FactRetracted, RequestFact, RequestReceived, TallyRecorded
from services.events.office_facts import ItemData
from services.events.vocabulary import Ref
from services.statute import assessment
from services.statute.account import Line
from services.statute.assessment import Assessment
from services.statute.due import readings_of
from services.statute.errors import StatuteError
from services.statute.explain import explain, remarked
from services.statute.office import duties
from services.statute.office.items import item_of
from services.statute.office.supervision import on_duty
from services.statute.profile import Profile, profile_for, profiles
from services.statute.readings import Reading
from services.statute.state import Fact, RequestState
from services.statute.timeline import Timeline
from services.tracker.core import contradictions
from services.tracker.core.amend import Amended, amend
from services.tracker.core.contradictions import Settled, settle
from services.tracker.core.foreign import counted, is_foreign, part
from services.tracker.core.reference_data import ReferenceData
from services.words.remark import Remark, key, remark


class Conflict(Struct, frozen=True, array_like=True):
    """A fact that came under the source and id of another of its subject, with other content; it is not kept."""

    ref: Ref
    content: str
    """A digest of what it says."""
    at: datetime | None = None
    """When that was found."""
    settled: bool = False
    """What stands under the name has been amended since."""


MOST_CONFLICTS = 50
"""Conflicts of a case that are told and kept; one that has so many is in no order that another would add to."""


class Case(Struct, frozen=True, kw_only=True):
    """All that the tracker keeps of a request (or of an organ's own facts)."""

    subject: str
    facts: tuple[RequestFact, ...] = ()
    """In the order of their arrival, without duplicates; without those in :mod:`~services.tracker.core.strands`."""
    sequence: int = 0
    """The number of the last case event."""
    as_of: date = date.min
    """The latest day that a decision was made for; a case never goes back before it."""
    reference: int = 0
    """How many reference records were known at the last decision."""
    view: RequestState = RequestState()
    apart: int = 0
    """How many facts are kept apart, in strands."""
    own: int = 0
    """How many of them say by themselves that the subject is an organ."""
    conflicts: tuple[Conflict, ...] = ()


_NAMES: dict[type, str] = {
    shape: str(shape.__struct_config__.tag).removeprefix(PREFIX).removesuffix(VERSION)
    for shape in get_args(RequestFact)
}


def name_of(fact: RequestFact) -> str:
    """The contract's name of the fact, e.g. ``answer-issued``."""
    return _NAMES[fact.__class__]


def is_amendment(fact: RequestFact) -> TypeGuard[FactCorrected | FactRetracted]:
    return isinstance(fact, FactCorrected | FactRetracted)


def lawful(fact: RequestFact) -> Fact:
    """The fact as the law reads it."""
    return Fact(_NAMES[fact.__class__], fact.source, fact.id, fact.data)


def evolve(case: Case, event: CaseEvent) -> Case:
    """The case after ``event``; its view still has to be derived (:func:`look`) when the last event is in."""
    data = event.data
    facts = case.facts
    if data.fact is not None and not isinstance(data.fact, TallyRecorded):
        facts = (*facts, data.fact)
    conflicts = case.conflicts if data.fact is None else settling(case.conflicts, data.fact)
    if isinstance(event, FactRejected) and event.data.content is not None and event.data.cause is not None:
        conflicts = (*conflicts, Conflict(event.data.cause, event.data.content, event.recordedtime))
    return replace(
        case,
        conflicts=conflicts,
        facts=facts,
        sequence=event.sequence or case.sequence,
        as_of=max(case.as_of, data.as_of or case.as_of),
        reference=data.reference or case.reference,
    )


def settling(conflicts: tuple[Conflict, ...], fact: RequestFact) -> tuple[Conflict, ...]:
    """The conflicts after a fact: an amendment of what stands under a name puts it right."""
    if not conflicts or not is_amendment(fact):
        return conflicts
    return tuple([replace(c, settled=True) if c.ref == fact.data.amends else c for c in conflicts])


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
    found = _looked(case, timeline, amended, reference_data, today)
    without = settled.without + _conflicting(case)
    if not without:
        return found
    view = replace(found.view, refused=(*found.view.refused, *without))
    return Looked(view, replace(found.assessment, state=view) if found.assessment else None)


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
        found = assessment.assess(timeline, statute, reference_data.calendar(organ.calendar), today)
    except StatuteError as error:
        return Looked(_awaiting(_bare(timeline, amended), error.remark))
    if amended.refused or amended.waiting:
        view = replace(found.state, refused=(*amended.refused, *found.state.refused))
        found = replace(found, state=_awaiting(view, _awaited(amended)))
    return Looked(found.state, found)


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
    """The case's view with its remarks as codes; of a case stored before there were codes they are found anew, and
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
    """What can be said without the law."""
    return RequestState(reviews=assessment.reviews(timeline), refused=amended.refused, remarks=tuple(timeline.remarks))


def account(case: Case, reference_data: ReferenceData, today: date, each_day: bool = False) -> list[dict[str, Any]]:
    """Why the case's dates are what they are, as plain values; empty while the request or its organ is unknown."""
    found = look(_without_tallies(case), reference_data, today)
    if found.view.state == "duty":
        return [line.plain() for line in _duty_lines(found.view)]
    if found.assessment is None:
        lacking = found.view.awaits
        return [remarked(lacking).plain()] if lacking is not None and lacking.code in LACKING else []
    state = found.assessment.state
    organ = reference_data.organs[state.organ]
    changes = reference_data.changes(organ.calendar)
    return [
        line.plain()
        for line in explain(
            found.assessment, reference_data.calendar(organ.calendar), today, changes=changes, each_day=each_day
        )
    ]


def _duty_lines(view: RequestState) -> Iterator[Line]:
    yield from duties.explained(view.duties, profiles()[view.statute])
    yield from (remarked(each) for each in view.remarks)


def _without_tallies(case: Case) -> Case:
    return replace(case, facts=tuple([f for f in case.facts if not isinstance(f, TallyRecorded)]))


def other_readings(case: Case, reference_data: ReferenceData, today: date) -> tuple[Reading, ...]:
    """The due date by each other reading of what the law leaves open; none while the law can't be asked."""
    found = look(_without_tallies(case), reference_data, today).assessment
    if found is None or found.timeline.received is None:
        return ()
    organ = reference_data.organs[found.state.organ]
    statute = found.timeline.received.data.statute or organ.statute
    try:
        return readings_of(found, statute, reference_data.calendar(organ.calendar), today)
    except StatuteError:
        return ()  # a reading that leads out of the calendar has no date to be shown


LACKING = frozenset({"unknown-statute", "no-version", "unknown-calendar", "out-of-range", "count-out-of-range"})
"""What a case waits for where the law's files lack something."""


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


def tally_value(fact: TallyRecorded, case: Case) -> TallyRecorded | None:
    """A tally with the case's amendments of it applied; None where it was taken back."""
    own = (f for f in case.facts if is_amendment(f) and not is_foreign(f, (fact.data.organ,)))
    kept = amend((fact, *own)).facts
    return next((f for f in kept if isinstance(f, TallyRecorded)), None)


def amended_root(fact: FactCorrected | FactRetracted, case: Case, organs: Collection[str]) -> Ref:
    """What an amendment amends in the end, through amendments of amendments; ``organs``: the registered ones."""
    by_ref = {f.ref: f for f in counted(case.facts, case.subject, organs)}
    target, seen = fact.data.amends, {fact.ref}
    while (found := by_ref.get(target)) is not None and target not in seen:
        if not isinstance(found, FactCorrected | FactRetracted):
            break
        seen.add(target)
        target = found.data.amends
    return target


Tallies = Mapping[Ref, TallyRecorded]
"""The tallies that a decision may concern, by what names them."""
