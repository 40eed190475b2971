"""All time limits of a request side by side, the answer's first; derived with the view, never stored as truth."""

from bisect import bisect_left
from datetime import date, timedelta

from msgspec.structs import replace

from services.statute import clock as clocks
from services.statute.answer_clock import AnswerClock, limit_due
from services.statute.profile import Remedy
from services.statute.state import Deadline, Review

_DAY = timedelta(days=1)
_COUNTED = ("consultation", "fee-payment")
"""Limits that are counted; the others of the run are dates that somebody set."""


def deadlines(
    run: AnswerClock,
    due: date | None,
    provisional: bool,
    stopped_since: date | None,
    overdue_from: date | None,
    reviews: tuple[Review, ...],
) -> tuple[Deadline, ...]:
    """The limits of the run; the dates are those of the answer's own limit."""
    end = run.end.on if run.end else None
    article = run.profile.answer.article
    silence = "" if run.profile.answer.silence == "none" else run.profile.answer.silence
    first = Deadline("answer", run.event, due, article, provisional, stopped_since, end, overdue_from, silence=silence)
    notice = _notice(run, end)
    found = [first] if notice is None else [first, notice]
    if run.deadlines:
        found += [_ended(run, timer, end) for timer in run.deadlines]
    if run.end or overdue_from or reviews:
        found += _remedies(run, overdue_from, reviews)
    return tuple(found)


def _ended(run: AnswerClock, timer: Deadline, end: date | None) -> Deadline:
    """A limit with its breach, and ended with the request where it was still open."""
    done, due = timer.done_on or end, timer.due_on
    if due is None:
        return replace(timer, done_on=done)
    late = None if done is not None and done <= due else due + _DAY
    unsure = done is None and timer.limit in _COUNTED and run.calendar.is_provisional(due, timer.start)
    return replace(timer, done_on=done, overdue_from=late, provisional=unsure)


def _notice(run: AnswerClock, end: date | None) -> Deadline | None:
    """Until when a clarification can be asked; a window, so only a notice after it is a breach."""
    pause = run.profile.clarification
    if pause.notice is None:
        return None
    due = limit_due(pause.notice, run.received_on, run.profile, run.calendar)
    if not run.notices:
        return Deadline("clarification-notice", run.received_on, due, pause.notice.article, done_on=end)
    asked: date = next(f.data.requested_on for f in run.timeline.moves if f.name == "clarification-requested")
    late = due + _DAY if asked > due else None
    return Deadline(
        "clarification-notice", run.received_on, due, pause.notice.article, done_on=asked, overdue_from=late
    )


def _remedies(run: AnswerClock, overdue_from: date | None, reviews: tuple[Review, ...]) -> list[Deadline]:
    """The windows for reconsideration and litigation that the answer, or the silence, or a reconsideration opened."""
    found = []
    for remedy in run.profile.remedies:
        filed = sorted([r.filed_on for r in reviews if r.kind.startswith(remedy.kind)]) if reviews else []
        for event, about in _openings(remedy, run, overdue_from, reviews):
            if not remedy.from_ <= event <= remedy.through:
                continue
            due = limit_due(remedy, event, run.profile, run.calendar)
            unsure = clocks.asks_calendar(remedy) and run.calendar.is_provisional(due, event)
            place = bisect_left(filed, event)
            done = filed[place] if place < len(filed) else None
            late = due + _DAY if done is not None and done > due else None
            found.append(Deadline(remedy.kind, event, due, remedy.article, unsure, None, done, late, about=about))
    return found


def _openings(
    remedy: Remedy, run: AnswerClock, overdue_from: date | None, reviews: tuple[Review, ...]
) -> list[tuple[date, str]]:
    found = []
    if run.end is not None and run.end.how == "answered" and "answer" in remedy.after:
        found.append((run.end.on, "answer"))
    if run.end is None and overdue_from is not None and "silence" in remedy.after:
        found.append((overdue_from - _DAY, "silence"))
    if "reconsideration" in remedy.after:
        found += [(r.decided_on, r.review) for r in reviews if r.kind == "reconsideration" and r.decided_on]
    return found
