"""All time limits of a request side by side, the answer's first; derived with the view, never stored as truth."""

from bisect import bisect_left
from collections.abc import Mapping
from datetime import date, timedelta

from msgspec import Struct
from msgspec.structs import replace

from services.statute import clock as clocks
from services.statute.answer_clock import AnswerClock, limit_due
from services.statute.orders import Order
from services.statute.profile_tables import Remedy
from services.statute.state import Deadline, Fact, Review
from services.statute.timeline import delivered_on, legal_date

_DAY = timedelta(days=1)
_COUNTED = ("consultation", "fee-payment")
"""Limits that are counted; the others of the run are dates that somebody set, which can roll."""
WITH_DELIVERY = ("day-signed", "day-received")
"""Ways of service where the answer's day is the day of its delivery."""


def deadlines(
    run: AnswerClock,
    due: date | None,
    provisional: bool,
    stopped_since: date | None,
    overdue_from: date | None,
    reviews: tuple[Review, ...],
    order: Order | None = None,
) -> tuple[Deadline, ...]:
    """The limits of the run; the dates are those of the answer's own limit, or of the new answer that was ordered."""
    end = run.end.on if run.end else None
    article = run.profile.answer.article
    silence = "" if run.profile.answer.silence == "none" else run.profile.answer.silence
    start, done, about = (run.event, end, "") if order is None else (order.start, order.done, order.review)
    # A breach from before the order is no breach of its limit.
    late = overdue_from if order is None or (overdue_from is not None and overdue_from > order.due) else None
    first = Deadline("answer", start, due, article, provisional, stopped_since, done, late, about, silence)
    notice = _notice(run, end)
    limits = [first] if notice is None else [first, notice]
    if run.deadlines:
        limits += [_ended(run, timer, end) for timer in run.deadlines]
    if run.end or overdue_from or reviews:
        limits += _remedies(run, overdue_from, reviews)
    return tuple(limits)


def _ended(run: AnswerClock, timer: Deadline, end: date | None) -> Deadline:
    """A limit with its breach, and ended with the request where it was still open."""
    done, due = timer.done_on or end, timer.due_on
    if due is None:
        return replace(timer, done_on=done)
    late = None if done is not None and done <= due else due + _DAY
    moves = timer.limit in _COUNTED or (
        timer.limit == "clarification-reply" and run.profile.says("named-date") == "rolls"
    )
    unsure = done is None and moves and run.calendar.is_provisional(due, timer.start)
    return replace(timer, done_on=done, overdue_from=late, provisional=unsure)


def _notice(run: AnswerClock, end: date | None) -> Deadline | None:
    """Until when a clarification can be asked; a window, so only a notice after it is a breach."""
    pause = run.profile.clarification
    if pause.notice is None:
        return None
    due = limit_due(pause.notice, run.received_on, run.profile, run.calendar)
    if not run.notices:
        unsure = (
            end is None and clocks.asks_calendar(pause.notice) and run.calendar.is_provisional(due, run.received_on)
        )
        return Deadline("clarification-notice", run.received_on, due, pause.notice.article, unsure, done_on=end)
    notices = [f.data.requested_on for f in run.timeline.moves if f.name == "clarification-requested"]
    asked: date = next(day for day in notices if day >= run.received_on)  # one before the receipt asked nothing
    late = due + _DAY if asked > due else None
    return Deadline(
        "clarification-notice", run.received_on, due, pause.notice.article, done_on=asked, overdue_from=late
    )


class _Opening(Struct, frozen=True):
    """What opens a window: the day that the law asks about, the day that the window counts from, and what it was."""

    event: date
    start: date
    about: str
    outcome: str = ""
    earliest: bool = False


def _remedies(run: AnswerClock, overdue_from: date | None, reviews: tuple[Review, ...]) -> list[Deadline]:
    """The windows for reconsideration and litigation that the answer, or the silence, or a reconsideration opened."""
    windows = []
    opened = _opened(run, overdue_from, reviews)
    for remedy in run.profile.remedies:
        filed = sorted([r.filed_on for r in reviews if r.kind.startswith(remedy.kind)]) if reviews else []
        for opening in _openings(remedy, opened, reviews):
            if not remedy.from_ <= opening.event <= remedy.through or not remedy.opens_for(opening.outcome):
                continue
            due = limit_due(remedy, opening.start, run.profile, run.calendar)
            unsure = clocks.asks_calendar(remedy) and run.calendar.is_provisional(due, opening.start)
            place = bisect_left(filed, opening.event)
            done = filed[place] if place < len(filed) else None
            # Where the delivery isn't known the window may have begun later, so nobody is late.
            late = due + _DAY if done is not None and done > due and not opening.earliest else None
            windows.append(
                Deadline(
                    remedy.kind,
                    opening.start,
                    due,
                    remedy.article,
                    unsure,
                    None,
                    done,
                    late,
                    about=opening.about,
                    earliest=opening.earliest,
                )
            )
    return windows


def _opened(run: AnswerClock, overdue_from: date | None, reviews: tuple[Review, ...]) -> Mapping[str, list[_Opening]]:
    """What can open a window, whatever the remedy."""
    opened: dict[str, list[_Opening]] = {}
    if run.end is None:
        if overdue_from is not None:
            last = overdue_from - _DAY
            opened["silence"] = [_Opening(last, last, "silence")]
    elif run.end.how == "answered":
        answers = [(run.end.fact, "answer"), *((fact, "new-answer") for fact in run.timeline.reanswers)]
        opened["answer"] = [_answer(run, fact, about) for fact, about in answers if fact is not None]
    if reviews:
        opened["reconsideration"] = [
            _Opening(r.decided_on, r.delivered_on or r.decided_on, r.review, "", r.delivered_on is None)
            for r in reviews
            if r.kind == "reconsideration" and r.decided_on
        ]
    return opened


def _openings(remedy: Remedy, opened: Mapping[str, list[_Opening]], reviews: tuple[Review, ...]) -> list[_Opening]:
    """What opens a window for a remedy."""
    openings = [one for after in ("answer", "silence") if after in remedy.after for one in opened.get(after, ())]
    if reviews:
        # Who asks for a reconsideration first sues after it.
        instead = {"litigation": "reconsideration", "reconsideration": "litigation-direct"}.get(remedy.kind)
        asked = [r.filed_on for r in reviews if r.kind == instead]
        openings = [o for o in openings if not any(day >= o.event for day in asked)]
        if "reconsideration" in remedy.after:
            openings += opened["reconsideration"]
    return openings


def _answer(run: AnswerClock, fact: Fact, about: str) -> _Opening:
    """The window counts from when the applicant knew: the delivery, not the posting."""
    given = legal_date(fact)
    came = given if run.profile.answered_by[fact.data.service] in WITH_DELIVERY else delivered_on(run.timeline, fact)
    return _Opening(given, came or given, about, fact.data.outcome, came is None)
