"""Published reports: figures frozen with the positions of the log that they rest on, and a digest over all of it.

A publication is content as text and its SHA-256; the content names the digest of the publication before it, so that
none can be taken out of the row unseen. Whoever has the text can check the digest without us.
"""

import hashlib
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

import msgspec
from msgspec import Struct

from services.runtime.database import Conn
from services.stats.cells import Number
from services.stats.render import Place
from services.stats.report import Report
from services.stats.rules import Check

SCHEMA = "stats_kept"

_encoder = msgspec.json.Encoder(decimal_format="number")


class Figures(Struct, frozen=True):
    """One row's numbers, without its labels: those are the form's."""

    id: str
    cells: dict[str, Number]


class FrozenTable(Struct, frozen=True):
    id: str
    rows: tuple[Figures, ...]


class Content(Struct, frozen=True):
    """What was published, and what it rests on. A field added later needs a default: contents are never rewritten."""

    form: str
    organ: str
    year: int
    number: int
    """Of this organ's year: 1, 2 where it was published again..."""
    published_on: date
    as_of: str
    organs: tuple[str, ...]
    """The organs whose numbers are in it."""
    offsets: tuple[Place, ...]
    """How far each partition was folded: the events before these offsets are in the figures."""
    tables: tuple[FrozenTable, ...]
    checks: tuple[Check, ...]
    reach: str = "tree"
    """``tree``: of the organ with all that are under it; ``own``: of the organ alone."""
    note: str = ""
    """The reason that was given to publish in spite of what spoke against it."""
    overruled: tuple[str, ...] = ()
    """The codes of what did."""
    previous: str = ""
    """The digest of the publication before."""

    def numbers(self) -> dict[tuple[str, str], dict[str, Number]]:
        """The numbers of each row by table and row."""
        return {(table.id, row.id): row.cells for table in self.tables for row in table.rows}


class Publication(Struct, frozen=True):
    """A publication with its digest."""

    content: Content
    text: str
    """The content as it was digested."""
    digest: str

    @property
    def is_intact(self) -> bool:
        """Whether the content is still what the digest was made of."""
        return digest_of(self.text) == self.digest


_decoder = msgspec.json.Decoder(Content, float_hook=Decimal)


def digest_of(text: str) -> str:
    """The SHA-256 of a content's text in UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def frozen(
    report: Report,
    published_on: date,
    reach: str,
    organs: Sequence[str],
    offsets: Sequence[Place],
    before: Publication | None,
    note: str = "",
    overruled: tuple[str, ...] = (),
) -> Publication:
    """The publication that a report makes, next to the one ``before`` it."""
    content = Content(
        form=report.form,
        organ=report.organ,
        year=report.year,
        number=before.content.number + 1 if before else 1,
        published_on=published_on,
        as_of=report.as_of,
        reach=reach,
        organs=tuple(organs),
        offsets=tuple(offsets),
        tables=tuple(FrozenTable(t.id, tuple(Figures(r.id, r.cells) for r in t.rows)) for t in report.tables),
        checks=report.checks,
        note=note,
        overruled=overruled,
        previous=before.digest if before else "",
    )
    text = _encoder.encode(content).decode()
    return Publication(content, text, digest_of(text))


def says_the_same(one: Publication, other: Publication) -> bool:
    """Whether they publish the same figures, in the same form, of the same reach, with the same date."""
    contents = [(p.content.form, p.content.reach, p.content.published_on, p.content.tables) for p in (one, other)]
    return contents[0] == contents[1]


async def insert(conn: Conn, publication: Publication) -> None:
    """Keep a publication. Raises ``asyncpg.UniqueViolationError`` where another took its number meanwhile."""
    content = publication.content
    await conn.execute(
        f"INSERT INTO {SCHEMA}.publication (organ, year, number, published_on, content, digest) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        content.organ,
        content.year,
        content.number,
        content.published_on,
        publication.text,
        publication.digest,
    )


async def of_year(conn: Conn, organ: str, year: int) -> list[Publication]:
    """The publications of an organ's year, the first one first."""
    rows = await conn.fetch(
        f"SELECT content, digest FROM {SCHEMA}.publication WHERE organ = $1 AND year = $2 ORDER BY number", organ, year
    )
    return [Publication(_decoder.decode(r["content"]), r["content"], r["digest"]) for r in rows]


class Proposal(Struct, frozen=True):
    """A publication that a second person has still to confirm."""

    digest: str
    """Of what is to be published: :func:`what_it_says`."""
    account: str
    """Who proposed it."""
    proposed_at: datetime


def what_it_says(publication: Publication) -> str:
    """A digest of the figures, the form, the reach, the date and the reason: another proposal says something else."""
    content = publication.content
    parts = (content.form, content.reach, content.published_on, content.tables, content.note, content.overruled)
    return digest_of(_encoder.encode(parts).decode())


async def proposed(conn: Conn, organ: str, year: int, *, lock: bool = False) -> Proposal | None:
    """What is proposed for an organ's year, if anything."""
    row = await conn.fetchrow(
        f"SELECT said, account, proposed_at FROM {SCHEMA}.proposal WHERE organ = $1 AND year = $2"
        + (" FOR UPDATE" if lock else ""),
        organ,
        year,
    )
    return Proposal(row["said"], row["account"], row["proposed_at"]) if row else None


async def propose(conn: Conn, publication: Publication, account: str) -> Proposal:
    """Keep a proposal, in place of another one."""
    content = publication.content
    row = await conn.fetchrow(
        f"INSERT INTO {SCHEMA}.proposal (organ, year, said, account) VALUES ($1, $2, $3, $4) ON CONFLICT (organ, year) "
        "DO UPDATE SET said = excluded.said, account = excluded.account, proposed_at = now() "
        "RETURNING said, account, proposed_at",
        content.organ,
        content.year,
        what_it_says(publication),
        account,
    )
    assert row is not None
    return Proposal(row["said"], row["account"], row["proposed_at"])


async def settle(conn: Conn, organ: str, year: int) -> None:
    """Nothing is proposed any more."""
    await conn.execute(f"DELETE FROM {SCHEMA}.proposal WHERE organ = $1 AND year = $2", organ, year)


async def numbers_of(conn: Conn, organs: Sequence[str]) -> dict[tuple[str, int], int]:
    """How often each year of some organs was published, those that never were left out."""
    rows = await conn.fetch(
        f"SELECT organ, year, max(number) AS number FROM {SCHEMA}.publication WHERE organ = ANY($1::text[]) "
        "GROUP BY organ, year",
        list(organs),
    )
    return {(row["organ"], row["year"]): row["number"] for row in rows}
