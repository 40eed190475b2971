"""Dead letters as they are shown: what of the log could not be applied, in the words for its code. Read-only."""

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from services.runtime.database import Pool
from services.runtime.dead_letters import CUT_TEXT
from services.tracker.listing import READ_SECONDS
from services.tracker.store import SCHEMA
from services.words import catalogue
from services.words.remark import Remark, remark

LETTERS_SHOWN = 100
"""The latest dead letters shown with a request."""
REASON_SHOWN = 500


class Letter(Struct, frozen=True, kw_only=True):
    """A record of the log that could not be applied, as far as it could be read."""

    topic: str
    partition: int
    offset: int
    reason: str
    code: str
    """Why, as a code."""
    zh: str
    en: str
    """The words for the code."""
    recorded_at: datetime
    state: str
    """``open``, ``replayed`` or ``discarded``."""
    subject: str | None = None
    source: str | None = None
    id: str | None = None
    type: str | None = None


LETTER = 'topic, partition, "offset", reason, code, "values", recorded_at, state, subject, source, event_id AS id, type'
LETTERS = f"SELECT {LETTER} FROM {SCHEMA}.dead_letter WHERE subject = $1 ORDER BY recorded_at DESC LIMIT $2"


def letter(row: Any) -> Letter:
    """A row of :data:`LETTER`, with the words for its code."""
    columns = dict(row)
    words = catalogue.refusal(columns["code"], msgspec.json.decode(columns.pop("values")))
    return Letter(**columns, zh=words.zh, en=words.en)


def put_aside(code: str, row: Any, **values: Any) -> Remark:
    """The remark ``code`` on a record that could not be applied: in Chinese with the words for the reason's code, in
    English with the reason itself. ``row`` has ``reason``, ``code`` and ``values``."""
    words = catalogue.refusal(row["code"], msgspec.json.decode(row["values"]))
    return remark(code, reason=row["reason"][:REASON_SHOWN], reason_zh=words.zh[:REASON_SHOWN], **values)


async def letters_about(pool: Pool, subject: str) -> list[Letter]:
    """The latest facts about a subject that could not be applied, the latest first."""
    rows = await pool.fetch(LETTERS, subject[:CUT_TEXT], LETTERS_SHOWN, timeout=READ_SECONDS)
    return [letter(row) for row in rows]
