"""A server that is frozen: nothing hangs, readiness says which one, and all goes on when it does."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]
import pytest

from services.local.postgres import PostgresServer
from tests.integration.recovery import services
from tests.support import ServiceProcess, eventually

EXPECTED = {"/v1/requests": httpx.codes.OK, "/v1/annual/gz-psb/2013/organs": httpx.codes.NOT_FOUND}
"""What is asked of each service, and the answer over an empty database."""


@contextmanager
def frozen(pid: int | None) -> Iterator[None]:
    """A server and its children stopped until the block ends."""
    assert pid is not None
    tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    for process in tree:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in tree:
            if process.is_running():
                process.send_signal(signal.SIGCONT)


@pytest.fixture
def server(folder: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(folder / "postgres")
    server.start()
    yield server
    server.stop()


def _refused(running: ServiceProcess, path: str) -> Any:
    answer = running.http.get(path)
    if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
        return None
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0
    return answer.json()


def test_a_frozen_database_is_told_and_requests_are_refused_until_it_goes_on(
    kafka: str, server: PostgresServer
) -> None:
    env = {
        "SHIXIAN_KAFKA": kafka,
        "SHIXIAN_POSTGRES": server.dsn,
        "SHIXIAN_TOPIC_PREFIX": "frozen.",
        "SHIXIAN_PARTITIONS": "2",
    }
    asked = dict(zip(("tracker", "stats"), EXPECTED, strict=True))
    with services(env, *asked) as running:
        with frozen(server.pid):
            # Before the probe knows of it: the statement is sent, or a connection is being made.
            running[0].http.timeout = httpx.Timeout(60)
            assert _refused(running[0], asked["tracker"])["type"] == "urn:shixian:problem:not-ready"
            for each, path in zip(running, asked.values(), strict=True):
                told = eventually(lambda each=each: _refused(each, "/readyz"), 20)  # type: ignore[misc]
                assert "no answer in" in told["parts"]["postgres"]["reason"]
                refused = eventually(lambda each=each, path=path: _refused(each, path), 20)  # type: ignore[misc]
                assert refused["type"] == "urn:shixian:problem:not-ready" and "no answer in" in refused["detail"]
                assert each.http.get("/healthz").status_code == httpx.codes.OK
        for each, path in zip(running, asked.values(), strict=True):
            each.wait_ready(30)
            assert each.http.get(path).status_code == EXPECTED[path]
