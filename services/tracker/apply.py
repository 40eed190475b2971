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
from services.events.refusals import Refused
from services.events.vocabulary import Ref
from services.tracker.case import Case, amended_root
from services.tracker.decide import decide, tick
from services.tracker.world import World


@dataclass(frozen=True, slots=True)
class Spoilt:
    """A record that is no fact about a request, and why."""

    offset: int
    reason: str


@dataclass
class Outcome:
    """What a batch or a sweep leads to, to be written in one transaction."""

    cases: dict[str, Case] = field(default_factory=dict)
    looks: dict[str, date | None] = field(default_factory=dict)
    """When the clock has to look at a case again, by subject."""
    tallies: list[TallyRecorded] = field(default_factory=list)
    events: list[CaseEvent] = field(default_factory=list)


def decode(values: Iterable[tuple[int, bytes | None]]) -> tuple[list[tuple[int, RequestFact]], list[Spoilt]]:
    """Facts with their offsets, and what could not be decoded (step 1)."""
    good: list[tuple[int, RequestFact]] = []
    spoilt: list[Spoilt] = []
    for offset, value in values:
        try:
            fact = decode_fact(value or b"")
        except Refused as error:
            spoilt.append(Spoilt(offset, str(error)))
            continue
        if isinstance(fact, f.OrganRegistered | f.CalendarPublished):
            spoilt.append(Spoilt(offset, "$.type: a reference fact; expected in the reference topic"))
        else:
            good.append((offset, fact))
    return good, spoilt


def unknown_organs(facts: Iterable[RequestFact], world: World) -> set[str]:
    """Organs that facts name and the world doesn't know yet."""
    named = {str(organ) for fact in facts if (organ := getattr(fact.data, "organ", None))}
    return named - world.organs.keys()


def tally_refs(facts: Iterable[RequestFact], cases: Mapping[str, Case]) -> set[Ref]:
    """What names the tallies that these facts may be, or may amend."""
    refs: set[Ref] = set()
    for fact in facts:
        if isinstance(fact, TallyRecorded):
            refs.add(fact.ref)
        elif isinstance(fact, f.FactCorrected | f.FactRetracted):
            refs.add(fact.data.amends)
            if (case := cases.get(fact.subject)) is not None:
                refs.add(amended_root(fact, case))
                refs.update(a.data.amends for a in case.facts if isinstance(a, f.FactCorrected | f.FactRetracted))
    return refs


def run(
    facts: Sequence[RequestFact],
    cases: Mapping[str, Case],
    tallies: Mapping[Ref, TallyRecorded],
    world: World,
    now: datetime,
) -> Outcome:
    """Decide the facts in their order (step 4)."""
    outcome, known = Outcome(), dict(tallies)
    for fact in facts:
        case = outcome.cases.get(fact.subject) or cases.get(fact.subject) or Case(subject=fact.subject)
        after, events = decide(case, fact, world, now, known)
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
        after, events, look_again = tick(case, world, now)
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
