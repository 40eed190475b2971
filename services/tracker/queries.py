"""What the tracker shows: requests with their status as of today, read from the rows. Read-only.

A status is never stored: it is worked out from the dates whenever it is asked for, so that no missed job can make it
wrong. The statuses part the time of a request without gap or overlap.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from msgspec import Struct

from services.runtime.database import Pool
from services.runtime.offload import Offload
from services.statute.account import Line
from services.statute.due import cards
from services.statute.errors import StatuteError
from services.statute.office.days import waited_for
from services.statute.office.decisions import duty_now
from services.statute.state import RequestState
from services.statute.status import STATUSES as STATUSES
from services.statute.status import Status as Status
from services.statute.status import status
from services.tracker.core.account import account, other_readings
from services.tracker.core.case import Case
from services.tracker.core.next_facts import NextFacts, next_facts
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.strands import Strand, is_request, shown
from services.tracker.core.trail import Following, follows, handed_on
from services.tracker.core.view import worded
from services.tracker.letters import Letter, letters_about
from services.tracker.listing import READ_SECONDS, Today, pending_reviews
from services.tracker.snapshot import AT_WORK
from services.tracker.store import SCHEMA, decode_case, last_strands
from services.tracker.trail_store import followers
from services.words.catalogue import Said, said
from services.words.remark import Remark, remark

UNFINISHED: tuple[Status, ...] = ("overdue", "due-today", "open", "stopped", "unconfirmed", "waiting")
LINES = 5000
"""The most lines of an account in one answer; day by day, that is more than thirteen years."""
STRANDS = 100
"""How many reviews and tallies of an organ's own are shown at once."""


class Waits(Struct, frozen=True, kw_only=True):
    """Somebody whom a request waits for: while its clock stands still, or while a review of it is pending."""

    limit: str
    """``clarification-reply``, ``consultation``, ``fee-payment`` or ``special-step``: whose limit runs instead; or the
    kind of a pending review."""
    whom: str = ""
    """``applicant``, ``third-party``, ``other-organ``, ``special-step`` or ``review`` (whoever decides that); empty
    where several are asked at one time and it does not show."""
    about: str = ""
    """Which consultation, or which review."""
    since: date
    until: date | None = None
    """The last day of that limit; of a review none is known."""


class Held(Struct, frozen=True, kw_only=True):
    """A step inside the office that is not done."""

    step: str
    state: str
    """``assigned``, ``accepted`` or ``returned``."""
    assignment: str
    unit: str = ""
    """Who has it; empty: the office."""
    since: date
    due_on: date | None = None


class Item(Struct, frozen=True, kw_only=True):
    """A request in a list."""

    id: str
    status: Status
    organ: str
    channel: str = ""
    applicant: str = ""
    statute: str = ""
    submitted_on: date | None = None
    received_on: date | None = None
    due_on: date | None = None
    provisional: bool = False
    extended: int = 0
    stopped_for: str = ""
    overdue_from: date | None = None
    answered_on: date | None = None
    closed_on: date | None = None
    closing: str = ""
    outcome: str = ""
    timeliness: str = ""
    working_days: int | None = None
    waiting_for: str = ""
    flags: tuple[str, ...] = ()
    """What the law says against facts of it, in English."""
    remarks: list[Said] = []
    """The same as codes, with words in Chinese and English."""
    awaits: Said | None = None
    stop: Said | None = None
    """Why the clock stands still."""
    stopped_since: date | None = None
    item: str = ""
    committed_due_on: date | None = None
    days_left: int | None = None
    """Working days until the last day: 0 on it, negative behind it; None where nothing runs."""
    waits: list[Waits] = []
    """For whom it waits, since when, until when at most: while its clock stands still, or in a review."""
    held: list[Held] = []
    """Its steps inside the office that are not done, each with its holder."""


WHOLE = f"SELECT body FROM {SCHEMA}.cases WHERE subject = $1 AND (state <> 'waiting' OR waiting_for <> '')"
"""A request; what holds an organ's own numbers and waits for nothing is none."""


