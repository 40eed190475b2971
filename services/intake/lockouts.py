"""Who is locked out, whichever desk the wrong passwords came to: the audit trail tells, which all of them write."""

from datetime import datetime
from typing import Annotated

from litestar import get
from litestar.params import QueryParameter
from litestar.types import ControllerRouterHandler
from msgspec import Struct

from services.access.audit import Record
from services.access.lockout import FORGET, Lockout
from services.runtime.door import Door
from services.runtime.health import Part
from services.runtime.problems import RETRY_AFTER, ProblemError
from services.runtime.settings import Settings
from services.runtime.trail_reading import follow


class Locked(Struct, frozen=True):
    """Until when an account is locked; null: it is not."""

    until: datetime | None


class Lockouts:
    """The failures that the trail tells of."""

    def __init__(self, settings: Settings, part: Part, *, is_kept: bool) -> None:
        """``is_kept``: whether there is a trail at all; without one nobody logs in."""
        self._settings, self._part, self._is_kept = settings, part, is_kept
        self._lockout = Lockout()
        self._is_read = not is_kept

    async def run(self) -> None:
        """Follow the trail until cancelled."""
        if self._is_kept:
            await follow(self._settings, self._part, FORGET, self.take, self._caught_up)

    def take(self, record: Record) -> None:
        """Learn from a record of the trail."""
        entry = record.entry
        if entry.action in ("login-refused", "locked-out"):
            self._lockout.failed(entry.account, record.at, is_known=entry.account.startswith("user:"))
        elif entry.action == "login":
            self._lockout.passed(entry.account)

    def _caught_up(self) -> None:
        self._is_read = True

    def until(self, account: str, now: datetime) -> datetime | None:
        """Until when an account is locked. Raises :class:`ProblemError` (503) while that is not known."""
        if not self._is_read:
            detail = "the audit trail, which tells who is locked out, is still being read; send it again"
            raise ProblemError(503, detail, kind="log-away", headers={"Retry-After": RETRY_AFTER})
        return self._lockout.until(account, now)


def handlers(lockouts: Lockouts, door: Door) -> list[ControllerRouterHandler]:
    """The route, for the desk alone."""

    @get("/v1/lock-outs", include_in_schema=False)
    async def locked(account: Annotated[str, QueryParameter(max_length=200)]) -> Locked:
        """Until when an account is locked."""
        return Locked(lockouts.until(account, door.now()))

    return [locked]
