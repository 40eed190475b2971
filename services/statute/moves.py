"""The answer's clock, moved by one fact after the other: what stops it, sets it anew, extends it or puts it off.

:data:`MOVES` is the whole behaviour: from the name of a fact to the function that says what it does to the run. Each
first asks whether the limit still runs: what comes after the limit or after the end is unlawful and does nothing.
"""

from collections.abc import Callable
from datetime import date

from services.statute.answer_clock import AnswerClock, Step, limit_clock
from services.statute.calendar import Calendar
from services.statute.ledger import Ledger
from services.statute.office.special import special_step, special_unasked
from services.statute.pauses import charge, clarify, consult
from services.statute.profile import Profile
from services.statute.state import Deadline, Fact
from services.statute.timeline import Timeline, legal_date


def walk(timeline: Timeline, profile: Profile, calendar: Calendar, received_on: date, today: date) -> AnswerClock:
    """The run of the answer's clock through all facts."""
    first = min(timeline.ends, key=lambda end: end.order, default=None)
    run = AnswerClock(
        timeline=timeline,
        profile=profile,
        calendar=calendar,
        received_on=received_on,
        horizon=max(today, timeline.last),
        ledger=Ledger(limit_clock(profile.answer, received_on, profile, calendar), calendar),
        event=received_on,
        end=first,
        corrections=iter(timeline.corrections),
        payments=iter(timeline.payments),
    )
    for fact in timeline.moves:
        on = legal_date(fact)
        if run.end is not None and (on > run.end.on or (on == run.end.on and run.end.how == "abandoned")):
            run.unlawful(fact, "fact-after-end", what=fact.name, on=on, ended_on=run.end.on)
            continue
        if on < received_on:
            # What has not begun can't be lengthened or lapse: the earlier limit is safe, and the request stays open.
            run.note(fact, "fact-before-receipt", what=fact.name, on=on, received_on=received_on)
            continue
        MOVES[fact.name](run, fact, on)
    _leftover(run)
    return run


def _leftover(run: AnswerClock) -> None:
    """Replies to what was never asked (or asked without effect)."""
    special_unasked(run)
    timeline, profile = run.timeline, run.profile
    if not (timeline.corrections or timeline.payments or timeline.replies or timeline.reached):
        return
    opened = {f.data.consultation for f in timeline.moves if f.name == "consultation-opened"}
    for key, fact in (*timeline.reached.items(), *timeline.replies.items()):
        if key not in opened:
            run.note(fact, "consultation-not-opened", consultation=key)
    for facts, pause, what in (
        (timeline.corrections, profile.clarification, "correction-not-asked"),
        (timeline.payments, profile.fee, "payment-not-asked"),
    ):
        for fact in facts:
            if pause.effect != "none" and id(fact) not in run.used:
                run.note(fact, what)


def _extend(run: AnswerClock, fact: Fact, on: date) -> None:
    """An extension counts only if the applicant is notified within the limit that it extends, where the law asks it."""
    rule, amount = run.profile.extension, fact.data.amount
    if run.granted >= rule.count:
        run.unlawful(fact, "extension-too-often", number=run.granted + 1, allowed=rule.count)
        return
    if rule.notify == "inside-limit" and not run.in_time(fact, on, what="extension"):
        return
    room = rule.cap if run.profile.says("extension-cap") == "each" else rule.cap - run.extended
    if amount > room:
        values = {"amount": amount, "cap": rule.cap, "counted": max(room, 0), "void": room <= 0 or None}
        if not run.unlawful(fact, "extension-beyond-cap", **values):
            return
        amount = max(room, 0)
    run.granted, run.extended = run.granted + 1, run.extended + amount
    if not amount:
        return
    if rule.counts_from == "budget":
        run.ledger.grow(amount)
    else:
        run.ledger.lengthen(amount, run.profile.extension_unit)
    run.steps.append(Step("extend", fact, on, rule.article, rule.confirmed, amount=amount))


def _defer(run: AnswerClock, fact: Fact, on: date) -> None:
    until: date = fact.data.until
    if run.profile.volume.effect == "none":
        run.unlawful(fact, "deferral-unknown", until=until, statute=run.profile.id)
        return
    if not run.in_time(fact, on, what="deferral"):
        return
    due, before = run.due(), run.ledger.deferred
    if due is not None and until <= due:
        # It is kept all the same: what made the date later can end with the request, and then the deferral holds.
        run.note(fact, "deferral-not-later", until=until, due_on=due)
    article = run.profile.volume.article
    if before is None or until > before[1]:
        run.ledger.put_off(on, until)
    run.deadlines.append(Deadline("volume-deferral", on, until, article, about=fact.id))
    run.steps.append(Step("defer", fact, on, article, True, until=until))


def _agree(run: AnswerClock, fact: Fact, on: date) -> None:
    """A last day agreed with the applicant holds where the statute knows that and the limit still ran."""
    until: date = fact.data.until
    rule, due, before = run.profile.agreed, run.due(), run.ledger.deferred
    if rule is None:
        run.unlawful(fact, "agreement-unknown", until=until, statute=run.profile.id)
        return
    if not run.in_time(fact, on, what="agreement"):
        return
    if due is not None and until <= due:
        run.note(fact, "agreed-not-later", until=until, due_on=due)
    if before is None or until > before[1]:
        run.ledger.put_off(on, until)
    run.deadlines.append(Deadline("date-agreed", on, until, rule.article, about=fact.id))
    run.steps.append(Step("agree", fact, on, rule.article, rule.confirmed, until=until))


MOVES: dict[str, Callable[[AnswerClock, Fact, date], None]] = {
    "clarification-requested": clarify,
    "consultation-opened": consult,
    "fee-notified": charge,
    "extension-granted": _extend,
    "volume-deferred": _defer,
    "date-agreed": _agree,
    "special-step-opened": special_step,
}
