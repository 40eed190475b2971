"""A request's facts in the order of their legal dates, sorted by what they are about; no law is applied yet.

The order of arrival is forgotten here: the same facts make the same timeline.
"""

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from msgspec import Struct, field

from services.statute.state import Fact, Review
from services.words.remark import Remark, remark


class End(Struct, frozen=True):
    """How a request ended."""

    on: date
    how: str
    """``answered``, ``withdrawn``, ``transferred`` or ``abandoned``."""
    outcome: str
    fact: Fact | None
    """The fact that says so; None where the clock did."""

    @property
    def order(self) -> tuple[date, str, str]:
        """The earliest end counts; of those of one day always the same one."""
        return self.on, self.how, self.outcome


class Timeline(Struct):
    """What the facts read so far amount to."""

    received: Fact | None = None
    confirmations: list[Fact] = field(default_factory=list)
    """When both sides confirmed the receipt, the earliest first."""
    moves: list[Fact] = field(default_factory=list)
    """What can move the answer's clock."""
    corrections: list[Fact] = field(default_factory=list)
    payments: list[Fact] = field(default_factory=list)
    replies: dict[str, Fact] = field(default_factory=dict)
    """The first closing of each consultation."""
    ends: list[End] = field(default_factory=list)
    reanswers: list[Fact] = field(default_factory=list)
    """Answers that a review ordered, after one that had ended the request."""
    reached: dict[str, Fact] = field(default_factory=dict)
    """That the letter of each consultation reached the one asked, by the first fact that says so."""
    deliveries: list[Fact] = field(default_factory=list)
    """That an answer reached the applicant."""
    decision_deliveries: dict[str, date] = field(default_factory=dict)
    """When the decision of each review reached the organ, by the first fact that says so by itself."""
    decisions_delivered: list[Fact] = field(default_factory=list)
    reached_again: list[Fact] = field(default_factory=list)
    filed: dict[str, Fact] = field(default_factory=dict)
    decided: dict[str, Fact] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)
    item: Any = None
    """The request's service item (``office.items.Item``), put here by whoever knows it."""
    special_closed: list[Fact] = field(default_factory=list)
    office: list[Fact] = field(default_factory=list)
    """About the work inside the office: it moves none of the request's dates."""
    duties: list[Fact] = field(default_factory=list)
    duties_done: dict[str, Fact] = field(default_factory=dict)
    """By the duty, the first fact that says that it was done."""
    last: date = date.min
    """The latest legal date, but for the office's own."""

    @property
    def confirmed_on(self) -> date | None:
        """The day of the confirmation, if one was told by itself."""
        return self.confirmations[0].data.confirmed_on if self.confirmations else None

    def note(self, fact: Fact, code: str, **values: object) -> None:
        """Remark on a fact: a code of the catalogue, with its values."""
        self.remarks.append(remark(code, fact, **values))


def _received(timeline: Timeline, fact: Fact) -> None:
    if timeline.received is not None:
        timeline.note(fact, "second-receipt")
    else:
        timeline.received = fact


def _confirmed(timeline: Timeline, fact: Fact) -> None:
    timeline.confirmations.append(fact)


def _moves(timeline: Timeline, fact: Fact) -> None:
    timeline.moves.append(fact)


def _corrected(timeline: Timeline, fact: Fact) -> None:
    timeline.corrections.append(fact)


def _paid(timeline: Timeline, fact: Fact) -> None:
    timeline.payments.append(fact)


def _replied(timeline: Timeline, fact: Fact) -> None:
    if timeline.replies.setdefault(fact.data.consultation, fact) is not fact:
        timeline.note(fact, "consultation-closed-again", consultation=fact.data.consultation)


def _reached(timeline: Timeline, fact: Fact) -> None:
    if timeline.reached.setdefault(fact.data.consultation, fact) is not fact:
        timeline.reached_again.append(fact)


def _answered(timeline: Timeline, fact: Fact) -> None:
    if fact.data.after_review is not None:
        timeline.reanswers.append(fact)
    else:
        timeline.ends.append(_answer(fact))


def _answer(fact: Fact) -> End:
    return End(fact.data.answered_on, "answered", fact.data.outcome, fact)


def _delivered(timeline: Timeline, fact: Fact) -> None:
    timeline.deliveries.append(fact)


def _decision_delivered(timeline: Timeline, fact: Fact) -> None:
    timeline.decision_deliveries.setdefault(fact.data.review, fact.data.delivered_on)
    timeline.decisions_delivered.append(fact)


def _withdrawn(timeline: Timeline, fact: Fact) -> None:
    timeline.ends.append(End(fact.data.withdrawn_on, "withdrawn", "other", fact))


def _transferred(timeline: Timeline, fact: Fact) -> None:
    timeline.ends.append(End(fact.data.transferred_on, "transferred", "other", fact))


def _filed(timeline: Timeline, fact: Fact) -> None:
    if timeline.filed.setdefault(fact.data.review, fact) is not fact:
        timeline.note(fact, "review-filed-again", review=fact.data.review)


def _decided(timeline: Timeline, fact: Fact) -> None:
    if timeline.decided.setdefault(fact.data.review, fact) is not fact:
        timeline.note(fact, "review-decided-again", review=fact.data.review)


def _special_closed(timeline: Timeline, fact: Fact) -> None:
    timeline.special_closed.append(fact)


def _office(timeline: Timeline, fact: Fact) -> None:
    timeline.office.append(fact)


def _duty(timeline: Timeline, fact: Fact) -> None:
    timeline.duties.append(fact)


