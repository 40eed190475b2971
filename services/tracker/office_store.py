"""What is open inside the offices: a row for each step and each duty that is not done, and one for a request of which a
review is pending, written with its case.

The rows follow from the case alone, so they are made anew whenever it changes; lists, metrics and the hand-over read
them, and nothing is decided by them.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NoBase64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import msgspec

from services.events.facts import FactCorrected, FactRetracted, ReviewFiled
from services.events.office_cases import DutyNow, StepNow
from services.events.office_facts import AssignmentOpened, DutyOpened
from services.events.registrations import below
from services.events.vocabulary import Label
from services.runtime.database import Conn, Pool
from services.statute.office.decisions import duty_now, step_now
from services.statute.versions import profiles
from services.tracker.core.case import Case
from services.tracker.core.rows import Row
from services.tracker.listing import CURSOR_LENGTH, BadCursor, pending_reviews
from services.tracker.store import SCHEMA

OfficeKind = Literal["step", "duty"]
READ_SECONDS = 10.0
COLUMNS = (
    *("subject", "kind", "about", "partition", "organ", "unit", "code", "assignment", "since", "due_on"),
    *("accepted", "provisional", "body", "ends_on"),
)
_BEARING = (AssignmentOpened, DutyOpened, ReviewFiled, FactCorrected, FactRetracted)
"""Facts without which a case has and had nothing open here."""
_KEY = "coalesce(due_on, DATE 'infinity')"
_encode = msgspec.json.Encoder().encode


def open_work(case: Case, partition: int) -> Iterator[Row]:
    """What is open of a case, as rows of :data:`COLUMNS`; ``ends_on`` is the request's own last day."""
    view = case.view
    for step in view.steps:
        if step.done_on is None:
            place = (case.subject, "step", step.about, partition, view.organ, step.unit, step.step, step.assignment)
            yield *place, step.since, step.due_on, step.state == "accepted", False, _encode(step_now(step)), view.due_on
    for duty in view.duties:
        if duty.done_on is None:
            place = (case.subject, "duty", duty.duty, partition, duty.organ, "", duty.kind, "")
            yield *place, duty.event_on, duty.due_on, True, duty.provisional, _encode(duty_now(duty)), view.due_on
    for review in pending_reviews(view)[:1]:  # a request is listed once
        place = (case.subject, "review", review.review, partition, view.organ, "", review.kind, "")
        yield *place, review.filed_on, None, True, False, _encode(review), view.due_on


async def save(conn: Conn, cases: Iterable[tuple[int, Case]]) -> None:
    """Write what is open of cases (each with its partition) in the place of what they had."""
    given = [(partition, case) for partition, case in cases if any(isinstance(f, _BEARING) for f in case.facts)]
    if not given:
        return
    await conn.execute(
        f"DELETE FROM {SCHEMA}.office WHERE subject = ANY($1::text[])", [case.subject for _, case in given]
    )
    rows = [row for partition, case in given for row in open_work(case, partition)]
    if rows:
        await conn.copy_records_to_table("office", schema_name=SCHEMA, columns=COLUMNS, records=rows)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which of it is wanted."""

    kind: OfficeKind
    organs: Sequence[str] | None = None
    """None: of all."""
    unit: str | None = None
    limit: int = 100
    cursor: str | None = None


def organs_asked(
    organ: str | None, readable: frozenset[str] | None, parents: Mapping[str, str | None]
) -> list[str] | None:
    """An organ with all under it, or all, as far as the caller may read them; None: all there are."""
    wanted = None if organ is None else frozenset(below(organ, parents))
    organs = readable if wanted is None else wanted if readable is None else readable & wanted
    return None if organs is None else sorted(organs)


class OpenStep(StepNow, frozen=True, kw_only=True, omit_defaults=True):
    """A step that is not done, and the request that it is of."""

    request: str
    organ: str


class OpenDuty(DutyNow, frozen=True, kw_only=True, omit_defaults=True):
    """A duty that is not done, and the request that it belongs to, or its own id."""

    request: str
    title: Label | None = None
    """What it is to do, as the statute's file calls it; left out where that no longer has it."""


def read_cursor(text: str) -> tuple[date, str, str]:
    """Where the page before ended. Raises :class:`BadCursor`."""
    try:
        if len(text) > CURSOR_LENGTH:
            raise ValueError("too long")
        position = msgspec.json.decode(urlsafe_b64decode(text.encode("ascii")), type=tuple[date, str, str])
        (position[1] + position[2]).encode()
        if "\x00" in position[1] + position[2]:
            raise ValueError("no text")
    except (ValueError, NoBase64, msgspec.MsgspecError, RecursionError):
        raise BadCursor("expected a cursor that an earlier page gave as next") from None
    return position


def query(asked: Asked) -> tuple[str, list[Any]]:
    """The query for a page, one row more than its limit. Raises :class:`BadCursor`."""
    values: list[Any] = []

    def put(value: Any, kind: str) -> str:
        values.append(value)
        return f"${len(values)}::{kind}"

    conditions = [f"kind = '{asked.kind}'"]
    if asked.unit is not None:
        conditions.append(f"unit = {put(asked.unit, 'text')}")
    if asked.cursor is not None:
        day, subject, about = read_cursor(asked.cursor)
        place = f"({put(day, 'date')}, {put(subject, 'text')}, {put(about, 'text')})"
        conditions.append(f"({_KEY}, subject, about) > {place}")
    order = f"ORDER BY {_KEY}, subject, about LIMIT {put(asked.limit + 1, 'bigint')}"
    columns = "subject, about, organ, due_on, body"
    one = f"SELECT {columns} FROM {SCHEMA}.office WHERE {{}} {order}"
    if asked.organs is None:
        return one.format(" AND ".join(conditions)), values
    # Of several organs each is read in the order of its index.
    each = one.format(" AND ".join(["organ = each.code", *conditions]))
    organs = put(sorted(asked.organs), "text[]")
    return f"SELECT part.* FROM unnest({organs}) AS each(code) CROSS JOIN LATERAL ({each}) AS part {order}", values


async def page(pool: Pool, asked: Asked) -> tuple[list[OpenStep | OpenDuty], str | None]:
    """A page of what is open, the soonest due first, and the cursor of the next. Raises :class:`BadCursor`."""
    sql, values = query(asked)
    rows = await pool.fetch(sql, *values, timeout=READ_SECONDS)
    items = [_item(asked.kind, row) for row in rows[: asked.limit]]
    if len(rows) <= asked.limit:
        return items, None
    last = rows[asked.limit - 1]
    key = (last["due_on"] or date.max, last["subject"], last["about"])
    return items, urlsafe_b64encode(_encode(key)).decode()


def _item(kind: OfficeKind, row: Any) -> OpenStep | OpenDuty:
    body = msgspec.json.decode(row["body"])
    if kind == "step":
        return msgspec.convert(body | {"request": row["subject"], "organ": row["organ"]}, OpenStep)
    found = msgspec.convert(body | {"request": row["subject"]}, OpenDuty)
    return msgspec.structs.replace(found, title=_title(found.statute, found.kind))


def _title(statute: str, kind: str) -> Label | None:
    rules = profiles()[statute].duties if statute in profiles() else ()
    title = next((rule.title for rule in rules if rule.kind == kind), None)
    return Label(title.zh, title.en) if title is not None else None
