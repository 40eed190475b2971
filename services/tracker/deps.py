"""What the tracker's handlers share: what they read from, and the answers and refusals that several of them give."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from litestar.di import NamedDependency
from litestar.params import SkipValidation

from services.runtime.clock import Clock
from services.runtime.database import Pool
from services.runtime.offload import Offload
from services.runtime.problems import FieldProblem, ProblemError, described
from services.tracker.core.reference_data import ReferenceData
from services.tracker.snapshot import Snapshot
from services.tracker.unread import Unread

MOST = 1000
"""Rows of one page at most."""
JSON = "application/json"
CURSOR_EXPECTED = "a cursor that an earlier page gave as next"

WRONG = described("A parameter is not what it should be.")
BUSY = described("Too much is being asked at once; `Retry-After` says when to come back.")


@dataclass(frozen=True, slots=True)
class Deps:
    """What the handlers read from."""

    pool: Pool
    learning: ReferenceData
    """What is known of organs and calendars; it grows while calls are answered."""
    clock: Clock
    offload: Offload = field(default_factory=Offload)
    desk: str = ""
    """The desk's public address, where the pages for people stand."""
    facts_topic: str = "shixian.facts"
    unread: Unread | None = None
    """Looks for facts that the log has and the tracker has still to read."""
    snapshot: Callable[[], Snapshot | None] | None = None
    """The latest reading of what is open."""

    @property
    def reference_data(self) -> ReferenceData:
        """What is known by now, for one call to be answered by: a thread may read it while more is learned."""
        return self.learning.as_known()


Injected: TypeAlias = NamedDependency[SkipValidation[Deps]]
"""``deps`` as a handler takes it; our own object, so there is nothing to validate."""


def bad_cursor(cursor: str) -> ProblemError:
    """The refusal of a cursor that no page gave."""
    wrong = FieldProblem(field="query.cursor", problem=f"is {cursor[:60]!r}", expected=CURSOR_EXPECTED)
    return ProblemError(400, f"cursor: expected {CURSOR_EXPECTED}", errors=[wrong])


def require_organ(deps: Deps, organ: str | None, field: str = "query.organ") -> None:
    """Raises :class:`ProblemError` for an organ that is not registered: a list of what it has would be empty, and that
    would be read as having nothing."""
    if organ is not None and organ not in deps.reference_data.organs:
        wrong = FieldProblem(field=field, problem=f"is {organ[:60]!r}", expected="the code of a registered organ")
        raise ProblemError(
            400, f"{field.removeprefix('query.')}: no organ {organ[:60]!r} is registered", errors=[wrong]
        )
