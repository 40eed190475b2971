"""Addresses at which people's pages stood before the desk had them all: a browser is led on, with the same query."""

from typing import Any
from urllib.parse import quote

from litestar import Request, Response
from litestar.openapi import ResponseSpec


def moved(request: Request[Any, Any, Any], address: str, *, with_query: bool = True) -> Response[bytes]:
    """307 to ``address`` (a page of the desk, percent-encoded), with the query of the request where that page knows its
    parameters."""
    query = quote(request.scope["query_string"], safe="%=&+/?:@!$'()*,;-._~[]")
    location = f"{address}?{query}" if query and with_query else address
    return Response(b"", status_code=307, media_type="text/plain", headers={"location": location, "vary": "accept"})


def likes_pages(request: Request[Any, Any, Any]) -> bool:
    """Whether the client would rather have a page than JSON, as browsers do; whoever takes anything gets JSON."""
    return request.accept.best_match(["application/json", "text/html"], default="application/json") == "text/html"


MOVED = ResponseSpec(bytes, generate_examples=False, description="Where the page for people stands.")
