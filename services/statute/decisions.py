"""What follows when a request's view changes: the difference of two views, in the case events' names."""

from datetime import date, timedelta
from typing import Any

from services.statute.office.decisions import office_changes
from services.statute.profile import Profile
from services.statute.state import Decision, RequestState, Review
from services.words.catalogue import said, text
from services.words.remark import remark


def changes(
    old: RequestState, new: RequestState, profile: Profile | None, today: date, seen: date = date.min
) -> list[Decision]:
    """The decisions that lead from ``old`` to ``new``, in the order in which they take effect.

    ``profile`` is the version of the statute that ``new`` was derived with; None while there is none. ``seen`` is the
    day as of which ``old`` was derived: what was to be warned of up to then was, or needed no warning.
    """
    decided = [] if profile is None or new.received_on is None else _dates(old, new, profile, today, seen)
    if old.overdue_from and not new.overdue_from:
        # Announced first: what follows is about a request that is not late.
        values = {"limit": "answer", "overdue_from": old.overdue_from, "due_on": new.due_on}
        decided.insert(0, Decision("overdue-withdrawn", today, values))
    if new.state == "retracted" and old.state != "retracted" and old.submitted_on is not None:
        decided.append(Decision("request-closed", today, {"closed_on": today, "reason": "retracted"}))
    return decided + office_changes(old, new, today, seen) + _reviews(old, new)


def _dates(old: RequestState, new: RequestState, profile: Profile, today: date, seen: date) -> list[Decision]:
    decided: list[Decision] = []
    if old.received_on is None or old.state == "retracted":
        assert new.received_on is not None
        values: dict[str, Any] = {"received_on": new.received_on, "article": profile.receipt.article}
        decided.append(Decision("request-opened", new.received_on, values))
        old = RequestState()
    if old.closing and not new.closing:
        back = remark("end-taken-back", how=old.closing, on=old.closed_on)
        decided.append(Decision("request-reopened", today, {"reason": text(back), "remark": said(back)}))
    decided += _clock(old, new, profile, today)
    decided += _promise(old, new, today)
    decided += _others(old, new, today)
    decided += _alarms(old, new, seen)
    return decided + _end(old, new, profile.answer.article)


def _clock(old: RequestState, new: RequestState, profile: Profile, today: date) -> list[Decision]:
    """What became of the answer's clock: stopped, running again, a date set."""
    decided: list[Decision] = []
    known = old.due_on or old.last_due_on
    moved_by = _moved_by(old, new, profile)
    if new.stopped_since and not old.stopped_since:
        why = said(new.stop) if new.stop else None
        values: dict[str, Any] = {"since": new.stopped_since, "reason": new.stopped_for, "remark": why}
        decided.append(Decision("clock-stopped", min(new.stopped_since, today), _answer(values, moved_by)))
    if not new.due_on:
        return decided
    if old.stopped_since and not new.stopped_since and not new.closing:
        values = {"on": today, "due_on": new.due_on}
        decided.append(Decision("clock-resumed", today, _answer(values, moved_by)))
    if (new.due_on, new.provisional) != (known, old.provisional) and not _only_ended(known, old, new):
        values = {"due_on": new.due_on, "provisional": new.provisional, "calendar": new.calendar}
        if known:
            values["old_due_on"] = known
        day = today if known else new.received_on
        assert day is not None
        decided.append(Decision("due-date-set", day, _answer(values, moved_by)))
    return decided


def _promise(old: RequestState, new: RequestState, today: date) -> list[Decision]:
    """The last day that was promised for the request's service item, where it is another one now."""
    if new.committed_due_on is None or new.committed_due_on == old.committed_due_on:
        return []
    values = {"limit": "committed", "due_on": new.committed_due_on, "article": new.item, "calendar": new.calendar}
    if old.committed_due_on:
        values["old_due_on"] = old.committed_due_on
    day = today if old.committed_due_on else new.received_on
    assert day is not None
    return [Decision("due-date-set", day, values)]


