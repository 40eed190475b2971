"""New answers that a review or a court orders: each with the limit that the decision names, from its receipt.

The request counts once, with its first answer; an order only says by when the next one has to come.
"""

from datetime import date, timedelta

from msgspec import Struct

from services.statute import clock as clocks
from services.statute.answer_clock import AnswerClock
from services.statute.clock import Clock
from services.statute.profile_tables import Unit
from services.statute.state import Fact, Review
from services.statute.timeline import legal_date

_DAY = timedelta(days=1)


class Order(Struct, frozen=True):
    """A new answer that was ordered."""

    review: str
    start: date
    """The day of the decision's receipt; of its making where the receipt is not known: the earlier limit is safe."""
    due: date
    unit: Unit
    clock: Clock
    done: date | None = None
    """When the answer was given."""
    outcome: str = ""

    def late(self, today: date) -> bool:
        """Whether the limit has passed without the answer."""
        return (self.done or today) > self.due


def ordered(run: AnswerClock, reviews: tuple[Review, ...]) -> Order | None:
    """The order that holds: the one with the latest receipt; None where no decision orders an answer.

    An order takes effect on a request that was answered or still is to be; one that was withdrawn, transferred or
    abandoned stays ended.
    """
    orders = [
        (r.delivered_on or r.decided_on, r.review, r.answer_within)
        for r in reviews
        if r.answer_within is not None and r.decided_on is not None
    ]
    if not orders or (run.end is not None and run.end.how != "answered"):
        return None
    start, review, (amount, unit) = max(orders)
    assert isinstance(start, date)
    clock = Clock(start, amount, unit)  # type: ignore[arg-type]  # one of the contract's units
    due = clocks.due_on(clock, run.calendar)
    assert due is not None
    given = _given(run, review, start)
    if given is None:
        return Order(review, start, due, clock.unit, clock)
    return Order(review, start, due, clock.unit, clock, legal_date(given), given.data.outcome)


def _given(run: AnswerClock, review: str, start: date) -> Fact | None:
    """The first answer given to the order: one that names it, or any that came after the decision."""
    answers = list(run.timeline.reanswers)
    if run.end is not None and run.end.fact is not None:
        answers.insert(0, run.end.fact)
    for fact in answers:
        if fact.data.after_review == review or legal_date(fact) > start:
            return fact
    return None
