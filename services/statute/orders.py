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
    by: Fact | None = None
    """The answer that was given to it."""

    @property
    def done(self) -> date | None:
        """When the answer was given."""
        return None if self.by is None else legal_date(self.by)

    @property
    def outcome(self) -> str:
        """What the answer said."""
        return "" if self.by is None else str(self.by.data.outcome)

    def missed_from(self, today: date, then: "Order | None" = None) -> date | None:
        """The first day after the limit, if that passed without the answer, before another order ``then`` came."""
        until = self.done or today
        if then is not None:
            until = min(until, then.start)
        return self.due + _DAY if until > self.due else None


def ordered(run: AnswerClock, reviews: tuple[Review, ...]) -> list[Order]:
    """What decisions order, by their receipt: the last one holds.

    An order takes effect on a request that was answered or still is to be; one that was withdrawn, transferred or
    abandoned stays ended.
    """
    orders = [
        (r.delivered_on or r.decided_on, r.review, r.answer_within)
        for r in reviews
        if r.answer_within is not None and r.decided_on is not None
    ]
    if run.end is not None and run.end.how != "answered":
        return []
    return [_order(run, *one) for one in sorted(orders)]


def _order(run: AnswerClock, start: date, review: str, within: tuple[int, str]) -> Order:
    amount, unit = within
    clock = Clock(start, amount, unit)  # type: ignore[arg-type]  # one of the contract's units
    due = clocks.due_on(clock, run.calendar)
    assert due is not None
    return Order(review, start, due, clock.unit, clock, _given(run, review, start))


def _given(run: AnswerClock, review: str, start: date) -> Fact | None:
    """The first answer given to the order: one that names it, or any from the decision's receipt on. The answer that
    the review was about came before."""
    answers = list(run.timeline.reanswers)
    if run.end is not None and run.end.fact is not None:
        answers.insert(0, run.end.fact)
    for fact in answers:
        if fact.data.after_review == review or legal_date(fact) >= start:
            return fact
    return None
