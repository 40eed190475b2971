"""A page to read a service's API and to try it: Swagger UI, vendored, so that nothing is asked of any other server.

It holds nothing of the service's own: the document is read with the token that the reader puts into its field.
"""

from functools import cache
from importlib.resources import files

from litestar import Response, get
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from services.runtime.problems import ProblemError

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FILES = {
    "swagger-ui-bundle.js": ("swagger-ui/swagger-ui-bundle.js", "text/javascript"),
    "swagger-ui.css": ("swagger-ui/swagger-ui.css", "text/css"),
    "try.js": ("try.js", "text/javascript"),
    "try.css": ("try.css", "text/css"),
}


@cache
def _content(path: str) -> bytes:
    return files("services.runtime").joinpath("static", *path.split("/")).read_bytes()


@get("/schema/try", include_in_schema=False, sync_to_thread=False)
def page() -> Response[bytes]:
    """The page."""
    return Response(_content("try.html"), media_type="text/html", headers={"content-security-policy": POLICY})


@get("/schema/try/{file:str}", include_in_schema=False, sync_to_thread=False)
def asset(file: FromPath[str]) -> Response[bytes]:
    """What the page needs. Raises :class:`ProblemError` (404)."""
    if file not in _FILES:
        raise ProblemError(404, "there is no such file")
    path, media_type = _FILES[file]
    return Response(_content(path), media_type=media_type, headers={"cache-control": "public, max-age=86400"})


HANDLERS: list[ControllerRouterHandler] = [page, asset]
