"""What was refused after it was on the log: facts without effect in law, and records that could not be applied."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import Raw, Struct

from services.runtime.database import Pool
from services.runtime.dead_letters import CUT_TEXT
from services.runtime.offload import Offload
from services.tracker.core.reference_data import Rejected
from services.tracker.letters import LETTER, Letter, letter
from services.tracker.listing import PAGE_BYTES, READ_SECONDS
from services.tracker.store import SCHEMA


@dataclass(frozen=True, slots=True)
class About:
    """Which ones are wanted; all that is given must fit."""

    source: str | None = None
    """The intake system that sent them."""
    organ: str | None = None
    subject: str | None = None
    """A request's id, or an organ's code for what it posted under that."""
    organs: frozenset[str] | None = None
    """The organs that the caller may read, where these are not all: what names none is left out then."""


class Rejections(Struct, frozen=True):
    """The latest of both kinds, the latest first."""

    rejected: list[Raw]
    """Case events ``fact-rejected``, as they were written."""
    dead_letters: list[Letter]
    reference: list[dict[str, Any]]
    """Organs and calendars that have no effect, each with its place in the reference topic and the reason."""


_REJECTED = {
    "subject": "subject",
    "source": f"{SCHEMA}.rejected_source(body)",
    "organ": f"{SCHEMA}.rejected_organ(body, subject)",
}
_LETTERS = {name: name for name in _REJECTED}


def _narrowed(about: About, columns: dict[str, str], length: int | None = None) -> tuple[list[str], list[Any]]:
    given = [name for name in columns if getattr(about, name) is not None]
    # A subject has few; what else is asked is looked for among these, and in no other index.
    beside = " || ''" if about.subject is not None else ""
    conditions = [
        f"({columns[name]}{'' if name == 'subject' else beside}) = ${place}" for place, name in enumerate(given, 1)
    ]
    values: list[Any] = [getattr(about, name)[:length] for name in given]
    if about.organs is not None and about.organ is None:
        values.append([organ[:length] for organ in sorted(about.organs)])
        conditions.append(f"({columns['organ']}{beside}) = ANY(${len(values)}::text[])")
    return conditions, values


def rejected(about: About, limit: int) -> tuple[str, list[Any]]:
    """The query for facts without effect; at most :data:`PAGE_BYTES` of them."""
    conditions, values = _narrowed(about, _REJECTED)
    where = " AND ".join(["name = 'fact-rejected'", *conditions])
    return (
        "SELECT body FROM (SELECT number, body, sum(octet_length(body)) OVER (ORDER BY number DESC) "
        f"- octet_length(body) AS before FROM (SELECT number, body FROM {SCHEMA}.events WHERE {where} "
        f"ORDER BY number DESC LIMIT ${len(values) + 1}) AS page) AS cut WHERE before < {PAGE_BYTES} "
        "ORDER BY number DESC",
        [*values, limit],
    )


def letters(about: About, limit: int) -> tuple[str, list[Any]]:
    """The query for records that could not be applied."""
    conditions, values = _narrowed(about, _LETTERS, CUT_TEXT)
    return (
        f"SELECT {LETTER} FROM {SCHEMA}.dead_letter WHERE {' AND '.join(conditions) or 'true'} "
        f"ORDER BY recorded_at DESC LIMIT ${len(values) + 1}",
        [*values, limit],
    )


async def latest(
    pool: Pool, offload: Offload, about: About, limit: int, reference: Sequence[Rejected] = ()
) -> Rejections:
    """The latest of what fits; ``reference`` are the records of that topic that were rejected.

    Raises what :meth:`Offload.turn` does."""
    async with offload.turn():
        one, values = rejected(about, limit)
        bodies = await pool.fetch(one, *values, timeout=READ_SECONDS)
        other, values = letters(about, limit)
        rows = await pool.fetch(other, *values, timeout=READ_SECONDS)
    wrong = [one._asdict() for one in reference if _fits(about, one)]
    return Rejections([Raw(row["body"]) for row in bodies], [letter(row) for row in rows], wrong)


def _fits(about: About, one: Rejected) -> bool:
    return (
        about.source in (None, one.source)
        and about.subject in (None, one.subject)
        and about.organ in (None, one.subject)
        and (about.organs is None or one.subject in about.organs)
    )
