"""Corrections and retractions: what a case's facts amount to once every amendment has been applied. Pure."""

from collections import defaultdict
from collections.abc import Generator, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from services.events.codec import replace_data
from services.events.facts import FactCorrected, FactRetracted, RequestFact
from services.events.refusals import Refused
from services.events.vocabulary import Ref

_Amendment = FactCorrected | FactRetracted
_AMENDING = {FactCorrected, FactRetracted}
_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


class Amended(Struct, frozen=True):
    """A case's facts after all amendments."""

    facts: tuple[RequestFact, ...]
    """Facts that hold, corrected; amendments themselves left out."""
    taken_back: tuple[RequestFact, ...]
    rejected: tuple[tuple[str, str, str], ...]
    """Amendments that can't be applied: source, id and reason."""
    waiting: tuple[Ref, ...]
    """What amendments name and the case has not seen."""


def _order(fact: RequestFact) -> tuple[datetime, str, str]:
    """Of several corrections of one fact the one with the latest instant holds (names break a tie)."""
    return (fact.time or fact.recordedtime or _LONG_AGO, fact.source, fact.id)


def amend(facts: Sequence[RequestFact]) -> Amended:
    """Apply every correction and retraction among ``facts``, in whatever order they came.

    A retraction wins over corrections of the same fact; an amendment can itself be corrected or retracted.
    """
    if _AMENDING.isdisjoint([f.__class__ for f in facts]):
        return Amended(tuple(facts), (), (), ())
    refs = {f.ref for f in facts}
    settling = _Settling(facts)
    kept, gone = [], []
    for fact in facts:
        if not isinstance(fact, FactCorrected | FactRetracted):
            settled = settling.settled(fact)
            if settled is None:
                gone.append(fact)
            else:
                kept.append(settled)
    return Amended(
        tuple(kept),
        tuple(gone),
        tuple(sorted(settling.rejected)),
        tuple(sorted(ref for ref in settling.aimed if ref not in refs)),
    )


class _Settling:
    """Amendments by what they aim at, and those found to be impossible."""

    def __init__(self, facts: Sequence[RequestFact]) -> None:
        self.aimed: dict[Ref, list[_Amendment]] = defaultdict(list)
        for fact in facts:
            if isinstance(fact, FactCorrected | FactRetracted):
                self.aimed[fact.data.amends].append(fact)
        self.rejected: set[tuple[str, str, str]] = set()
        self._above: set[Ref] = set()
        """What is being settled, but for the innermost."""

    def settled(self, fact: RequestFact) -> RequestFact | None:
        """``fact`` with all amendments of it applied; None where it was taken back.

        However deep amendments of amendments go, they take no more of Python's stack.
        """
        if fact.ref not in self.aimed:
            return fact
        open_, result = [self._applied(fact)], None
        while open_:
            try:
                asked = open_[-1].send(result)
            except StopIteration as done:
                open_.pop()
                result = done.value
            else:
                open_.append(self._applied(asked))
                result = None
        return result

    def _applied(self, fact: RequestFact) -> Generator[_Amendment, RequestFact | None, RequestFact | None]:
        """Yields each amendment that has to be settled first, and is sent what became of it."""
        ref, current = fact.ref, fact
        for amendment in sorted(self.aimed[ref], key=_order):
            if amendment.ref in self._above:
                self.rejected.add((amendment.source, amendment.id, "amends itself through other amendments"))
                continue
            live: RequestFact | None = amendment
            if amendment.ref in self.aimed:
                outermost = ref not in self._above
                self._above.add(ref)
                live = yield amendment
                if outermost:
                    self._above.discard(ref)
            if not isinstance(live, FactCorrected | FactRetracted) or live.data.amends != ref:
                continue
            if isinstance(live, FactRetracted):
                return None
            try:
                current = replace_data(fact, live.data.data)
            except Refused as error:
                self.rejected.add((amendment.source, amendment.id, str(error)))
        return current
