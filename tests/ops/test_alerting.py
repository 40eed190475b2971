"""From a fact to the officer's pager: real services, a real Prometheus, a real Alertmanager, a webhook."""

import re
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

import asyncpg
import pytest

from tests.ops.tools import ROOT, run
from tests.ops.watched import Watched
from tests.support import answered, eventually, received

TODAY = datetime.now(UTC).date()
ALWAYS = {"Watchdog", "CalendarNotPublished"}
"""What fires whatever the services do; the calendar's alert depends on the day on which the test runs."""


def ago(days: int) -> str:
    return (TODAY - timedelta(days=days)).isoformat()


def firing(watched: Watched, name: str, **labels: str) -> dict[str, Any]:
    """The delivery of an alert, once it fires."""

    def look() -> dict[str, Any] | None:
        told = watched.hook.last(name, **labels)
        return told if told["status"] == "firing" else None

    found: dict[str, Any] = eventually(look, 45)
    return found


def settled(watched: Watched, name: str, **labels: str) -> None:
    """Return when the webhook was told that an alert is over."""
    eventually(lambda: watched.hook.last(name, **labels)["status"] == "resolved" or None, 90)


def suppressed(watched: Watched, name: str, **labels: str) -> None:
    """Return when Alertmanager holds an alert back because of another."""

    def look() -> bool | None:
        alert = watched.alerts(name, **labels)[0]
        return (alert["status"]["state"] == "suppressed" and bool(alert["status"]["inhibitedBy"])) or None

    eventually(look, 45)


def requests(watched: Watched, organ: str, status: str) -> list[str]:
    """The requests of that status as the board has them, the oldest first."""
    page = watched.http.get(
        f"{watched.url('tracker')}/v1/requests", params={"status": status, "organ": organ, "limit": 100}
    ).raise_for_status()
    return [request["id"] for request in page.json()["requests"]]


def overdue(watched: Watched, organ: str) -> list[str]:
    return requests(watched, organ, "overdue")


def test_an_overdue_request_reaches_the_webhook_and_its_answer_settles_it(watched: Watched) -> None:
    organ = "gz-a"
    watched.register(organ)
    oldest = "2026 旧/1"
    watched.post(received(oldest, ago(60), "in-person", organ))  # overdue by any calendar
    alert = firing(watched, "RequestOverdue", organ=organ)
    assert alert["labels"] | {"organ": organ, "severity": "critical", "audience": "officers"} == alert["labels"]
    notes = alert["annotations"]
    assert (notes["oldest_request"], notes["count"]) == (oldest, "1")
    assert notes["description"].startswith(f"{organ}: 1 requests are overdue; the oldest is {oldest}, for ")
    assert notes["runbook_url"].endswith("/RequestOverdue.md")
    page = watched.http.get(notes["link"])
    assert page.status_code == 200
    assert oldest in page.text
    page = watched.http.get(notes["oldest_link"])
    assert " " not in notes["oldest_link"]
    assert page.status_code == 200
    assert f"<h1>{oldest} " in page.text

    # Of these some are overdue as well, and some due soon: the overdue ones must not silence the others' warning.
    watched.post(*(received(f"R-{days}", ago(days), "in-person", organ) for days in range(20, 36)))
    eventually(lambda: watched.query(f'shixian_requests_due_soon{{organ="{organ}",working_days="3"}} > 0') or None)
    firing(watched, "RequestDueSoon", organ=organ)
    late = overdue(watched, organ)
    assert len(late) > 1
    eventually(lambda: watched.query(f'shixian_requests_overdue{{organ="{organ}"}} == {len(late)}') or None)

    watched.post(*(answered(request, TODAY.isoformat()) for request in late))
    settled(watched, "RequestOverdue", organ=organ)
    soon = firing(watched, "RequestDueSoon", organ=organ)["annotations"]["link"]
    page = watched.http.get(soon)
    left = requests(watched, organ, "due-today") + requests(watched, organ, "open")
    assert left and all(request in page.text for request in left)
    assert overdue(watched, organ) == []
    # Of the breach the officers heard when it began and when it ended; seconds of evaluation between made no noise.
    told = [
        a["status"]
        for a in watched.hook.alerts
        if a["labels"].items() >= {"alertname": "RequestOverdue", "organ": organ}.items()
    ]
    # Other alerts of the organ come and go in one message with it, which says it again.
    assert [status for status, _ in groupby(told)] == ["firing", "resolved"]


