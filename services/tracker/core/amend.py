"""Corrections and retractions: what a case's facts amount to once every amendment has been applied. Pure."""

from bisect import insort
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from operator import itemgetter

from msgspec import Struct
from msgspec.structs import replace

from services.events.codec import replace_data
from services.events.facts import FactCorrected, FactRetracted, RequestFact
from services.events.refusals import Refused
from services.events.vocabulary import Ref
from services.words.remark import FactRef, Remark, remark

_Amendment = FactCorrected | FactRetracted
_AMENDING = {FactCorrected, FactRetracted}
_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
DEEPEST = 16
"""How many amendments one of another have effect, counted from the fact that they amend in the end.

Each of a chain puts out or puts back every second one below it, which is decided and told anew: without an end to that
a chain of n would make n times n events.
"""


class Amended(Struct, frozen=True):
    """A case's facts after all amendments."""

    facts: tuple[RequestFact, ...]
    """Facts that hold, corrected; amendments themselves left out."""
    taken_back: tuple[RequestFact, ...]
    refused: tuple[Remark, ...]
    """Amendments that can't be applied: source, id and reason."""
    waiting: tuple[Ref, ...]
    """What amendments name and the case has not seen."""


_Order = tuple[datetime, str, str]


def _order(fact: RequestFact) -> _Order:
    """Of several corrections of one fact the one with the latest instant holds (names break a tie)."""
    return (fact.time or fact.recordedtime or _LONG_AGO, fact.source, fact.id)


def amend(facts: Sequence[RequestFact]) -> Amended:
    """Apply every correction and retraction among ``facts``, in whatever order they came.

    A retraction wins over corrections of the same fact; an amendment can itself be corrected or retracted.
    """
    if _AMENDING.isdisjoint([f.__class__ for f in facts]):
        return Amended(tuple(facts), (), (), ())
    return Amendments(facts).amended()


