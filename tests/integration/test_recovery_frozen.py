"""A server that is frozen: nothing hangs, readiness says which one, and all goes on when it does."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]
import pytest

from services.runtime.local.postgres import PostgresServer
from tests.integration.recovery import services
from tests.support import ServiceProcess, eventually, service


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
    asked = {"tracker": "/v1/requests", "stats": "/v1/stats"}
    with services(env, *asked) as running:
        with frozen(server.pid):
            for each, path in zip(running, asked.values(), strict=True):
                told = eventually(lambda each=each: _refused(each, "/readyz"), 20)  # type: ignore[misc]
                assert "no answer in" in told["parts"]["postgres"]["reason"]
                refused = eventually(lambda each=each, path=path: _refused(each, path), 20)  # type: ignore[misc]
                assert refused["type"] == "urn:shixian:problem:database-away" and "no answer in" in refused["detail"]
                assert each.http.get("/healthz").status_code == httpx.codes.OK
        for each, path in zip(running, asked.values(), strict=True):
            each.wait_ready(30)
            assert each.http.get(path).status_code == httpx.codes.OK


def test_a_request_that_was_asking_as_the_database_froze_is_answered_too(kafka: str, server: PostgresServer) -> None:
    """Before the probe knows: the statement has been sent, or a connection is being made."""
    env = {"SHIXIAN_KAFKA": kafka, "SHIXIAN_POSTGRES": server.dsn, "SHIXIAN_TOPIC_PREFIX": "frozen2."}
    with service("tracker", env) as tracker:
        tracker.wait_ready()
        assert tracker.http.get("/v1/requests").status_code == httpx.codes.OK
        tracker.http.timeout = httpx.Timeout(60)
        with frozen(server.pid):
            assert _refused(tracker, "/v1/requests")["type"] == "urn:shixian:problem:database-away"
        tracker.wait_ready(30)
        assert tracker.http.get("/v1/requests").status_code == httpx.codes.OK
