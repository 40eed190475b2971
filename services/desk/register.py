"""A register on the page: a map suggested, every problem listed, then the import; the same as ``shixian import``, by
intake's API. The desk keeps nothing: the file goes along from step to step within the page."""

import hashlib
import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import AsyncIterator
from typing import Any, Literal

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.response import Stream

from services.desk.apis import AWAY, LINES, said_again
from services.desk.pages import HEADERS, Desk
from services.desk.sessions import FORM_FIELD
from services.events.refusals import FieldError
from services.runtime.languages import Lang
from services.runtime.problems import Problem, ProblemError, field_problem

Mode = Literal["suggest", "check", "import"]
MODES: tuple[Mode, ...] = ("suggest", "check", "import")
_ANOTHER = re.compile(r"\s[a-z][a-z0-9_-]*=")
"""Another value on the same line: it would become a part of the first one."""
TOLD = 60
"""Characters told of a line that can't be read."""
MOST = 4 * 1024 * 1024
"""Bytes of a file: some 20,000 rows as CSV, and more as xlsx. A larger one is for the command."""
MOST_BODY = 11 * 1024 * 1024
"""Bytes of a form: such a file in base64 with its map, and beside it another one that was chosen in its place."""
SHOWN = 200
"""Problems shown."""
SAID_HERE = frozenset({400, 403, 409, 413, 422}) | AWAY
"""Refusals that are told beside the form."""


class Register(Controller):
    """The page that imports a register."""

    path = "/register"
    include_in_schema = False

    @get()
    async def empty(
        self, request: Request[Any, Any, Any], desk: NamedDependency[Desk], lang: NamedDependency[Lang]
    ) -> Response[bytes]:
        """The form for a file."""
        return await _shown(request, desk, lang)

    @post(status_code=200, request_max_body_size=MOST_BODY)
    async def sent(
        self, request: Request[Any, Any, Any], desk: NamedDependency[Desk], lang: NamedDependency[Lang]
    ) -> Response[bytes] | Stream:
        """A file: a map suggested for it, its problems, or its facts in the log. An import whose reader takes lines
        tells how far it has come, and in the last line the page."""
        form = await request.form()
        texts = {name: value for name, value in form.items() if isinstance(value, str)}
        name, content = texts.get("name", ""), texts.get("content", "")
        file = form.get("file")
        if isinstance(file, UploadFile) and file.filename:
            name, content = file.filename[:200], b64encode(await file.read()).decode()
        mode: Mode = next((one for one in MODES if one == texts.get("do")), "suggest")
        kept = {"name": name, "content": content, "suggested": texts.get("suggested", "")}
        kept |= {field: texts.get(field, "").replace("\r\n", "\n") for field in ("map", "given")}
        try:
            desk.require_form(request, texts.get(FORM_FIELD, ""))
            body = _asked(kept, mode, partial="partial" in texts)
            if mode == "import" and LINES in request.headers.get("accept", ""):
                return Stream(_lines(request, desk, lang, kept, body), media_type=LINES, headers=HEADERS)
            found = await desk.apis.send("intake", "/v1/imports", body)
        except ProblemError as error:
            if error.status not in SAID_HERE:
                raise
            made = await _shown(request, desk, lang, kept=kept, refusal=error)
            made.status_code = error.status
            if "Retry-After" in error.headers:
                made.headers["Retry-After"] = error.headers["Retry-After"]
            return made
        suggestion: str = found["suggestion"]
        is_edited = bool(kept["map"].strip()) and digest(kept["map"]) not in (kept["suggested"], digest(suggestion))
        if suggestion and not is_edited:
            kept |= {"map": suggestion, "suggested": digest(suggestion)}
        # What somebody wrote is not replaced: the suggestion stands beside it.
        beside = suggestion if is_edited else ""
        return await _shown(request, desk, lang, kept=kept, found=found, beside=beside)


def digest(text: str) -> str:
    """What a map is known by as it was suggested, whatever a form does to its ends and line breaks."""
    return hashlib.sha256("\n".join(text.strip().splitlines()).encode()).hexdigest()[:32]


def given_values(text: str) -> dict[str, str]:
    """The values for the whole register, one NAME=VALUE a line. Raises :class:`ProblemError` (400) naming the line that
    is none, or that has a name again."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        name, sign, value = (piece.strip() for piece in line.partition("="))
        if not line.strip():
            continue
        if not sign or not name or name in found or _ANOTHER.search(value):
            wrong = FieldError(
                "given",
                f"line {number} is {line.strip()[:TOLD]!r}",
                "one NAME=VALUE a line, each name once",
                "value-unclear",
                {"line": number, "value": line.strip()[:TOLD]},
            )
            detail = f"given: {wrong.problem}; expected {wrong.expected}"
            raise ProblemError(400, detail, kind="import-refused", errors=[field_problem(wrong)])
        found[name] = value
    return found


def _asked(kept: dict[str, str], mode: Mode, *, partial: bool) -> bytes:
    """The call to intake. Raises :class:`ProblemError` for what is no file, or too large a one."""
    try:
        size = len(b64decode(kept["content"], validate=True))
    except (NotBase64, ValueError):
        raise ProblemError(400, "the file can't be read") from None
    if not kept["name"] or not 0 < size <= MOST:
        detail = (
            f"file: has {size} bytes; expected one of 1 byte to {MOST // 1024 // 1024} MiB (larger: shixian import)"
        )
        raise ProblemError(400, detail, kind="file-size")
    given = given_values(kept["given"])
    asked: dict[str, Any] = {"name": kept["name"], "content": kept["content"], "mode": mode, "map": kept["map"]}
    return msgspec.json.encode(asked | {"given": given} | ({"partial": True} if mode == "import" and partial else {}))


async def _lines(
    request: Request[Any, Any, Any], desk: Desk, lang: Lang, kept: dict[str, str], body: bytes
) -> AsyncIterator[bytes]:
    """How far the import has come, line by line; then the page that says what came of it."""
    values: dict[str, Any] = {}
    try:
        async for line in desk.apis.lines("intake", "/v1/imports", body):
            if "problem" in line:
                problem = msgspec.convert(line["problem"], Problem)
                values = {"refusal": said_again("intake", problem, problem.status), "accepted": line["accepted"]}
            elif "mode" in line:
                values = {"found": line}
            else:
                yield msgspec.json.encode(line) + b"\n"
    except ProblemError as error:
        values = {"refusal": error}
    page = await _shown(request, desk, lang, kept=kept, **values)
    yield msgspec.json.encode({"page": bytes(page.content).decode()}) + b"\n"


async def _shown(request: Request[Any, Any, Any], desk: Desk, lang: Lang, **values: Any) -> Response[bytes]:
    nothing: dict[str, Any] = {
        "kept": None,
        "found": None,
        "refusal": None,
        "accepted": 0,
        "beside": "",
        "shown": SHOWN,
        "most": MOST,
    }
    return await desk.form_page("register.html", request, lang, **(nothing | values))
