"""The web shell that every service has: errors, probes, metrics, OpenAPI, limits, headers."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import structlog
import yaml
from litestar import Request, get, post
from litestar.params import FromPath, FromQuery
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from services.runtime.health import Health
from services.runtime.paths import part
from services.runtime.problems import FieldProblem, ProblemError, described
from services.runtime.web import create_app, new_registry
from tests.support import open_guard


@get("/v1/things/{thing:str}", responses={404: described("no such thing")})
async def read(thing: FromPath[str], limit: FromQuery[int] = 10) -> dict[str, Any]:
    """One thing."""
    if thing == "none":
        wrong = FieldProblem(field="thing", problem="is none", expected="some")
        raise ProblemError(404, "no such thing", kind="no-thing", errors=[wrong])
    if thing == "bug":
        raise RuntimeError("the secret of the house")
    return {"thing": thing, "limit": limit}


@post("/v1/things")
async def write(request: Request[Any, Any, Any]) -> dict[str, int]:
    """Counts what is sent."""
    return {"bytes": len(await request.body())}


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def registry() -> CollectorRegistry:
    return new_registry()


@pytest.fixture
async def client(health: Health, registry: CollectorRegistry) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(
        "things", [read, write], health, registry, max_body=1000, schemas={"Extra": {"const": 1}}, guard=open_guard()
    )
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # httpx spells the ASGI types in its own way
    async with httpx.AsyncClient(transport=transport, base_url="http://things.test") as one:
        yield one


def problem(answer: httpx.Response) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= set(found)
    assert found["status"] == answer.status_code
    return found


async def test_a_problem_of_ours_says_all(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/things/none")
    assert problem(answer) == {
        "type": "urn:shixian:problem:no-thing",
        "title": "Not Found",
        "status": 404,
        "detail": "no such thing",
        "instance": "/v1/things/none",
        "errors": [{"field": "thing", "problem": "is none", "expected": "some"}],
    }


@pytest.mark.parametrize("path", ["/nowhere", "/schema/nowhere", "/schema/swagger", "/v1/things/a/b"])
async def test_what_is_not_there_is_a_problem(client: httpx.AsyncClient, path: str) -> None:
    found = problem(await client.get(path))
    assert (found["status"], found["type"], found["instance"]) == (404, "about:blank", path)


async def test_a_wrong_method_names_the_right_one(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/v1/things")
    assert answer.headers["allow"] == "OPTIONS, POST"
    assert "POST" in problem(answer)["detail"]
    assert answer.status_code == 405


async def test_a_wrong_parameter_is_named(client: httpx.AsyncClient) -> None:
    found = problem(await client.get("/v1/things/a?limit=many"))
    assert found["status"] == 400
    assert found["errors"][0]["field"] == "query.limit"
    assert "int" in found["errors"][0]["problem"]


async def test_too_large_a_body_is_refused(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100

    assert (await client.post("/v1/things", content=b"x" * 1000)).json() == {"bytes": 1000}
    assert problem(await client.post("/v1/things", content=b"x" * 1001))["status"] == 413
    assert problem(await client.post("/v1/things", content=chunks()))["status"] == 413


async def test_a_route_may_take_more_than_the_others_which_take_no_more_for_that() -> None:
    @post("/v1/files", request_max_body_size=3000)
    async def file(request: Request[Any, Any, Any]) -> dict[str, int]:
        """Takes more."""
        return {"bytes": len(await request.body())}

    app = create_app("things", [write, file], Health(), new_registry(), max_body=1000, guard=open_guard())
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # httpx spells the ASGI types in its own way
    async with httpx.AsyncClient(transport=transport, base_url="http://things.test") as client:
        for path, most in (("/v1/things", 1000), ("/v1/files", 3000)):
            assert (await client.post(path, content=b"x" * most)).json() == {"bytes": most}
            assert problem(await client.post(path, content=b"x" * (most + 1)))["status"] == 413


async def test_a_bug_is_told_to_the_log_and_not_to_the_client(client: httpx.AsyncClient) -> None:
    with structlog.testing.capture_logs() as logs:
        answer = await client.get("/v1/things/bug")
    assert problem(answer)["status"] == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert [(entry["event"], str(entry["exc_info"])) for entry in logs] == [
        ("request_failed", "the secret of the house")
    ]


async def test_readiness_names_what_is_away(client: httpx.AsyncClient, health: Health) -> None:
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    log, database = health.part("log"), health.part("database")
    database.ok()
    log.away("no broker at 127.0.0.1:1")
    answer = await client.get("/readyz")
    found = problem(answer)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert found["detail"] == "log is away: no broker at 127.0.0.1:1"
    assert found["parts"]["log"]["state"] == "away"
    assert "database" not in found["parts"]
    log.ok()
    answer = await client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["parts"]["log"]["state"] == "ok"
    health.stopping = True
    assert problem(await client.get("/readyz"))["detail"] == "the service is stopping"
    assert (await client.head("/healthz")).status_code == 200


def samples(text: str, name: str) -> Iterator[tuple[dict[str, str], float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name:
                yield sample.labels, sample.value


async def test_requests_are_measured_with_bounded_labels(client: httpx.AsyncClient) -> None:
    for path in ("a", "b", "none", "bug"):
        await client.get(f"/v1/things/{path}")
    await client.get("/wander/here")
    await client.get("/wander/there")
    await client.request("BREW", "/v1/things")
    text = (await client.get("/metrics")).text
    counts = {
        (labels["route"], labels["method"], labels["status"]): value
        for labels, value in samples(text, "shixian_http_requests_total")
        if value
    }
    assert counts == {
        ("/v1/things/{thing}", "GET", "2xx"): 2,
        ("/v1/things/{thing}", "GET", "4xx"): 1,
        ("/v1/things/{thing}", "GET", "5xx"): 1,
        ("unmatched", "GET", "4xx"): 2,
        ("unmatched", "other", "4xx"): 1,
    }
    assert ({"route": "/v1/things/{thing}", "method": "GET"}, 4) in samples(
        text, "shixian_http_request_duration_seconds_count"
    )
    never = {"route": "/v1/things", "method": "POST", "status": "5xx"}
    assert (never, 0) in samples(text, "shixian_http_requests_total")  # or the first failure would be no increase
    assert "_created" not in text
    assert "process_resident_memory_bytes" in text


async def test_openapi_needs_no_outside_site(client: httpx.AsyncClient) -> None:
    answer = await client.get("/schema")
    assert answer.headers["content-type"].startswith("application/vnd.oai.openapi+json")
    document = answer.json()
    assert document["openapi"].startswith("3.1")
    assert sorted(document["paths"]) == ["/v1/things", "/v1/things/{thing}"]
    assert document["components"]["schemas"]["Extra"] == {"const": 1}
    refused = document["paths"]["/v1/things/{thing}"]["get"]["responses"]["404"]["content"]
    assert refused == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    assert json.loads((await client.get("/schema/openapi.json")).text) == document
    assert "openapi: 3.1" in (await client.get("/schema/openapi.yaml")).text


@pytest.mark.parametrize("path", ["/healthz", "/nowhere", "/v1/things/bug", "/schema", "/metrics"])
async def test_every_answer_carries_the_security_headers(client: httpx.AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "http" not in headers["content-security-policy"]


IDENTIFIERS = (
    "a/b",
    "/a",
    "a/",
    "a//b",
    "../b",
    "a/..",
    "a?b=c",
    "a#b",
    "a%b",
    "a%2Fb",
    "申请 1",
    "a+b&c",
    "a;b:@",
    "x.html",
)


@pytest.mark.parametrize("identifier", IDENTIFIERS)
async def test_an_identifier_in_a_link_comes_back_as_it_was(identifier: str) -> None:
    @get("/one/{name:str}/{year:str}")
    async def one(name: FromPath[str], year: FromPath[str]) -> list[str]:
        return [name, year]

    @get("/whole/{name:path}")
    async def whole(name: FromPath[str]) -> str:
        return name.removeprefix("/")

    app = create_app("things", [one, whole], Health(), new_registry(), guard=open_guard())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://things.test") as client:  # type: ignore[arg-type]
        assert (await client.get(f"/one/{part(identifier)}/2013")).json() == [identifier, "2013"]
        assert (await client.get(f"/whole/{part(identifier)}")).text == identifier
        assert (await client.get("/whole/a/b")).text == "a/b"


async def test_the_openapi_documents_are_made_once_and_say_the_same() -> None:
    """As YAML it takes a third of a second of the loop that everybody's calls wait for."""
    made: list[dict[str, Any]] = []

    def complete(document: dict[str, Any]) -> dict[str, Any]:
        made.append(document)
        return document

    app: Any = create_app("test", [], Health(), new_registry(), complete=complete)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://t.test") as client:
        texts = [(await client.get(f"/schema/openapi.{form}")).text for form in ("json", "yaml") * 3]
    assert len(made) == 2 and len(set(texts)) == 2
    assert yaml.safe_load(texts[1]) == json.loads(texts[0])
