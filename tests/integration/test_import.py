"""``shixian import`` into the real intake and its log, killed in the middle: nothing twice, nothing lost.

Between the two stands a relay that kills the import at a chosen call: before intake has it, so that the log lacks what
was being posted, or when intake has answered, so that the log has it and nobody was told.
"""

import asyncio
import json
import os
import re
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest

from scripts import make_register
from scripts.make_register import Register
from services.registers import reading
from services.registers.map_file import shipped
from tests.integration.test_intake import records
from tests.support import ORGAN, ServiceProcess, eventually, raw, received, service
from tests.unit.test_import_command import GIVEN, shixian

Place = Literal["before", "after"]
MAP_GIVEN = {"organ": make_register.ORGAN, "year": "2025"}


@dataclass
class Relay:
    """Hands each call on to intake. ``kills`` (how many calls from now, and on which side of intake) says when the
    process that is running then ends."""

    intake: str
    process: "subprocess.Popen[str] | None" = None
    kill: tuple[int, Place] | None = None
    url: str = ""
    passed: list[int] = field(default_factory=list)
    """How many events each call had that intake took."""

    def answer(self, body: bytes, media: str) -> tuple[int, bytes] | None:
        """Intake's answer; None where there is nobody any more who waits for it."""
        count, place = self.kill or (0, "before")
        if count:
            self.kill = (count - 1, place) if count > 1 else None
        if count == 1 and place == "before":
            self._end()
            return None
        told = httpx.post(
            f"{self.intake}/v1/events", content=body, headers={"content-type": media}, timeout=60, trust_env=False
        )
        if told.status_code == 202:
            self.passed.append(told.json()["accepted"])
        if count == 1:
            self._end()
            return None
        return told.status_code, told.content

    def _end(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)


@contextmanager
def relaying(intake: str) -> Iterator[Relay]:
    relay = Relay(intake)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            answer = relay.answer(body, self.headers["content-type"])
            if answer is None:
                self.close_connection = True
                return
            self.send_response(answer[0])
            self.send_header("content-length", str(len(answer[1])))
            self.end_headers()
            self.wfile.write(answer[1])

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    relay.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield relay
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Office:
    """A register on disk, and the command that imports it."""

    home: Path
    made: Register
    relay: Relay

    @property
    def file(self) -> Path:
        return self.home / "登记表.csv"

    def run(self, *options: str, kill: tuple[int, Place] | None = None) -> tuple[int, str, str]:
        """Exit code, output and errors of one import."""
        self.relay.kill = kill
        words = ("import", str(self.file), *GIVEN, "--url", self.relay.url, *options)
        self.relay.process = process = shixian(self.home, *words)
        out, err = process.communicate()
        return process.returncode, out, err


def distinct(log: list[Any], source: str = make_register.SOURCE) -> list[dict[str, Any]]:
    """The facts of a log as the oracle has them, each at its first place."""
    found: dict[str, dict[str, Any]] = {}
    for record in log:
        event = json.loads(record.value)
        if event["source"] != source:
            continue
        name = event["type"].removeprefix("org.shixian.").removesuffix(".v1")
        fact = {"id": event["id"], "type": name, "subject": event["subject"], "data": event["data"]}
        assert found.setdefault(event["id"], fact) == fact, "one id with two contents"
    return list(found.values())


