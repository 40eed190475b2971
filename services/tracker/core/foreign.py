"""Facts about another organ's request, from an account that may not speak for it: they have no effect. Pure.

Most facts name no organ, so intake can't decide it; here the case names one. The organ of a case is the one that its
first receipt in the log names, and whichever a correction by one who may speak for it puts there. A fact that doesn't
say who posted it was written to the log by its keepers, and is entitled to all.

A source and id name one fact among those of the entitled. Whoever may not speak for the case can't take a name in it
either: the fact that the organ itself posts under that name is decided, whichever came first.
"""

from collections.abc import Collection, Iterable, Sequence
from operator import attrgetter

from services.events import posted_for
from services.events.facts import FactCorrected, FactRetracted, RequestFact, RequestReceived, ReviewFiled, TallyRecorded
from services.events.office_facts import DutyOpened
from services.events.vocabulary import Ref
from services.tracker.core.content import content_of
from services.tracker.core.contradictions import ID_CONFLICT
from services.words.remark import Remark, remark

_posted_for = attrgetter("postedfor")
_NOBODY = {None}
MOST_FOREIGN = 20
"""Facts of others that a case keeps, to say that they were rejected. They take no room of the case's own."""


def part(
    facts: Sequence[RequestFact], subject: str, organs: Collection[str]
) -> tuple[tuple[RequestFact, ...], tuple[Remark, ...]]:
    """The facts that count, in their order, and a remark for each that does not; ``organs``: the registered ones."""
    if _of_no_account(facts):
        return tuple(facts), ()
    owners = _owners(facts, subject, organs)
    own = [fact for fact in facts if not owners or not is_foreign(fact, owners)]
    kept, conflicts = _once(own)
    if len(kept) == len(facts):
        return tuple(facts), ()
    remarks = [remark("foreign-organ", fact, account=fact.postedby or "") for fact in facts if is_foreign(fact, owners)]
    return kept, tuple(remarks + conflicts if owners else ())


def counted(facts: Sequence[RequestFact], subject: str, organs: Collection[str] = ()) -> tuple[RequestFact, ...]:
    """The facts that count."""
    return part(facts, subject, organs)[0]


def holder(
    fact: RequestFact, known: Sequence[RequestFact], subject: str, organs: Collection[str]
) -> RequestFact | None:
    """Which of the known facts has the name of ``fact`` already, so that it can't be this one's; None where it can.

    A foreign fact holds no name. While it is not known whose the case is, each may yet turn out to be foreign, so
    that one holds the name only against those who may speak for nobody that its own account can't speak for.
    """
    same = [one for one in known if one.id == fact.id and one.source == fact.source]
    if not same or _of_no_account((fact, *same)):
        return same[0] if same else None
    owners = _owners(known, subject, organs)
    if not owners:
        return next((one for one in same if _speaks_for_as_many(one, fact)), None)
    if is_foreign(fact, owners):
        # It has no effect anyway. One that repeats what is there need not be rejected again.
        content = content_of(fact)
        return next((one for one in same if content_of(one) == content), None)
    return next((one for one in same if not is_foreign(one, owners)), None)


def beside(
    fact: RequestFact, known: Sequence[RequestFact], subject: str, organs: Collection[str]
) -> Sequence[RequestFact] | None:
    """The known facts that take of the same room as ``fact``; None where it is foreign and there is no room for more
    of these: nobody can fill another organ's case."""
    if fact.postedfor is None and _of_no_account(known):
        return known
    owners = _owners(known, subject, organs)
    if not owners:
        return [one for one in known if _speaks_for_as_many(one, fact)]
    if not is_foreign(fact, owners):
        return [one for one in known if not is_foreign(one, owners)]
    strange = [one for one in known if is_foreign(one, owners)]
    return strange if len(strange) < MOST_FOREIGN else None


def _of_no_account(facts: Iterable[RequestFact]) -> bool:
    """Whether no account's organs are known of any of them, as where there are no accounts; asked of whole cases."""
    return set(map(_posted_for, facts)) <= _NOBODY


def _speaks_for_as_many(one: RequestFact, fact: RequestFact) -> bool:
    if one.postedfor is None:
        return True
    return fact.postedfor is not None and posted_for.organs(fact.postedfor) <= posted_for.organs(one.postedfor)


def _once(facts: Sequence[RequestFact]) -> tuple[tuple[RequestFact, ...], list[Remark]]:
    """The first fact of each name, and a remark for each name under which another content came as well."""
    first: dict[Ref, RequestFact] = {}
    again = [fact for fact in facts if first.setdefault(fact.ref, fact) is not fact]
    if not again:
        return tuple(facts), []
    mended = {fact.data.amends for fact in first.values() if isinstance(fact, FactCorrected | FactRetracted)}
    differing = [fact.ref for fact in again if content_of(fact) != content_of(first[fact.ref])]
    refs = dict.fromkeys(ref for ref in differing if ref not in mended)
    return tuple(first.values()), [remark(ID_CONFLICT, ref) for ref in refs]


def is_foreign(fact: RequestFact, owners: Collection[str]) -> bool:
    """Whether the account that posted the fact may speak for none of the case's organs."""
    return fact.postedfor is not None and bool(owners) and not posted_for.organs(fact.postedfor).intersection(owners)


def _owners(facts: Sequence[RequestFact], subject: str, organs: Collection[str]) -> set[str]:
    """The organs that the case is or was of; none while no receipt is known."""
    receipts = [fact for fact in facts if isinstance(fact, RequestReceived)]
    if not receipts:
        if subject in organs:
            return {subject}
        named = [f.data.organ for f in facts if isinstance(f, ReviewFiled | TallyRecorded | DutyOpened)]
        return set(named[:1])
    owners = {receipts[0].data.organ}
    names = {fact.ref for fact in receipts}
    gone = {receipts[0].ref}
    while True:
        before = len(owners)
        for fact in facts:
            if is_foreign(fact, owners) or not isinstance(fact, FactCorrected | FactRetracted):
                continue
            if isinstance(fact, FactRetracted):
                # The first one is taken back: the next receipt is the one that counts.
                if fact.data.amends in gone and (after := [one for one in receipts if one.ref not in gone]):
                    owners.add(after[0].data.organ)
                    gone.add(after[0].ref)
            elif fact.data.amends in names and isinstance(organ := fact.data.data.get("organ"), str):
                owners.add(organ)
        if len(owners) == before:
            return owners
