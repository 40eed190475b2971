"""The list of what needs a person, the longest waiting first, each page a range of one index. Read-only.

It has two streams: what follows from the cases, and the records that were put aside and that nobody has replayed or
discarded. A page looks at a bounded number of rows, so it may be short where few of many fit; there is more as long as
``next`` is there.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NoBase64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from services.events.facts import OrganData
from services.runtime.database import Pool
from services.runtime.offload import Offload
from services.tracker.core.attention import Kind
from services.tracker.letters import put_aside
from services.tracker.listing import CURSOR_LENGTH, BadCursor
from services.tracker.store import SCHEMA
from services.words.catalogue import Lang, said, sentence
from services.words.remark import Remark

LOOKED = 20_000
"""Rows looked at for a page."""
READ_SECONDS = 10.0
_CASES, _LETTERS = 0, 1
_ORGANS = ("organ", "stands")
"""The values of remarks that are organs' codes."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which items are wanted; all that is given must fit. Instants are aware."""

    topic: str
    """The fact topic, whose records may have been put aside."""
    now: datetime
    source: str | None = None
    organ: str | None = None
    kind: Kind | None = None
    since: datetime | None = None
    """Only what has needed a person since then or later."""
    limit: int = 100
    cursor: str | None = None
    organs: Sequence[str] | None = None
    """Where no organ is asked for: those that the caller may read; None: all."""

    @property
    def narrowed(self) -> list[str]:
        """What an item of a case has to have, by the columns' names."""
        return [name for name in ("source", "organ", "kind") if getattr(self, name) is not None]


