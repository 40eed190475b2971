"""Logging in at an OpenID provider that nobody here wrote, in a real browser; what a page elsewhere can't do in it."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from oidc_provider_mock import User, run_server_in_thread
from playwright.sync_api import Browser, Page

from services.access import signed
from services.access.signed import Keys
from services.local.process import free_port
from tests.e2e.test_pages import pytestmark as pytestmark
from tests.support import NOTHING_TO_DO, eventually, service

NOWHERE = {"SHIXIAN_KAFKA": "127.0.0.1:1", "SHIXIAN_POSTGRES": "postgresql://nobody@127.0.0.1:1/none"}
EMPTY = {
    "organs": [],
    "total": 0,
    "timezone": None,
    "next": None,
    "requests": [],
    "as_of": "2024-01-01T00:00:00Z",
} | NOTHING_TO_DO
ELSEWHERE = """<!doctype html><title>elsewhere</title>
<form id="out" method="post" action="{desk}/logout"><input name="form_token" value="x"></form>
<form id="publish" method="post" enctype="text/plain" action="{stats}/v1/annual/gz-psb/2013/publications">
<input name='{{"published_on": "2014-03-01", "x": "' value='"}}'></form>
<form id="fact" method="post" enctype="text/plain" action="{intake}/v1/events">
<input name='{{"a": "' value='"}}'></form>
"""


class Played(http.server.BaseHTTPRequestHandler):
    """The APIs as the desk asks them, and the page elsewhere."""

    authorizations: ClassVar[list[str]] = []
    records: ClassVar[list[Any]] = []
    page: ClassVar[str] = ""

    def do_GET(self) -> None:
        self.authorizations.append(self.headers.get("authorization", ""))
        is_page = self.path == "/elsewhere"
        self._answer(200, self.page if is_page else json.dumps(EMPTY), "text/html" if is_page else "application/json")

    def do_POST(self) -> None:
        self.records.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self._answer(202, "{}", "application/json")

    def _answer(self, status: int, text: str, media: str) -> None:
        self.send_response(status)
        self.send_header("content-type", media)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def played() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Played)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_person_logs_in_at_her_provider_and_a_page_elsewhere_does_nothing_in_her_name(
    browser: Browser, tmp_path: Path
) -> None:
    keys = Keys.new()
    (tmp_path / "desk-key.json").write_bytes(keys.text())
    claims: dict[str, object] = {"roles": ["officer", "publisher"], "organs": ["gz-psb"]}
    people = [User(sub="staff-7", claims=claims), User(sub="visitor", claims={})]
    with played() as apis, run_server_in_thread(port=free_port(), user_claims=people) as provider:
        issuer = f"http://localhost:{provider.server_port}"
        env = {
            **NOWHERE,
            "SHIXIAN_OIDC": issuer,
            "SHIXIAN_OIDC_CLIENT": "desk",
            "SHIXIAN_OIDC_SECRET": "only-the-desk-knows",
            "SHIXIAN_DESK_KEY": str(tmp_path / "desk-key.json"),
            **{f"SHIXIAN_{name}_API": apis for name in ("INTAKE", "TRACKER", "STATS")},
        }
        with service("intake", env) as intake, service("stats", env) as stats, service("desk", env) as desk:
            for one in (intake, stats, desk):
                eventually(partial(one.get, "/healthz"), 120)
            page = browser.new_page()
            _visitor_is_refused(page, desk.url)
            _logs_in(page, desk.url, issuer, keys)
            Played.page = ELSEWHERE.format(desk=desk.url, stats=stats.url, intake=intake.url)
            _elsewhere(page, apis.replace("127.0.0.1", "localhost"), desk.url)
            _logs_out(page, desk.url)


def _visitor_is_refused(page: Page, desk: str) -> None:
    page.goto(f"{desk}/login?lang=en")
    page.get_by_role("link", name="Log in with your").click()
    page.get_by_role("button", name="visitor").click()
    page.wait_for_url(f"{desk}/login/answer**")
    assert "names no role" in page.inner_text("main")
    page.context.clear_cookies()  # neither the desk nor the provider knows who was here


def _logs_in(page: Page, desk: str, issuer: str, keys: Keys) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{desk}/?lang=en")
    page.get_by_role("link", name="Log in with your").click()
    page.get_by_role("button", name="staff-7").click()
    page.wait_for_url(f"{desk}/?lang=en")
    assert "staff-7" in page.inner_text(".reader")
    question = next(parse_qs(urlsplit(url).query) for url in asked if url.startswith(f"{issuer}/oauth2/authorize?"))
    assert question["code_challenge_method"] == ["S256"] and {"nonce", "state", "code_challenge"} <= question.keys()
    (cookie,) = (one for one in page.context.cookies(desk) if one["name"] == "shixian-session")
    assert cookie["httpOnly"] and cookie["sameSite"] == "Lax"
    assert page.evaluate("document.cookie") == "", "no script reads any of them"
    text = next(one for one in reversed(Played.authorizations) if one).removeprefix("Bearer ")
    found = signed.principal_of(keys.claims(text, signed.API, datetime.now(UTC)))
    assert (found.account, found.organs) == ("oidc:staff-7", frozenset({"gz-psb"}))
    assert found.may("reports:publish") and not found.may("admin")
    assert [(one["account"], one["action"]) for one in Played.records[-1:]] == [("oidc:staff-7", "login")]


def _elsewhere(page: Page, site: str, desk: str) -> None:
    for form, status in (("out", 403), ("publish", 403), ("fact", 403)):
        page.goto(f"{site}/elsewhere")
        with page.expect_navigation() as navigation:
            page.evaluate(f"document.getElementById('{form}').submit()")
        answer = navigation.value
        assert answer.status == status, form

    def told() -> Any:
        return next((one for one in Played.records if one["action"] == "call"), None)

    tried = eventually(told)
    assert (tried["account"], tried["path"]) == ("unknown", "/logout") and "localhost" in tried["about"]
    page.goto(f"{desk}/?lang=en")
    assert "staff-7" in page.inner_text(".reader"), "still logged in"


def _logs_out(page: Page, desk: str) -> None:
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(f"{desk}/login**")
    page.goto(f"{desk}/")
    assert page.url.startswith(f"{desk}/login")
    assert Played.records[-1]["action"] == "logout"
