"""The sample says what the 2013 report of the Guangzhou Public Security Bureau says, and is what its script makes."""

import importlib.util
import json
from collections import Counter
from datetime import date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from services.events.codec import decode_fact
from services.samples import path, sample
from services.statute.calendars import shipped

CHINA = shipped("CN")


@pytest.fixture(scope="module")
def facts() -> list[dict[str, Any]]:
    return [json.loads(line) for line in sample()]


def of(facts: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [f["data"] for f in facts if f["type"] == f"org.shixian.{name}.v1"]


def script() -> ModuleType:
    file = Path(__file__).parents[2] / "scripts" / "make_sample.py"
    spec = importlib.util.spec_from_file_location("make_sample", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_file_is_what_the_script_makes() -> None:
    assert b"".join(script().lines()) == path().read_bytes()


def test_each_line_is_a_fact_that_intake_takes() -> None:
    facts = [decode_fact(line) for line in sample()]
    assert len({f.ref for f in facts}) == len(facts)
    assert {f.source for f in facts} == {"urn:shixian:sample:invented-dates"}


def test_the_lines_stand_in_the_order_of_their_instants_in_2013(facts: list[dict[str, Any]]) -> None:
    times = [datetime.fromisoformat(f["time"]) for f in facts]
    assert times == sorted(times)
    assert {t.year for t in times} == {2013}
    assert facts[0]["type"] == "org.shixian.organ-registered.v1"


def test_table_1(facts: list[dict[str, Any]]) -> None:
    assert tallies(facts)["proactive-published"] == 5022
    assert tallies(facts)["proactive-published-full-text"] == 5022
    assert tallies(facts)["normative-documents-new"] == 52


def tallies(facts: list[dict[str, Any]]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for data in of(facts, "tally-recorded"):
        assert data["organ"] == "gz-psb" and data["on"].startswith("2013-")
        sums[data["measure"]] += data["count"]
    return sums


def test_table_2(facts: list[dict[str, Any]]) -> None:
    received, answers = of(facts, "request-received"), of(facts, "answer-issued")
    assert tallies(facts)["catalogue-items"] == 46
    assert len(received) == 46
    assert Counter(r["channel"] for r in received) == {"email": 10, "online": 17, "post": 19}
    assert len(answers) == 46
    outcomes = Counter(a["outcome"] for a in answers)
    assert outcomes["granted"] + outcomes["already-published"] == 17
    assert outcomes["granted-in-part"] == 7
    assert sum(n for outcome, n in outcomes.items() if outcome.startswith("refused-")) == 13
    assert outcomes["does-not-exist"] == 0
    assert outcomes["not-this-organ"] == 7
    assert outcomes["unclear"] == 2


def test_table_3(facts: list[dict[str, Any]]) -> None:
    assert tallies(facts)["enquiries-online"] == 512
    assert tallies(facts)["enquiries-in-person"] == 12
    assert tallies(facts)["page-views"] == 800000


def test_table_4(facts: list[dict[str, Any]]) -> None:
    kinds = Counter(r["kind"] for r in of(facts, "review-filed"))
    assert kinds["reconsideration"] == 1
    assert kinds["litigation-direct"] + kinds["litigation-after-reconsideration"] == 3
    assert kinds["complaint"] == 0


def test_every_request_is_received_and_answered_in_the_year_and_in_time(facts: list[dict[str, Any]]) -> None:
    by_subject: dict[str, dict[str, Any]] = {}
    for fact in facts:
        name = fact["type"].removeprefix("org.shixian.").removesuffix(".v1")
        by_subject.setdefault(fact["subject"], {})[name] = fact["data"]
    extended = 0
    for subject, case in by_subject.items():
        if "request-received" not in case:
            continue
        received = case["request-received"]
        receipt = received.get("confirmed_on") or received.get("received_on") or received["submitted_on"]
        limit = CHINA.add(date.fromisoformat(receipt), 15)
        if "extension-granted" in case:
            extended += 1
            assert date.fromisoformat(case["extension-granted"]["notified_on"]) <= limit, subject
            limit = CHINA.add(date.fromisoformat(receipt), 30)
        assert receipt[:4] == "2013" and received["submitted_on"] <= receipt, subject
        answered_on = case["answer-issued"]["answered_on"]
        assert "2013-01-01" < receipt < answered_on <= "2013-12-31", subject
        assert date.fromisoformat(answered_on) <= limit, subject
        assert CHINA.is_working(date.fromisoformat(answered_on)), subject
    assert extended == 4
