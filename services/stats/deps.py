"""What the handlers of the stats share: what they read from, how they read it, what they answer and refuse."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

import asyncpg
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from services.runtime.database import Conn, Pool
from services.runtime.health import Part
from services.runtime.offload import Offload
from services.runtime.problems import ProblemError, described
from services.runtime.retry import is_transient
from services.runtime.web import RETRY_AFTER
from services.stats import annual, render, snapshot, store
from services.stats.annual import Answer, Asked
from services.stats.organs import Organs
from services.stats.params import JSON
from services.stats.render import Place, Standing
from services.stats.score import Points
from services.stats.snapshot import Position, Snapshots

T = TypeVar("T")

HEADERS = {"cache-control": "no-cache", "vary": "accept, accept-language"}

WRONG = described("A part of the path or of the query is not what it should be.")
UNKNOWN = described("No such organ, table, row or column is known.")
AWAY = described("The database is away, or too much is being asked at once; `Retry-After` says when to come back.")


@dataclass(frozen=True, slots=True)
class Deps:
    """What the handlers read from."""

    pool: Pool
    database: Part
    organs: Organs
    snapshots: Snapshots
    offload: Offload = field(default_factory=Offload)
    tracker: str = ""
    """The tracker's public address."""
    points: Points | None = None
    """What the units' score is made of; None: there is none."""
    desk: str = ""
    """The desk's public address, where the pages for people stand."""
    four_eyes: bool = False
    """Whether a second person has to confirm a publication."""


Injected: TypeAlias = NamedDependency[SkipValidation[Deps]]
"""``deps`` as a handler takes it; our own object, so there is nothing to validate."""


async def known(conn: Conn, deps: Deps, organ: str) -> None:
    """Raises :class:`ProblemError` (404) for an organ that nothing has named and that nothing was counted for."""
    if deps.organs.data(organ) is None and not await store.has_numbers(conn, organ):
        raise ProblemError(404, f"organ {organ!r} is unknown: no organ-registered fact has named it")


async def answered(conn: Conn, deps: Deps, asked: Asked) -> tuple[Answer, tuple[Position, ...]]:
    """The report asked for, and how far the log was folded for it."""
    await known(conn, deps, asked.organ)
    return await annual.answer(conn, asked), await snapshot.positions(conn)


def json_of(answer: object) -> Response[bytes]:
    """An answer as JSON; decimals are exact numbers."""
    return Response(render.encode(answer), media_type=JSON, headers=HEADERS)


async def read(deps: Deps, ask: Callable[[Conn], Awaitable[T]], *, readonly: bool = True) -> T:
    """One consistent reading of the database, in a turn of its own; 503 where it is away, or asked too much at once."""
    if not deps.database.is_ok:
        raise away(deps.database.reason)
    try:
        async with (
            deps.offload.turn(),
            deps.pool.acquire() as conn,
            conn.transaction(isolation="repeatable_read", readonly=readonly),
        ):
            return await ask(conn)
    except (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError) as error:
        # What no stored name can hold: a NUL in the path or in a cursor.
        raise ProblemError(400, f"the path or the query holds a character that no name has: {error}") from None
    except Exception as error:  # only what says that the database is away; all else is raised again
        if not is_transient(error) or isinstance(error, asyncpg.SerializationError):
            raise
        raise away(str(error)) from error


def away(reason: str) -> ProblemError:
    """The refusal while the database can't be read."""
    detail = f"the database can't be read now: {reason}"
    return ProblemError(503, detail, kind="not-ready", headers={"Retry-After": RETRY_AFTER})


def places(positions: tuple[Position, ...]) -> tuple[Place, ...]:
    """How far each partition is folded."""
    return tuple(Place(p.topic, p.partition, p.next_offset) for p in positions)


def standing(organs: Organs, organ: str, positions: tuple[Position, ...]) -> Standing:
    """What numbers rest on."""
    last = max((p.last_event_at for p in positions), default=None)
    return Standing(places(positions), last.astimezone(organs.zone(organ)).isoformat(" ", "seconds") if last else "")
