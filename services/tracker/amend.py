"""Corrections and retractions: what a case's facts amount to once every amendment has been applied. Pure."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec import Struct

from services.events.codec import replace_data
from services.events.facts import FactCorrected, FactRetracted, RequestFact
from services.events.refusals import Refused
from services.events.vocabulary import Ref

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
    by_ref = {f.ref: f for f in facts}
    aimed: dict[Ref, list[FactCorrected | FactRetracted]] = defaultdict(list)
    for fact in facts:
        if isinstance(fact, FactCorrected | FactRetracted):
            aimed[fact.data.amends].append(fact)
    rejected: list[tuple[str, str, str]] = []

    def settle(fact: RequestFact, above: frozenset[Ref]) -> RequestFact | None:
        """``fact`` with all amendments of it applied; None where it was taken back."""
        current = fact
        for amendment in sorted(aimed[fact.ref], key=_order):
            if amendment.ref in above:
                rejected.append((amendment.source, amendment.id, "amends itself through other amendments"))
                continue
            live = settle(amendment, above | {fact.ref})
            if not isinstance(live, FactCorrected | FactRetracted) or live.data.amends != fact.ref:
                continue
            if isinstance(live, FactRetracted):
                return None
            try:
                current = replace_data(fact, live.data.data)
            except Refused as error:
                rejected.append((amendment.source, amendment.id, str(error)))
        return current

    kept, gone = [], []
    for fact in facts:
        if not isinstance(fact, FactCorrected | FactRetracted):
            settled = settle(fact, frozenset())
            if settled is None:
                gone.append(fact)
            else:
                kept.append(settled)
    return Amended(
        tuple(kept), tuple(gone), tuple(sorted(set(rejected))), tuple(sorted(r for r in aimed if r not in by_ref))
    )
