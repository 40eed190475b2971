"""What an organ posts under its own code, kept apart: one strand for each review, each tally, each with what amends it.

A subject is a request once it has a fact that only a request can have. Until then its facts have nothing to do with one
another unless a name links them: a review's id, or the source and id of a fact that another one amends. So they are
kept as strands, the connected pieces of that net, and a fact costs as much as its own strand, whatever else its subject
has. Which facts make a strand follows from the set of facts alone; a fact that links two strands makes them one. Pure.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from services.events.cases import CaseEvent
from services.events.facts import (
    FactCorrected,
    FactRetracted,
    RequestFact,
    ReviewDecided,
    ReviewDecisionDelivered,
    ReviewFiled,
    TallyRecorded,
)
from services.events.refusals import FieldError, Refused, Values
from services.events.vocabulary import Ref
from services.statute.state import RequestState
from services.tracker.core.case import Case, Tallies, amended_root, evolve
from services.tracker.core.limit import CASE_FACTS
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.view import look

MOST_BEFORE = CASE_FACTS
"""How many facts may have come under a subject before the first that makes it a request; a real one has a handful."""

Name = tuple[str, str]
"""What links facts: a fact's source and id, or an empty source (no fact has one) and the id of a review."""

_NAME = 200
"""Characters of an id at most, as the contract has it."""


class Kept(Struct, frozen=True, array_like=True):
    """A fact, and the number of the case event that carried it."""

    number: int
    fact: RequestFact


class Strand(Struct, frozen=True, kw_only=True):
    """Facts of one subject that belong together, in the order of their arrival."""

    subject: str
    kept: tuple[Kept, ...]

    @property
    def number(self) -> int:
        """What distinguishes it from the subject's others: the number of its first fact."""
        return self.kept[0].number


def apart(fact: RequestFact) -> bool:
    """Whether an organ can post it under its own code: it can be a fact without a request."""
    return isinstance(
        fact, ReviewFiled | ReviewDecided | ReviewDecisionDelivered | TallyRecorded | FactCorrected | FactRetracted
    )


def own(fact: RequestFact) -> bool:
    """Whether it says by itself that its subject is an organ."""
    return isinstance(fact, TallyRecorded) or (isinstance(fact, ReviewFiled) and fact.data.organ == fact.subject)


def is_request(case: Case) -> bool:
    """Whether a subject has a fact that only a request can have; what can be kept apart is in strands until then."""
    return bool(case.facts)


def names(fact: RequestFact) -> list[Name]:
    """What links a fact to others: itself, what it amends, its review, and the review that a correction puts there."""
    links: list[Name] = [(fact.source, fact.id)]
    if isinstance(fact, ReviewFiled | ReviewDecided | ReviewDecisionDelivered):
        links.append(("", fact.data.review))
    elif isinstance(fact, FactCorrected | FactRetracted):
        links.append((fact.data.amends.source, fact.data.amends.id))
        if isinstance(fact, FactCorrected):
            links += [("", review) for review in _reviews(fact.data.data)]
    return links


def _reviews(data: Mapping[str, Any]) -> Iterator[str]:
    """The review in a correction's data; one level down each, where it corrects a correction."""
    inner: Any = data
    while isinstance(inner, dict):
        review = inner.get("review")
        if isinstance(review, str) and 0 < len(review) <= _NAME:
            yield review
        inner = inner.get("data")