class Amendments:
    """The amendments of a case and what they make of its facts, to which further facts can be added one by one.

    An amendment names one fact, so amendments are a tree below each fact that is none itself. What became of each is
    kept; a new one changes only what it amends, what that amends, and so on. Amendments that amend one another in a
    ring hang below no fact and do nothing; those more than ``DEEPEST`` below their fact are refused.
    """

    def __init__(self, facts: Iterable[RequestFact] = ()) -> None:
        self._facts: dict[Ref, RequestFact] = {}
        self._plain: list[tuple[Ref, RequestFact]] = []
        self._aimed: dict[Ref, list[tuple[_Order, Ref, _Amendment]]] = defaultdict(list)
        """By what they amend, in the order in which they hold, each with what names it."""
        self._became: dict[Ref, RequestFact | None] = {}
        """What is amended, with all amendments of it applied; None where it was taken back."""
        self._refused: dict[Ref, dict[Ref, Remark]] = {}
        """By what is amended: the amendments that can't be applied to it, each with the reason."""
        self._made: dict[Ref, tuple[RequestFact, RequestFact | Remark]] = {}
        """By an amendment: what it was itself, and what it made then of the fact that it amends, or why it can't."""
        self._depth: dict[Ref, int] = {}
        """How many amendments lead from it to the fact, known or not, that it amends in the end."""
        for fact in facts:
            if isinstance(fact, FactCorrected | FactRetracted):
                self._aimed[fact.data.amends].append((_order(fact), fact.ref, fact))
                self._facts.setdefault(fact.ref, fact)
            else:
                self._plain.append((fact.ref, fact))
                self._facts[fact.ref] = fact
        for amendments in self._aimed.values():
            amendments.sort(key=itemgetter(0))
        for ref in reversed(self._downwards()):
            self._apply(ref)

    def take(self, fact: RequestFact) -> None:
        """Add a fact that is not among them yet."""
        ref = fact.ref
        target: Ref | None = None
        self._facts[ref] = fact
        if isinstance(fact, FactCorrected | FactRetracted):
            target = fact.data.amends
            insort(self._aimed[target], (_order(fact), ref, fact), key=itemgetter(0))
        else:
            self._plain.append((ref, fact))
        if target is not None:
            self._depth[ref] = self._depth.get(target, 0) + 1
        if ref in self._aimed:
            for below in reversed(self._below([ref]) if target is not None else [ref]):
                self._apply(below)
        for _ in range(len(self._facts)):  # a ring is gone through once
            if target is None or not self._apply(target):
                break
            above = self._facts[target]
            target = above.data.amends if isinstance(above, FactCorrected | FactRetracted) else None

    def amended(self) -> Amended:
        """The facts after all amendments."""
        became = self._became
        now: list[RequestFact | None] = [became.get(ref, fact) for ref, fact in self._plain]
        return Amended(
            tuple([fact for fact in now if fact is not None]),
            tuple([self._plain[place][1] for place, fact in enumerate(now) if fact is None]),
            tuple(sorted(self._rejected(), key=_by_name)) if self._refused else (),
            tuple(sorted([ref for ref in self._aimed if ref not in self._facts])),
        )

    def _downwards(self) -> list[Ref]:
        """What is amended, each before the amendments of it."""
        order = [ref for ref, _ in self._plain if ref in self._aimed]
        order += [ref for ref in self._aimed if ref not in self._facts]
        return self._below(order)

    def _below(self, order: list[Ref]) -> list[Ref]:
        """These and what is amended below them, each before the amendments of it; their depths are noted."""
        seen = set(order)
        for ref in order:
            depth = self._depth.get(ref, 0) + 1
            for _, below, _ in self._aimed[ref]:
                if below not in seen:
                    self._depth[below] = depth
                if below in self._aimed and below not in seen:
                    seen.add(below)
                    order.append(below)
        return order

    def _apply(self, ref: Ref) -> bool:
        """Apply to a fact what amends it; whether that makes something else of it."""
        fact = self._facts.get(ref)
        if fact is None:
            return False
        became = self._became
        before = became.get(ref, fact)
        self._refused.pop(ref, None)
        current: RequestFact | None = fact
        refused: dict[Ref, Remark] = {}
        has_effect = self._depth.get(ref, 0) < DEEPEST
        for _, name, amendment in self._aimed[ref]:
            if not has_effect:
                refused[name] = remark("amendment-too-deep", most=DEEPEST)
                continue
            live = became.get(name, amendment)
            if not isinstance(live, FactCorrected):
                if _takes_back(live, ref):
                    current = None
                    break
                continue
            if live is not amendment and live.data.amends != ref:
                continue
            made = self._made.get(name)
            if made is None or made[0] is not live:
                made = self._made[name] = (live, _replaced(fact, live))
            if isinstance(made[1], Remark):
                refused[name] = made[1]
            else:
                current = made[1]
        became[ref] = current
        if refused:
            self._refused[ref] = refused
        return current is not before

    def _rejected(self) -> Iterable[Remark]:
        """What can't be applied, but for what no longer matters: what follows a retraction that holds."""
        stack = [ref for ref, _ in self._plain if ref in self._aimed]
        for ref in stack:
            refused = self._refused.get(ref, {})
            for _, name, amendment in self._aimed[ref]:
                if name in self._aimed:
                    stack.append(name)
                if name in refused:
                    yield replace(refused[name], fact=FactRef(name.source, name.id))
                if name not in refused and _takes_back(self._became.get(name, amendment), ref):
                    break


def _by_name(refusal: Remark) -> tuple[str, str]:
    assert refusal.fact is not None
    return refusal.fact.source, refusal.fact.id


def _takes_back(live: RequestFact | None, ref: Ref) -> bool:
    return isinstance(live, FactRetracted) and live.data.amends == ref


def _replaced(fact: RequestFact, correction: FactCorrected) -> RequestFact | Remark:
    """The fact as corrected, or why it can't be."""
    try:
        return replace_data(fact, correction.data.data)
    except Refused as error:
        wrong = error.error
        return remark("correction-refused", field=wrong.field, problem=wrong.problem, expected=wrong.expected)
