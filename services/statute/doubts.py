"""Facts that can't all be right by their dates, or that name what nobody has told: remarked, so that a person looks.

No limit is judged here. What counts, counts as it was entered; what does not is said to have no effect. A slip of the
pen is far likelier than the thing itself: a decision before what it decides, a delivery of an answer not yet given.
"""

from bisect import bisect_right
from datetime import date

from services.statute.state import Fact
from services.statute.timeline import Timeline, legal_date


def doubt(timeline: Timeline) -> None:
    """Remark on what is odd about the facts among themselves, before any law is applied."""
    _confirmations(timeline)
    if timeline.moves:
        _moves(timeline)
    if timeline.filed or timeline.decided or timeline.decisions_delivered:
        _reviews(timeline)
    answers = [*(end.fact for end in timeline.ends if end.how == "answered" and end.fact), *timeline.reanswers]
    for fact in answers:
        _dates(timeline, fact, "delivery", fact.data.delivered_on, "answer", fact.data.answered_on)
        if fact.data.after_review is not None:
            _ordered(timeline, fact)
    if timeline.deliveries:
        _deliveries(timeline, answers)


def _dates(timeline: Timeline, fact: Fact, what: str, on: date | None, before: str, before_on: date | None) -> None:
    """The first of the two can't come before the second."""
    if on is not None and before_on is not None and on < before_on:
        timeline.note(fact, "dates-reversed", what=what, on=on, before=before, before_on=before_on)


def _confirmations(timeline: Timeline) -> None:
    """One receipt is confirmed once: on the day that it names itself, else on the earliest that was told."""
    if not timeline.confirmations:
        return
    named = timeline.received.data.confirmed_on if timeline.received is not None else None
    first = named or timeline.confirmations[0].data.confirmed_on
    for fact in timeline.confirmations:
        if fact.data.confirmed_on != first:
            timeline.note(fact, "confirmed-again", on=fact.data.confirmed_on, first_on=first)


def _moves(timeline: Timeline) -> None:
    opened: set[str] = set()
    arrived: dict[str, date] = {}
    for fact in timeline.moves:
        data = fact.data
        if fact.name == "extension-granted":
            _dates(timeline, fact, "notice", data.notified_on, "decision", data.decided_on)
            _dates(timeline, fact, "notice", data.notified_on, "approval", data.approved_on)
        elif fact.name == "consultation-opened" and data.consultation not in opened:
            opened.add(data.consultation)
            reached = timeline.reached.get(data.consultation)
            on = data.reached_on or (reached.data.reached_on if reached else None)
            _dates(timeline, fact, "letter-reached", on, "letter-sent", data.sent_on)
            closed = timeline.replies.get(data.consultation)
            if closed is not None and closed.data.reply != "none":
                _dates(timeline, closed, "reply", closed.data.closed_on, "letter-reached", on)
            if on is not None:
                arrived[data.consultation] = on
    for fact in (*timeline.reached.values(), *timeline.reached_again):
        key, on = fact.data.consultation, fact.data.reached_on
        if on != (first := arrived.get(key, on)):
            timeline.note(fact, "reached-again", consultation=key, on=on, first_on=first)


def _reviews(timeline: Timeline) -> None:
    for fact in timeline.decisions_delivered:
        decided = timeline.decided.get(fact.data.review)
        if decided is None:
            timeline.note(fact, "decision-not-known", review=fact.data.review)
            continue
        first = decided.data.delivered_on or timeline.decision_deliveries[fact.data.review]
        if fact.data.delivered_on != first:
            timeline.note(fact, "delivered-again", on=fact.data.delivered_on, first_on=first)
    submitted_on = timeline.received.data.submitted_on if timeline.received is not None else None
    for key, filed in timeline.filed.items():
        _dates(timeline, filed, "review-filed", filed.data.filed_on, "receipt", submitted_on)
        _dates(timeline, filed, "review-served", filed.data.served_on, "review-filed", filed.data.filed_on)
        decided = timeline.decided.get(key)
        if decided is None:
            continue
        on = decided.data.decided_on
        if decided.data.result == "upheld" and decided.data.answer_within is not None:
            timeline.note(decided, "upheld-orders", review=key)
        _dates(timeline, decided, "review-decided", on, "review-filed", filed.data.filed_on)
        delivered = decided.data.delivered_on or timeline.decision_deliveries.get(key)
        _dates(timeline, decided, "review-delivered", delivered, "review-decided", on)


def _ordered(timeline: Timeline, answer: Fact) -> None:
    """An answer that a review is said to have ordered: one must be known that did not uphold the first."""
    review, on = answer.data.after_review, answer.data.answered_on
    decided = timeline.decided.get(review)
    is_order = decided is not None and (decided.data.result != "upheld" or decided.data.answer_within is not None)
    if review not in timeline.filed or decided is None or not is_order:
        timeline.note(answer, "answer-not-ordered", on=on, review=review)
    else:
        _dates(timeline, answer, "answer", on, "review-decided", decided.data.decided_on)


def _deliveries(timeline: Timeline, answers: list[Fact]) -> None:
    """A delivery is of the last answer given by its day; the first of an answer counts."""
    given = sorted(answers, key=legal_date)
    days = [legal_date(fact) for fact in given]
    known: dict[int, date] = {id(fact): day for fact in given if (day := fact.data.delivered_on) is not None}
    for fact in timeline.deliveries:
        on = fact.data.delivered_on
        count = bisect_right(days, on)
        if not count:
            timeline.note(fact, "delivered-before-answer", on=on)
        elif (first := known.setdefault(id(given[count - 1]), on)) != on:
            timeline.note(fact, "delivered-again", on=on, first_on=first)
