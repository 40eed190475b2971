"""Facts that contradict others of their case: which of them have no effect, before the law reads any. Pure.

The list is closed: a second receipt from another organ; a second answer that no review ordered; an answer dated before
the receipt; and one source and id with two contents. Of the first two the fact that came first in the log stands, and
an answer before the receipt never counts. Nothing is decided in silence: each such fact is remarked, and takes effect
once a correction or a retraction has put things right. Facts outside this list mean the same in any order.
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import NamedTuple

from services.statute.state import Fact
from services.words.remark import Remark, remark

RECEIPT_ELSEWHERE = "receipt-elsewhere"
SECOND_ANSWER = "second-answer"
ANSWER_BEFORE_RECEIPT = "answer-before-receipt"
ID_CONFLICT = "id-conflict"
CODES = frozenset({RECEIPT_ELSEWHERE, SECOND_ANSWER, ANSWER_BEFORE_RECEIPT, ID_CONFLICT})
"""The remarks on facts that contradict others."""

_RECEIPT, _CONFIRMATION, _ANSWER = "request-received", "receipt-confirmed", "answer-issued"
_RECEIPT_DATES = ("submitted_on", "received_on", "confirmed_on")

ReceivedOn = Callable[[Sequence[Fact]], date | None]
"""The day of receipt in law by receipts and confirmations alone; None while there is none."""


class Settled(NamedTuple):
    """A case's facts without those that contradict others."""

    facts: list[Fact]
    without: tuple[Remark, ...] = ()
    """Why each of the others has no effect, in the order of the log."""


def settle(facts: Sequence[Fact], received_on: ReceivedOn) -> Settled:
    """Which of ``facts``, given in the order of the log with all amendments applied, have an effect.

    ``received_on`` is asked only where an answer's date lies among the dates that may be the receipt's.
    """
    receipts = [fact for fact in facts if fact.name == _RECEIPT]
    answers = [fact for fact in facts if fact.name == _ANSWER]
    if not receipts or (len(receipts) == 1 and not answers):
        return Settled(list(facts))
    stands = receipts[0].data.organ
    without = {
        id(fact): remark(RECEIPT_ELSEWHERE, fact, organ=fact.data.organ, stands=stands)
        for fact in receipts
        if fact.data.organ != stands
    }
    if answers:
        bearing = [f for f in facts if f.name in (_RECEIPT, _CONFIRMATION) and id(f) not in without]
        without |= _answers(answers, bearing, received_on)
    if not without:
        return Settled(list(facts))
    return Settled(
        [fact for fact in facts if id(fact) not in without],
        tuple([without[id(fact)] for fact in facts if id(fact) in without]),
    )


def _answers(answers: Sequence[Fact], bearing: Sequence[Fact], received_on: ReceivedOn) -> dict[int, Remark]:
    """The answers without effect. One before the receipt is none, so it keeps no other from counting."""
    days = [day for fact in bearing for name in _RECEIPT_DATES if (day := getattr(fact.data, name, None)) is not None]
    receipt: date | None = min(days)
    if any(fact.data.answered_on < max(days) for fact in answers):
        receipt = received_on(bearing)
    by_fact: dict[int, Remark] = {}
    first: Fact | None = None
    for fact in answers:
        on = fact.data.answered_on
        if receipt is not None and on < receipt:
            by_fact[id(fact)] = remark(ANSWER_BEFORE_RECEIPT, fact, on=on, received_on=receipt)
        elif getattr(fact.data, "after_review", None) is not None:
            continue  # one that a review ordered stands beside the first, whichever came first
        elif first is None:
            first = fact
        else:
            by_fact[id(fact)] = remark(SECOND_ANSWER, fact, on=on, first=first.id, first_on=first.data.answered_on)
    return by_fact
