"""What a batch of facts, or the sweep, does to the cases: decode, decide, note what is to be written. No I/O but loads.

The seven steps of a batch are numbered in :mod:`services.tracker.worker`; here are the first and the fourth.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from services.events import facts as f
from services.events.cases import CaseEvent
from services.events.codec import decode_fact, refuse_set
from services.events.facts import RequestFact
from services.events.refusals import FieldError, Reason, Refused, too_large
from services.tracker.core.amend import Amendments
from services.tracker.core.case import Case, Tallies, is_amendment
from services.tracker.core.decide import again, decide, tick
from services.tracker.core.foreign import MOST_FOREIGN, beside, holder
from services.tracker.core.limit import Limit, Room
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.strands import MOST_BEFORE, Name, Shelf, apart, is_request, names

MAX_FACT = 256 * 1024
"""Bytes of a fact: four times what intake takes, and so far below Kafka's limit that the event that carries it fits."""


@dataclass
class Outcome:
    """What a batch or a sweep leads to, to be written in one transaction."""

    cases: dict[str, Case] = field(default_factory=dict)
    looks: dict[str, date | None] = field(default_factory=dict)
    """When the clock has to look at a case again, by subject."""
    shelf: Shelf = field(default_factory=Shelf)
    """The strands, and which of them changed."""
    events: list[CaseEvent] = field(default_factory=list)
    refused: list[tuple[int, Reason]] = field(default_factory=list)
    """Facts that their case can't take, by their place in the batch, each with the reason."""
    failed: dict[str, Exception] = field(default_factory=dict)
    """Subjects that the clock could not look at, each with what went wrong."""


def read(key: bytes | None, value: bytes) -> RequestFact:
    """A record of the fact topic (step 1). Raises :class:`Refused`."""
    if len(value) > MAX_FACT:
        raise Refused(too_large(len(value), MAX_FACT, "a fact"))
    fact = decode_fact(value)
    refuse_set(fact, "sequence")  # the time of recording is set by whoever writes to the log, be it not intake
    if isinstance(fact, f.ReferenceFact):
        wanted = "a reference fact in the reference topic"
        raise Refused(FieldError("$.type", "is a reference fact's", wanted, "type-misplaced"))
    if key != fact.subject.encode():
        # By another key a request's facts can be in two partitions, and then two workers decide about it at once.
        given = "missing" if key is None else repr(key[:200].decode(errors="backslashreplace"))
        wanted, subject = f"the subject, {fact.subject!r}", {"subject": fact.subject}
        raise Refused(FieldError("the record's key", f"is {given}", wanted, "key-differs", {**subject}))
    return fact


def unknown_organs(facts: Iterable[RequestFact], reference_data: ReferenceData) -> set[str]:
    """Organs and service items that facts name and the reference_data doesn't know yet."""
    facts = list(facts)
    items = {str(item) for fact in facts if (item := getattr(fact.data, "item", None))}
    named = {str(organ) for fact in facts if (organ := getattr(fact.data, "organ", None))}
    return (named - reference_data.organs.keys()) | (items - reference_data.items.keys())


def strand_names(facts: Iterable[RequestFact], cases: Mapping[str, Case]) -> set[tuple[str, Name]]:
    """What leads to the strands that these facts may belong to, of subjects that have any."""
    leading: set[tuple[str, Name]] = set()
    amending: set[str] = set()
    for fact in facts:
        case = cases.get(fact.subject)
        if case is not None and case.apart:
            leading.update((fact.subject, name) for name in names(fact))
            if is_amendment(fact):
                amending.add(fact.subject)
    for subject in amending:
        # In a request's case there can be amendments of amendments, down to a tally.
        known = (fact.data.amends for fact in cases[subject].facts if is_amendment(fact))
        leading.update((subject, (amends.source, amends.id)) for amends in known)
    return leading


def gathering(facts: Iterable[RequestFact], cases: Mapping[str, Case]) -> set[str]:
    """Subjects of which everything that is kept apart may be needed, as one of these facts may make them requests."""
    needing = set()
    for fact in facts:
        case = cases.get(fact.subject)
        if case and case.apart and not is_request(case) and not apart(fact) and not case.own:
            needing.add(fact.subject)
    return {subject for subject in needing if cases[subject].apart <= MOST_BEFORE}


