"""What a year's report counts of a request and of its reviews, as far as a change of it moves numbers. Pure.

Nothing is counted here. Two views of a request are compared: what the reports of each year have of the one and not of
the other.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

from services.statute.state import RequestState, Review
from services.tracker.core.decide import summary

_COUNTED_STATES = frozenset({"open", "stopped", "answered", "closed"})
Counted = tuple[int, tuple[Any, ...]]
"""A year, and something that its report counts."""


def years_moved(old: RequestState, new: RequestState, today: date) -> set[int]:
    """The years in whose reports numbers are others by ``new`` than by ``old``."""
    return {year for year, _ in {*_of(old, today)} ^ {*_of(new, today)}}


def moves_counted(old: RequestState, new: RequestState, today: date) -> bool:
    """Whether what was settled moves: a number of a year that is over, what counts of a request that had ended, or a
    review that had been decided or is another one. What an open request of this year does next moves nothing of it."""
    ended = old.closed_on is not None or old.answered_on is not None
    if ended and {*_of_request(old, today)} != {*_of_request(new, today)}:
        return True
    now = {each.review: [*_of_review(new, each)] for each in new.reviews}
    for each in old.reviews:
        kept = now.get(each.review)
        if kept is None or (each.decided_on is not None and kept != [*_of_review(old, each)]):
            return True
        if kept[0][1][:2] != next(_of_review(old, each))[1][:2]:
            return True
    return any(year < today.year for year in years_moved(old, new, today))


def _of(view: RequestState, today: date) -> Iterator[Counted]:
    yield from _of_request(view, today)
    for review in view.reviews:
        yield from _of_review(view, review)


def _of_request(view: RequestState, today: date) -> Iterator[Counted]:
    request = summary(view)
    if request is None or request.received_on is None or request.state not in _COUNTED_STATES:
        return
    who = (request.organ, request.channel, request.applicant, request.statute, request.item)
    received, ended = request.received_on, request.closed_on
    last = ended.year if ended is not None else today.year
    yield received.year, ("received", who, received.month)
    if request.contradicting:
        yield from ((year, ("contradicting",)) for year in {received.year, (ended or received).year})
    if (first := request.first_response_on) is not None:
        yield first.year, ("first", who, request.first_working_days)
    late_from = request.breached_from or request.overdue_from
    for what, since in (("pending", received), ("overdue", late_from)):
        # What is pending when a year ends is so when the next one begins.
        for year in range(since.year, last) if since is not None else ():
            yield year, (what, who)
            yield year + 1, (f"{what}-before", who)
    if ended is None:
        yield last, ("pending", who)
        if late_from is not None:
            yield max(last, late_from.year), ("overdue", who)
        return
    how = (request.outcome, request.timeliness, request.working_days, request.extended, request.committed_timeliness)
    yield ended.year, ("ended", who, how, ended.month)


def _of_review(view: RequestState, review: Review) -> Iterator[Counted]:
    """In the year of its filing; and in a later one of its decision."""
    law = view.statute or review.statute
    filed = ("review", (review.review, review.organ, review.kind, review.first_handling_disputed, law))
    decided = review.decided_on
    if decided is None or decided.year <= review.filed_on.year:
        yield review.filed_on.year, (*filed, review.result if decided is not None else "")
    else:
        yield review.filed_on.year, (*filed, "")
        yield decided.year, ("review-later", *filed[1:], review.result)
