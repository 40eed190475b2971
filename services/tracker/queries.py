"""One request whole, as the tracker shows it: its dates explained, its facts, what was refused. Read-only."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from msgspec import Struct

from services.runtime.database import Pool
from services.runtime.offload import Offload
from services.statute.account import Line
from services.statute.due import cards
from services.statute.office.decisions import duty_now
from services.statute.state import RequestState
from services.statute.status import STATUSES as STATUSES
from services.statute.status import Status as Status
from services.tracker.core.account import account, other_readings
from services.tracker.core.case import Case
from services.tracker.core.next_facts import NextFacts, next_facts
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.strands import Strand, is_request, shown
from services.tracker.core.trail import Following, follows, handed_on
from services.tracker.core.view import worded
from services.tracker.items import Item, fields_of
from services.tracker.letters import Letter, letters_about
from services.tracker.listing import READ_SECONDS, Today
from services.tracker.store import SCHEMA, decode_case, last_strands
from services.tracker.trail_store import followers
from services.words.catalogue import said
from services.words.remark import Remark, remark

LINES = 5000
"""The most lines of an account in one answer; day by day, that is more than thirteen years."""
STRANDS = 100
"""How many reviews and tallies of an organ's own are shown at once."""


WHOLE = f"SELECT body FROM {SCHEMA}.cases WHERE subject = $1 AND (state <> 'waiting' OR waiting_for <> '')"
"""A request; what holds an organ's own numbers and waits for nothing is none."""


class Detail(Item, Struct, frozen=True, kw_only=True):
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