def _alarms(old: RequestState, new: RequestState, seen: date) -> list[Decision]:
    """The warnings whose day has come since, or that are of another last day, and the breach.

    While no limit ran nobody was warned: what is to be made up for begins where it ended or stood still.
    """
    decided = []
    seen = min(seen, old.closed_on or seen)
    if old.state == "stopped" and old.stopped_since is not None:
        seen = min(seen, old.stopped_since - timedelta(days=1))
    is_new = new.due_on != (old.due_on or old.last_due_on)
    for day, left in new.warned:
        if (day, left) not in old.warned and (is_new or day > seen):
            values = {"due_on": new.due_on, "days_left": left, "limit": "answer"}
            decided.append(Decision("deadline-approaching", day, values))
    if new.overdue_from and new.overdue_from != old.overdue_from:
        values = {"due_on": new.due_on, "overdue_from": new.overdue_from, "limit": "answer"}
        decided.append(Decision("request-overdue", new.overdue_from, values))
    return decided


def _only_ended(known: date | None, old: RequestState, new: RequestState) -> bool:
    """Whether nothing moved the date but the end of the request, which cuts a stop short and settles what was
    provisional; the end itself says the date then."""
    return bool(new.closing) and (known == new.due_on or (old.stopped_since is not None and old.moves == new.moves))


def _moved_by(old: RequestState, new: RequestState, profile: Profile) -> str:
    """The article of what moved the date last; the calendar's own words where that changed."""
    if new.moves != old.moves:
        before, after = set(old.moves), set(new.moves)
        fresh = [move for move in new.moves if move not in before]
        gone = [move for move in old.moves if move not in after]
        return str((fresh or gone or new.moves or old.moves)[-1][-1])
    if old.calendar and new.calendar != old.calendar and new.received_on == old.received_on:
        return new.calendar[:500]
    if old.received_on and new.received_on != old.received_on:
        return profile.receipt.article
    return profile.answer.article


_ANNOUNCED = ("clarification-reply", "consultation", "fee-payment")


def _others(old: RequestState, new: RequestState, today: date) -> list[Decision]:
    """Due dates of the limits that others have: the applicant's, a third party's, another organ's."""
    if len(new.clocks) < 2 or new.closing:
        return []
    before = {(t.limit, t.about): t.due_on for t in old.clocks}
    decided = []
    for timer in new.clocks:
        was = before.get((timer.limit, timer.about))
        if timer.limit not in _ANNOUNCED or timer.due_on is None or timer.due_on == was or timer.done_on is not None:
            continue
        values = {"limit": timer.limit, "due_on": timer.due_on, "article": timer.article, "calendar": new.calendar}
        decided.append(Decision("due-date-set", today, values | ({"old_due_on": was} if was else {})))
    return decided


def _answer(values: dict[str, Any], article: str) -> dict[str, Any]:
    return {"limit": "answer", "article": article, **values}


def _end(old: RequestState, new: RequestState, article: str) -> list[Decision]:
    ended = (new.closing, new.closed_on, new.outcome, new.timeliness, new.working_days)
    if not new.closing or new.closed_on is None:
        return []
    if ended == (old.closing, old.closed_on, old.outcome, old.timeliness, old.working_days):
        return []
    if new.closing != "answered":
        values = {"closed_on": new.closed_on, "reason": new.closing, "outcome": new.outcome}
        return [Decision("request-closed", new.closed_on, values)]
    values = {
        "outcome": new.outcome,
        "due_on": new.due_on,
        "answered_on": new.closed_on,
        "timeliness": new.timeliness,
        "working_days": new.working_days,
        "article": article,
    }
    return [Decision("request-answered", new.closed_on, values)]


_FILED = ("review", "organ", "kind", "filed_on", "first_handling_disputed", "served_on", "statute")


def _filed(review: Review) -> dict[str, Any]:
    return {name: getattr(review, name) for name in _FILED}


def _reviews(old: RequestState, new: RequestState) -> list[Decision]:
    before, after = {r.review: r for r in old.reviews}, {r.review: r for r in new.reviews}
    changed = []
    for key, review in after.items():
        was = before.get(key)
        filed = _filed(review)
        if was is None or _filed(was) != filed or (was.decided_on and not review.decided_on):
            changed.append(Decision("review-opened", review.filed_on, {"filed": filed}))
        if review.decided_on and was != review:
            decided: dict[str, Any] = {"review": key, "decided_on": review.decided_on, "result": review.result}
            decided["delivered_on"] = review.delivered_on
            if review.answer_within is not None:
                amount, unit = review.answer_within
                decided["answer_within"] = {"amount": amount, "unit": unit}
            changed.append(Decision("review-closed", review.decided_on, {"filed": filed, "decided": decided}))
    for key, review in before.items():
        if key not in after:
            changed.append(Decision("review-closed", review.filed_on, {"filed": _filed(review)}))
    return changed