class Needing(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that needs a person."""

    kind: Kind
    code: str
    since: datetime
    request: str = ""
    """The request, or the organ's code for what it posted under that."""
    organ: str = ""
    source: str = ""
    """With ``id``: the fact that it is about, or that is waited for."""
    id: str = ""
    zh: str
    en: str


class Attention(Struct, frozen=True, kw_only=True):
    """A page; ``next`` is the cursor of the page after it, if there is one."""

    as_of: datetime
    attention: list[Needing]
    reference: list[dict[str, Any]] = []
    """On the first page: organs and calendars that have no effect, each with its place in the topic and the reason."""
    next: str | None = None


class Cursor(Struct, frozen=True, array_like=True):
    """Where a page ended: the instant, the stream, and the place in it."""

    since: datetime
    stream: int
    first: str
    second: int
    third: str


def read_cursor(text: str) -> Cursor:
    """Raises :class:`BadCursor`."""
    try:
        if len(text) > CURSOR_LENGTH:
            raise ValueError("too long")
        cursor = msgspec.json.decode(urlsafe_b64decode(text.encode("ascii")), type=Cursor)
        (cursor.first + cursor.third).encode()
        letter = cursor.stream == _LETTERS and cursor.first.isascii() and cursor.first.isdigit()
        if cursor.stream != _CASES and not letter:
            raise ValueError("no such stream")
        if cursor.since.tzinfo is None or "\x00" in cursor.first + cursor.third or not -3 < cursor.second < 2**63:
            raise ValueError("out of range")
    except (ValueError, NoBase64, msgspec.MsgspecError, RecursionError):
        raise BadCursor("expected a cursor that an earlier page gave as next") from None
    return cursor


class _Values:
    def __init__(self) -> None:
        self.all: list[Any] = []

    def put(self, value: Any, kind: str) -> str:
        self.all.append(value)
        return f"${len(self.all)}::{kind}"


def of_cases(asked: Asked, behind: Cursor | None) -> tuple[str, list[Any]]:
    """The query for items of cases, one more than the limit."""
    values = _Values()
    # One of them leads into its index, in the order of the list; what else is asked is looked for in what that gives.
    leading, others = (asked.narrowed[:1], asked.narrowed[1:]) if asked.organs is None else ([], asked.narrowed)
    conditions = [f"{name} = {values.put(getattr(asked, name), 'text')}" for name in leading]
    conditions.append(f"since <= {values.put(asked.now, 'timestamptz')}")
    if behind is not None and behind.stream == _CASES:
        place = [
            values.put(behind.since, "timestamptz"),
            values.put(behind.first, "text"),
            values.put(behind.second, "bigint"),
            values.put(behind.third, "text"),
        ]
        conditions.append(f"(since, subject, piece, place) > ({', '.join(place)})")
    elif behind is not None:
        conditions.append(f"since > {values.put(behind.since, 'timestamptz')}")
    if asked.since is not None:
        conditions.append(f"since >= {values.put(asked.since, 'timestamptz')}")
    fits = " AND ".join(f"{name} = {values.put(getattr(asked, name), 'text')}" for name in others) or "true"
    order, most = "ORDER BY since, subject, piece, place", _most_items(asked)
    one = f"SELECT * FROM {SCHEMA}.attention WHERE {{}} {order} LIMIT {most}"
    rows = one.format(" AND ".join(conditions))
    if asked.organs is not None:
        # Of several organs each is read in the order of its index.
        codes = f"unnest({values.put(sorted(asked.organs), 'text[]')}) AS each(code)"
        each = one.format(" AND ".join(["organ = each.code", *conditions]))
        rows = f"SELECT part.* FROM {codes} CROSS JOIN LATERAL ({each}) AS part {order} LIMIT {most}"
    return (
        f"SELECT since, subject, piece, place, kind, organ, source, fact, body, ({fits}) AS fits, count(*) OVER () AS "
        f"looked FROM ({rows}) AS a {order}",
        values.all,
    )


def of_letters(asked: Asked, behind: Cursor | None) -> tuple[str, list[Any]] | None:
    """The query for records that were put aside; None where none is wanted."""
    if asked.kind not in (None, "rejected"):
        return None
    values = _Values()
    conditions = [f"topic = {values.put(asked.topic, 'text')}", "state = 'open'"]
    if behind is not None and behind.stream == _LETTERS:
        place = [
            values.put(behind.since, "timestamptz"),
            values.put(int(behind.first), "int"),
            values.put(behind.second, "bigint"),
        ]
        conditions.append(f'(recorded_at, partition, "offset") > ({", ".join(place)})')
    elif behind is not None:
        conditions.append(f"recorded_at >= {values.put(behind.since, 'timestamptz')}")
    if asked.since is not None:
        conditions.append(f"recorded_at >= {values.put(asked.since, 'timestamptz')}")
    others = [name for name in ("source", "organ") if getattr(asked, name) is not None]
    wanted = [f"{name} = {values.put(getattr(asked, name), 'text')}" for name in others]
    if asked.organs is not None:
        wanted.append(f"organ = ANY({values.put(sorted(asked.organs), 'text[]')})")
    fits = " AND ".join(wanted) or "true"
    order = 'ORDER BY recorded_at, partition, "offset"'
    return (
        f'SELECT recorded_at, partition, "offset", reason, code, "values", subject, source, event_id, organ, '
        f"coalesce({fits}, false) "
        f"AS fits, count(*) OVER () AS looked FROM (SELECT * FROM {SCHEMA}.dead_letter WHERE {' AND '.join(conditions)}"
        f" {order} LIMIT {_most_letters(asked)}) AS l {order}",
        values.all,
    )


async def any_of(pool: Pool, organ: str | None) -> bool:
    """Whether anything of an organ, registered or not, needs a person."""
    any_row = await pool.fetchval(
        f"SELECT 1 FROM {SCHEMA}.attention WHERE organ = $1 LIMIT 1", organ, timeout=READ_SECONDS
    )
    return any_row is not None


Organs = Mapping[str, OrganData]


async def page(
    pool: Pool, offload: Offload, asked: Asked, reference: list[dict[str, Any]], organs: Organs | None = None
) -> Attention:
    """A page; ``organs``: the registered ones, whose names the reasons say. Raises :class:`BadCursor`, and what
    :meth:`Offload.turn` does."""
    behind = read_cursor(asked.cursor) if asked.cursor is not None else None
    letters = of_letters(asked, behind)
    async with offload.turn():
        sql, values = of_cases(asked, behind)
        cases = await pool.fetch(sql, *values, timeout=READ_SECONDS)
        aside = await pool.fetch(letters[0], *letters[1], timeout=READ_SECONDS) if letters else []
        return await offload.thread(_page, asked, cases, aside, [] if behind else reference, organs or {})


def _page(
    asked: Asked, cases: list[Any], aside: list[Any], reference: list[dict[str, Any]], organs: Organs
) -> Attention:
    placed = [(Cursor(r["since"], _CASES, r["subject"], r["piece"], r["place"]), r) for r in cases]
    others = [(Cursor(r["recorded_at"], _LETTERS, str(r["partition"]), r["offset"], ""), r) for r in aside]
    # Each stream comes in the order of its index. What lies behind the end of one that was cut comes on a later page.
    cut = [
        stream[-1][0]
        for stream, most in ((placed, _most_items(asked)), (others, _most_letters(asked)))
        if len(stream) >= most
    ]
    until = min([(end.since, end.stream) for end in cut], default=None)
    fitting: list[tuple[Cursor, Any]] = []
    last = None
    for cursor, row in sorted(placed + others, key=lambda each: (each[0].since, each[0].stream)):
        if until is not None and (cursor.since, cursor.stream) > until:
            break
        if len(fitting) == asked.limit:
            needing = _needing(fitting, organs)
            return Attention(as_of=asked.now, attention=needing, reference=reference, next=_text(last))
        last = cursor
        if row["fits"]:
            fitting.append((cursor, row))
    return Attention(
        as_of=asked.now, attention=_needing(fitting, organs), reference=reference, next=_text(last) if cut else None
    )


def _most_items(asked: Asked) -> int:
    """How many items of cases are looked at for a page at most; of several organs, so many of each."""
    led, organs = (1, 1) if asked.organs is None else (0, max(1, len(asked.organs)))
    return max(LOOKED // organs if len(asked.narrowed) > led else 0, asked.limit + 1)


def _most_letters(asked: Asked) -> int:
    """How many records that were put aside are looked at for a page at most."""
    is_narrowed = any(one is not None for one in (asked.source, asked.organ, asked.organs))
    return max(LOOKED if is_narrowed else 0, asked.limit + 1)


def _text(cursor: Cursor | None) -> str | None:
    return None if cursor is None else urlsafe_b64encode(msgspec.json.encode(cursor)).decode()


def _needing(rows: list[tuple[Cursor, Any]], organs: Organs) -> list[Needing]:
    return [_letter(row) if cursor.stream == _LETTERS else _item(row, organs) for cursor, row in rows]


def with_names(about: Remark, organs: Organs, lang: Lang) -> str:
    """A remark's sentence that calls organs by their names, as far as they are registered."""
    named = {value: organs[str(about.values[value])].name for value in _ORGANS if about.values.get(value) in organs}
    return sentence(about.code, {**about.values, **{key: getattr(name, lang) for key, name in named.items()}}, lang)


def _item(row: Any, organs: Organs) -> Needing:
    about = msgspec.json.decode(row["body"], type=Remark)
    return Needing(
        kind=row["kind"],
        code=about.code,
        since=row["since"].astimezone(UTC),
        request=row["subject"],
        organ=row["organ"],
        source=row["source"],
        id=row["fact"],
        zh=with_names(about, organs, "zh"),
        en=with_names(about, organs, "en"),
    )


def _letter(row: Any) -> Needing:
    words = said(put_aside("put-aside", row, partition=row["partition"], offset=row["offset"]))
    return Needing(
        kind="rejected",
        code=words.code,
        since=row["recorded_at"].astimezone(UTC),
        request=row["subject"] or "",
        organ=row["organ"] or "",
        source=row["source"] or "",
        id=row["event_id"] or "",
        zh=words.zh,
        en=words.en,
    )
