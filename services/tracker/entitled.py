"""What the caller may see of the requests: those of the organs that it may read, and no word about others."""

import msgspec

from services.events import posted_for
from services.runtime.database import Pool
from services.runtime.guard import caller
from services.runtime.problems import ProblemError
from services.tracker.core.reference_data import ReferenceData
from services.tracker.store import SCHEMA

READ_SECONDS = 10.0


class _Posted(msgspec.Struct):
    postedfor: str | None = None


class _Facts(msgspec.Struct):
    facts: list[_Posted] = []


_facts = msgspec.json.Decoder(_Facts)


def readable(reference_data: ReferenceData) -> frozenset[str] | None:
    """The organs whose requests the caller may read; None: all."""
    return caller().readable(reference_data.parents())


async def require_request(pool: Pool, subject: str, reference_data: ReferenceData) -> None:
    """Raises :class:`ProblemError` (404) for a request of another organ, as for one that is not there: a caller must
    not learn which there are."""
    if not await is_readable(pool, subject, reference_data):
        raise ProblemError(404, f"there is no request {subject!r} of an organ that {caller().account} may read")


async def is_readable(pool: Pool, subject: str, reference_data: ReferenceData) -> bool:
    """Whether the caller may read a request, or ask for one that is not there: whoever has no limits may. One that
    waits for its receipt is read by those who posted the first that there is of it."""
    principal = caller()
    if principal.organs is None:
        return True
    row = await pool.fetchrow(
        f"SELECT organ, body FROM {SCHEMA}.cases WHERE subject = $1", subject, timeout=READ_SECONDS
    )
    if row is None:
        return False
    organ = row["organ"] or (subject if subject in reference_data.organs else "")
    if organ:
        return principal.reads(organ, reference_data.parents())
    # The first fact says whose it probably is: nobody reads another's by adding one to it.
    first = next(iter(_facts.decode(row["body"]).facts), _Posted())
    return bool(principal.organs & posted_for.organs(first.postedfor or ""))
