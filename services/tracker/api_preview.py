"""The preview over HTTP: what would be due for a case that is given whole."""

from email.message import Message
from functools import partial
from typing import Any

from litestar import Controller, Request, Response, post

from services.events.refusals import Refused
from services.runtime.problems import FieldProblem, ProblemError, described
from services.tracker.core import preview
from services.tracker.deps import BUSY, JSON, Injected

PREVIEW_BYTES = 1024 * 1024
"""Of the one case that a preview is about; the facts that a case may have fit in several times."""


class Preview(Controller):
    """One case assessed without being stored."""

    @post(
        "/v1/preview",
        status_code=200,
        request_max_body_size=PREVIEW_BYTES,
        responses={
            413: described("The case is larger than any case can be."),
            415: described("The content type is not application/json."),
            422: described("The case is not what it should be; `errors` names the field."),
            503: BUSY,
        },
    )
    async def preview_due(self, request: Request[Any, Any, Any], deps: Injected) -> Response[bytes]:
        """What would be due: one case given whole, as `shixian due --jsonl` takes it; nothing is stored."""
        require_json(request.headers.get("content-type", ""))
        body = await request.body()
        try:
            async with deps.offload.turn():
                calendars = deps.reference_data.as_known().calendar_as_of
                answer = await deps.offload.thread(partial(preview.answer, body, published=calendars))
        except Refused as refused:
            e = refused.error
            wrong = FieldProblem(field=e.field, problem=e.problem, expected=e.expected, code=e.code)
            raise ProblemError(422, str(refused), kind="case-refused", errors=[wrong]) from None
        return Response(answer, media_type=JSON)


def require_json(content_type: str) -> None:
    """Raises :class:`ProblemError` (415) for a body that is not said to be JSON in UTF-8."""
    message = Message()
    message["content-type"] = content_type
    charset = str(message.get_param("charset", "utf-8")).lower()
    if content_type and message.get_content_type() == JSON and charset in ("utf-8", "utf8"):
        return
    given = content_type[:100] or "missing"
    wrong = FieldProblem(field="header.content-type", problem=f"is {given}", expected=f"{JSON}, in UTF-8")
    raise ProblemError(
        415,
        f"the content type is {given}; expected {JSON}, in UTF-8 (curl: -H 'content-type: {JSON}')",
        kind="content-type",
        errors=[wrong],
        headers={"Accept-Post": JSON},
    )
