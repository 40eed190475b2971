"""Duties: limits that an organ has besides the answer's; each by a rule of its statute's file. Pure.

A duty is opened by ``duty-opened``, or by a review that was served where a rule says so (:func:`duty_of` is its id
then). It is kept by ``duty-done``. One that a review opened ends with the review's decision at the latest.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from hashlib import sha256
from typing import NamedTuple

from services.statute import clock as clocks
from services.statute.account import Line, cited
from services.statute.answer_clock import limit_due
from services.statute.calendar import Calendar
from services.statute.errors import NoVersion, OutOfRange
from services.statute.profile import Profile
from services.statute.profile_tables import DutyRule, Limit
from services.statute.state import Duty, RequestState, Review
from services.statute.timeline import Timeline, reviews
from services.statute.versions import profile_for
from services.words.catalogue import name
from services.words.remark import Remark, remark

_DAY = timedelta(days=1)
_LONGEST = 200
"""What an id in the contract may have at most."""


class Owed(NamedTuple):
    """The duties that facts amount to, in the order of their ids, and the remarks on some of the facts."""

    duties: tuple[Duty, ...]
    remarks: tuple[Remark, ...]


def rule_for(profile: Profile, kind: str, event_on: date) -> tuple[Profile, DutyRule | None]:
    """The version in force on the day of a duty's event, and its rule for the kind; None where it has no such duty."""
    try:
        version = profile_for(profile.statute, event_on)
    except NoVersion:
        version = profile
    return version, next((r for r in version.duties if r.kind == kind and r.from_ <= event_on <= r.through), None)


def duties(timeline: Timeline, organ: str, profile: Profile, calendar: Calendar, today: date) -> Owed:
    """The duties of ``organ`` by the facts; ``profile`` is any version of the statute that it is under."""
    if not (timeline.duties or timeline.duties_done or timeline.filed):
        return Owed((), ())
    by_id: dict[str, Duty] = {}
    remarks: list[Remark] = []
    for review in reviews(timeline):
        by_id |= {duty.duty: duty for duty in _by_review(review, timeline, organ, profile, calendar, today)}
    for fact in timeline.duties:
        data = fact.data
        if data.duty in by_id:
            remarks.append(remark("duty-opened-again", fact, duty=data.duty))
            continue
        if data.organ != organ:
            remarks.append(remark("duty-of-another", fact, duty=data.duty, organ=data.organ))
            continue
        version, rule = rule_for(profile, data.kind, data.event_on)
        if rule is None:
            remarks.append(remark("duty-unknown", fact, kind=data.kind, statute=version.id, on=data.event_on))
            continue
        done = timeline.duties_done.get(data.duty)
        opened = _Opened(data.duty, data.event_on, data.about or "", done.data.done_on if done else None)
        by_id[data.duty] = _duty(opened, organ, version, rule, calendar, today)
        if by_id[data.duty].due_on is None:
            remarks.append(remark("duty-not-counted", fact, duty=data.duty))
    for key, fact in timeline.duties_done.items():
        if key not in by_id:
            remarks.append(remark("duty-not-opened", fact, duty=key))
        elif (on := fact.data.done_on) < (event_on := by_id[key].event_on):
            values = {"what": "duty-done", "on": on, "before": "duty-event", "before_on": event_on}
            remarks.append(remark("dates-reversed", fact, **values))
    return Owed(tuple(by_id[key] for key in sorted(by_id)), tuple(remarks))


def duty_of(review: str, kind: str) -> str:
    """The id of the duty that a review opens: ``<review>:<kind>``; with a digest in the place of the review's end where
    that is longer than an id can be."""
    if len(key := f"{review}:{kind}") <= _LONGEST:
        return key
    tail = f"~{sha256(key.encode()).hexdigest()[:16]}:{kind}"
    return (review[: max(0, _LONGEST - len(tail))] + tail)[:_LONGEST]


class _Opened(NamedTuple):
    duty: str
    event_on: date
    about: str
    done_on: date | None
    ended_on: date | None = None


