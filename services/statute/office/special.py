"""Special steps of an item: what they do to the answer's clock. Pure."""

from datetime import date, timedelta

from services.statute.answer_clock import AnswerClock, Step
from services.statute.clock import Interval
from services.statute.office.items import SPECIAL_ARTICLE, leaves_out_special, special_due
from services.statute.state import Deadline, Fact
from services.words.remark import remark

_DAY = timedelta(days=1)


def special_step(run: AnswerClock, fact: Fact, on: date) -> None:
    """Leave out the days after ``on`` through the step's end, but no more than its limit.

    While it is open and its limit has not passed, when it will end is not known. Under a law that knows no such steps
    its own limit is watched, and nothing else.
    """
    code, item = fact.data.step, run.timeline.item
    if item is None or code not in item.special:
        run.note(fact, "special-step-unknown", step=code)
        return
    if any(
        d.limit == "special-step" and d.about == code and (d.done_on is None or d.done_on > on) for d in run.deadlines
    ):
        run.note(fact, "special-step-opened-again", step=code)
        return
    closing = next((f for f in run.timeline.special_closed if _closes(f, code, on) and id(f) not in run.used), None)
    closed_on: date | None = None
    if closing is not None:
        run.used.add(id(closing))
        closed_on = closing.data.closed_on
    due = special_due(item, code, on, run.profile, run.calendar)
    stops = leaves_out_special(run.profile)
    article = SPECIAL_ARTICLE if stops else ""
    run.deadlines.append(Deadline("special-step", on, due, article, done_on=closed_on, about=code))
    if not stops:
        run.note(fact, "stops-no-clock", what=fact.name, on=on)
        return
    if not run.in_time(fact, on, what="special-step"):
        return
    last = min((day for day in (closed_on, due) if day is not None), default=None)
    if closed_on is None and due is not None and due >= run.horizon:
        run.wakes.append(due + _DAY)
        last = None
    if last is not None and last <= on:
        return
    if last is None:
        run.last_known = run.due() or run.last_known
    about = remark("stopped-special-step", step=code)
    days = Interval(on + _DAY, last, about, SPECIAL_ARTICLE, due if last is None else None)
    run.ledger.stop(on, days)
    resumed = last if last is None or last == closed_on else last + _DAY
    run.steps.append(Step("exclude", fact, on, SPECIAL_ARTICLE, False, days, resumed, about=about))


def special_unasked(run: AnswerClock) -> None:
    """Ends of special steps that never began."""
    for fact in run.timeline.special_closed:
        if id(fact) not in run.used:
            run.note(fact, "special-step-not-opened", step=fact.data.step)


def _closes(fact: Fact, code: str, on: date) -> bool:
    closed_on: date = fact.data.closed_on
    return bool(fact.data.step == code) and closed_on >= on
