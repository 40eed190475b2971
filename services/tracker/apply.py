"""What a batch of facts, or the sweep, does to the cases: decode, decide, note what is to be written. No I/O but loads.

The seven steps of a batch are numbered in :mod:`services.tracker.worker`; here are the first and the fourth.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.events import facts as f
from services.events.cases import CaseEvent
from services.events.codec import decode_fact
from services.events.facts import RequestFact, TallyRecorded
from services.events.refusals import FieldError, Refused
from services.events.vocabulary import Ref
from services.runtime.retry import reason_of
from services.tracker.amend import Amendments
from services.tracker.case import Case, is_amendment
from services.tracker.decide import decide, tick
from services.tracker.limit import Limit, Room
from services.tracker.world import World

MAX_FACT = 256 * 1024
"""Bytes of a fact: four times what intake takes, and so far below Kafka's limit that the event that carries it fits."""


@dataclass
class Outcome:
    """What a batch or a sweep leads to, to be written in one transaction."""

    cases: dict[str, Case] = field(default_factory=dict)
    looks: dict[str, date | None] = field(default_factory=dict)
    """When the clock has to look at a case again, by subject."""
    tallies: list[TallyRecorded] = field(default_factory=list)
    events: list[CaseEvent] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)
    """Facts that their case can't take, by their place in the batch, each with the reason."""
    failed: dict[str, str] = field(default_factory=dict)
    """Subjects that the clock could not look at, each with the reason."""


def read(key: bytes | None, value: bytes) -> RequestFact:
    """A record of the fact topic (step 1). Raises :class:`Refused`."""
    if len(value) > MAX_FACT:
        raise Refused(FieldError("$", f"is {len(value)} bytes long", f"a fact of at most {MAX_FACT} bytes"))
    fact = decode_fact(value)
    if isinstance(fact, f.OrganRegistered | f.CalendarPublished):
        raise Refused(FieldError("$.type", "is a reference fact's", "a reference fact in the reference topic"))
    if key != fact.subject.encode():
        # By another key a request's facts can be in two partitions, and then two workers decide about it at once.
        found = "missing" if key is None else repr(key[:200].decode(errors="backslashreplace"))
        raise Refused(FieldError("the record's key", f"is {found}", f"the subject, {fact.subject!r}"))
    return fact


def unknown_organs(facts: Iterable[RequestFact], world: World) -> set[str]:
    """Organs that facts name and the world doesn't know yet."""
    named = {str(organ) for fact in facts if (organ := getattr(fact.data, "organ", None))}
    return named - world.organs.keys()


def tally_refs(facts: Iterable[RequestFact], cases: Mapping[str, Case]) -> set[Ref]:
    """What names the tallies that these facts may be, or may amend."""
    refs: set[Ref] = set()
    amending: set[str] = set()
    for fact in facts:
        if isinstance(fact, TallyRecorded):
            refs.add(fact.ref)
        elif is_amendment(fact):
            refs.add(fact.data.amends)
            amending.add(fact.subject)
    for subject in amending & cases.keys():
        # What an amendment of amendments amends in the end is what one of them names.
        refs.update(a.data.amends for a in cases[subject].facts if is_amendment(a))
    return refs


def run(
    facts: Sequence[RequestFact],
    cases: Mapping[str, Case],
    tallies: Mapping[Ref, TallyRecorded],
    world: World,
    now: datetime,
    limit: Limit = Limit(),  # noqa: B008 - it never changes
) -> Outcome:
    """Decide the facts in their order (step 4)."""
    outcome, known, room = Outcome(), dict(tallies), Room(limit)
    amended: dict[str, Amendments] = {}
    for place, fact in enumerate(facts):
        case = outcome.cases.get(fact.subject) or cases.get(fact.subject) or Case(subject=fact.subject)
        if reason := room.refusal(case, fact):
            outcome.refused.append((place, reason))
            continue
        if is_amendment(fact) and fact.subject not in amended:
            amended[fact.subject] = Amendments(case.facts)
        after, events = decide(case, fact, world, now, known, amended.get(fact.subject))
        if not events:
            continue
        outcome.events += events
        outcome.cases[fact.subject] = after
        outcome.looks[fact.subject] = after.view.wake_on
        if isinstance(fact, TallyRecorded):
            known[fact.ref] = fact
            outcome.tallies.append(fact)
    return outcome


def sweep(cases: Iterable[Case], world: World, now: datetime) -> Outcome:
    """Let the clock look at the cases."""
    outcome = Outcome()
    for case in cases:
        try:
            after, events, look_again = tick(case, world, now)
        except Exception as error:  # noqa: BLE001 - told by the caller; one case must not keep the others from their dates
            outcome.failed[case.subject] = reason_of(error)
            continue
        outcome.cases[case.subject] = after
        outcome.looks[case.subject] = look_again
        outcome.events += events
    return outcome


def wake_at(case: Case, look_on: date | None, world: World, now: datetime, settle: timedelta) -> datetime | None:
    """The instant at which the clock looks again: the start of the day in the organ's zone, but not before the case
    has been quiet for ``settle``, so that history being posted raises no alarm that its next fact would take back."""
    if look_on is None:
        return None
    zone = world.zone(case.view.organ) if case.view.organ in world.organs else ZoneInfo("UTC")
    return max(datetime.combine(look_on, time.min, zone), now + settle)
