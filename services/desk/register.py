"""A register on the page: a map suggested, every problem listed, then the import; the same as ``shixian import``, by
intake's API. The desk keeps nothing: the file goes along from step to step within the page."""

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from typing import Any, Literal

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency

from services.desk.pages import Desk
from services.desk.sessions import FORM_FIELD
from services.runtime.languages import Lang
from services.runtime.problems import ProblemError

Mode = Literal["suggest", "check", "import"]
MODES: tuple[Mode, ...] = ("suggest", "check", "import")
MOST = 640 * 1024
"""Bytes of a file: in base64, with its map, it stays within what a form may have. A larger one is for the command."""
SHOWN = 200
"""Problems shown."""


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

    @post(status_code=200)
    async def sent(
        self, request: Request[Any, Any, Any], desk: NamedDependency[Desk], lang: NamedDependency[Lang]
    ) -> Response[bytes]:
        """A file: a map suggested for it, its problems, or its facts in the log."""
        form = await request.form()
        texts = {name: value for name, value in form.items() if isinstance(value, str)}
        desk.require_form(request, texts.get(FORM_FIELD, ""))
        name, content = texts.get("name", ""), texts.get("content", "")
        file = form.get("file")
        if isinstance(file, UploadFile) and file.filename:
            name, content = file.filename[:200], b64encode(await file.read()).decode()
        mode = next((one for one in MODES if one == texts.get("do")), "suggest")
        kept = {"name": name, "content": content, "map": texts.get("map", "").replace("\r\n", "\n")}
        kept["given"] = texts.get("given", "")
        try:
            if not name or not 0 < len(b64decode(content, validate=True)) <= MOST:
                raise ProblemError(400, f"file: expected one of 1 to {MOST // 1024} KiB")
            given = dict(one.split("=", 1) for one in kept["given"].split() if "=" in one)
            body: dict[str, Any] = {"name": name, "content": content, "mode": mode, "map": kept["map"], "given": given}
            if mode == "import" and "partial" in texts:
                body["partial"] = True
            found = await desk.apis.send("intake", "/v1/imports", msgspec.json.encode(body))
        except (ProblemError, NotBase64, ValueError) as error:
            refusal = error if isinstance(error, ProblemError) else ProblemError(400, "the file can't be read")
            if refusal.status not in (400, 403, 409, 413, 422):
                raise
            made = await _shown(request, desk, lang, kept=kept, refusal=refusal)
            made.status_code = refusal.status
            return made
        if found["suggestion"]:
            kept["map"] = found["suggestion"]
        return await _shown(request, desk, lang, kept=kept, found=found)


async def _shown(request: Request[Any, Any, Any], desk: Desk, lang: Lang, **values: Any) -> Response[bytes]:
    nothing: dict[str, Any] = {"kept": None, "found": None, "refusal": None, "shown": SHOWN}
    return await desk.form_page("register.html", request, lang, **(nothing | values))