def run(
    facts: Sequence[RequestFact],
    shelf: Shelf,
    reference_data: ReferenceData,
    now: datetime,
    limit: Limit = Limit(),  # noqa: B008 - it never changes
) -> Outcome:
    """Decide the facts in their order (step 4), with what ``shelf`` holds of their subjects; it takes what changes."""
    outcome, room = Outcome(shelf=shelf), Room(limit)
    amended: dict[str, Amendments] = {}
    for place, fact in enumerate(facts):
        try:
            case, tallies = shelf.open(fact, reference_data)
        except Refused as error:
            outcome.refused.append((place, error.reason))
            continue
        if (known := held(fact, case, tallies, reference_data)) is not None:
            head = shelf.case(fact.subject)
            after, events = again(head, known, fact, reference_data, now)
            if events:
                shelf.cases[fact.subject] = after
                outcome.events += events
                outcome.cases[fact.subject] = after
                outcome.looks[fact.subject] = after.view.wake_on
            continue  # within a subject the first fact of a name holds it
        alone = not is_request(shelf.case(fact.subject))
        # The limit of a case is that of a strand, too; what is measured of one says nothing of the subject's others.
        if reason := _no_room(Room(limit) if alone else room, case, fact, reference_data, limit):
            outcome.refused.append((place, reason))
            continue
        if not alone and is_amendment(fact) and fact.subject not in amended:
            amended[fact.subject] = Amendments(case.facts)
        after, events = decide(case, fact, reference_data, now, tallies, None if alone else amended.get(fact.subject))
        if not events:
            continue
        after = shelf.keep(fact, after, events[0].sequence or 0, reference_data)
        outcome.events += events
        outcome.cases[fact.subject] = after
        outcome.looks[fact.subject] = after.view.wake_on
    return outcome


def held(fact: RequestFact, case: Case, tallies: Tallies, reference_data: ReferenceData) -> RequestFact | None:
    """What the subject has already under the fact's name, if anything that keeps this one from it."""
    tally = tallies.get(fact.ref)
    known = case.facts if tally is None else (tally, *case.facts)
    return holder(fact, known, case.subject, reference_data.organs)


def _no_room(room: Room, case: Case, fact: RequestFact, reference_data: ReferenceData, limit: Limit) -> Reason | None:
    """Why the case can't take the fact; None where it can."""
    facts = beside(fact, case.facts, case.subject, reference_data.organs)
    if facts is None:
        reason = f"the case has {MOST_FOREIGN} facts from those who may not speak for its organ; no more are kept"
        return Reason("case-full", reason, {"most": MOST_FOREIGN})
    if len(facts) < len(case.facts):  # what was measured is the room of others
        room, case = Room(limit), replace(case, facts=tuple(facts))
    return room.refusal(case, fact)


def sweep(cases: Iterable[Case], reference_data: ReferenceData, now: datetime) -> Outcome:
    """Let the clock look at the cases."""
    outcome = Outcome()
    for case in cases:
        try:
            after, events, look_again = tick(case, reference_data, now)
        except Exception as error:  # noqa: BLE001 - logged by the caller; one case must not keep the others from their dates
            outcome.failed[case.subject] = error
            continue
        outcome.cases[case.subject] = after
        outcome.looks[case.subject] = look_again
        outcome.events += events
    return outcome


def wake_at(
    case: Case, look_on: date | None, reference_data: ReferenceData, now: datetime, settle: timedelta
) -> datetime | None:
    """The instant at which the clock looks again: the start of the day in the organ's zone, but not before the case
    has been quiet for ``settle``, so that history being posted raises no alarm that its next fact would take back."""
    if look_on is None:
        return None
    zone = reference_data.zone(case.view.organ) if case.view.organ in reference_data.organs else ZoneInfo("UTC")
    return max(datetime.combine(look_on, time.min, zone), now + settle)
