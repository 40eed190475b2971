"""The ledger of a request's days as the API gives it: who had it on each working day since its receipt. Read-only."""

from datetime import date, datetime

from msgspec import Struct
from msgspec.structs import replace

from services.events.facts import TallyRecorded
from services.runtime.database import Pool
from services.runtime.offload import Offload
from services.statute.office.days import DayLedger, Part, Used, day_ledger
from services.tracker.core.case import Case
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.view import look
from services.tracker.listing import READ_SECONDS, Today
from services.tracker.store import SCHEMA, decode_case


class Days(Struct, frozen=True, kw_only=True):
    """Who used the working days of a request since its receipt; ``used`` and ``parts`` each add up to ``elapsed``."""

    id: str
    as_of: datetime
    since: date | None
    """The day of receipt; the day after it is the first that counts. None before the receipt."""
    through: date | None
    """The last day that counts: that of the end, or today."""
    elapsed: int
    used: tuple[Used, ...]
    """``who``: ``applicant``, ``third-party``, ``other-organ``, ``special-step``, ``unit`` (of a step), ``office``."""
    parts: tuple[Part, ...]
    """The same day after day."""


def ledger_of(case: Case, reference_data: ReferenceData, today: date) -> DayLedger:
    """A case's ledger; empty while the request or its organ is not known."""
    kept = replace(case, facts=tuple([f for f in case.facts if not isinstance(f, TallyRecorded)]))
    looked = look(kept, reference_data, today)
    if looked.assessment is None:
        return DayLedger()
    calendar = reference_data.calendar(reference_data.organs[looked.view.organ].calendar)
    return day_ledger(looked.assessment, calendar, today)


def days_of(case: Case, reference_data: ReferenceData, now: datetime) -> Days:
    """The ledger as it stands now in the organ's zone."""
    ledger = ledger_of(case, reference_data, Today(reference_data, now).of(case.view.organ))
    return Days(
        id=case.subject,
        as_of=now,
        since=ledger.since,
        through=ledger.through,
        elapsed=ledger.elapsed,
        used=ledger.used,
        parts=ledger.parts,
    )


async def days(pool: Pool, offload: Offload, subject: str, reference_data: ReferenceData, now: datetime) -> Days | None:
    """The ledger of a request; None where no fact of it has come."""
    async with offload.turn():
        body = await pool.fetchval(
            f"SELECT body FROM {SCHEMA}.cases WHERE subject = $1 AND (state <> 'waiting' OR waiting_for <> '')",
            subject,
            timeout=READ_SECONDS,
        )
        if body is None:
            return None
        case = await offload.thread(decode_case, body)
        return await offload.thread(days_of, case, reference_data, now)
