"""Records that could not be read: kept whole, with the reason, in the transaction that passes over them."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.runtime.database import Conn


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record and why it can't be read."""

    topic: str
    partition: int
    offset: int
    value: bytes
    reason: str


async def record(conn: Conn, schema: str, letters: Sequence[DeadLetter]) -> None:
    """Write ``letters`` to ``<schema>.dead_letter``; one already there stays as it is."""
    if letters:
        await conn.execute(
            f'INSERT INTO {schema}.dead_letter (topic, partition, "offset", value, reason) '
            "SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[], $4::bytea[], $5::text[]) ON CONFLICT DO NOTHING",
            [x.topic for x in letters],
            [x.partition for x in letters],
            [x.offset for x in letters],
            [x.value for x in letters],
            # PostgreSQL's text holds no NUL, and a reason may quote the record.
            [x.reason.replace("\x00", "\\0") for x in letters],
        )