class Shelf:
    """Cases and strands in memory: of a batch, or all. Filled with what is known, it notes what facts change."""

    def __init__(self, cases: Iterable[Case] = (), strands: Iterable[Strand] = ()) -> None:
        self.cases: dict[str, Case] = {case.subject: case for case in cases}
        self.strands: defaultdict[str, dict[int, Strand]] = defaultdict(dict)
        self.changed: dict[tuple[str, int], Strand | None] = {}
        """By subject and number, each strand that is new, grown, or (None) gone."""
        self.named: dict[tuple[str, Name], int | None] = {}
        """Which strand a name leads to now; None: to none any more. Only those that changed."""
        self._numbers: defaultdict[str, dict[Name, int]] = defaultdict(dict)
        self._views: dict[tuple[str, int], tuple[Strand, RequestState]] = {}
        """By subject and number, what was last decided about a strand: the next fact need not derive it again."""
        for strand in strands:
            self.strands[strand.subject][strand.number] = strand
            self._numbers[strand.subject].update((n, strand.number) for kept in strand.kept for n in names(kept.fact))

    def case(self, subject: str) -> Case:
        """What is known of a subject as a whole."""
        return self.cases.get(subject) or Case(subject=subject)

    def open(self, fact: RequestFact, reference_data: ReferenceData) -> tuple[Case, Tallies]:
        """What there is to decide about with ``fact``: its strand as a case, or its request; and the tallies that it
        may be or amend. Raises :class:`Refused` for a request's fact under what is an organ's own subject."""
        head = self.case(fact.subject)
        if is_request(head) or (not apart(fact) and not head.apart):
            if not is_request(head):
                self._require_request(head, fact, reference_data)
            if not head.apart:
                return head, {}
            refs = [fact.ref]
            if isinstance(fact, FactCorrected | FactRetracted):
                refs.append(amended_root(fact, head, reference_data.organs))
            known = [self._tally(fact.subject, ref) for ref in refs]
            return head, {tally.ref: tally for tally in known if tally is not None}
        view = None
        if apart(fact):
            linked = self._linked(fact)
            kept = _merged(linked)
            if len(linked) == 1:
                view = self._view(linked[0])
        else:
            self._require_request(head, fact, reference_data)
            kept = _merged(self.strands[fact.subject].values())
        tallies = {k.fact.ref: k.fact for k in kept if isinstance(k.fact, TallyRecorded)}
        case = replace(head, facts=tuple(k.fact for k in kept if not isinstance(k.fact, TallyRecorded)))
        if view is None and case.facts:
            view = look(case, reference_data, case.as_of).view
        return (case if view is None else replace(case, view=view)), tallies

    def keep(self, fact: RequestFact, after: Case, number: int, reference_data: ReferenceData) -> Case:
        """Put ``fact`` where it belongs, with ``after``, its case after the decision whose events begin at ``number``;
        the subject's case then."""
        placed = self._place(self.case(fact.subject), fact, number)
        head = replace(after, facts=placed.facts, apart=placed.apart, own=placed.own)
        if not is_request(head):
            strand = self._linked(fact)[0]
            self._views[strand.subject, strand.number] = strand, after.view
            # Its reviews are in the strands; the subject's own view says whether it is an organ's.
            counted = isinstance(fact, TallyRecorded)  # that needs no reference_data, and changes nothing of that view
            head = replace(head, view=placed.view if counted else look(head, reference_data, head.as_of).view)
        self.cases[fact.subject] = head
        return head

    def pieces(self) -> Iterator[tuple[str, int, Case | None]]:
        """Each strand that changed, as a case with what was decided about it last; None where it is gone."""
        for (subject, number), strand in self.changed.items():
            if strand is None:
                yield subject, number, None
                continue
            view = self._view(strand)
            if view is not None:
                yield subject, number, strand_case(self.case(subject), strand, view)

    def replay(self, event: CaseEvent) -> None:
        """Take what an event of the case topic says; the views are still to be derived."""
        head, fact = self.case(event.subject), event.data.fact
        if fact is not None:
            head = self._place(head, fact, event.sequence or 0)
        self.cases[event.subject] = replace(evolve(head, event), facts=head.facts)

    def _place(self, head: Case, fact: RequestFact, number: int) -> Case:
        if not is_request(head) and not apart(fact) and head.apart:
            head = self._gathered(head)
        if (is_request(head) or not apart(fact)) and not isinstance(fact, TallyRecorded):
            return replace(head, facts=(*head.facts, fact))
        kept = Kept(number, fact)
        linked = [] if is_request(head) else self._linked(fact)
        others = linked[1:]
        for strand in others:
            self._drop(strand)
        whole = _merged(linked) if others else [k for strand in linked for k in strand.kept]
        moved = [k for strand in others for k in strand.kept]
        self._put(Strand(subject=head.subject, kept=(*whole, kept)), [kept, *moved])
        return replace(head, apart=head.apart + 1, own=head.own + own(fact))

    def _gathered(self, head: Case) -> Case:
        """The subject turns out to be a request's: what was kept apart is its case's, but for tallies."""
        strands = list(self.strands[head.subject].values())
        for strand in strands:
            self._drop(strand)
        kept = _merged(strands)
        tallies = [k for k in kept if isinstance(k.fact, TallyRecorded)]
        for tally in tallies:
            self._put(Strand(subject=head.subject, kept=(tally,)), [tally])
        facts = tuple(k.fact for k in kept if not isinstance(k.fact, TallyRecorded))
        return replace(head, facts=facts, apart=len(tallies), own=len(tallies))

    def _drop(self, strand: Strand) -> None:
        del self.strands[strand.subject][strand.number]
        self.changed[strand.subject, strand.number] = None
        for kept in strand.kept:
            for name in names(kept.fact):
                self.named[strand.subject, name] = None
                self._numbers[strand.subject].pop(name, None)

    def _put(self, strand: Strand, fresh: Iterable[Kept]) -> None:
        """Set a strand in its place; ``fresh`` are those of its facts whose names did not lead to it before."""
        subject, number = strand.subject, strand.number
        self.strands[subject][number] = self.changed[subject, number] = strand
        for kept in fresh:
            for name in names(kept.fact):
                self.named[subject, name] = self._numbers[subject][name] = number

    def _view(self, strand: Strand) -> RequestState | None:
        known, view = self._views.get((strand.subject, strand.number), (None, None))
        return view if known is strand else None

    def _linked(self, fact: RequestFact) -> list[Strand]:
        numbers = self._numbers[fact.subject]
        linked = {numbers[name] for name in names(fact) if name in numbers}
        return [self.strands[fact.subject][number] for number in sorted(linked)]

    def _tally(self, subject: str, ref: Ref) -> TallyRecorded | None:
        number = self._numbers[subject].get((ref.source, ref.id))
        kept = self.strands[subject][number].kept if number is not None else ()
        return next((k.fact for k in kept if isinstance(k.fact, TallyRecorded) and k.fact.ref == ref), None)

    def _require_request(self, head: Case, fact: RequestFact, reference_data: ReferenceData) -> None:
        if head.own or head.subject in reference_data.organs:
            problem = f"is an organ's code: {fact.subject!r}"
            raise Refused(FieldError("$.subject", problem, "a request's id", "subject-is-organ"))
        if head.apart > MOST_BEFORE:
            problem = f"is {fact.subject!r}, which has {head.apart} facts and no request"
            expected = f"a request's id, with at most {MOST_BEFORE} facts before it"
            values: Values = {"count": head.apart, "most": MOST_BEFORE}
            raise Refused(FieldError("$.subject", problem, expected, "facts-before-request", values))


