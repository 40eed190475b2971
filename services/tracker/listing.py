"""The list of requests as SQL: a status is a state and a range of due dates, each page a range of one index.

What day it is differs from organ to organ, but by two days at most: at any instant there are three dates on earth. So
``overdue`` is every open request whose last day lies before the earliest of these, and of those in between the ones
whose organ has the later date already. Nothing is looked at that is not shown, but for requests due on such a day.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NoBase64
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

import msgspec

from services.events.registrations import below
from services.events.vocabulary import FIRST_DAY, LAST_DAY
from services.statute.state import RequestState, Review
from services.statute.status import Status
from services.tracker.core.reference_data import ReferenceData
from services.tracker.snapshot import AT_WORK
from services.tracker.store import SCHEMA

Wanted = Status | Literal["unfinished", "waits-for-someone", "in-review"]
"""A status, or several: before the end; a clock that stands still, or a review that is pending; the latter alone."""
UNFINISHED: tuple[str, ...] = ("open", "stopped", "unconfirmed", "waiting")
"""The states before a request's end; the other ones are ends."""
REVIEWED = frozenset({"open", "stopped", "unconfirmed", "answered", "closed"})
"""The states in which a review of a request can be pending: a request, and one that was not taken back."""
STATES: tuple[str, ...] = (*UNFINISHED, "answered", "closed", "retracted")

_NEVER = date.max
"""The driver's word for PostgreSQL's ``infinity``."""
KEY = "coalesce(due_on, DATE 'infinity')"
"""What the list is ordered by, as the index has it; then by subject."""
PAGE_BYTES = 8 * 1024 * 1024
"""A page ends early where the cases on it are larger together; the first is always there."""
READ_SECONDS = 10.0
"""What a query of a caller may take."""
CURSOR_LENGTH = 1200


class Today:
    """What day it is for each organ at an instant; one not registered has the date that most have."""

    def __init__(self, reference_data: ReferenceData, now: datetime) -> None:
        by_zone: defaultdict[str, list[str]] = defaultdict(list)
        for code, organ in reference_data.organs.items():
            by_zone[organ.timezone].append(code)
        by_date: defaultdict[date, list[str]] = defaultdict(list)
        for codes in by_zone.values():
            by_date[now.astimezone(reference_data.zone(codes[0])).date()] += codes
        self.usual = max(by_date, key=lambda day: (len(by_date[day]), day), default=now.date())
        self.others = {day: codes for day, codes in sorted(by_date.items()) if day != self.usual}
        """The other dates, and the organs that have them."""
        self._parents = reference_data.parents
        self._of = {code: day for day, codes in self.others.items() for code in codes}

    def of(self, organ: str) -> date:
        """The date in the organ's zone."""
        return self._of.get(organ, self.usual)

    def under(self, organ: str | None) -> list[str]:
        """An organ with all that are under it; none where none is asked for."""
        return below(organ, self._parents()) if organ is not None else []

    def span(self, organs: Sequence[str]) -> tuple[date, date]:
        """The earliest and the latest date of some organs, or (where none are named) of all."""
        days = [self.of(organ) for organ in organs] or [self.usual, *self.others]
        return min(days), max(days)


@dataclass(frozen=True, slots=True)
class Query:
    """Which requests to list; dates are local dates of the organ."""

    status: Wanted | None = None
    organ: str | None = None
    """With all organs under it."""
    due_from: date | None = None
    due_through: date | None = None
    limit: int = 100
    cursor: str | None = None
    is_running: bool = False
    """Overdue, due today or open, for whom it is all the same; ``status`` is left out then."""
    organs: frozenset[str] | None = None
    """The organs that the caller may read, where these are not all."""
    latest_first: bool = False
    """The latest due date first, those without one before them."""
    channel: str | None = None
    item: str | None = None
    unit: str | None = None
    """Has a step of it that is not done; empty: the office itself."""
    stopped_for: str | None = None
    """What the clock stands still for: the code of the reason without ``stopped-``."""

    @property
    def of_unit(self) -> bool:
        """Whether it is read from the steps that a unit has, however many others are open."""
        return self.unit is not None and self.status not in ("waits-for-someone", "in-review")

    @property
    def narrowed(self) -> bool:
        """Whether requests have to be looked at one by one."""
        unit = None if self.of_unit else self.unit
        return (self.channel, self.item, unit, self.stopped_for) != (None, None, None, None)

    def fits(self, view: RequestState) -> bool:
        """Whether a request is one of those wanted, as far as no index decides it."""
        if self.channel not in (None, view.channel) or self.item not in (None, view.item):
            return False
        if self.stopped_for is not None and not (view.stop and view.stop.code == f"stopped-{self.stopped_for}"):
            return False
        return self.unit is None or any(each.unit == self.unit and each.state in AT_WORK for each in view.steps)


class BadCursor(ValueError):
    """A cursor that no page gave."""


