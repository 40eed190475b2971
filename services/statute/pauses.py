"""What stops the answer's clock: asking the applicant, a third party or an expert, and a fee."""

from collections.abc import Iterator
from datetime import date, timedelta

from services.statute.answer_clock import AnswerClock, Step, limit_clock, limit_due, named_date
from services.statute.clock import Interval
from services.statute.profile_tables import LAPSED, Pause
from services.statute.state import Deadline, Fact
from services.statute.timeline import End, legal_date
from services.words.remark import Remark, remark

_DAY = timedelta(days=1)
_ROUNDS = {"one": 1, "two": 2, "unlimited": 10**6}


def _reply(run: AnswerClock, left: Iterator[Fact], on: date) -> Fact | None:
    """The first reply from that day on that was not taken yet, if it came before the end.

    Notices come in the order of their days, so what is older than this one answers none that follows.
    """
    for fact in left:
        if legal_date(fact) >= on:
            run.used.add(id(fact))
            if run.end is None or legal_date(fact) <= run.end.on:
                return fact
            run.note(fact, "reply-after-end", on=legal_date(fact), ended_on=run.end.on)
            return None
    return None


def _lapse(run: AnswerClock, outcome: str, on: date) -> None:
    """The request is closed by the clock at the beginning of ``on``, unless it has ended before."""
    if run.end is not None and run.end.on < on:
        return
    if on <= run.horizon:
        run.end = End(on, "abandoned", outcome, None)
    else:
        run.wakes.append(on)


def _left_out(on: date, last: date | None, boundary: str) -> Interval | None:
    first = on if boundary == "both-excluded" else on + _DAY
    if last is not None and boundary == "both-count":
        last -= _DAY
    return None if last is not None and last < first else Interval(first, last)


def _pause(
    run: AnswerClock,
    pause: Pause,
    fact: Fact,
    on: date,
    reply: date | None,
    about: Remark,
    cap: date | None,
    until: date | None = None,
) -> None:
    """Stop the clock from ``on`` to ``reply``; ``cap`` bounds the days that don't count.

    ``until`` is the bound of a stop that is still on.
    """
    if pause.effect == "none":
        return
    if pause.effect == "extend":
        # Once for a request, however many are asked.
        if not run.grown:
            run.grown = True
            run.ledger.grow(pause.extend_by)
            run.steps.append(
                Step("extend", fact, on, pause.article, pause.confirmed, amount=pause.extend_by, about=about)
            )
        return
    before = run.due()
    last = reply if cap is None or (reply is not None and reply <= cap) else cap
    days = _left_out(on, last, "both-excluded" if pause.effect == "restart" else run.profile.says("excluded-boundary"))
    if days is None:
        if before is not None:
            run.note(fact, "buys-no-time", on=on, due_on=before)
        return
    if last is None:
        run.last_known = run.due() or run.last_known
    resumed = last if last is None or last == reply else last + _DAY
    days = Interval(days.first, days.last, about, pause.article, until)
    start = None
    if pause.effect == "restart" and reply is not None:
        fresh = limit_clock(run.profile.answer, reply, run.profile, run.calendar)
        if fresh.start > run.ledger.start:  # of two replies the later one sets the limit anew
            start, run.event = fresh.start, reply
            if run.timeline.item is not None:
                run.restarts.append((on, run.clock))
            run.ledger.stop(on, days)
            if run.ledger.deferred:
                deferral = next(step for step in reversed(run.steps) if step.kind in ("defer", "agree"))
                run.note(deferral.fact, "deferral-void", until=deferral.until)
            run.ledger.restart(start)
    else:
        run.ledger.stop(on, days)
    if before is not None and start is None and run.due() == before:
        run.note(fact, "buys-no-time", on=on, due_on=before)
    elif last is None and until is None and not pause.lapse:
        run.note(fact, "stop-without-limit", since=days.first)
    run.steps.append(
        Step(pause.effect, fact, on, pause.article, pause.confirmed, days, resumed, start=start, about=about)
    )


