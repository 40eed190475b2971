"""The case's life: what a request's facts mean in law, whatever the order in which they came.

The facts are first put into the order of their legal dates; each then does to the draft what :data:`MEANINGS` says.
The draft's clock gives the dates. So the same facts make the same case, however they arrived.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from services.statute import clock as clocks
from services.statute.calendar import Calendar
from services.statute.clock import Clock, Interval
from services.statute.profile import Profile
from services.statute.view import Fact, Review, View

_DAY = timedelta(days=1)


@dataclass
class Draft:
    """What the facts read so far amount to."""

    received: Fact | None = None
    confirmed_on: date | None = None
    extensions: list[Fact] = field(default_factory=list)
    consultations: dict[str, Fact] = field(default_factory=dict)
    replies: dict[str, Fact] = field(default_factory=dict)
    ends: list[tuple[date, str, str]] = field(default_factory=list)
    filed: dict[str, Fact] = field(default_factory=dict)
    decided: dict[str, Fact] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)


def _received(draft: Draft, fact: Fact) -> None:
    if draft.received is not None:
        draft.flags.append(f"{fact.id}: the request was already received; the first one counts")
    else:
        draft.received = fact


def _confirmed(draft: Draft, fact: Fact) -> None:
    draft.confirmed_on = draft.confirmed_on or fact.data.confirmed_on


def _consulted(draft: Draft, fact: Fact) -> None:
    draft.consultations.setdefault(fact.data.consultation, fact)


def _replied(draft: Draft, fact: Fact) -> None:
    draft.replies.setdefault(fact.data.consultation, fact)


def _extended(draft: Draft, fact: Fact) -> None:
    draft.extensions.append(fact)


def _answered(draft: Draft, fact: Fact) -> None:
    draft.ends.append((fact.data.answered_on, "answered", fact.data.outcome))


def _withdrawn(draft: Draft, fact: Fact) -> None:
    draft.ends.append((fact.data.withdrawn_on, "withdrawn", "other"))


def _transferred(draft: Draft, fact: Fact) -> None:
    draft.ends.append((fact.data.transferred_on, "transferred", "other"))


def _filed(draft: Draft, fact: Fact) -> None:
    draft.filed.setdefault(fact.data.review, fact)


def _decided(draft: Draft, fact: Fact) -> None:
    draft.decided.setdefault(fact.data.review, fact)


def _noted(draft: Draft, fact: Fact) -> None:
    """Kept with the case; this statute gives it no effect on a clock."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """Which of a fact's dates places it in time, its place among facts of one day, and what it does."""

    dated: str
    rank: int
    apply: Callable[[Draft, Fact], None]


MEANINGS: dict[str, Meaning] = {
    "request-received": Meaning("submitted_on", 0, _received),
    "receipt-confirmed": Meaning("confirmed_on", 1, _confirmed),
    "clarification-requested": Meaning("requested_on", 2, _noted),
    "clarification-received": Meaning("received_on", 3, _noted),
    "consultation-opened": Meaning("sent_on", 4, _consulted),
    "consultation-closed": Meaning("closed_on", 5, _replied),
    "fee-notified": Meaning("notified_on", 6, _noted),
    "fee-paid": Meaning("paid_on", 7, _noted),
    "extension-granted": Meaning("notified_on", 8, _extended),
    "volume-deferred": Meaning("notified_on", 9, _noted),
    "answer-issued": Meaning("answered_on", 10, _answered),
    "request-withdrawn": Meaning("withdrawn_on", 11, _withdrawn),
    "request-transferred": Meaning("transferred_on", 12, _transferred),
    "review-filed": Meaning("filed_on", 13, _filed),
    "review-decided": Meaning("decided_on", 14, _decided),
}


def legal_date(fact: Fact) -> date:
    """The day on which the fact happened, in law."""
    day: date = getattr(fact.data, MEANINGS[fact.name].dated)
    return day


def in_legal_order(facts: Iterable[Fact]) -> list[Fact]:
    """The facts in the order of their legal dates; facts of one day by kind, then by what names them."""
    return sorted(facts, key=lambda f: (legal_date(f), MEANINGS[f.name].rank, f.source, f.id))


def read(facts: Iterable[Fact]) -> Draft:
    """What the facts amount to, before any law is applied."""
    draft = Draft()
    for fact in in_legal_order(facts):
        MEANINGS[fact.name].apply(draft, fact)
    return draft


def receipt(draft: Draft, profile: Profile) -> date | None:
    """The day of receipt by the profile's rule for the channel; None while it has not come."""
    if draft.received is None:
        return None
    data = draft.received.data
    given = {
        "submitted_on": data.submitted_on,
        "received_on": data.received_on,
        "confirmed_on": data.confirmed_on or draft.confirmed_on,
    }
    return next((given[name] for name in profile.receipt[data.channel] if given[name]), None)


def reviews(draft: Draft) -> tuple[Review, ...]:
    """The reviews that were filed, each with its decision if there is one."""
    found = []
    for key, fact in sorted(draft.filed.items()):
        filed, decided = fact.data, draft.decided.get(key)
        found.append(
            Review(
                review=key,
                organ=filed.organ,
                kind=filed.kind,
                filed_on=filed.filed_on,
                first_handling_disputed=filed.first_handling_disputed,
                decided_on=decided.data.decided_on if decided else None,
                result=decided.data.result if decided else "",
            )
        )
    return tuple(found)


