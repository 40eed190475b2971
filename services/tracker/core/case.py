"""One request's case: its facts, and the view that the law derives from them. Pure.

:func:`evolve` is the case after an event; what a new fact or the mere passing of time leads to is decided in
:mod:`~services.tracker.core.decide`. The facts are what counts; the view is derived from them
(:mod:`~services.tracker.core.view`), so their order of arrival can't matter.
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import TypeGuard, get_args

from msgspec import Struct
from msgspec.structs import replace

from services.events.cases import CaseEvent, FactRejected
from services.events.envelope import PREFIX, VERSION
from services.events.facts import FactCorrected, FactRetracted, RequestFact, TallyRecorded
from services.events.vocabulary import Ref
from services.statute.state import Fact, RequestState
from services.tracker.core.amend import amend
from services.tracker.core.foreign import counted, is_foreign


class Conflict(Struct, frozen=True, array_like=True):
    """A fact that came under the source and id of another of its subject, with other content; it is not kept."""

    ref: Ref
    content: str
    """A digest of what it says."""
    at: datetime | None = None
    """When that was noticed."""
    settled: bool = False
    """What stands under the name has been amended since."""


MOST_CONFLICTS = 50
"""Conflicts of a case that are reported and kept; one that has so many is in no order that another would add to."""


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


def evolve(case: Case, *events: CaseEvent) -> Case:
    """The case after ``events``; its view still has to be derived when the last one is in."""
    facts, conflicts = case.facts, case.conflicts
    sequence, as_of, reference = case.sequence, case.as_of, case.reference
    for event in events:
        data, fact = event.data, event.data.fact
        if fact is not None:
            conflicts = settling(conflicts, fact)
            if not isinstance(fact, TallyRecorded):
                facts = (*facts, fact)
        if isinstance(event, FactRejected) and event.data.content is not None and event.data.cause is not None:
            conflicts = (*conflicts, Conflict(event.data.cause, event.data.content, event.recordedtime))
        sequence = event.sequence or sequence
        as_of = max(as_of, data.as_of or as_of)
        reference = data.reference or reference
    return replace(case, conflicts=conflicts, facts=facts, sequence=sequence, as_of=as_of, reference=reference)


def settling(conflicts: tuple[Conflict, ...], fact: RequestFact) -> tuple[Conflict, ...]:
    """The conflicts after a fact: an amendment of what stands under a name puts it right."""
    if not conflicts or not is_amendment(fact):
        return conflicts
    return tuple([replace(c, settled=True) if c.ref == fact.data.amends else c for c in conflicts])


def tally_value(fact: TallyRecorded, case: Case) -> TallyRecorded | None:
    """A tally with the case's amendments of it applied; None where it was taken back."""
    own = (f for f in case.facts if is_amendment(f) and not is_foreign(f, (fact.data.organ,)))
    kept = amend((fact, *own)).facts
    return next((f for f in kept if isinstance(f, TallyRecorded)), None)


def amended_root(fact: FactCorrected | FactRetracted, case: Case, organs: Collection[str]) -> Ref:
    """What an amendment amends in the end, through amendments of amendments; ``organs``: the registered ones."""
    by_ref = {f.ref: f for f in counted(case.facts, case.subject, organs)}
    target, seen = fact.data.amends, {fact.ref}
    while (amended := by_ref.get(target)) is not None and target not in seen:
        if not isinstance(amended, FactCorrected | FactRetracted):
            break
        seen.add(target)
        target = amended.data.amends
    return target


Tallies = Mapping[Ref, TallyRecorded]
"""The tallies that a decision may concern, by what names them."""