class Detail(Item, frozen=True, kw_only=True):
    """One request, whole: the facts known of it and how often it was decided."""

    as_of: datetime
    calendar: str = ""
    latest_due_on: date | None = None
    """While the clock stands still: the due date if the reply comes on the last day that it can."""
    readings: list[dict[str, Any]] = []
    """The due date by each other reading of what the law leaves open that gives another one: ``setting``, ``value``,
    ``due_on``, ``source``, and the same in words as ``zh``, ``en`` and ``basis``."""
    due_on_other: date | None = None
    """The due date by the statute's other version, where the request was pending when it changed."""
    statute_other: str = ""
    transferred_to: str = ""
    """The organ that a request which was transferred went to."""
    follows: list[Following] = []
    """The requests that it follows, each with why: what was transferred here, filed again, split or joined."""
    followed_by: list[str] = []
    """The requests whose receipts say that they follow it."""
    sequence: int = 0
    clocks: list[dict[str, Any]] = []
    """Every time limit that runs or ran, the answer's first."""
    explanation: list[dict[str, Any]] = []
    """Why the dates are what they are: ranges of days with reason and article, in Chinese and English."""
    days: list[dict[str, Any]] = []
    """Where they are asked for: the answer's limit day by day, in the same words."""
    reviews: list[dict[str, Any]] = []
    steps: list[dict[str, Any]] = []
    """The work inside the office: each step with its holder, since when, until when, and who had it before."""
    duties: list[dict[str, Any]] = []
    """Other limits that the organ has: each with its article, its last day and what became of it."""
    cards: list[dict[str, Any]] = []
    """Cards of the ladder of supervision that stand."""
    rejected: list[dict[str, Any]] = []
    """What was rejected and why: ``reason``, its code, and the same in Chinese as ``zh``."""
    facts: list[dict[str, Any]] = []
    dead_letters: list[Letter] = []
    """The latest facts about it that could not be applied and were put aside (``shixian dead-letters``)."""


class Listed(Struct, frozen=True):
    """What a list needs of a case's body; its facts are passed over unread."""

    subject: str
    view: RequestState = RequestState()


_SAME = [
    name
    for name in Item.__struct_fields__
    if hasattr(RequestState(), name) and name not in ("remarks", "awaits", "stop")
]
WAITS = ("clarification-reply", "consultation", "fee-payment", "special-step")
"""The limits that run for others while the answer's clock stands still."""
WHOM = {"clarification-reply": "applicant", "fee-payment": "applicant", "special-step": "special-step"}
"""Whose they are; a consultation's party says the reason for which the clock stands still."""


def fields_of(case: Case | Listed, today: date, reference_data: ReferenceData) -> dict[str, Any]:
    """What a request has in a list and by itself, as the fields of :class:`Item`."""
    view = case.view
    same = {name: getattr(view, name) for name in _SAME}
    same |= {
        "remarks": [said(each) for each in view.remarks],
        "awaits": said(view.awaits) if view.awaits else None,
        "stop": said(view.stop) if view.stop else None,
        "days_left": days_left(view, today, reference_data),
        "waits": waits_of(view),
        "held": [
            Held(
                step=each.step,
                state=each.state,
                assignment=each.assignment,
                unit=each.unit,
                since=each.since,
                due_on=each.due_on,
            )
            for each in view.steps
            if each.state in AT_WORK
        ],
    }
    overdue = view.overdue_from
    if overdue is None and status(view, today) == "overdue" and view.due_on is not None:
        overdue = date.fromordinal(view.due_on.toordinal() + 1)
    return same | {"id": case.subject, "status": status(view, today), "overdue_from": overdue}


def waits_of(view: RequestState) -> list[Waits]:
    """Whom a request waits for, since when and until when."""
    clocks = [each for each in view.clocks if each.limit in WAITS and each.done_on is None]
    one = waited_for(view.stop) if view.stop is not None and len(clocks) == 1 else ""
    found = [
        Waits(limit=each.limit, whom=WHOM.get(each.limit, one), about=each.about, since=each.start, until=each.due_on)
        for each in clocks
        if view.state == "stopped"
    ]
    return found + [
        Waits(limit=each.kind, whom="review", about=each.review, since=each.filed_on) for each in pending_reviews(view)
    ]


def days_left(view: RequestState, today: date, reference_data: ReferenceData) -> int | None:
    """Working days from today to a running request's last day; behind it they are negative."""
    if view.state != "open" or view.due_on is None or view.organ not in reference_data.organs:
        return None
    calendar = reference_data.calendar(reference_data.organs[view.organ].calendar)
    try:
        if today <= view.due_on:
            return calendar.count(today, view.due_on)
        return -calendar.count(view.due_on, today) or -1  # the day after a Friday is behind it, too
    except StatuteError:
        return None


