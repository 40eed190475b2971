"""A rehearsal: earlier dates first, bounded, offline over a file as well; what can't be one is refused by field."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from services.cli import app
from services.commands import rehearse
from services.events.facts import CalendarPublished
from services.runtime.clock import ManualClock
from services.runtime.health import Health
from services.runtime.offload import Offload
from services.runtime.web import create_app, new_registry
from services.statute import rules
from services.statute.calendars import shipped
from services.tracker import api_rehearsal
from services.tracker.core.case import Case
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.rehearsal import UNDECIDED, Standing, Tally, standing
from services.tracker.rehearsing import Rehearsing
from tests.support import ORGAN, answered, raw, received

NOW = datetime(2026, 12, 20, 4, tzinfo=UTC)
LAW = [str(d) for d in shipped("CN").off if d.year == 2027]
CN = (resources.files("services.statute") / "profiles" / "CN-2019.toml").read_text("utf-8")


@pytest.fixture(autouse=True)
def shipped_rules() -> Iterator[None]:
    yield
    rules.use(rules.Rules())


def notice(**more: Any) -> dict[str, Any]:
    data = {"calendar": "CN", "year": 2027, "days_off": LAW, "working_days": [], "notice": "n"}
    return raw("calendar-published", "CN", {**data, "published_on": "2026-12-01", **more}, id="n")


def stands(name: str, due_on: str | None, status: str = "open", *, provisional: bool = False) -> Standing:
    return Standing(name, "o", date.fromisoformat(due_on) if due_on else None, status, provisional)


def test_earlier_dates_come_first_and_the_list_is_bounded() -> None:
    before = [stands(f"r{n}", f"2027-01-{10 + n:02}", provisional=True) for n in range(6)]
    after = [
        stands("r0", "2027-01-11"),
        stands("r1", "2027-01-10", "overdue"),
        stands("r2", None, "closed"),
        stands("r3", "2027-01-08"),
        stands("r4", "2027-01-14", provisional=True),
        stands("r5", None, UNDECIDED),
    ]
    for limit, names in ((9, ["r3", "r1", "r0", "r2", "r5"]), (2, ["r3", "r1"])):
        tally = Tally(limit)
        tally.add(before, after)
        found = tally.result("notice", "d", NOW)
        assert [each.request for each in found.requests] == names
        assert found.not_named == 5 - len(names)
        counts = (found.looked_at, found.moved, found.earlier, found.later, found.settled)
        assert counts == (6, 5, 2, 1, 5)
        assert (found.overdue, found.ended, found.undecided) == (1, 1, 1)


def test_what_can_not_be_decided_is_counted_and_keeps_none_from_being_told() -> None:
    broken = Case(subject="r", facts=(None,))  # type: ignore[arg-type]  # as no log can have it
    assert standing(broken, ReferenceData(), NOW).status == UNDECIDED


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    days = [(f"r{n:02}", f"2026-12-{1 + n:02}", "in-person") for n in range(19)]
    lines = [
        raw("organ-registered", "gz-psb", ORGAN),
        *(received(*each) for each in days),
        answered("r00", "2026-12-08"),
    ]
    file = tmp_path / "facts.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in lines), "utf-8")
    return file


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["rehearse", *arguments])


def rehearsed(*arguments: str) -> dict[str, Any]:
    done = run(*arguments, "--as-of", "2026-12-20", "--json")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_notice_and_a_statute_are_rehearsed_offline(facts: Path, tmp_path: Path) -> None:
    file = tmp_path / "notice.json"
    off = [day for day in LAW if day != "2027-01-01"]
    file.write_text(json.dumps(notice(days_off=off), indent=2), "utf-8")
    found = rehearsed(str(file), "--facts", str(facts))
    assert (found["what"], found["needs_confirming"], found["looked_at"]) == ("notice", True, 18)
    assert found["earlier"] == found["moved"] == len(found["requests"]) > 0, "a working day more, so all move earlier"
    assert all(r["to"] < r["from"] for r in found["requests"])
    assert [r["to"] for r in found["requests"]] == sorted(r["to"] for r in found["requests"])

    statute = tmp_path / "CN-2019.toml"
    statute.write_text(CN.replace("amount = 20", "amount = 15", 1), "utf-8")
    alone = rehearsed(str(statute), "--facts", str(facts))
    assert (alone["what"], alone["earlier"], alone["remarks"]) == ("rules", 18, [])
    office = tmp_path / "office"
    (office / "statutes").mkdir(parents=True)
    (office / "statutes" / "CN-2019.toml").write_text(statute.read_text("utf-8"), "utf-8")
    assert rehearsed(str(office), "--facts", str(facts)) | {"as_of": ""} == alone | {"as_of": ""}
    same = rehearsed("--release", "--facts", str(facts))
    assert (same["looked_at"], same["moved"], same["requests"]) == (18, 0, [])
    by_office = rehearsed("--release", "--rules", str(office), "--facts", str(facts))
    assert by_office["moved"] == 0, "the office's own are the rules in force, too"

    shown = run(str(file), "--facts", str(facts), "--as-of", "2026-12-20").stdout
    assert "2027-01-01" in shown
    assert found["digest"] in shown


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", json.dumps(received("r", "2026-12-01")), "expected one calendar-published fact"),
        ("a.json", json.dumps(notice(days_off=["x"])), "$.data.days_off"),
        ("a.json", json.dumps(notice(calendar="XX")), "XX"),
        ("CN-2019.toml", CN.replace("amount = 20", 'amount = "x"', 1), "CN-2019.toml"),
        ("CN-2019.toml", "= 1", "not TOML"),
        ("none.json", None, "No such file"),
    ],
)
def test_what_can_not_be_rehearsed_is_one_line_and_exit_code_2(
    facts: Path, tmp_path: Path, name: str, text: str | None, message: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text, "utf-8")
    done = run(str(tmp_path / name), "--facts", str(facts))
    assert (done.exit_code, done.output.count("\n"), message in done.output) == (2, 1, True), done.output


def test_the_options_fit_together(tmp_path: Path) -> None:
    assert (
        run().exit_code
        == run(str(tmp_path), "--release").exit_code
        == run(str(tmp_path), "--as-of", "x").exit_code
        == 2
    )


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "$"),
        ({"fact": notice(), "rules": {"files": {}}}, "$"),
        ({"fact": received("r", "2026-12-01")}, "$.fact.type"),
        ({"fact": notice(published_on="x")}, "$.fact.data.published_on"),
        ({"fact": notice(calendar="XX") | {"subject": "XX"}}, "$.fact.data.calendar"),
        ({"rules": {"files": {"statutes/../x.toml": ""}}}, "$.rules.files"),
        ({"rules": {"files": {}}}, "$.rules.files"),
        ({"rules": {"files": {"statutes/a.toml": 1}}}, "$.rules.files[...]"),
        ({"notice": {}}, "$.notice"),
    ],
)
async def test_a_call_is_refused_by_field(body: dict[str, Any], field: str) -> None:
    none: Any = None  # nothing here comes to the database
    rehearsing = Rehearsing(none, Offload(), ManualClock(NOW), ReferenceData(), list)
    served: Any = create_app("tracker", [api_rehearsal.router(rehearsing)], Health(), new_registry())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(served), base_url="http://tracker.test") as client:
        answer = await client.post("/v1/rehearsal", json=body)
        assert (answer.status_code, [e["field"] for e in answer.json()["errors"]]) == (422, [field]), answer.text
        assert (await client.post("/v1/rehearsal", content=b"{}")).status_code == 415


@pytest.mark.parametrize("indent", [None, 2], ids=["line", "lines"])
def test_a_notice_behind_a_byte_order_mark_is_read(tmp_path: Path, indent: int | None) -> None:
    file = tmp_path / "notice.json"
    file.write_bytes(b"\xef\xbb\xbf" + json.dumps(notice(), indent=indent).encode())
    read = rehearse.read(file)
    assert isinstance(read, CalendarPublished) and read.data.year == 2027