def _duty_done(timeline: Timeline, fact: Fact) -> None:
    if timeline.duties_done.setdefault(fact.data.duty, fact) is not fact:
        timeline.note(fact, "duty-done-again", duty=fact.data.duty)


class Meaning(Struct, frozen=True):
    """Which of a fact's dates places it in time, its place among facts of one day, and what it does."""

    dated: str
    rank: int
    apply: Callable[[Timeline, Fact], None]
    inside: bool = False
    """Whether it is about the work inside the office, which no limit of the law looks at."""


MEANINGS: dict[str, Meaning] = {
    "request-received": Meaning("submitted_on", 0, _received),
    "receipt-confirmed": Meaning("confirmed_on", 1, _confirmed),
    "clarification-requested": Meaning("requested_on", 2, _moves),
    "clarification-received": Meaning("received_on", 3, _corrected),
    "consultation-opened": Meaning("sent_on", 4, _moves),
    "consultation-reached": Meaning("reached_on", 5, _reached),
    "consultation-closed": Meaning("closed_on", 6, _replied),
    "fee-notified": Meaning("notified_on", 7, _moves),
    "fee-paid": Meaning("paid_on", 8, _paid),
    "extension-granted": Meaning("notified_on", 9, _moves),
    "volume-deferred": Meaning("notified_on", 10, _moves),
    "date-agreed": Meaning("agreed_on", 11, _moves),
    "answer-issued": Meaning("answered_on", 12, _answered),
    "answer-delivered": Meaning("delivered_on", 13, _delivered),
    "request-withdrawn": Meaning("withdrawn_on", 14, _withdrawn),
    "request-transferred": Meaning("transferred_on", 15, _transferred),
    "review-filed": Meaning("filed_on", 16, _filed),
    "review-decided": Meaning("decided_on", 17, _decided),
    "review-decision-delivered": Meaning("delivered_on", 18, _decision_delivered),
    "special-step-opened": Meaning("opened_on", 30, _moves),
    "special-step-closed": Meaning("closed_on", 31, _special_closed),
    "assignment-opened": Meaning("assigned_on", 40, _office, inside=True),
    "assignment-accepted": Meaning("accepted_on", 41, _office, inside=True),
    "assignment-returned": Meaning("returned_on", 42, _office, inside=True),
    "assignment-completed": Meaning("completed_on", 43, _office, inside=True),
    "duty-opened": Meaning("event_on", 50, _duty, inside=True),
    "duty-done": Meaning("done_on", 51, _duty_done, inside=True),
}


def legal_date(fact: Fact) -> date:
    """The day on which the fact happened, in law."""
    day: date = getattr(fact.data, MEANINGS[fact.name].dated)
    return day


def in_legal_order(facts: Iterable[Fact]) -> list[Fact]:
    """The facts in the order of their legal dates; facts of one day by kind, then by what names them."""
    return sorted(facts, key=_place)


def _place(fact: Fact) -> tuple[date, int, str, str]:
    meaning = MEANINGS[fact.name]
    return getattr(fact.data, meaning.dated), meaning.rank, fact.source, fact.id


def read(facts: Iterable[Fact]) -> Timeline:
    """What the facts amount to, before any law is applied."""
    timeline = Timeline()
    ordered = in_legal_order(facts)
    for fact in ordered:
        MEANINGS[fact.name].apply(timeline, fact)
    timeline.last = next((legal_date(f) for f in reversed(ordered) if not MEANINGS[f.name].inside), date.min)
    if timeline.reanswers and not any(end.how == "answered" for end in timeline.ends):
        # Nothing was answered before: the ordered answer is the first one, and ends the request.
        timeline.ends.append(_answer(timeline.reanswers.pop(0)))
    for key, fact in timeline.decided.items():
        if key not in timeline.filed:
            timeline.note(fact, "review-not-filed", review=key)
    return timeline


def reviews(timeline: Timeline) -> tuple[Review, ...]:
    """The reviews that were filed, each with its decision if there is one."""
    filed_reviews = []
    for key, fact in sorted(timeline.filed.items()):
        filed, decided = fact.data, timeline.decided.get(key)
        filed_reviews.append(
            Review(
                review=key,
                organ=filed.organ,
                kind=filed.kind,
                filed_on=filed.filed_on,
                first_handling_disputed=filed.first_handling_disputed,
                decided_on=decided.data.decided_on if decided else None,
                result=decided.data.result if decided else "",
                served_on=filed.served_on,
                statute=filed.statute,
                delivered_on=_delivery(timeline, key, decided) if decided else None,
                answer_within=_within(decided) if decided else None,
            )
        )
    return tuple(filed_reviews)


def _delivery(timeline: Timeline, review: str, decided: Fact) -> date | None:
    day: date | None = decided.data.delivered_on
    return day or timeline.decision_deliveries.get(review)


def _within(decided: Fact) -> tuple[int, str] | None:
    limit = decided.data.answer_within
    return None if limit is None else (limit.amount, limit.unit)


def delivered_on(timeline: Timeline, answer: Fact) -> date | None:
    """When an answer reached the applicant, as far as the facts say: itself, or a delivery entered later."""
    day: date | None = answer.data.delivered_on
    if day is not None:
        return day
    given = answer.data.answered_on
    later = [f.data.answered_on for f in timeline.reanswers if f.data.answered_on > given]
    until = min(later, default=date.max)
    days = (fact.data.delivered_on for fact in timeline.deliveries)
    return next((d for d in days if given <= d < until), None)