def read_cursor(cursor: str) -> tuple[date, str]:
    """Where the page before ended: due date (the last day of all for none) and subject. Raises :class:`BadCursor`."""
    try:
        if len(cursor) > CURSOR_LENGTH:
            raise ValueError("too long")
        day, subject = msgspec.json.decode(urlsafe_b64decode(cursor.encode("ascii")), type=tuple[date, str])
        subject.encode()  # PostgreSQL takes no lone surrogate and no NUL
    except (ValueError, NoBase64, msgspec.MsgspecError, RecursionError):
        raise BadCursor("expected a cursor that an earlier page gave as next") from None
    if not (FIRST_DAY <= day <= LAST_DAY or day == _NEVER) or not 1 <= len(subject) <= 200 or "\x00" in subject:
        raise BadCursor("expected a cursor that an earlier page gave as next")
    return day, subject


def cursor_after(due_on: date | None, subject: str) -> str:
    """The cursor of what comes behind this request."""
    return urlsafe_b64encode(msgspec.json.encode((due_on or _NEVER, subject))).decode()


def page(query: Query, today: Today) -> tuple[str, list[Any]]:
    """The query for a page, one row more than its limit: ``subject``, ``due_on``, ``body``, and in each row ``found``,
    how many there were before the page was cut at :data:`PAGE_BYTES`. Raises :class:`BadCursor`."""
    values: list[Any] = []

    def put(value: Any, kind: str) -> str:
        values.append(value)
        return f"${len(values)}::{kind}"

    organs = today.under(query.organ)
    if query.organs is not None:
        organs = sorted(query.organs if query.organ is None else query.organs.intersection(organs))
    # Of several organs each is read in the order of its index; only so is no more read than is shown.
    each, conditions = "", []
    if len(organs) == 1:
        conditions = [f"organ = {put(organs[0], 'text')}"]
    elif organs and query.of_unit:
        conditions = [f"organ = ANY({put(organs, 'text[]')})"]
    elif organs:
        each, conditions = f"unnest({put(organs, 'text[]')}) AS each(code)", ["organ = each.code"]
    if query.organs is not None and not organs:
        conditions = ["false"]
    first, last, against = _range(query, *today.span(organs))
    key = "key" if query.of_unit else KEY
    if against:
        conditions.append(f"{key} {against} {_today_of_row(today, put)}")
    conditions += _bounds(query, first, last, put, key)
    limit = put(query.limit + 1, "bigint")
    states = ("open",) if query.is_running else _states(query.status)
    order = "{key} DESC, subject DESC" if query.latest_first else "{key}, subject"
    if query.of_unit:
        parts = [_of_unit(put(query.unit, "text"), states, conditions, limit, order.format(key="key"))]
    else:
        parts = [_part(state, conditions, limit, order.format(key=KEY), each) for state in states]
    if query.status in ("waits-for-someone", "in-review"):
        besides = " AND c.state <> 'stopped'" if states else ""
        parts.append(_one(_REVIEWED + besides + ") AS reviewed", conditions, limit, order.format(key=KEY), each))
    order = order.format(key="key")
    return (
        f"SELECT subject, due_on, body, found FROM (SELECT subject, due_on, body, key, count(*) OVER () AS found, "
        f"sum(octet_length(body)) OVER (ORDER BY {order}) - octet_length(body) AS before "
        f"FROM ({' UNION ALL '.join(parts)} ORDER BY {order} LIMIT {limit}) AS page) AS cut "
        f"WHERE before < {PAGE_BYTES} ORDER BY {order}",
        values,
    )


def by_number(number: str, query: Query, today: Today, most: int) -> tuple[str, list[Any]]:
    """The query for requests whose number begins or ends with ``number``, by number."""
    organs = today.under(query.organ)
    if query.organs is not None:
        organs = sorted(query.organs if query.organ is None else query.organs.intersection(organs))
    values: list[Any] = [number, number + chr(0x10FFFF), number[::-1], number[::-1] + chr(0x10FFFF), most]
    condition = ""
    if organs or query.organs is not None:
        values.append(organs)
        condition = "AND organ = ANY($6::text[])"
    one = f"SELECT subject, body FROM {SCHEMA}.cases WHERE {{range}} AND (state <> 'waiting' OR waiting_for <> '') "
    one += f"AND state NOT IN ('organ', 'duty') {condition} LIMIT $5"
    begins = one.format(range="subject ~>=~ $1 AND subject ~<~ $2")
    ends = one.format(range="reverse(subject) ~>=~ $3 AND reverse(subject) ~<~ $4")
    return f"SELECT DISTINCT subject, body FROM (({begins}) UNION ALL ({ends})) AS hits ORDER BY subject", values


def pending_reviews(view: RequestState) -> list[Review]:
    """The reviews of a request that are not decided, the earliest first."""
    if view.state not in REVIEWED:
        return []
    return sorted((each for each in view.reviews if each.decided_on is None), key=lambda each: each.filed_on)


