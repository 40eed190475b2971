"""What the tracker shows: requests with their status as of today, read from the rows. Read-only.

A status is never stored: it is worked out from the dates whenever it is asked for, so that no missed job can make it
wrong. The statuses part the time of a request without gap or overlap.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

import msgspec
from msgspec import Struct

from services.events.codec import decode_case_event
from services.runtime.database import Pool
from services.statute.status import STATUSES as STATUSES
from services.statute.status import Status as Status
from services.statute.status import status
from services.statute.view import View
from services.tracker.case import Case, account
from services.tracker.store import SCHEMA, decode_case, last_strands
from services.tracker.strands import is_request, shown
from services.tracker.world import World

Wanted = Status | Literal["unfinished"]
UNFINISHED: tuple[Status, ...] = ("overdue", "due-today", "open", "stopped", "unconfirmed", "waiting")
STRANDS = 100
"""How many reviews and tallies of an organ's own are told at once."""
_ORDER = "coalesce(due_on, DATE '9999-12-31'), subject"


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


class Page(Struct, frozen=True, kw_only=True):
    """A page of requests; ``next`` is the cursor of the page after it, if there is one."""

    as_of: datetime
    requests: list[Item]
    next: str | None = None


class Detail(Item, frozen=True, kw_only=True):
    """One request, whole: the facts known of it and how often it was decided."""

    as_of: datetime
    calendar: str = ""
    due_on_other: date | None = None
    """The due date by the statute's other version, where the request was pending when it changed."""
    statute_other: str = ""
    sequence: int = 0
    clocks: list[dict[str, Any]] = []
    """Every time limit that runs or ran, the answer's first."""
    explanation: list[dict[str, Any]] = []
    """Why the dates are what they are: ranges of days with reason and article, in Chinese and English."""
    reviews: list[dict[str, Any]] = []
    rejected: list[dict[str, str]] = []
    facts: list[dict[str, Any]] = []


@dataclass(frozen=True, slots=True)
class Query:
    """Which requests to list; dates are local dates of the organ."""

    status: Wanted | None = None
    organ: str | None = None
    due_from: date | None = None
    due_through: date | None = None
    limit: int = 100
    cursor: str | None = None


class BadCursor(ValueError):
    """A cursor that no page gave."""


def _today(view: View, world: World, now: datetime) -> date:
    return now.astimezone(world.zone(view.organ)).date() if view.organ in world.organs else now.date()


def _fields(case: Case, world: World, now: datetime) -> dict[str, Any]:
    view = case.view
    today = _today(view, world, now)
    same = {f.name: getattr(view, f.name) for f in msgspec.structs.fields(Item) if hasattr(view, f.name)}
    overdue = view.overdue_from
    if overdue is None and status(view, today) == "overdue" and view.due_on is not None:
        overdue = date.fromordinal(view.due_on.toordinal() + 1)
    return same | {"id": case.subject, "status": status(view, today), "overdue_from": overdue}


def detail(case: Case, world: World, now: datetime, each_day: bool = False) -> Detail:
    """One request as the API gives it; ``each_day``: the explanation has a line for every day."""
    return Detail(
        **_fields(case, world, now),
        as_of=now,
        calendar=case.view.calendar,
        due_on_other=case.view.due_on_other,
        statute_other=case.view.statute_other,
        sequence=case.sequence,
        clocks=[msgspec.to_builtins(c) for c in case.view.clocks],
        explanation=account(case, world, _today(case.view, world, now), each_day),
        reviews=[msgspec.to_builtins(r) for r in case.view.reviews],
        rejected=[{"source": s, "id": i, "reason": why} for s, i, why in case.view.rejected],
        facts=[msgspec.to_builtins(f) for f in case.facts],
    )


