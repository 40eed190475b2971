"""The bureau's report of 2013, out of the whole system: every cell of its four tables, from a page, after a second
start; and what is said when a part of the whole is killed."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import System, table_rows
from tests.support import answered, eventually, raw, received

# As printed in the bureau's own report, 附表 1 to 4.
PRINTED = {
    "proactive": {"published": 5022, "published-full-text": 5022, "normative-documents-new": 52},
    "requests": {
        "catalogue-items": 46,
        "received": 46,
        "received.in-person": 0,
        "received.fax": 0,
        "received.email": 10,
        "received.online": 17,
        "received.post": 19,
        "received.other": 0,
        "answered": 46,
        "answered.granted": 17,
        "answered.granted-in-part": 7,
        "answered.refused": 13,
        "answered.does-not-exist": 0,
        "answered.not-this-organ": 7,
        "answered.unclear": 2,
    },
    "enquiries": {"online": 512, "in-person": 12, "page-views": 800_000},
    "appeals": {"reconsideration": 1, "litigation": 3, "complaint": 0, "complaint-first-handling-disputed": 0},
}
REPORT = ("report", "--form", "cn-gz-2013", "--organ", "gz-psb", "--year", "2013", "--format", "json")


def cells(report: dict[str, Any]) -> dict[str, dict[str, int]]:
    return {t["id"]: {r["id"]: r["cells"]["count"] for r in t["rows"]} for t in report["tables"]}


def test_up_prints_the_second_table_and_the_addresses(system: System) -> None:
    rows = table_rows(system.printed())
    assert rows["申请总数"] == 46
    assert [rows[label] for label in ("3.电子邮件申请数", "4.网上申请数", "5.信函申请数")] == [10, 17, 19]
    outcomes = ["1.同意公开答复数", "2.同意部分公开答复数", "3.不予公开答复数", "4.信息不存在答复数"]
    outcomes += ["5.非本机关政府信息答复数", "6.申请内容不明确答复数"]
    found = [next(number for label, number in rows.items() if label.endswith(o)) for o in outcomes]
    assert found == [17, 7, 13, 0, 7, 2]
    assert f"{system.desk}/annual/gz-psb/2013" in system.printed()


def test_the_service_reports_what_the_bureau_printed(system: System) -> None:
    report = json.loads(system.shixian(*REPORT))
    assert cells(report) == PRINTED
    assert report["checks"] and all(check["ok"] for check in report["checks"])


def test_the_report_folded_offline_is_the_same(system: System, tmp_path: Path) -> None:
    facts = tmp_path / "facts.jsonl"
    facts.write_text(system.shixian("sample"))
    report = json.loads(system.shixian(*REPORT, "--facts", str(facts)))
    assert cells(report) == PRINTED
    assert report["tables"] == json.loads(system.shixian(*REPORT))["tables"]


def test_all_requests_of_2013_were_answered_in_time(system: System) -> None:
    listed = httpx.get(f"{system.tracker}/v1/requests", params={"organ": "gz-psb", "limit": 1000}).json()["requests"]
    of_2013 = [r for r in listed if r["received_on"].startswith("2013")]
    assert len(of_2013) == 46
    assert {(r["status"], r["timeliness"]) for r in of_2013} == {("answered", "in-time")}


def test_a_request_posted_now_is_seen_everywhere(system: System) -> None:
    organ = {"code": "gz-a", "name": {"zh": "甲局", "en": "Bureau A"}, "calendar": "CN", "statute": "CN"}
    facts = [
        raw("organ-registered", "gz-a", {**organ, "timezone": "Asia/Shanghai"}),
        received("a/2014/1", "2014-03-03", organ="gz-a"),
        received("a/2014/2", "2014-03-03", organ="gz-a"),
        answered("a/2014/1", "2014-03-20"),
    ]
    answer = httpx.post(f"{system.intake}/v1/events", json=facts)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 4)

    def closed() -> dict[str, Any] | None:
        found: dict[str, Any] = httpx.get(f"{system.tracker}/v1/requests/a/2014/1").json()
        return found if found.get("status") == "answered" else None

    shown = eventually(closed)
    assert (shown["due_on"], shown["timeliness"]) == ("2014-03-24", "in-time")

    def counted() -> dict[str, dict[str, int]] | None:
        found = cells(httpx.get(f"{system.stats}/v1/annual/gz-a/2014.json", params={"form": "cn-gz-2013"}).json())
        return found if found["requests"]["answered"] == 1 else None

    assert eventually(counted)["requests"]["received"] == 2
    wanted = (
        'shixian_requests_received_total{channel="online",organ="gz-a",year="2014"} 2.0',
        'shixian_requests_open{organ="gz-a",state="open"} 1.0',
        'shixian_requests_overdue{organ="gz-a"} 1.0',
    )
    lines = eventually(lambda: ((m := httpx.get(f"{system.stats}/metrics").text) and wanted[2] in m and m) or None)
    for line in wanted:
        assert line in lines.splitlines()


def test_garbage_is_answered_with_the_field_and_goes_nowhere(system: System) -> None:
    good = received("a/2014/9", "2014-03-03")
    wrong: list[tuple[Any, str]] = [
        ({**good, "type": "org.shixian.nothing.v1"}, "$.type"),
        ({**good, "data": {**good["data"], "name": "x"}}, "$.data.name"),
        ({**good, "data": {**good["data"], "submitted_on": "2014-02-30"}}, "$.data.submitted_on"),
    ]
    for body, field in wrong:
        answer = httpx.post(f"{system.intake}/v1/events", json=body)
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert [e["field"] for e in answer.json()["errors"]] == [field]
    headers = {"content-type": "application/cloudevents+json"}
    assert httpx.post(f"{system.intake}/v1/events", content=b"{not json", headers=headers).status_code == 400
    assert httpx.get(f"{system.tracker}/v1/requests/a/2014/9").status_code == 404


def test_a_second_start_counts_nothing_twice(system: System, short_folder: Path) -> None:
    """The last that the others' system is used for, with this and the next test."""
    system.stop()
    system.start()
    assert cells(json.loads(system.shixian(*REPORT))) == PRINTED
    held = System(short_folder / "again")
    held.env |= {"SHIXIAN_HOME": str(system.home)}
    with pytest.raises(RuntimeError, match=f"held by process {system.process.pid}"):
        held.start()


def test_when_one_part_is_killed_up_ends_and_says_in_one_line_what_to_do(system: System) -> None:
    children = Path(f"/proc/{system.process.pid}/task/{system.process.pid}/children").read_text().split()
    (tracker,) = (int(c) for c in children if b"services.tracker" in Path(f"/proc/{c}/cmdline").read_bytes())
    os.kill(tracker, signal.SIGKILL)
    assert system.process.wait(20) == 2
    told = system.errors.read_text().splitlines()[-1]
    assert told.startswith("shixian: tracker ")
    assert "tracker was ended by SIGKILL. Everything else was stopped, the data stay" in told
    system.require_no_secret()