def _range(query: Query, early: date, late: date) -> tuple[date | None, date | None, str]:
    """The first and the last due date that can be on a page, and how a row's date compares with the day that it is in
    its organ's zone (nothing where that is one day for all, and the range says it). ``early`` and ``late`` are the
    earliest and the latest of those days."""
    first, last = query.due_from, query.due_through
    if first is not None or last is not None:  # what has no due date is in no range of them
        last = min(last or _NEVER, _NEVER - timedelta(days=1))
    match query.status:
        case "overdue":
            last, against = min(last or _NEVER, late - timedelta(days=1)), "<"
        case "due-today":
            first, last, against = max(first or early, early), min(last or late, late), "="
        case "open":
            first, against = max(first or early, early + timedelta(days=1)), ">"
        case _:
            against = ""
    return first, last, against if early != late else ""


def _bounds(query: Query, first: date | None, last: date | None, put: Callable[[Any, str], str], key: str) -> list[str]:
    """The conditions of a range; one lower bound, so that the index is entered there: the cursor's, if it is within."""
    conditions = []
    behind = read_cursor(query.cursor) if query.cursor is not None else None
    if query.latest_first:
        if behind is not None:
            conditions.append(f"({key}, subject) < ({put(behind[0], 'date')}, {put(behind[1], 'text')})")
        if first is not None:
            conditions.append(f"{key} >= {put(first, 'date')}")
    elif behind is not None and behind[0] >= (first or date.min):
        conditions.append(f"({key}, subject) > ({put(behind[0], 'date')}, {put(behind[1], 'text')})")
    elif first is not None:
        conditions.append(f"{key} >= {put(first, 'date')}")
    if last is not None:
        conditions.append(f"{key} <= {put(last, 'date')}")
    return conditions


def _today_of_row(today: Today, put: Callable[[Any, str], str]) -> str:
    """The date in the zone of the row's organ, as SQL."""
    cases = [f"WHEN organ = ANY({put(codes, 'text[]')}) THEN {put(day, 'date')}" for day, codes in today.others.items()]
    return f"CASE {' '.join(cases)} ELSE {put(today.usual, 'date')} END"


def _states(status: Wanted | None) -> tuple[str, ...]:
    match status:
        case None:
            return STATES
        case "unfinished":
            return UNFINISHED
        case "overdue" | "due-today" | "open":
            return ("open",)
        case "waits-for-someone":
            return ("stopped",)
        case "in-review":
            return ()
        case _:
            return (status,)


def _part(state: str, conditions: list[str], limit: str, order: str, each: str = "") -> str:
    # The state is written out, not given as a value: only so does the planner see that the index holds such rows.
    # A row that waits for nothing holds what counts outside requests (an organ's tallies), and is none.
    all_ = [f"state = '{state}'", *(["waiting_for <> ''"] if state == "waiting" else []), *conditions]
    return _one(f"{SCHEMA}.cases", all_, limit, order, each)


_REVIEWED = (
    f"(SELECT o.subject, o.organ, o.ends_on AS due_on, c.body FROM {SCHEMA}.office o "
    f"JOIN {SCHEMA}.cases c USING (subject) WHERE o.kind = 'review'"
)
"""The requests with a pending review: their rows have the request's own last day, so that an index has the order."""


OFFICE_KEY = "coalesce(ends_on, DATE 'infinity')"
"""The same order in the table of open work."""


def _of_unit(unit: str, states: Sequence[str], conditions: Sequence[str], limit: str, order: str) -> str:
    """The requests of which a unit has a step, read from those in the list's order; each is looked up by its number."""
    steps = f"SELECT {OFFICE_KEY} AS key, subject, organ FROM {SCHEMA}.office WHERE kind = 'step' AND unit = {unit}"
    where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    mine = f"SELECT DISTINCT key, subject FROM ({steps}) AS steps {where}ORDER BY {order}"
    case = f"SELECT due_on, body, state, waiting_for FROM {SCHEMA}.cases WHERE subject = mine.subject OFFSET 0"
    return (
        f"SELECT * FROM (SELECT mine.subject, due_on, body, key FROM ({mine}) AS mine CROSS JOIN LATERAL ({case}) AS c "
        f"WHERE state IN ({', '.join(map(repr, states))}) AND (state <> 'waiting' OR waiting_for <> '') "
        f"ORDER BY {order} LIMIT {limit}) AS part"
    )


def _rows(rows: str, conditions: Sequence[str], limit: str, order: str) -> str:
    where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    return f"(SELECT subject, due_on, body, {KEY} AS key FROM {rows} {where}ORDER BY {order} LIMIT {limit}) AS part"


def _one(rows: str, conditions: list[str], limit: str, order: str, each: str) -> str:
    one = _rows(rows, conditions, limit, order)
    if not each:
        return f"SELECT * FROM {one}"
    # The union's rows are put into one order and cut by whoever asked for the parts.
    return f"SELECT part.* FROM {each} CROSS JOIN LATERAL {one}"