def detail(
    case: Case, reference_data: ReferenceData, now: datetime, each_day: bool = False, with_days: bool = False
) -> Detail:
    """One request as the API gives it; ``each_day``: the explanation has a line for every day; ``with_days``: the days
    of the answer's limit stand beside it."""
    today = Today(reference_data, now).of(case.view.organ)
    case = msgspec.structs.replace(case, view=worded(case, reference_data))
    return Detail(
        **fields_of(case, today, reference_data),
        as_of=now,
        calendar=case.view.calendar,
        latest_due_on=case.view.latest_due_on,
        readings=[each.in_words() for each in other_readings(case, reference_data, today)],
        due_on_other=case.view.due_on_other,
        statute_other=case.view.statute_other,
        transferred_to=transferred_to(case),
        follows=follows(case),
        sequence=case.sequence,
        clocks=[msgspec.to_builtins(c) for c in case.view.clocks],
        explanation=_bounded(account(case, reference_data, today, each_day)),
        days=_days(account(case, reference_data, today, True)) if with_days else [],
        reviews=[msgspec.to_builtins(r) for r in case.view.reviews],
        steps=[msgspec.to_builtins(s) for s in case.view.steps],
        duties=[duty_now(each) for each in case.view.duties],
        cards=cards(case.view.rungs),
        rejected=[_refused(each) for each in case.view.refused],
        facts=[msgspec.to_builtins(f) for f in case.facts],
    )


def _days(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line["limit"] == "answer"][:LINES]


def transferred_to(case: Case) -> str:
    """The organ that the case's transfer names, where a transfer ended it."""
    gone = handed_on(case)
    return gone.to_organ if gone else ""


def _refused(refusal: Remark) -> dict[str, Any]:
    words = said(refusal)
    assert words.fact is not None
    return {"source": words.fact.source, "id": words.fact.id, "reason": words.en, "code": words.code, "zh": words.zh}


def _bounded(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if len(lines) <= LINES:
        return lines
    more = len(lines) - LINES
    zh, en = f"另有{more}行未列出", f"{more} more lines are not listed"
    return [*lines[:LINES], Line("flag", None, None, zh, en).plain()]


NOTHING_CAME = RequestState(awaits=remark("request-received"), waiting_for="request-received")


async def request(
    pool: Pool,
    offload: Offload,
    subject: str,
    reference_data: ReferenceData,
    now: datetime,
    each_day: bool = False,
    with_days: bool = False,
) -> Detail | None:
    """One request, or None where nothing ever came of it. Where all that came was put aside as dead letters, it waits
    for its request."""
    async with offload.turn():
        body = await pool.fetchval(WHOLE, subject, timeout=READ_SECONDS)
        letters = await letters_about(pool, subject)
        if body is None and not letters:
            return None
        case = Case(subject=subject, view=NOTHING_CAME)
        if body is not None:
            case = await offload.thread(decode_case, body)
        strands = await last_strands(pool, subject, STRANDS) if case.apart and not is_request(case) else []
        after = await followers(pool, subject, READ_SECONDS)
        one = await offload.thread(_detail, case, strands, letters, reference_data, now, each_day, with_days)
        return msgspec.structs.replace(one, followed_by=after)


def _detail(
    case: Case,
    strands: Sequence[Strand],
    letters: list[Letter],
    reference_data: ReferenceData,
    now: datetime,
    each_day: bool,
    with_days: bool,
) -> Detail:
    """Of what is kept apart under an organ's code the last :data:`STRANDS` are shown."""
    whole = shown(case, strands, reference_data) if strands else case
    without_letters = detail(whole, reference_data, now, each_day, with_days)
    return msgspec.structs.replace(without_letters, dead_letters=letters)


async def following(
    pool: Pool, offload: Offload, subject: str, reference_data: ReferenceData, now: datetime
) -> NextFacts | None:
    """What may come next for a request; None where no fact of it has come."""
    async with offload.turn():
        body = await pool.fetchval(WHOLE, subject, timeout=READ_SECONDS)
        if body is None:
            letters = await letters_about(pool, subject)
            return next_facts(Case(subject=subject, view=NOTHING_CAME), reference_data, now) if letters else None
        return await offload.thread(lambda: next_facts(decode_case(body), reference_data, now))
