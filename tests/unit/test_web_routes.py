"""Every route of every service: what holds for all of them, asked of the applications as they are wired."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import structlog

from services.desk.app import build as desk
from services.intake.app import build as intake
from services.runtime import database
from services.runtime.health import Health
from services.runtime.main import Build
from services.runtime.settings import Settings
from services.stats.app import build as stats
from services.tracker.app import build as tracker

NOWHERE = Settings(
    kafka="127.0.0.1:1",
    postgres="postgresql://nobody@127.0.0.1:1/none",
    intake_api="http://127.0.0.1:1",
    tracker_api="http://127.0.0.1:1",
    stats_api="http://127.0.0.1:1",
)
SERVICES: dict[str, Build] = {"intake": intake, "tracker": tracker, "stats": stats, "desk": desk}
VALUES = {"year": "2013", "subject": "r%2F1", "number": "1", "measure": "received"}

each_service = pytest.mark.parametrize("name", SERVICES)


@asynccontextmanager
async def application(name: str) -> AsyncIterator[tuple[Any, httpx.AsyncClient]]:
    """The service's application with everything but its servers, its pool of connections never opened nor closed."""

    async def leave(pool: object) -> None:
        pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "close", leave)
        async with wired(name) as found:
            yield found


@asynccontextmanager
async def wired(name: str) -> AsyncIterator[tuple[Any, httpx.AsyncClient]]:
    async with SERVICES[name](NOWHERE, Health()) as parts:
        transport = httpx.ASGITransport(app=parts.asgi)
        # Where the servers are away, some routes fail and say so in the log at length: here the answer is looked at.
        with structlog.testing.capture_logs():
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                yield parts.asgi, client


def routes(app: Any, method: str) -> list[str]:
    """The path templates that take ``method``."""
    return sorted(r.path_format for r in app.routes if method in getattr(r, "methods", ()))


def path(template: str, **values: str) -> str:
    """A path of the template."""
    return re.sub(r"\{(\w+)\}", lambda m: {**VALUES, **values}.get(m[1], "x"), template)


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "Traceback" not in answer.text
    found: dict[str, Any] = answer.json()
    return found


@each_service
async def test_head_is_possible_wherever_get_is_and_says_the_same_without_a_body(name: str) -> None:
    async with application(name) as (app, client):
        templates = routes(app, "GET")
        assert len(templates) > 5
        for template in templates:
            got, head = await client.get(path(template)), await client.head(path(template))
            assert head.status_code == got.status_code, template
            assert head.content == b""
            assert (head.headers["content-type"], "content-length" in head.headers) == (
                got.headers["content-type"],
                True,
            )
            if template not in ("/metrics", "/readyz"):  # these tell the time
                assert head.headers == got.headers, template


@each_service
async def test_every_route_says_which_methods_it_takes(name: str) -> None:
    async with application(name) as (app, client):
        for route in app.routes:
            where = path(route.path_format)
            options = await client.options(where)
            wanted = {*route.methods, *(["HEAD"] if "GET" in route.methods else [])}
            assert (options.status_code, set(options.headers["allow"].split(", "))) == (204, wanted)
            for method in ("DELETE", "BREW", "POST", "GET"):
                if method not in wanted:
                    refused = await client.request(method, where)
                    problem(refused, 405)
                    assert refused.headers["allow"] == options.headers["allow"]


BAD = ("%00", "a%00b", "%0a", "%7F", "%c2%85", "%ff", "%c0%80", "%ed%a0%80", "%e7%94", "%zz", "%", "%4")


@each_service
async def test_what_is_no_text_is_refused_wherever_it_stands_and_named(name: str) -> None:
    async with application(name) as (app, client):
        with structlog.testing.capture_logs() as logs:
            for template in routes(app, "GET"):
                for bad in BAD:
                    for query, field in (
                        (f"lang={bad}", "query.lang"),
                        (f"{bad}=x", "query"),
                        (f"x&y+z={bad}", "query.y z"),
                    ):
                        found = problem(
                            await client.get(httpx.URL(path(template)).copy_with(query=query.encode())), 400
                        )
                        assert [e["field"] for e in found["errors"]] == [field], (template, query)
                    for parameter in re.findall(r"\{(\w+)\}", template):
                        target = path(template, **{parameter: bad}).encode()
                        found = problem(await raw(app, target), 400)
                        wanted = {f"path.{parameter}"} if "%0" in bad or "%f" in bad else {f"path.{parameter}", "path"}
                        assert {e["field"] for e in found["errors"]} <= wanted, (template, bad)
                        assert found["instance"] == target.decode()
        assert not logs


