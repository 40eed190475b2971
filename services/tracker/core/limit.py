"""How large a case can become. Pure.

Every fact derives its case anew from all that the case has, and the case is read and written whole. So a sender that
names one subject for everything would make each fact dearer than the one before, without end. A case therefore has a
limit, far above any real request; what comes beyond is not taken into the case but becomes a dead letter that says so.
"""

from msgspec import Struct

from services.events.codec import encode
from services.events.facts import (
    AnswerIssued,
    FactCorrected,
    FactRetracted,
    RequestFact,
    RequestTransferred,
    RequestWithdrawn,
    TallyRecorded,
)
from services.events.refusals import Reason
from services.tracker.core.case import Case

CASE_FACTS = 250
"""Facts of a case, where the setting ``SHIXIAN_CASE_FACTS`` says nothing else. A real request has one or two dozen."""
FACT_BYTES = 2048
"""Bytes that each fact of a case's limit stands for. An ordinary fact takes about 400; only a correction's free data
can be much larger."""
LEAST_BYTES = 1024 * 1024
"""A case can hold so much whatever its limit of facts is: four facts of the largest size that the tracker takes
(``apply.MAX_FACT``)."""
_SURELY = 4
"""So many facts fit in any case, and need not be measured."""

_ENDING = (FactCorrected, FactRetracted, AnswerIssued, RequestWithdrawn, RequestTransferred)
"""What ends a case or puts it right is still taken at the limit, up to twice as much."""


class Limit(Struct, frozen=True):
    """The limit of every case."""

    facts: int = CASE_FACTS

    @property
    def bytes(self) -> int:
        """Of all facts of a case together, each as JSON."""
        return max(LEAST_BYTES, self.facts * FACT_BYTES)


class Room:
    """What is left of the limit, case by case, as facts are taken in one after the other."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._sizes: dict[str, tuple[int, int]] = {}
        """Of each case measured so far: how many facts, and their bytes."""
        self._names: dict[str, tuple[int, set[tuple[str, str]]]] = {}
        """Of each full case: how many facts, and what names them."""

    def refusal(self, case: Case, fact: RequestFact) -> Reason | None:
        """Why the case can't take the fact; None where it can, or has it already.

        Tallies are kept apart from the case and have no part in its limit.
        """
        if isinstance(fact, TallyRecorded):
            return None
        times = 2 if isinstance(fact, _ENDING) else 1
        count = len(case.facts)
        if count >= times * self._limit.facts:
            reason = _full(f"{count} facts", self._limit.facts, count >= 2 * self._limit.facts)
        elif count >= _SURELY and (size := self._size(case) + len(encode(fact))) > times * self._limit.bytes:
            reason = _full(f"facts of {size} bytes with this one", self._limit.bytes, times == 2)
        else:
            return None
        return None if self._holds(case, fact) else Reason("case-full", reason, {"most": self._limit.facts})

    def _holds(self, case: Case, fact: RequestFact) -> bool:
        """Whether the case has the fact already."""
        count, names = self._names.get(case.subject, (0, set()))
        if count != len(case.facts):
            names = {(known.source, known.id) for known in case.facts}
            self._names[case.subject] = (len(case.facts), names)
        return (fact.source, fact.id) in names

    def _size(self, case: Case) -> int:
        done, size = self._sizes.get(case.subject, (0, 0))
        if done > len(case.facts):
            done, size = 0, 0
        if done < len(case.facts):
            size += sum(len(encode(fact)) for fact in case.facts[done:])
            self._sizes[case.subject] = (len(case.facts), size)
        return size


def _full(size: str, limit: int, ended: bool) -> str:
    if ended:
        return (
            f"the case has {size}, and can have no more than twice its limit of {limit} (SHIXIAN_CASE_FACTS); "
            "nothing more is taken"
        )
    return (
        f"the case has {size}, and its limit is {limit} (SHIXIAN_CASE_FACTS); beyond it only corrections, "
        "retractions, answers, withdrawals and transfers are taken"
    )