def _where(query: Query, now: datetime) -> tuple[list[str], list[Any]]:
    """Conditions that narrow the rows; the exact status is settled after, in the organ's zone."""
    # A row without anything to wait for holds what counts outside requests (an organ's tallies), and is none.
    conditions, values = ["state <> 'organ'", "(state <> 'waiting' OR waiting_for <> '')"], []

    def also(condition: str, value: Any) -> None:
        values.append(value)
        conditions.append(condition.format(f"${len(values)}"))

    if query.organ is not None:
        also("organ = {}", query.organ)
    if query.due_from is not None:
        also("due_on >= {}", query.due_from)
    if query.due_through is not None:
        also("due_on <= {}", query.due_through)
    if query.status in ("overdue", "due-today"):
        conditions.append("state = 'open'")
        also("due_on <= {}", (now + timedelta(days=1)).date())
    elif query.status == "unfinished":
        conditions.append("state IN ('open', 'stopped', 'unconfirmed', 'waiting')")
    elif query.status is not None:
        also("state = {}", query.status)
    if query.cursor is not None:
        due, subject = _read_cursor(query.cursor)
        values += [due, subject]
        conditions.append(f"({_ORDER}) > (${len(values) - 1}::date, ${len(values)})")
    return conditions, values


def _read_cursor(cursor: str) -> tuple[date, str]:
    try:
        day, subject = msgspec.json.decode(urlsafe_b64decode(cursor), type=tuple[date, str])
    except (ValueError, msgspec.MsgspecError):
        raise BadCursor("expected a cursor that an earlier page gave as next") from None
    return day, subject


def _cursor(due_on: date | None, subject: str) -> str:
    return urlsafe_b64encode(msgspec.json.encode((due_on or date.max, subject))).decode()


async def requests(pool: Pool, query: Query, world: World, now: datetime) -> Page:
    """A page of requests, the soonest due first. Raises :class:`BadCursor`."""
    found: list[Item] = []
    cursor: str | None = query.cursor
    while len(found) < query.limit:
        conditions, values = _where(_at(query, cursor), now)
        rows = await pool.fetch(
            f"SELECT subject, due_on, body FROM {SCHEMA}.cases WHERE {' AND '.join(conditions)} "
            f"ORDER BY {_ORDER} LIMIT {query.limit + 1}",
            *values,
        )
        for row in rows[: query.limit]:
            item = Item(**_fields(decode_case(row["body"]), world, now))
            if _fits(query, item.status):
                found.append(item)
            cursor = _cursor(row["due_on"], row["subject"])
            if len(found) == query.limit:
                break
        if len(rows) <= query.limit:
            last = rows[-1] if rows else None
            done = last is None or cursor == _cursor(last["due_on"], last["subject"])
            return Page(as_of=now, requests=found, next=None if done else cursor)
    return Page(as_of=now, requests=found, next=cursor)


def _fits(query: Query, status: Status) -> bool:
    return query.status in (None, status) or (query.status == "unfinished" and status in UNFINISHED)


def _at(query: Query, cursor: str | None) -> Query:
    return Query(query.status, query.organ, query.due_from, query.due_through, query.limit, cursor)


async def request(pool: Pool, subject: str, world: World, now: datetime, each_day: bool = False) -> Detail | None:
    """One request, or None. Of what is kept apart under an organ's code the last :data:`STRANDS` are told."""
    row = await pool.fetchrow(
        f"SELECT body FROM {SCHEMA}.cases WHERE subject = $1 AND (state <> 'waiting' OR waiting_for <> '')", subject
    )
    if row is None:
        return None
    case = decode_case(row["body"])
    if case.apart and not is_request(case):
        case = shown(case, await last_strands(pool, subject, STRANDS), world)
    return detail(case, world, now, each_day)


async def history(pool: Pool, subject: str) -> list[dict[str, Any]]:
    """The case events of a request as they were written, in order."""
    rows = await pool.fetch(f"SELECT body FROM {SCHEMA}.events WHERE subject = $1 ORDER BY sequence", subject)
    return [msgspec.to_builtins(decode_case_event(row["body"])) for row in rows]


async def rejections(pool: Pool, limit: int) -> dict[str, list[dict[str, Any]]]:
    """The latest facts that were rejected, and the latest records that could not be read at all."""
    rejected = await pool.fetch(
        f"SELECT body FROM {SCHEMA}.events WHERE name = 'fact-rejected' ORDER BY number DESC LIMIT $1", limit
    )
    letters = await pool.fetch(
        f'SELECT topic, partition, "offset", reason FROM {SCHEMA}.dead_letter ORDER BY recorded_at DESC LIMIT $1',
        limit,
    )
    return {
        "rejected": [msgspec.to_builtins(decode_case_event(row["body"])) for row in rejected],
        "dead_letters": [dict(row) for row in letters],
    }