async def raw(app: Any, target: bytes) -> httpx.Response:
    """The answer to a path as it stands, which httpx would put right, decoded as uvicorn does it."""
    from urllib.parse import unquote

    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": unquote(target.decode()), "raw_path": target, "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")], "scheme": "http",
        "server": ("service.test", 80), "client": ("127.0.0.1", 1),
        "root_path": "", "http_version": "1.1", "asgi": {"version": "3.0"}, "state": {},
    }  # fmt: skip
    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent)
    return httpx.Response(sent[0]["status"], headers=sent[0]["headers"], content=body)


ACCEPT = ("text/html", "application/json", "*/*", "image/png", "x", ";;q=x", "text/html;q=a, */*;q=0", "")


@each_service
async def test_no_answer_names_its_charset_twice_or_fails_for_what_is_accepted(name: str) -> None:
    async with application(name) as (app, client):
        for template in routes(app, "GET"):
            for accept in ACCEPT if not template.startswith("/schema") else ACCEPT[:2]:
                answer = await client.get(path(template), headers={"accept": accept, "accept-language": accept})
                media = answer.headers.get("content-type", "")
                assert media.count("charset") <= 1, template
                assert media.startswith("text/") == ("charset=utf-8" in media), (template, media)
                lacks = name == "tracker" or template == "/v1/lock-outs"  # a parameter that must be given
                assert answer.status_code in (200, 303, 307, 404, 503) or lacks, (template, accept)


@each_service
async def test_nothing_that_was_sent_comes_back_as_markup(name: str) -> None:
    evil = "%3Cscript%3E\"'&"
    async with application(name) as (app, client):
        for template in routes(app, "GET"):
            for target in (
                path(template, subject=evil, organ=evil, year=evil),
                f"{path(template)}?lang={evil}&q={evil}",
            ):
                answer = await client.get(target, headers={"accept": "text/html"})
                html = answer.headers.get("content-type", "").startswith("text/html")
                assert not (html and "<script>" in answer.text), target
                if answer.headers.get("content-type") == "application/problem+json":
                    assert json.loads(answer.text)["status"] == answer.status_code


@each_service
async def test_a_query_parameter_that_a_route_does_not_know_is_refused_by_its_name(name: str) -> None:
    async with application(name) as (app, client):
        asked = [t for t in routes(app, "GET") if not t.startswith("/schema")]
        redirects = {
            "tracker": {"/", "/requests", "/requests/{subject}"},
            "stats": {"/"},
            "desk": {"/login/answer"},
        }.get(name, set())
        assert asked
        for template in asked:
            answer = await client.get(f"{path(template)}?surplus=1", headers={"accept": "application/json"})
            if template.replace(":path", "") in redirects:
                assert answer.status_code != 400, template
                continue
            errors = problem(answer, 400)["errors"]
            not_known = [e["field"] for e in errors if e["problem"] != "is missing"]
            assert not_known == [errors[0]["field"]] == ["query.surplus"], template
            assert problem(await client.get(f"{path(template)}?surplus=%00"), 400)["errors"], template


async def test_a_filter_by_an_organ_that_is_not_registered_is_refused() -> None:
    async with application("tracker") as (_, client):
        for where in ("/v1/requests", "/v1/rejections", "/v1/deadlines.ics"):
            found = problem(await client.get(f"{where}?organ=nowhere"), 400)
            assert [e["field"] for e in found["errors"]] == ["query.organ"], where


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - {"desk"}))
async def test_what_a_route_answers_has_a_form_in_the_document(name: str) -> None:
    """A body that a handler encodes by itself would stand there as a text. The desk has pages, and no API."""
    async with application(name) as (_, client):
        document = (await client.get("/schema/openapi.json")).json()
    answers = [
        (where, status, one["content"]["application/json"]["schema"])
        for where, methods in document["paths"].items()
        for operation in methods.values()
        for status, one in operation["responses"].items()
        if status.startswith("2") and "application/json" in one.get("content", {})
    ]
    assert len(answers) > 2
    assert not [each for each in answers if not {"$ref", "oneOf", "items", "properties"} & set(each[2])]
