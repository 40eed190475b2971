"""Facts about another organ's request, from an account that may not speak for it: they have no effect. Pure.

Most facts name no organ, so intake can't tell; here the case does. The organ of a case is the one that its first
receipt in the log names, and whichever a correction by one who may speak for it puts there. A fact that says
nothing of who posted it was written to the log by its keepers, and is entitled to all.
"""

from collections.abc import Collection, Sequence

from services.events.facts import FactCorrected, FactRetracted, RequestFact, RequestReceived, ReviewFiled, TallyRecorded
from services.events.office_facts import DutyOpened
from services.words.remark import Remark, remark


def part(
    facts: Sequence[RequestFact], subject: str, organs: Collection[str]
) -> tuple[tuple[RequestFact, ...], tuple[Remark, ...]]:
    """The facts that count, in their order, and a remark for each that does not; ``organs``: the registered ones."""
    if all(fact.postedfor is None for fact in facts):
        return tuple(facts), ()
    owners = _owners(facts, subject, organs)
    if not owners:
        return tuple(facts), ()
    strange = [fact for fact in facts if is_foreign(fact, owners)]
    if not strange:
        return tuple(facts), ()
    told = tuple(remark("foreign-organ", fact, account=fact.postedby or "") for fact in strange)
    return tuple(fact for fact in facts if not is_foreign(fact, owners)), told


def is_foreign(fact: RequestFact, owners: Collection[str]) -> bool:
    """Whether the account that posted the fact may speak for none of the case's organs."""
    return fact.postedfor is not None and not set(owners) & set(fact.postedfor.split())


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