def strand_case(head: Case, strand: Strand, view: RequestState) -> Case:
    """A strand as a case of its own."""
    facts = tuple([kept.fact for kept in strand.kept if not isinstance(kept.fact, TallyRecorded)])
    # What the subject's other facts say of one another is reported with the subject, once.
    refused = tuple([each for each in view.refused if each.code != "id-conflict"])
    return replace(head, facts=facts, view=_with_tallies(replace(view, refused=refused), strand.kept), conflicts=())


def decided(head: Case, strand: Strand, reference_data: ReferenceData) -> Case:
    """A strand as a case of its own, decided anew at the last day on which its subject was."""
    facts = tuple(kept.fact for kept in strand.kept if not isinstance(kept.fact, TallyRecorded))
    if not facts:
        return strand_case(head, strand, head.view)
    return strand_case(head, strand, look(replace(head, facts=facts), reference_data, head.as_of).view)


def _with_tallies(view: RequestState, kept: Iterable[Kept]) -> RequestState:
    """The view, which knows no tallies, without its waiting for one of these."""
    awaits = view.awaits
    if awaits is None or awaits.code != "fact":
        return view
    named = (awaits.values.get("source"), awaits.values.get("id"))
    there = any(named == (k.fact.source, k.fact.id) for k in kept if isinstance(k.fact, TallyRecorded))
    return replace(view, awaits=None, waiting_for="") if there else view


def _merged(strands: Iterable[Strand]) -> list[Kept]:
    return sorted((kept for strand in strands for kept in strand.kept), key=lambda kept: kept.number)


def shown(case: Case, strands: Iterable[Strand], reference_data: ReferenceData) -> Case:
    """An organ's ``case`` with the facts of ``strands`` and what they say: for people to see, not to be kept."""
    merged = _merged(strands)
    facts = tuple(kept.fact for kept in merged)
    untallied = replace(case, facts=tuple(fact for fact in facts if not isinstance(fact, TallyRecorded)))
    return replace(case, facts=facts, view=_with_tallies(look(untallied, reference_data, case.as_of).view, merged))
