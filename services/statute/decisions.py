"""What follows when a request's view changes: the difference of two views, in the case events' names."""

from dataclasses import asdict
from datetime import date
from typing import Any

from services.statute.profile import Profile
from services.statute.view import Decision, Review, View

ENDED = ("answered", "closed")


def changes(old: View, new: View, profile: Profile | None, today: date) -> list[Decision]:
    """The decisions that lead from ``old`` to ``new``, in the order in which they take effect.

    ``profile`` is the version of the statute that ``new`` was derived with; None while there is none.
    """
    found = [] if profile is None or new.received_on is None else _dates(old, new, profile, today)
    if new.state == "retracted" and old.state != "retracted" and old.submitted_on is not None:
        found.append(Decision("request-closed", today, {"closed_on": today, "reason": "retracted"}))
    return found + _reviews(old, new)


def _dates(old: View, new: View, profile: Profile, today: date) -> list[Decision]:
    found: list[Decision] = []
    received_on = new.received_on
    assert received_on is not None
    articles = {
        "receipt": profile.receipt_article,
        "answer": profile.answer.article,
        "extension": profile.extension.article,
        "consultation": profile.consultation["third-party"].article,
    }
    if old.received_on is None or old.state == "retracted":
        found.append(
            Decision("request-opened", received_on, {"received_on": received_on, "article": articles["receipt"]})
        )
        old = View()
    if old.closing and not new.closing:
        found.append(Decision("request-reopened", today, {"reason": f"{old.closing} on {old.closed_on} taken back"}))
    if new.stopped_since and not old.stopped_since:
        values: dict[str, Any] = {"since": new.stopped_since, "reason": new.stopped_for}
        found.append(Decision("clock-stopped", new.stopped_since, _answer(values, articles["consultation"])))
    if new.due_on and old.stopped_since and not new.stopped_since and not new.closing:
        values = {"on": today, "due_on": new.due_on}
        found.append(Decision("clock-resumed", today, _answer(values, articles["consultation"])))
    if new.due_on and (new.due_on, new.provisional) != (old.due_on, old.provisional) and not _only_ended(old, new):
        article = articles["extension"] if new.extended > old.extended else articles["answer"]
        values = {"due_on": new.due_on, "provisional": new.provisional, "calendar": new.calendar}
        if old.due_on:
            values["old_due_on"] = old.due_on
        found.append(Decision("due-date-set", received_on if not old.due_on else today, _answer(values, article)))
    for day, left in new.warned:
        if (day, left) not in old.warned:
            values = {"due_on": new.due_on, "days_left": left, "limit": "answer"}
            found.append(Decision("deadline-approaching", day, values))
    if new.overdue_from and new.overdue_from != old.overdue_from:
        values = {"due_on": new.due_on, "overdue_from": new.overdue_from, "limit": "answer"}
        found.append(Decision("request-overdue", new.overdue_from, values))
    return found + _end(old, new, articles["answer"])


def _only_ended(old: View, new: View) -> bool:
    """Whether the date stands and just stopped being provisional because the request ended."""
    return bool(new.closing) and old.due_on == new.due_on


def _answer(values: dict[str, Any], article: str) -> dict[str, Any]:
    return {"limit": "answer", "article": article, **values}


def _end(old: View, new: View, article: str) -> list[Decision]:
    said = (new.closing, new.closed_on, new.outcome, new.timeliness, new.working_days)
    if not new.closing or new.closed_on is None:
        return []
    if said == (old.closing, old.closed_on, old.outcome, old.timeliness, old.working_days):
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


def _filed(review: Review) -> dict[str, Any]:
    names = ("review", "organ", "kind", "filed_on", "first_handling_disputed")
    return {n: v for n, v in asdict(review).items() if n in names}


def _reviews(old: View, new: View) -> list[Decision]:
    before, after = {r.review: r for r in old.reviews}, {r.review: r for r in new.reviews}
    found = []
    for key, review in after.items():
        was = before.get(key)
        filed = _filed(review)
        if was is None or _filed(was) != filed or (was.decided_on and not review.decided_on):
            found.append(Decision("review-opened", review.filed_on, {"filed": filed}))
        if review.decided_on and was != review:
            decided = {"review": key, "decided_on": review.decided_on, "result": review.result}
            found.append(Decision("review-closed", review.decided_on, {"filed": filed, "decided": decided}))
    for key, review in before.items():
        if key not in after:
            found.append(Decision("review-closed", review.filed_on, {"filed": _filed(review)}))
    return found