async def test_a_killed_tracker_is_told_once_and_its_lag_is_not(watched: Watched) -> None:
    watched.register("gz-b")
    eventually(lambda: watched.query('sum(shixian_consumer_lag_records{service="tracker"}) == 0') or None)
    blocker = await asyncpg.connect(watched.env["SHIXIAN_POSTGRES"])
    try:
        held = blocker.transaction()
        await held.start()
        await blocker.execute("SELECT 1 FROM tracker.progress FOR UPDATE")
        watched.post(*(received(f"B-{n}", ago(1), "in-person", "gz-b") for n in range(30)))
        firing(watched, "TrackerLagging", service="tracker")
        watched.kill("tracker")
        firing(watched, "ServiceDown", service="tracker", severity="critical")
        suppressed(watched, "TrackerLagging", service="tracker", severity="warning")
    finally:
        await held.rollback()
        await blocker.close()
    watched.run("tracker")
    watched.wait_ready("tracker")
    settled(watched, "ServiceDown", service="tracker", severity="critical")
    eventually(lambda: not watched.alerts("TrackerLagging") or None, 90)
    assert watched.query('sum(shixian_consumer_lag_records{service="tracker"})')[0]["value"][1] == "0"


async def test_a_stopped_sweep_is_told_though_everything_else_is_green(watched: Watched) -> None:
    blocker = await asyncpg.connect(watched.env["SHIXIAN_POSTGRES"])
    try:
        held = blocker.transaction()
        await held.start()
        await blocker.execute("SELECT 1 FROM tracker.progress FOR UPDATE")
        firing(watched, "SweepStale", severity="warning")
        ready = watched.http.get(f"{watched.url('tracker')}/readyz")
        assert ready.status_code == 200
        assert watched.query('min(up{job="shixian"})')[0]["value"][1] == "1"
        operators = {a["labels"]["alertname"] for a in watched.alerts(audience="operators")}
        assert operators - ALWAYS <= {"SweepStale", "ServiceDown", "TrackerLagging"}
    finally:
        await held.rollback()
        await blocker.close()
    # Not by the webhook: where a scrape that came late made it a ServiceDown meanwhile, which silences this one, nobody
    # is told that it ended.
    eventually(lambda: not watched.alerts("SweepStale") or None, 90)
    assert not watched.query("ALERTS{alertname='SweepStale',alertstate='firing'}")


def test_a_sweep_that_is_to_be_seldom_is_not_stale(watched: Watched) -> None:
    watched.stop("tracker")
    watched.run("tracker", SHIXIAN_SWEEP_SECONDS="100000")
    watched.wait_ready("tracker")
    age = "time() - shixian_tracker_last_sweep_timestamp_seconds"
    eventually(lambda: watched.query(f"{age} > 10 and {age} < 100000") or None)
    assert watched.alerts("SweepStale") == []
    watched.stop("tracker")
    watched.run("tracker")
    watched.wait_ready("tracker")


@pytest.mark.parametrize("name", ["intake", "tracker", "stats", "desk"])
def test_promtool_accepts_what_the_running_services_expose(watched: Watched, name: str) -> None:
    answer = watched.http.get(f"{watched.url(name)}/metrics")
    assert run("promtool", "check", "metrics", given=answer.content) == ""


def test_the_queries_of_the_runbooks_are_answered(watched: Watched) -> None:
    pages = sorted((ROOT / "docs/runbooks").glob("[A-Z]*.md"))
    queries = [q for page in pages for q in re.findall(r"```promql\n(.+?)\n```", page.read_text("utf-8"), re.DOTALL)]
    assert len(queries) == len(pages) - 1  # README.md
    for query in queries:
        watched.query(query.replace("ORGAN", "gz-psb"))
