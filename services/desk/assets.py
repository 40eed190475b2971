"""The desk's stylesheet, script and icon."""

from functools import cache
from importlib.resources import files

from litestar import Response, get


@cache
def _content(name: str) -> bytes:
    return (files("services.desk") / "static" / name).read_bytes()


def _asset(name: str, media_type: str, seconds: int) -> Response[bytes]:
    return Response(_content(name), media_type=media_type, headers={"cache-control": f"public, max-age={seconds}"})


@get("/static/desk.css", include_in_schema=False, sync_to_thread=False)
def stylesheet() -> Response[bytes]:
    """The look of all pages."""
    return _asset("desk.css", "text/css", 3600)


@get("/static/desk.js", include_in_schema=False, sync_to_thread=False)
def script() -> Response[bytes]:
    """What keeps pages up to date."""
    return _asset("desk.js", "text/javascript", 3600)


@get("/static/icon.svg", include_in_schema=False, sync_to_thread=False)
def icon() -> Response[bytes]:
    """The icon."""
    return _asset("icon.svg", "image/svg+xml", 86400)