def _by_review(
    review: Review, timeline: Timeline, organ: str, profile: Profile, calendar: Calendar, today: date
) -> Iterator[Duty]:
    if review.served_on is None:
        return
    kinds = dict.fromkeys(rule.kind for rule in profile.duties) | dict.fromkeys(
        rule.kind for rule in rule_for(profile, "", review.served_on)[0].duties
    )
    for kind in kinds:
        version, rule = rule_for(profile, kind, review.served_on)
        if rule is None or review.kind not in rule.reviews:
            continue
        key = duty_of(review.review, kind)
        done = timeline.duties_done.get(key)
        opened = _Opened(key, review.served_on, review.review, done.data.done_on if done else None, review.decided_on)
        yield _duty(opened, organ, version, rule, calendar, today)


def _duty(opened: _Opened, organ: str, version: Profile, rule: DutyRule, calendar: Calendar, today: date) -> Duty:
    due, provisional = _due(rule, opened.event_on, version, calendar)
    over = min((day for day in (opened.done_on, opened.ended_on) if day is not None), default=None)
    late = due is not None and (over or today) > due
    # What was done after the review was decided had ended with that, and was not done on that day.
    state = "open" if over is None else "done" if opened.done_on == over else "ended"
    return Duty(
        duty=opened.duty,
        organ=organ,
        kind=rule.kind,
        event_on=opened.event_on,
        statute=version.id,
        article=rule.article,
        confirmed=rule.confirmed,
        unit=clocks.days_of(rule.unit or "calendar-day"),
        state=state,
        due_on=due,
        provisional=provisional and over is None,
        done_on=over,
        overdue_from=due + _DAY if late and due is not None else None,
        about=opened.about,
    )


def _due(rule: DutyRule, event_on: date, version: Profile, calendar: Calendar) -> tuple[date | None, bool]:
    """The last day, and whether a notice of the calendar that is still to come can move it."""
    if rule.by is not None:
        due = date(event_on.year, *rule.month_and_day)
        return due if due > event_on else due.replace(year=event_on.year + 1), False
    limit = _limit(rule)
    try:
        due = limit_due(limit, event_on, version, calendar)
    except OutOfRange:
        return None, False
    return due, clocks.asks_calendar(limit) and calendar.is_provisional(due, event_on)


def _limit(rule: DutyRule) -> Limit:
    assert rule.amount is not None and rule.unit is not None  # the file was checked
    return Limit(
        amount=rule.amount,
        unit=rule.unit,
        article=rule.article,
        roll=rule.roll,
        start=rule.start,
        confirmed=rule.confirmed,
    )


def alone(timeline: Timeline, profile: Profile, calendar: Calendar, today: date) -> RequestState:
    """A subject that is no request but has duties: the organ of the first one has them all."""
    organ: str = timeline.duties[0].data.organ
    owed = duties(timeline, organ, profile, calendar, today)
    return RequestState(
        state="duty",
        organ=organ,
        statute=profile.id,
        calendar=calendar.title,
        duties=owed.duties,
        remarks=(*timeline.remarks, *owed.remarks),
    )


def explained(owed: Sequence[Duty], profile: Profile) -> Iterator[Line]:
    """Why each duty's last day is what it is; ``profile`` is any version of the statute."""
    for duty in owed:
        _, rule = rule_for(profile, duty.kind, duty.event_on)
        if rule is None:
            continue
        basis = cited(duty.article, duty.confirmed)
        zh, en = f"法定职责：{rule.title.zh}（{duty.duty}）", f"duty: {rule.title.en} ({duty.duty})"
        yield Line("duty", duty.event_on, None, *_counted(rule, zh, en), basis, limit="duty")
        if duty.due_on is not None:
            text = (
                ("最后一日", "the last day")
                if not duty.provisional
                else ("最后一日（暂定）", "the last day, provisional")
            )
            yield Line("due", duty.due_on, duty.due_on, *text, basis, limit="duty")
        if duty.overdue_from is not None:
            zh, en = ("逾期履行", "done late") if duty.done_on else ("逾期未履行", "overdue")
            yield Line("overdue", duty.overdue_from, duty.done_on, zh, en, limit="duty")


def _counted(rule: DutyRule, zh: str, en: str) -> tuple[str, str]:
    if rule.by is not None:
        month, day = rule.month_and_day
        return f"{zh}，至{month}月{day}日止", f"{en}, by {day:02}-{month:02} (day-month) that follows"
    assert rule.unit is not None
    zh = f"{zh}，{rule.amount}{name('unit', rule.unit, 'zh')}内"
    return zh, f"{en}, within {rule.amount} {name('unit', rule.unit, 'en')}"