def require_all(log: list[Any], made: Register) -> None:
    """The log has the oracle's facts and no other, those of a request in their order."""

    def by_subject(facts: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for fact in facts:
            found.setdefault(fact["subject"], []).append(fact)
        return found

    assert by_subject(distinct(log)) == by_subject(made.facts)


def killed(office: Office, kills: list[tuple[int, Place]]) -> int:
    """Start the import again and again and kill it; then let it end. How many facts the log may have twice."""
    for kill in kills:
        code, _, err = office.run("--reject", str(office.home / "rejected.csv"), kill=kill)
        assert code == -signal.SIGKILL, err
    again = sum(office.relay.passed)
    code, out, err = office.run("--reject", str(office.home / "rejected.csv"))
    assert code == (1 if office.made.planted else 0), err
    (told,) = re.findall(r"(\d+) facts accepted", out)
    assert int(told) == len(office.made.facts), "what was accepted before is posted again"
    assert sum(office.relay.passed) == len(office.made.facts) + again
    return again


def test_an_import_that_is_killed_goes_on_and_the_log_has_each_fact(kafka: str, folder: Path) -> None:
    prefix = f"import{os.getpid()}."
    made = make_register.make(700, 14, 20)
    (folder / "登记表.csv").write_bytes(made.csv())
    with (
        service(
            "intake", {"SHIXIAN_KAFKA": kafka, "SHIXIAN_TOPIC_PREFIX": prefix, "SHIXIAN_PARTITIONS": "3"}
        ) as intake,
        relaying(intake.url) as relay,
    ):
        intake.wait_ready()
        again = killed(Office(folder, made, relay), [(2, "after"), (1, "before"), (1, "after")])
    log = asyncio.run(records(kafka, f"{prefix}facts"))
    require_all(log, made)
    assert len(log) == len(made.facts) + again


BESIDE = "beside"
"""An organ whose requests say how far the services have read."""


def post(intake: ServiceProcess, *facts: dict[str, Any]) -> None:
    headers = {"content-type": "application/cloudevents-batch+json"}
    intake.http.post("/v1/events", json=list(facts), headers=headers).raise_for_status()


def require_each_problem_named(office: Office) -> None:
    """A dry run says every planted problem, no other, and posts nothing."""
    code, out, err = office.run("--dry-run")
    assert code == 1, err
    named = re.findall(r"^row (\d+), (\S+): ", out, re.MULTILINE)
    told = Counter((int(row), column.rpartition("/")[2]) for row, column in named)
    assert told == Counter((row, column) for row, column, _ in office.made.planted)
    found = reading.read(office.file.name, office.file.read_bytes(), shipped()["cn-applications"], MAP_GIVEN)
    assert {(p.row, p.column.rpartition("/")[2], p.code) for p in found.problems} == office.made.planted
    assert office.relay.passed == []


def total(report: Any) -> int:
    """How many requests a report of the form of 2021 counts as received."""
    (table,) = (one for one in report["tables"] if one["id"] == "requests")
    return int(next(row for row in table["rows"] if row["id"] == "1")["cells"]["total"])


def settle(intake: ServiceProcess, stats: ServiceProcess, number: int) -> None:
    """Wait until all that was posted is decided and counted."""
    post(intake, received(f"beside-{number}", "2025-03-03", "in-person", BESIDE))
    address = f"/v1/annual/{BESIDE}/2025?form=cn-2021"
    eventually(lambda: total(stats.get(address)) == number or None, 300)


def case_events(kafka: str, env: dict[str, str]) -> list[tuple[str, str]]:
    """What the tracker has decided for a fact, by subject and id, in its order; the clock goes its own way."""
    log = asyncio.run(records(kafka, f"{env['SHIXIAN_TOPIC_PREFIX']}cases"))
    events = [json.loads(record.value) for record in log]
    told = [e for e in events if "cause" in e["data"] and not e["subject"].startswith("beside")]
    return [(e["subject"], e["id"]) for e in told]


def require_as_folded_offline(office: Office, stats: ServiceProcess) -> None:
    """The report of what was imported is that of the oracle's own facts."""
    facts = [raw(f["type"], f["subject"], f["data"], id=f["id"]) for f in office.made.facts]
    organ = raw("organ-registered", make_register.ORGAN, {**ORGAN, "code": make_register.ORGAN})
    (office.home / "oracle.jsonl").write_text("\n".join(map(json.dumps, [organ, *facts])), "utf-8")
    words = ["--form", "cn-2021", "--organ", make_register.ORGAN, "--year", "2025", "--format", "json"]
    asked = shixian(office.home, "report", "--facts", str(office.home / "oracle.jsonl"), *words)
    out, err = asked.communicate()
    assert asked.returncode == 0, err
    expected, served = json.loads(out), stats.get(f"/v1/annual/{make_register.ORGAN}/2025?form=cn-2021")
    assert served["tables"] == expected["tables"] and total(served) > 0


@pytest.mark.proof
@pytest.mark.timeout(1800)
def test_ten_thousand_messy_rows_are_what_an_oracle_says_however_often_the_import_is_killed(
    kafka: str, postgres: str, folder: Path
) -> None:
    env = {
        "SHIXIAN_KAFKA": kafka,
        "SHIXIAN_POSTGRES": postgres,
        "SHIXIAN_TOPIC_PREFIX": f"proof{os.getpid()}.",
        "SHIXIAN_PARTITIONS": "1",
    }
    made = make_register.make(10_000, 2026, 900)
    (folder / "登记表.csv").write_bytes(made.csv("gb18030"))
    with (
        service("intake", env) as intake,
        service("tracker", env) as tracker,
        service("stats", env) as stats,
        relaying(intake.url) as relay,
    ):
        for one in (intake, tracker, stats):
            one.wait_ready()
        office = Office(folder, made, relay)
        require_each_problem_named(office)
        post(
            intake, *(raw("organ-registered", code, {**ORGAN, "code": code}) for code in (make_register.ORGAN, BESIDE))
        )
        again = killed(office, [(9, "after"), (1, "before"), (1, "after"), (14, "before"), (12, "after")])
        require_all(asyncio.run(records(kafka, f"{env['SHIXIAN_TOPIC_PREFIX']}facts")), made)
        settle(intake, stats, 1)
        before = case_events(kafka, env)
        assert {subject for subject, _ in before} == {fact["subject"] for fact in made.facts}
        require_as_folded_offline(office, stats)
        code, out, err = office.run("--reject", str(folder / "rejected.csv"))
        assert code == 1 and f"{len(made.facts)} facts accepted" in out, err
        settle(intake, stats, 2)
        assert case_events(kafka, env) == before, "a second run adds nothing"
        require_as_folded_offline(office, stats)
    print(
        f"\n{len(made.facts):,} facts of 10,000 rows, {len(made.planted)} problems in 900 of them; 5 times kill -9, "
        f"{again:,} facts posted again, {len(before):,} case events before the second run and after it"
    )
