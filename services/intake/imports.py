"""Registers over HTTP: a first map suggested, every problem listed, or the facts written."""

import asyncio
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, cast

import msgspec
from litestar import Request, Response, post
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, Operation, Reference, RequestBody
from litestar.response import Stream
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct

from services.access.principal import Principal
from services.events.facts import Fact, ReceivedData
from services.events.refusals import FieldError, RefusalCode, explain
from services.events.schema import components
from services.intake import reading, unconfirmed
from services.intake.api import Door
from services.intake.entitled import wrong_of
from services.registers import reading as registers
from services.registers import rejects
from services.registers.map_file import RegisterMap, read, shipped
from services.registers.suggest import suggest
from services.registers.tables import BadFile
from services.runtime.guard import caller
from services.runtime.offload import Offload
from services.runtime.problems import FieldProblem, ProblemError, described, encoded
from services.statute.errors import BadData

LINES = "application/x-ndjson"
WATCHED = 500
"""Facts written between two lines that tell how far it has come."""
MAX_MAP = 200_000
"""Characters of a map; those that ship have some 5,000."""
MAX_PROBLEMS = 1000
"""Problems listed in one answer; the file of rejected rows has all."""


class Import(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A register and what to do with it."""

    name: Annotated[str, Meta(min_length=1, max_length=200, examples=["register-2025.csv"])]
    """The file's name, for what is said of it."""
    content: Annotated[str, Meta(min_length=1, description="the file's bytes in base64", examples=["57yW5Y+3Cg=="])]
    mode: Literal["suggest", "check", "import"]
    """``suggest``: a first map for the file's headers; ``check``: every problem, and nothing is written; ``import``."""
    map: Annotated[str, Meta(max_length=MAX_MAP, examples=["cn-applications"])] = ""
    """The id of a map that ships, or a map as TOML; needed but to suggest one."""
    given: dict[str, str] = {}
    """Values of the map's ``[given]``."""
    partial: bool = False
    """Write the facts of the good rows though others have problems."""


class Imported(Struct, frozen=True, kw_only=True):
    """What was found in a register, and what was done."""

    mode: Literal["suggest", "check", "import"]
    rows: int = 0
    """Rows that are entries."""
    bad_rows: int = 0
    facts: int = 0
    """Facts that the good rows say."""
    unconfirmed: int = 0
    """Requests without a day of receipt by these rows and the law of their organ: no limit runs for them, and no report
    counts them, until their receipt is confirmed."""
    accepted: int = 0
    """Facts that the log has now."""
    problems: list[registers.Problem] = []
    """The first 1,000 problems."""
    problems_total: int = 0
    rejects: str = ""
    """The rows with problems as a CSV file, to be mended and imported with the same map."""
    suggestion: str = ""
    """A map as TOML."""


class Progress(Struct, frozen=True):
    """A line while an import goes on."""

    accepted: int
    """Facts that the log has by now."""
    facts: int
    """Facts to be written."""


class Stopped(Struct, frozen=True):
    """The last line of an import that ended early; what was accepted stays, and the same call may be sent again."""

    accepted: int
    problem: msgspec.Raw
    """As the answer would be without lines (RFC 9457)."""


@dataclass
class PostImport(Operation):
    """The operation with the body that the handler reads by itself: the framework would take ``0`` for false."""

    def __post_init__(self) -> None:
        one = Reference(ref="#/components/schemas/Import")
        self.request_body = RequestBody(required=True, content={reading.PLAIN: OpenAPIMediaType(schema=one)})


def schemas() -> dict[str, Any]:
    """The schemas that the operation refers to."""
    return components(Import, "#/components/schemas/{name}")[1]


def _asked(headers: Iterable[tuple[bytes, bytes]], body: bytes) -> Import:
    """Raises :class:`ProblemError`: 415 for another content type than JSON, 400 for what is no such request."""
    content_type = next((value.decode("latin-1") for name, value in headers if name == b"content-type"), "")
    if reading.media_type(content_type) != reading.PLAIN:
        detail = f"the content type is {content_type[:200] or 'missing'}; expected {reading.PLAIN}, in UTF-8"
        raise ProblemError(415, detail, kind="content-type", headers={"Accept-Post": reading.PLAIN})
    try:
        return msgspec.json.decode(body, type=Import)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        wrong = explain(error, b"", {}, Import)
        named = FieldProblem(field=wrong.field, problem=wrong.problem, expected=wrong.expected)
        raise ProblemError(400, f"{wrong.field}: {wrong.problem}; nothing was written", errors=[named]) from None


def handlers(door: Door, offload: Offload) -> list[ControllerRouterHandler]:
    """The route."""

    @post(
        "/v1/imports",
        status_code=200,
        operation_class=PostImport,
        operation_id="importRegister",
        tags=["imports"],
        responses={
            200: ResponseSpec(Imported, generate_examples=False, description="What was found, and what was done."),
            400: described("The body is not JSON of this shape."),
            408: described("The body came too slowly."),
            409: described(
                "A row says something else than it did before; nothing was written but the facts that the detail tells "
                "of."
            ),
            413: described("The body is too large."),
            415: described("The content type is not JSON."),
            422: described(
                "The file is no register of this map, the map is none, or rows have problems; nothing was written but "
                "the facts that the detail tells of."
            ),
            503: described("The log can't be reached, or too much is being asked at once. Send the same call again."),
        },
    )
    async def import_register(request: Request[Any, Any, Any]) -> Response[bytes] | Stream:
        """Read a register (CSV in UTF-8 or GB18030, or .xlsx) with a map, and write its facts if `mode` says so.

        Safe to repeat: ids are made from the register's own numbers. With `Accept: application/x-ndjson` an import
        answers in lines: each but the last tells how far it has come (`accepted` of `facts`); the last is the answer,
        or the `problem` that ended it.
        """
        data = _asked(request.scope["headers"], await request.body())
        async with offload.turn():
            try:
                content = b64decode(data.content, validate=True)
            except (NotBase64, ValueError):
                raise _wrong("content", "is no base64", "the file's bytes in base64") from None
            judge = _judge(door, caller())
            try:
                if data.mode == "suggest":
                    made = await offload.thread(suggest, data.name, content)
                    return _json(Imported(mode=data.mode, suggestion=made))
                of = await offload.thread(_map, data.map)
                found = await offload.thread(registers.read, data.name, content, of, data.given, judge)
            except BadFile as error:
                raise _wrong("content", str(error), "a register that the map is for") from None
            except BadData as error:
                field = "given" if error.key.startswith("given.") else "map"
                raise _wrong(
                    field, f"{error.key}: {error.reason}"[:500], "a map, and values that it asks for"
                ) from None
            if data.mode == "import" and found.problems and not data.partial:
                raise _bad_rows(found.problems, len(found.bad))
            if data.mode == "import" and LINES in request.headers.get("accept", ""):
                return Stream(_lines(door, found, partial=data.partial), media_type=LINES)
            accepted = 0
            if data.mode == "import":
                async for written in _written(door, found, partial=data.partial):
                    accepted = written
            return _json(await offload.thread(_report, data.mode, found, door.references.laws(), accepted))

    return [import_register]


def _judge(door: Door, principal: Principal) -> registers.Judge:
    """What is wrong with a fact of a register that this principal imports: before anything of it is written."""
    days = door.references.days.each([]) if door.references.days is not None else registers.nothing

    def judge(fact: Fact) -> Iterator[FieldError]:
        yield from days(fact)
        yield from wrong_of(fact, principal)

    return judge


def _map(named: str) -> RegisterMap:
    if "\n" in named or "=" in named:
        return read("map.toml", named, named=False)
    maps: Mapping[str, RegisterMap] = shipped()
    if named not in maps:
        raise _wrong("map", f"is {named[:60]!r}", f"one of {', '.join(maps)}, or a map as TOML")
    return maps[named]


def _report(
    mode: Literal["check", "import"],
    found: registers.RegisterContent,
    law_of: Callable[[ReceivedData], str | None],
    accepted: int,
) -> Imported:
    """What there is to say of a register, with the rows of which a fact was refused only when it was to be written."""
    return Imported(
        mode=mode,
        rows=found.rows,
        bad_rows=len(found.bad),
        facts=len(found.facts),
        unconfirmed=unconfirmed.number(found.facts, law_of),
        accepted=accepted,
        problems=found.problems[:MAX_PROBLEMS],
        problems_total=len(found.problems),
        rejects=rejects.written(found).decode() if found.problems else "",
    )


async def _written(
    door: Door, register: registers.RegisterContent, *, partial: bool, size: int = reading.MAX_EVENTS
) -> AsyncIterator[int]:
    """Write the facts of a register in lots; after each, how many the log has. Raises :class:`ProblemError`.

    ``partial``: a row of which a fact is refused becomes one of the register's bad rows, and the others are written.
    Else the rows are named, and how much was written before them.
    """
    accepted = at = 0
    while at < len(register.facts):
        found = reading.Reading(reading.MAX_EVENTS)
        found.taken = [reading.Taken(fact, index) for index, fact in enumerate(register.facts[at : at + size])]
        try:
            accepted += (await door.write(found, partial=False)).accepted
        except ProblemError as error:
            wrong = {
                at + (named.index or 0): FieldError(
                    each.field, each.problem, each.expected, cast(RefusalCode, each.code), each.values
                )
                for named, each in zip(found.names, found.errors, strict=True)
            }
            if error.status not in (409, 422) or not wrong:
                raise
            rows = {register.places[place][0] for place in wrong}
            # Of a row that is taken away, facts may be in the log by a lot before; what comes next moves up by them.
            at -= sum(number in rows for number, _ in register.places[:at])
            problems = await asyncio.to_thread(registers.refuse, register, wrong)
            if not partial:
                raise _bad_rows(problems, len(rows), accepted, of=error) from None
        else:
            at += size
        yield accepted


async def _lines(door: Door, register: registers.RegisterContent, *, partial: bool) -> AsyncIterator[bytes]:
    accepted = 0
    yield msgspec.json.encode(Progress(0, len(register.facts))) + b"\n"
    try:
        async for accepted in _written(door, register, partial=partial, size=WATCHED):
            yield msgspec.json.encode(Progress(accepted, len(register.facts))) + b"\n"
    except ProblemError as error:
        yield msgspec.json.encode(Stopped(accepted, msgspec.Raw(encoded(error)))) + b"\n"
        return
    yield (
        msgspec.json.encode(await asyncio.to_thread(_report, "import", register, door.references.laws(), accepted))
        + b"\n"
    )


def _json(found: Imported) -> Response[bytes]:
    return Response(msgspec.json.encode(found), media_type="application/json")


def _wrong(field: str, problem: str, expected: str) -> ProblemError:
    error = FieldProblem(field=field, problem=problem, expected=expected)
    return ProblemError(422, f"{field}: {problem}; nothing was written", kind="import-refused", errors=[error])


def _bad_rows(
    problems: Sequence[registers.Problem], rows: int, accepted: int = 0, of: ProblemError | None = None
) -> ProblemError:
    """``accepted``: so many facts were written before; ``of``: what refused the rows then."""
    errors = [
        FieldProblem(
            field=f"row {p.row}: {p.column}",
            problem=p.problem.en,
            expected=p.expected.en,
            zh=f"第{p.row}行 {p.column}：{p.problem.zh}；{p.expected.zh}",
        )
        for p in problems[: reading.MAX_ERRORS]
    ]
    written = f"{accepted} facts were written before that, and stay" if accepted else "nothing was written"
    detail = f"{rows} rows have problems, {written}; partial takes the others"
    status, title = (of.status, of.title) if of else (422, "Rows refused")
    return ProblemError(status, detail, title=title, kind=of.kind if of else "rows-refused", errors=errors)
