"""Errors as RFC 9457 problem details: the one shape in which every service says what went wrong."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import asyncpg
import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException
from litestar.openapi import ResponseSpec

from services.events.refusals import FieldError, Values
from services.runtime.database import DatabaseAway
from services.runtime.failed import reason_of
from services.runtime.retry import is_transient
from services.words import catalogue

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = "5"
"""How long a 503 asks the client to wait, in seconds."""

log = structlog.get_logger(__name__)


class FieldProblem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing wrong with a request: where, what, and what would have been right."""

    field: str
    problem: str
    expected: str
    index: int | None = None
    """The position, from 0, of the event that it is about, where several were sent."""
    code: str = ""
    """Why (``services/words/refusals.toml`` has the words); empty where a parameter is not what /schema says."""
    values: Values = {}
    """What the words for the code take beside the field."""
    zh: str = ""
    """The problem in Chinese, where it has a code."""


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str = ""
    """The path of the request, as it was sent; none where it was not read."""
    errors: list[FieldProblem] = []
    parts: dict[str, dict[str, str]] = {}
    """What a service that is not ready waits for, by the part's name."""


class ProblemError(Exception):
    """Raise it from a handler to answer with a problem.

    ``kind`` is the last part of the problem's ``type`` (``urn:shixian:problem:<kind>``); none where the status alone
    says what is meant (``about:blank``).
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        title: str = "",
        kind: str = "",
        errors: Sequence[FieldProblem] = (),
        parts: Mapping[str, dict[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.title = title or HTTPStatus(status).phrase
        self.kind = kind
        self.errors = list(errors)
        self.parts = dict(parts or {})
        self.headers = dict(headers or {})


class ClientGone(Exception):
    """The client went away before it had sent all of its request: nobody reads the answer."""


def field_problem(error: FieldError, at: str = "$", index: int | None = None) -> FieldProblem:
    """A refused field as a problem has it; ``at``: where in the call what was refused stands."""
    field = error.field.replace("$", at, 1)
    return FieldProblem(
        field=field,
        problem=error.problem,
        expected=error.expected,
        index=index,
        code=error.code,
        values=error.values,
        zh=catalogue.refusal(error.code, {"field": field, **error.values}).zh,
    )


def encoded(problem: ProblemError, instance: str = "") -> bytes:
    """The problem as JSON."""
    return msgspec.json.encode(
        Problem(
            type=f"urn:shixian:problem:{problem.kind}" if problem.kind else "about:blank",
            title=problem.title,
            status=problem.status,
            detail=problem.detail,
            instance=instance,
            errors=problem.errors,
            parts=problem.parts,
        )
    )


def instance(scope: Mapping[str, Any]) -> str:
    """The path of a request as it was sent, percent-encoded."""
    sent: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    return sent.partition(b"?")[0].decode("ascii", "replace")


def answer(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The exception handler of every application: any error to its problem, nothing internal to the client."""
    problem = of(request.scope, error)
    return Response(
        encoded(problem, instance(request.scope)),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers=problem.headers,
    )


def of(scope: Mapping[str, Any], error: Exception) -> ProblemError:
    """The problem that ``error`` is; a failure of ours is logged here, once."""
    problem = _problem_of(scope, error)
    if problem.status >= 500 and problem.status != HTTPStatus.SERVICE_UNAVAILABLE:
        log.error("request_failed", method=scope["method"], path=instance(scope), exc_info=error)
    return problem


def _problem_of(scope: Mapping[str, Any], error: Exception) -> ProblemError:
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, ClientGone):
        return ProblemError(400, "the request ended before its body did", kind="client-gone")
    if isinstance(error, asyncpg.CharacterNotInRepertoireError | asyncpg.UntranslatableCharacterError):
        return ProblemError(400, "the request holds a character that can't be stored, such as NUL")
    if isinstance(error, NotFoundException) and error.detail == HTTPStatus(404).phrase:
        return ProblemError(404, f"there is nothing at {instance(scope)}; see /schema")
    if isinstance(error, MethodNotAllowedException):
        allowed = (error.headers or {}).get("allow", "")
        return ProblemError(405, f"{scope['method']} is not possible here; allowed: {allowed}", headers=error.headers)
    if isinstance(error, HTTPException) and error.status_code < 500:
        return ProblemError(error.status_code, error.detail, errors=_parameters(error.extra), headers=error.headers)
    if _database_away(error):
        reason = str(error) if isinstance(error, DatabaseAway) else reason_of(error)
        return ProblemError(
            503, f"the database can't be read now: {reason}", kind="not-ready", headers={"Retry-After": RETRY_AFTER}
        )
    return ProblemError(500, "the service failed at this request; its log says how")


def _database_away(error: Exception) -> bool:
    """Whether a handler failed because the database is not there, is frozen, or works on it for too long."""
    if isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError | asyncpg.InternalClientError):
        return isinstance(error, asyncpg.QueryCanceledError) or is_transient(error)
    return isinstance(error, DatabaseAway | TimeoutError | ConnectionError)


def _parameters(extra: object) -> list[FieldProblem]:
    """The framework's complaints about parameters: ``[{"message": ..., "key": ..., "source": ...}]``."""
    return [
        FieldProblem(
            field=f"{getattr(item.get('source'), 'value', 'query')}.{item.get('key', '')}".rstrip("."),
            problem=str(item.get("message", "not valid")),
            expected="what /schema says of this parameter",
        )
        for item in (extra if isinstance(extra, list) else ())
        if isinstance(item, dict)
    ]


def described(description: str) -> ResponseSpec:
    """A problem as it stands in the ``responses`` of a handler, for OpenAPI."""
    return ResponseSpec(Problem, generate_examples=False, description=description, media_type=MEDIA_TYPE)
