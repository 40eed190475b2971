"""``shixian report --facts`` and ``shixian what-if``: a past date, strictness, formats, another statute."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from typer.testing import CliRunner

from services import cli, samples
from services.commands import what_if
from services.commands.reporting import ask, make
from services.runtime.failed import Failed
from tests.support import ORGAN, answered, raw, received

CHILD = {**ORGAN, "code": "sub", "parent": "gz-psb"}
FACTS = [
    raw("organ-registered", "gz-psb", ORGAN),
    raw("organ-registered", "sub", CHILD),
    {**received("r1", "2023-03-01"), "time": "2023-03-01T09:00:00+08:00"},
    received("r2", "2023-03-01", organ="sub"),
    answered("r2", "2023-03-25", "unclear"),
    {**answered("r1", "2023-03-20"), "recordedtime": "2023-05-01T00:00:00+08:00"},
    raw("tally-recorded", "sub", {"organ": "sub", "on": "2023-12-31", "measure": "licensing-decisions", "count": 9}),
]
for fact in FACTS[2:4]:
    fact["data"]["confirmed_on"] = "2023-03-01"


def write(path: Path, facts: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(f) + "\n" for f in facts))
    return str(path)


@pytest.fixture
def file(tmp_path: Path) -> str:
    return write(tmp_path / "facts.jsonl", FACTS)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(cli.app, [*arguments])


def totals(file: str, *more: str) -> dict[str, int]:
    """The column ``total`` of the requests that are not 0."""
    answer = run(
        "report", "--form", "cn-2021", "--year", "2023", "--facts", file, "--format", "json", *(more or ORGAN_ONLY)
    )
    assert answer.exit_code == 0, answer.output
    tables = {t["id"]: t for t in json.loads(answer.output)["tables"]}
    return {r["id"]: r["cells"]["total"] for r in tables["requests"]["rows"] if r["cells"]["total"]}


ORGAN_ONLY = ("--organ", "gz-psb")


def test_an_organ_reports_the_sum_of_those_under_it(file: str) -> None:
    assert totals(file) == {"1": 2, "3.1": 1, "3.4.3": 1, "3.7": 2}
    assert totals(file, "--organ", "sub") == {"1": 1, "3.4.3": 1, "3.7": 1}


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2023-02-28", {}),
        ("2023-03-01", {"1": 2, "4": 2}),
        ("2023-03-25", {"1": 2, "3.4.3": 1, "3.7": 1, "4": 1}),  # r1's answer was recorded in May
        ("2023-04-30", {"1": 2, "3.4.3": 1, "3.7": 1, "4": 1}),  # ... at midnight in the organ's zone
        ("2023-05-01", {"1": 2, "3.1": 1, "3.4.3": 1, "3.7": 2}),
    ],
)
def test_the_report_as_of_a_date_is_what_was_known_then(file: str, day: str, expected: dict[str, int]) -> None:
    assert totals(file, *ORGAN_ONLY, "--as-of", day) == expected


def test_what_had_not_happened_by_the_date_was_not_known_then(file: str, tmp_path: Path) -> None:
    later = received("r3", "2023-03-01")
    later["data"]["confirmed_on"] = "2023-03-08"
    aim = {"source": "urn:shixian:test", "id": FACTS[4]["id"]}
    fixed = raw("fact-corrected", "r2", {"amends": aim, "data": {**FACTS[4]["data"], "answered_on": "2023-05-20"}})
    whole = write(tmp_path / "more.jsonl", [*FACTS, later, fixed])
    assert totals(whole, *ORGAN_ONLY, "--as-of", "2023-03-05") == {"1": 2, "4": 2}
    assert totals(whole, *ORGAN_ONLY, "--as-of", "2023-03-25")["3.4.3"] == 1
    assert totals(whole)["1"] == 3


def test_an_organ_that_the_facts_lack_is_named_beside_those_that_they_have(file: str, tmp_path: Path) -> None:
    ask = ("report", "--organ", "clerk-a", "--year", "2023", "--facts")
    assert run(*ask, file).stderr.rstrip().endswith("registered in these facts; there are gz-psb, sub")
    none = run(*ask, write(tmp_path / "none.jsonl", FACTS[2:3]))
    assert (none.exit_code, none.stdout) == (2, "")
    assert "registered in these facts; there are none; an organ-registered fact registers one" in none.stderr


def test_a_terminal_shows_names_as_they_are(tmp_path: Path) -> None:
    odd = [*FACTS, received("r[3]:cat:", "2023-01-05"), answered("r[3]:cat:", "2022-12-30")]
    odd[-2]["data"]["confirmed_on"] = "2023-01-05"
    path = write(tmp_path / "odd.jsonl", odd)
    shown = run("report", "--organ", "gz-psb", "--year", "2023", "--facts", path)
    assert "facts contradict one another in r[3]:cat:" in " ".join(shown.stdout.split())
    late = [*FACTS, received("r[3]:cat:", "2023-03-01"), answered("r[3]:cat:", "2023-03-25")]
    late[-2]["data"]["confirmed_on"] = "2023-03-01"
    asked = run("what-if", "--statute", "CN-2008", "--facts", write(tmp_path / "late.jsonl", late))
    assert "r[3]:cat:" in asked.stdout


def test_strict_names_the_rule_that_fails_and_exits_with_1(file: str, tmp_path: Path) -> None:
    ask = ("report", "--form", "cn-2021", "--organ", "gz-psb", "--year", "2023", "--strict", "--format", "json")
    assert run(*ask, "--facts", file).exit_code == 0
    odd = [*FACTS, received("r3", "2023-01-05"), answered("r3", "2022-12-30")]
    odd[-2]["data"]["confirmed_on"] = "2023-01-05"
    failed = run(*ask, "--facts", write(tmp_path / "odd.jsonl", odd))
    assert failed.exit_code == 1
    told = [line for line in failed.stderr.splitlines() if "no-contradictions" in line]
    assert told == ["shixian: no-contradictions: facts contradict one another in r3"]
    odd[-1] = answered("r3", "2023-01-30", "refused")
    failed = run(*ask, "--facts", write(tmp_path / "odd.jsonl", odd))
    assert failed.exit_code == 1
    assert "R2" in failed.stderr and "requests/natural-person: 3.7 3 not = 3.1 1 + 3.2 0" in failed.stderr
    assert json.loads(failed.stdout)["checks"]


@pytest.mark.parametrize(
    ("format", "start"), [("csv", b"\xef\xbb\xbfform"), ("xlsx", b"PK"), ("docx", b"PK"), ("html", b"<!doctype html>")]
)
def test_every_format_can_be_written_to_a_file(file: str, tmp_path: Path, format: str, start: bytes) -> None:
    target = tmp_path / f"report.{format}"
    done = run(
        *("report", "--form", "cn-2021", "--organ", "gz-psb", "--year", "2023", "--facts", file),
        *("--format", format, "--output", str(target)),
    )
    assert done.exit_code == 0 and target.read_bytes().startswith(start)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--as-of", "soon"), "--as-of: expected a date"),
        (("--as-of", "20231231"), "--as-of: expected a date YYYY-MM-DD that exists, got '20231231'"),
        (("--format", "pdf"), "--format: expected one of table, json, csv, xlsx, docx, html"),
        (("--form", "cn-1999"), "--form: form 'cn-1999' is unknown"),
        (("--organ", "nobody"), "--organ: 'nobody' is not registered"),
        (("--lang", "fr"), "--lang: expected zh or en"),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_code_2(file: str, given: tuple[str, ...], said: str) -> None:
    call = {"--form": "cn-2021", "--organ": "gz-psb", "--year": "2023", "--facts": file} | {given[0]: given[1]}
    answer = run("report", *(part for pair in call.items() for part in pair))
    assert answer.exit_code == 2 and said in answer.stderr and answer.stderr.count("\n") == 1


def test_a_year_has_its_form_by_itself(file: str) -> None:
    now = datetime(2024, 2, 1, tzinfo=UTC)
    lines = Path(file).read_bytes().splitlines()
    assert make(lines, "", "gz-psb", 2013, now).report.form == "cn-gz-2013"
    assert make(lines, "", "gz-psb", 2023, now).report.form == "cn-2021"


def test_what_if_holds_the_same_requests_to_another_statute(file: str) -> None:
    now = datetime(2024, 2, 1, tzinfo=UTC)
    late = answered("r2", "2023-03-28")
    lines = [json.dumps(f).encode() for f in [*FACTS[:4], late]]
    found = what_if.compare(lines, "CN-2008", now)
    assert [(y.organ, y.received, y.in_time, y.late) for y in found.as_is] == [("gz-psb", 1, 0, 0), ("sub", 1, 1, 0)]
    assert [(y.organ, y.received, y.in_time, y.late) for y in found.what_if] == [("gz-psb", 1, 0, 0), ("sub", 1, 0, 1)]
    (open_, ended) = found.changed
    assert (open_.request, ended.request) == ("r1", "r2")
    assert (ended.as_is.statute, ended.what_if.statute) == ("CN-2019", "CN-2008")
    assert (ended.as_is.timeliness, ended.what_if.timeliness) == ("in-time", "late")
    with pytest.raises(Failed, match="statute 'XX' is unknown"):
        what_if.compare(lines, "XX", now)
    with pytest.raises(Failed, match="no request"):
        what_if.compare(lines, "CN-2008", now, year=1999)
    shown = run("what-if", "--statute", "CN-2008", "--facts", file, "--format", "json")
    assert shown.exit_code == 0 and json.loads(shown.output)["statute"] == "CN-2008"


@pytest.mark.parametrize("organ", ["gz/psb", "gz?psb", "gz#1", "广州 局", "50%", "../../healthz"])
def test_the_service_is_asked_for_the_organ_as_it_is_written(monkeypatch: pytest.MonkeyPatch, organ: str) -> None:
    asked: list[httpx.URL] = []

    def get(url: str, *, params: dict[str, str], **_: Any) -> httpx.Response:
        asked.append(httpx.Request("GET", url, params=params).url)
        return httpx.Response(200)

    monkeypatch.setattr(httpx, "get", get)
    ask("http://stats.test", "", organ, 2023, "json", as_of=date(2023, 6, 1))
    (url,) = asked
    way = url.raw_path.partition(b"?")[0].decode().split("/")
    assert [unquote(one) for one in way] == ["", "v1", "annual", organ, "2023.json"]
    assert url.params["as_of"] == "2023-06-01"


def test_a_byte_order_mark_before_the_first_line_is_passed_over(tmp_path: Path, file: str) -> None:
    marked = tmp_path / "marked.jsonl"
    marked.write_bytes(b"\xef\xbb\xbf" + Path(file).read_bytes())
    for call in (
        ("report", "--organ", "gz-psb", "--year", "2023", "--format", "json", "--facts"),
        ("what-if", "--statute", "CN-2008", "--format", "json", "--facts"),
    ):
        said, plain = (CliRunner().invoke(cli.app, [*call, str(one)]) for one in (marked, file))
        assert (said.exit_code, said.output) == (0, plain.output)
    # Only there: within a file it is a fault of the line.
    marked.write_bytes(Path(file).read_bytes() + b"\xef\xbb\xbf" + Path(file).read_bytes())
    with pytest.raises(Failed, match=f"line {len(FACTS) + 1}: "):
        make(marked.read_bytes().splitlines(), "", "gz-psb", 2023, datetime.now(UTC))


def test_due_answers_the_first_case_behind_a_byte_order_mark_and_finds_items_behind_one(tmp_path: Path) -> None:
    fact = {"type": "request-received", "data": {**received("r", "2025-01-20")["data"], "confirmed_on": "2025-01-20"}}
    case = json.dumps({"statute": "CN", "facts": [fact], "as_of": "2025-01-21"}).encode() + b"\n"
    said = CliRunner().invoke(cli.app, ["due", "--jsonl"], input=b"\xef\xbb\xbf" + case + case)
    first, second = map(json.loads, said.output.splitlines())
    assert first == second and first["due_on"]
    items = tmp_path / "items.jsonl"
    items.write_bytes(b"\xef\xbb\xbf" + next(iter(samples.items())))
    given = ("due", "--statute", "CN-LICENSING", "--received", "2025-03-03", "--items", str(items))
    assert CliRunner().invoke(cli.app, [*given, "--item", "gz-psb-item-01"]).exit_code == 0
