"""Behind a proxy: who calls, and how, is believed of a proxy that is named and of nobody else; the real server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Request, get, post

from services.access import file, tokens
from services.access.audit import Entry
from services.access.file import Access, Token
from services.access.routes import Need
from services.runtime import main
from services.runtime.door import Door
from services.runtime.guard import Guard
from services.runtime.health import Health
from services.runtime.settings import Settings
from services.runtime.web import create_app, new_registry
from tests.support import _Open

ID, TOKEN, HASH = tokens.new()
PROXY = {"x-forwarded-for": "198.51.100.7", "x-forwarded-proto": "https"}


@get("/v1/me")
async def me(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Who calls, and how, as a handler sees it."""
    client = request.scope["client"]
    return {"address": client[0] if client else "", "scheme": request.scope["scheme"]}


@post("/v1/me", status_code=200)
async def changed() -> dict[str, str]:
    """A call that changes something."""
    return {}


class _Needs(_Open):
    def __missing__(self, key: tuple[str, str]) -> Need:
        return Need("facts:write", takes=())


@asynccontextmanager
async def served(folder: Path, **more: Any) -> AsyncIterator[tuple[httpx.AsyncClient, list[tuple[Entry, int]]]]:
    """A service with accounts, and what its trail is told of strangers."""
    token = Token(id=ID, name="t", hash=HASH, scopes=("facts:write",), created_at=datetime.now(UTC))
    (folder / "access.json").write_bytes(file.encode(Access(tokens=(token,))))
    settings = replace(Settings(access=str(folder / "access.json")), **more)
    health, told = Health(), list[tuple[Entry, int]]()
    guard = Guard(Door(settings, health), _Needs(), dict, None, own_pages=True, refused=lambda *one: told.append(one))
    app = create_app("things", [me, changed], health, new_registry(), guard=guard)
    sock = main._listen("127.0.0.1", 0)
    server = main._server(app, 1, settings)
    task = asyncio.create_task(server.serve(sockets=[sock]))
    async with asyncio.timeout(20):
        while not server.started:  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.01)
    try:
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as client:
            yield client, told
    finally:
        health.stopping = server.should_exit = True
        await task


BELIEVED = {"address": "198.51.100.7", "scheme": "https"}
AS_IT_IS = {"address": "127.0.0.1", "scheme": "http"}


@pytest.mark.parametrize(
    ("named", "seen"),
    [
        ("", AS_IT_IS),
        ("192.0.2.1", AS_IT_IS),
        ("192.0.2.0/24, 127.0.0.1", BELIEVED),
        ("127.0.0.0/8", BELIEVED),
    ],
)
async def test_a_proxy_is_believed_where_it_is_named(tmp_path: Path, named: str, seen: dict[str, str]) -> None:
    who = {"authorization": f"Bearer {TOKEN}"}
    async with served(tmp_path, trusted_proxies=named) as (client, told):
        assert (await client.get("/v1/me", headers=PROXY | who)).json() == seen
        assert (await client.get("/v1/me", headers=PROXY)).status_code == 401
        ((entry, status),) = told
        assert (entry.address, status) == (seen["address"], 401), "the trail has whom the proxy speaks for"


async def test_what_a_client_writes_into_the_header_itself_is_not_believed(tmp_path: Path) -> None:
    who = {"authorization": f"Bearer {TOKEN}"}
    async with served(tmp_path, trusted_proxies="127.0.0.1") as (client, _):
        forged = PROXY | {"x-forwarded-for": "10.0.0.1, 203.0.113.9"}
        told = (await client.get("/v1/me", headers=forged | who)).json()
        assert told["address"] == "203.0.113.9", "the proxy adds its own client at the end"


async def test_a_page_at_the_proxy_s_address_is_one_of_ours_and_by_plain_http_it_is_not(tmp_path: Path) -> None:
    for named, allowed in (("127.0.0.1", True), ("", False)):
        async with served(tmp_path, trusted_proxies=named, hosts="desk.gov.test") as (client, _):
            who = {"authorization": f"Bearer {TOKEN}"}
            headers = PROXY | who | {"host": "desk.gov.test", "origin": "https://desk.gov.test"}
            answer = await client.post("/v1/me", headers=headers)
            assert answer.status_code == (200 if allowed else 403), answer.text