def answer_clock(draft: Draft, profile: Profile, calendar: Calendar, received_on: date) -> tuple[Clock, int, list[str]]:
    """The clock of the answer with all that moves it, the units it was extended by, and what the law rejects.

    An extension counts only if the applicant was told within the limit that it extends; later ones are flagged.
    """
    start = received_on - _DAY if profile.start == "same-day" else received_on
    excluded = []
    for key, opened in draft.consultations.items():
        if profile.consultation[opened.data.party].effect == "exclude":
            closed = draft.replies.get(key)
            last = closed.data.closed_on if closed else None
            reason = f"consultation {key} ({opened.data.party})"
            if last is None or last > opened.data.sent_on:
                excluded.append(
                    Interval(opened.data.sent_on + _DAY, last, reason, profile.consultation[opened.data.party].article)
                )
    clock = Clock(start, profile.answer.amount, profile.answer.unit, tuple(excluded))
    extended, granted, flags = 0, 0, []
    for fact in draft.extensions:
        due = clocks.due_on(clock, calendar)
        amount = min(fact.data.amount, profile.extension.cap - extended)
        if granted >= profile.extension.count:
            flags.append(f"{fact.id}: extension number {granted + 1}; {profile.extension.count} allowed")
        elif profile.extension.notify == "inside-limit" and due is not None and fact.data.notified_on > due:
            flags.append(f"{fact.id}: extension notified on {fact.data.notified_on}, after the limit of {due}")
        else:
            if amount < fact.data.amount:
                flags.append(f"{fact.id}: extension of {fact.data.amount} cut to the cap of {profile.extension.cap}")
            granted, extended = granted + 1, extended + amount
            clock = Clock(start, profile.answer.amount + extended, profile.answer.unit, clock.excluded)
    return clock, extended, flags


def derive(draft: Draft, profile: Profile, calendar: Calendar, today: date) -> View:
    """The request as it stands at ``today``; call it only with a draft whose request is received."""
    assert draft.received is not None
    data = draft.received.data
    base = {
        "organ": data.organ,
        "channel": data.channel,
        "applicant": data.applicant,
        "submitted_on": data.submitted_on,
        "statute": profile.id,
        "calendar": f"{calendar.id} {calendar.version}",
        "reviews": reviews(draft),
    }
    received_on = receipt(draft, profile)
    if received_on is None:
        return View(**base, state="unconfirmed", flags=tuple(draft.flags))
    clock, extended, flags = answer_clock(draft, profile, calendar, received_on)
    end = min(draft.ends, default=None)
    for later in sorted(draft.ends)[1:]:
        flags.append(f"{later[1]} on {later[0]}: the request had ended on {end[0] if end else later[0]}")
    if end:
        cut = tuple(
            Interval(g.first, end[0], g.reason, g.article) if g.last is None and g.first <= end[0] else g
            for g in clock.excluded
            if g.last is not None or g.first <= end[0]
        )
        clock = Clock(clock.start, clock.budget, clock.unit, cut)
        if end[0] < received_on:
            flags.append(f"{end[1]} on {end[0]}, before the receipt on {received_on}")
    due = clocks.due_on(clock, calendar)
    halt = None if end else clocks.stopped_on(clock, today)
    state = ("answered" if end[1] == "answered" else "closed") if end else ("stopped" if halt else "open")
    late_by = end[0] if end else today
    rungs = _rungs(clock, calendar, profile, due) if not end else []
    overdue_from = due + _DAY if due and late_by > due else None
    ahead = [day for day, _ in rungs if day > today]
    if due and not end and due >= today:
        ahead.append(due + _DAY)
    if not end:
        ahead += [d for g in clock.excluded for d in (g.first, g.last and g.last + _DAY) if d and d > today]
    return View(
        **base,
        received_on=received_on,
        state=state,
        flags=tuple(draft.flags + flags),
        due_on=due,
        provisional=due is not None and not end and calendar.is_provisional(due),
        extended=extended,
        stopped_since=halt.first if halt else None,
        stopped_for=halt.reason if halt else "",
        warned=tuple(r for r in rungs if r[0] <= today),
        overdue_from=overdue_from,
        answered_on=end[0] if end and end[1] == "answered" else None,
        closed_on=end[0] if end else None,
        closing=end[1] if end else "",
        outcome=end[2] if end else "",
        timeliness=("late" if overdue_from else "in-time") if end and end[1] == "answered" else "",
        working_days=max(0, clocks.used(clock, calendar, end[0])) if end else None,
        wake_on=min(ahead, default=None),
    )


def _rungs(clock: Clock, calendar: Calendar, profile: Profile, due: date | None) -> list[tuple[date, int]]:
    """The days on which a warning is due, the first one first; none on or before the day of receipt."""
    if due is None:
        return []
    days = [(clocks.add(clock.unit, calendar, due, -n), n) for n in profile.ladder]
    return [(day, n) for day, n in days if day > clock.start]
