"""The case's life: what a request's facts mean in law, whatever the order in which they came.

:func:`read` puts the facts into the order of their legal dates, :func:`~services.statute.moves.walk` moves the answer's
clock by one after the other, :func:`assess_under` says how the request stands on a day. So the same facts make the
same case.
"""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from services.statute import timeline as timelines
from services.statute.answer_clock import AnswerClock, limit_due
from services.statute.calendar import Calendar
from services.statute.deadlines import WITH_DELIVERY
from services.statute.doubts import doubt
from services.statute.moves import walk
from services.statute.office.supervision import supervised
from services.statute.orders import ordered
from services.statute.profile import Profile
from services.statute.standing import state_on
from services.statute.state import Fact, RequestState
from services.statute.timeline import MEANINGS, Timeline, in_legal_order, legal_date, reviews
from services.statute.timeline import delivered_on as delivery
from services.statute.versions import profile_for, successor
from services.words.remark import remark

__all__ = [
    "MEANINGS",
    "Assessment",
    "assess",
    "assess_under",
    "in_legal_order",
    "legal_date",
    "read",
    "receipt",
    "reviews",
]

ANOTHER_READING = "another reading, asked for with the case"


def read(facts: Iterable[Fact]) -> Timeline:
    """What the facts amount to before any law is applied, with remarks on what can't all be right."""
    timeline = timelines.read(facts)
    doubt(timeline)
    return timeline


def receipt(timeline: Timeline, profile: Profile) -> date | None:
    """The day of receipt by the profile's rule for the channel; None while it has not come."""
    if timeline.received is None:
        return None
    data = timeline.received.data
    for name in profile.receipt_rule(data.channel, data.mail):
        day: date | None = getattr(data, name)
        if name == "confirmed_on":
            day = day or timeline.confirmed_on
        if day is not None:
            return _at_latest(day, data.submitted_on, profile)
    return None


def _at_latest(day: date, submitted_on: date, profile: Profile) -> date:
    at_latest = profile.receipt.at_latest
    return day if at_latest is None else min(day, submitted_on + timedelta(days=at_latest))


class Assessment(Struct, frozen=True):
    """A request as it stands on a day, and how the law came to that."""

    state: RequestState
    profile: Profile
    """The version of the statute that holds for it."""
    timeline: Timeline
    run: AnswerClock | None = None
    """The answer's clock; None while the receipt is not confirmed."""


def assess(
    timeline: Timeline, statute: str, calendar: Calendar, today: date, read_as: Mapping[str, str] = MappingProxyType({})
) -> Assessment:
    """The request at ``today`` under the version of ``statute`` that holds for it.

    ``read_as`` are settings read another way than the statute's file does. Raises
    :class:`~services.statute.errors.StatuteError`.
    """
    assert timeline.received is not None
    profile = _read_as(profile_for(statute, timeline.received.data.submitted_on), read_as)
    received_on = receipt(timeline, profile)
    if received_on is not None and received_on > profile.in_force.through:
        # The version is the one in force on the day of receipt; which day that is, an older version may say.
        profile = _read_as(profile_for(statute, received_on), read_as)
    assessed = assess_under(timeline, profile, calendar, today)
    if assessed.state.statute_other and profile.id != statute and profile.says("transition") == "pending-takes-new":
        newer = successor(profile)
        assert newer is not None
        other = assess_under(timeline, _read_as(newer.on(newer.in_force.from_), read_as), calendar, today)
        return replace(other, state=replace(other.state, statute_other=profile.id, due_on_other=assessed.state.due_on))
    return assessed


def _read_as(profile: Profile, settings: Mapping[str, str]) -> Profile:
    return profile.with_settings(settings, ANOTHER_READING) if settings else profile


def assess_under(timeline: Timeline, profile: Profile, calendar: Calendar, today: date) -> Assessment:
    """The request as it stands at ``today`` under one version of a statute; call it only once it is received."""
    if timeline.item is not None:
        profile = timeline.item.applied(profile)
    received_on = receipt(timeline, profile)
    if received_on is None:
        unconfirmed = _unconfirmed(timeline, profile, calendar)
        return Assessment(supervised(unconfirmed, timeline, profile, calendar, today), profile, timeline)
    run = walk(timeline, profile, calendar, received_on, today)
    _check(run)
    if run.end is not None:
        run.cut(run.end.on)
    state = state_on(run, today)
    orders = ordered(run, state.reviews) if state.ordered_by else []
    return Assessment(supervised(state, timeline, profile, calendar, today, orders), profile, timeline, run)


def _unconfirmed(timeline: Timeline, profile: Profile, calendar: Calendar) -> RequestState:
    """No limit runs yet; what it would be, had the submission been the receipt."""
    assert timeline.received is not None
    data = timeline.received.data
    since = data.submitted_on
    by = limit_due(profile.answer, since, profile, calendar)
    ended = [remark("ended-unconfirmed", end.fact, how=end.how, on=end.on) for end in timeline.ends]
    return RequestState(
        organ=data.organ,
        channel=data.channel,
        applicant=data.applicant,
        submitted_on=since,
        statute=profile.id,
        calendar=calendar.title,
        item=data.item or "",
        reviews=reviews(timeline) if timeline.filed else (),
        state="unconfirmed",
        remarks=(*timeline.remarks, remark("receipt-unconfirmed", submitted_on=since, would_end_on=by), *ended),
    )


def _check(run: AnswerClock) -> None:
    """What is odd about the receipt and the ends."""
    timeline, profile, received_on = run.timeline, run.profile, run.received_on
    assert timeline.received is not None
    data = timeline.received.data
    if received_on > data.submitted_on and profile.receipt_rule(data.channel, data.mail)[0] == "confirmed_on":
        apart = (received_on - data.submitted_on).days
        due = limit_due(profile.answer, data.submitted_on, profile, run.calendar)
        values = {"submitted_on": data.submitted_on, "received_on": received_on, "would_end_on": due}
        if apart == 1:
            run.note(None, "receipt-confirmed-next-day", **values)
        else:
            run.note(None, "receipt-confirmed-later", days=apart, **values)
    if data.received_on is not None and received_on < data.received_on and profile.receipt.at_latest is not None:
        values = {"received_on": data.received_on, "submitted_on": data.submitted_on, "on": received_on}
        run.note(None, "receipt-at-latest", **values)
    if received_on < data.submitted_on:
        run.note(None, "received-before-submission", received_on=received_on, submitted_on=data.submitted_on)
    if run.end is None:
        return
    if run.end.how == "answered":
        _handed(run)
    if run.end.on < received_on:
        run.note(None, "ended-before-receipt", how=run.end.how, on=run.end.on, received_on=received_on)
    if timeline.reanswers and run.end.how != "answered":
        for fact in timeline.reanswers:
            run.note(fact, "ended-already", how="answered", on=legal_date(fact), ended_on=run.end.on)
    others = [end for end in timeline.ends if end.fact is not run.end.fact]
    for end in sorted(others, key=lambda end: end.order):
        run.note(end.fact, "ended-already", how=end.how, on=end.on, ended_on=run.end.on)


def _handed(run: AnswerClock) -> None:
    """An answer whose day is by law that of its delivery has no other day of delivery. Which of the two is right
    nobody can tell from here.
    """
    assert run.end is not None
    for fact in (run.end.fact, *run.timeline.reanswers):
        if fact is None or run.profile.answered_by[fact.data.service] not in WITH_DELIVERY:
            continue
        on, delivered_on = legal_date(fact), delivery(run.timeline, fact)
        if delivered_on is not None and delivered_on != on:
            run.note(fact, "handed-apart", on=on, delivered_on=delivered_on)