def clarify(run: AnswerClock, fact: Fact, on: date) -> None:
    """The applicant is asked to complete the request; some statutes stop the clock for it."""
    profile, by = run.profile, fact.data.respond_by
    pause = profile.clarification
    if pause.effect == "none":
        run.note(fact, "stops-no-clock", what=fact.name, on=on)
        return
    run.notices += 1
    late = pause.notice is not None and on > (limit := limit_due(pause.notice, run.event, profile, run.calendar))
    if by < on:
        # A slip of the pen: it neither stops the clock, which is safe for the limit, nor ends the request in a lapse.
        run.note(fact, "respond-by-before-notice", respond_by=by, on=on)
        return
    named, by = by, named_date(by, profile, run.calendar)
    if by != named:
        run.note(fact, "respond-by-rolls", respond_by=named, by=by)
    if run.rounds >= _ROUNDS[profile.says("clarification-rounds")]:
        run.unlawful(fact, "clarification-too-often", number=run.rounds + 1, allowed=run.rounds)
        return
    if not run.in_time(fact, on, what="clarification-notice"):
        return
    if late:
        void = profile.says("late-clarification-notice") == "loses-effect" or None
        lawful = run.unlawful(fact, "clarification-notice-late", on=on, due_on=limit, void=void)
        if not lawful or void:
            return
    run.rounds += 1
    reply = _reply(run, run.corrections, on)
    replied = legal_date(reply) if reply else None
    stays_closed = pause.lapse and profile.says("late-correction") == "stays-closed"
    if reply is not None and replied is not None and replied > by:
        excused = reply.data.excused
        void = (stays_closed and not excused) or None
        run.note(reply, "correction-excused" if excused else "correction-late", on=replied, respond_by=by, void=void)
        if void:
            replied = None
    _pause(run, pause, fact, on, replied, remark("stopped-clarification"), None)
    run.deadlines.append(Deadline("clarification-reply", on, by, pause.article, done_on=replied, about=fact.id))
    if pause.lapse and replied is None:
        _lapse(run, LAPSED["clarification"], by + _DAY)


def consult(run: AnswerClock, fact: Fact, on: date) -> None:
    """A third party or an expert is asked; until the answer or its limit the clock can stand still."""
    key, party = fact.data.consultation, fact.data.party
    pause = run.profile.consulting[party]
    if key in run.consulted:
        run.note(fact, "consultation-opened-again", consultation=key)
        return
    closing = run.timeline.replies.get(key)
    closed = closing.data.closed_on if closing else None
    if closing is not None and closed is not None and closed < on:
        run.note(closing, "consultation-closed-early", consultation=key, closed_on=closed, opened_on=on)
        closed = on
    reached = run.timeline.reached.get(key)
    start = fact.data.reached_on or (reached.data.reached_on if reached else on)
    due = limit_due(pause.limit, start, run.profile, run.calendar) if pause.limit else None
    article = pause.limit.article if pause.limit else pause.article
    silence = pause.silence if pause.silence != "none" else ""
    run.consulted.add(key)
    run.deadlines.append(
        Deadline("consultation", start, due, article, done_on=closed, about=key, silence=silence, party=party)
    )
    if pause.effect == "none":
        run.note(fact, "stops-no-clock", what=fact.name, on=on)
        return
    if not run.in_time(fact, on, "consultation-after-limit", consultation=key):
        return
    bounded = pause.effect == "exclude" and run.profile.says("exclusion-cap") == "limit"
    cap, until = (due if bounded else None), None
    if closed is None and due is not None and (bounded or silence):
        # Silence ends the asking with the other one's limit; until then a reply can come any day.
        cap = due if due < run.horizon else None
        if cap is None:
            until = due
            run.wakes.append(due + _DAY)
    about = remark("stopped-consultation", consultation=key, party=party)
    _pause(run, pause, fact, on, closed, about, cap, until)


def charge(run: AnswerClock, fact: Fact, on: date) -> None:
    """A fee is asked; where it is not paid in its time the request can lapse."""
    pause = run.profile.fee
    if pause.effect == "none":
        run.note(fact, "stops-no-clock", what=fact.name, on=on)
        return
    if not run.in_time(fact, on, what="fee-notice"):
        return
    if run.unpaid:
        run.note(fact, "fee-asked-again")
        return
    payment = _reply(run, run.payments, on)
    paid = legal_date(payment) if payment else None
    due = limit_due(pause.limit, on, run.profile, run.calendar) if pause.limit else None
    if pause.lapse and due is not None and payment is not None and paid is not None and paid > due:
        run.note(payment, "fee-paid-late", on=paid, due_on=due)
        paid = None
    _pause(run, pause, fact, on, paid, remark("stopped-fee"), None)
    article = pause.limit.article if pause.limit else pause.article
    run.deadlines.append(Deadline("fee-payment", on, due, article, done_on=paid, about=fact.id))
    run.unpaid = paid is None
    if pause.lapse and paid is None and due is not None:
        _lapse(run, LAPSED["fee"], due + _DAY)
