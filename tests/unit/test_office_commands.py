"""``duties open-year`` and ``hand-over``: what is still to come is refused in one line, before any fact is sent."""

import time
from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from services.cli import app
from services.commands import office

ORGANS = [{"code": f"gz-{n}", "statute": "CN", "timezone": "Asia/Shanghai"} for n in range(5)]
STEPS = [{"request": "r", "assignment": "r/1", "since": "2025-03-03", "step": "opinion", "organ": "gz-1"}] * 3


@pytest.fixture(autouse=True)
def _tracker(monkeypatch: pytest.MonkeyPatch) -> None:
    def pages(url: str, path: str, what: str, headers: Any, **given: Any) -> Iterator[dict[str, Any]]:
        return iter(ORGANS if what == "organs" else STEPS)

    monkeypatch.setattr(office, "pages", pages)
    monkeypatch.setattr(office, "units", lambda url, headers, organ: {"a", "b"})


def run(*words: str, now: str) -> Result:
    return CliRunner().invoke(app, [*words, "--dry-run"], env={"SHIXIAN_NOW": now, "COLUMNS": "200"})


def test_a_year_that_is_not_over_is_refused_in_one_line() -> None:
    ended = run("duties", "open-year", "2026", now="2026-11-26T12:00:00Z")
    assert (ended.exit_code, ended.output.count("\n")) == (2, 1)
    assert "2026: the duties of a year arise on its last day, 2026-12-31, which is still to come" in ended.output
    assert "expected a day up to 2026-11-27" in ended.output
    assert run("duties", "open-year", "2026", now="2026-12-29T12:00:00Z").exit_code == 2
    # In Guangzhou it is the 30th already, and a fact may lie a day ahead.
    assert run("duties", "open-year", "2026", now="2026-12-29T17:00:00Z").exit_code == 0
    assert run("duties", "open-year", "2025", now="2026-11-26T12:00:00Z").exit_code == 0


def test_steps_are_not_handed_over_on_a_day_to_come() -> None:
    call = ("hand-over", "--organ", "gz-1", "--unit", "a", "--to", "b", "--on", "2025-06-01")
    ended = run(*call, now="2025-03-05T12:00:00Z")
    told = [line for line in ended.output.splitlines() if line.startswith("shixian:")]
    assert ended.exit_code == 2
    assert told == [
        "shixian: --on: the steps would be handed over on 2025-06-01, which is still to come; "
        "expected a day up to 2025-03-06"
    ]
    assert run(*call, now="2025-06-01T12:00:00Z").exit_code == 0
    today = run(*call[:-2], now="2025-03-05T12:00:00Z")
    assert today.exit_code == 0 and '"returned_on":"2025-03-0' in today.output, "the setting's day, not the machine's"


@pytest.mark.parametrize("machine", ["UTC", "America/Los_Angeles", "Pacific/Kiritimati"])
def test_the_day_of_a_hand_over_is_the_organ_s(monkeypatch: pytest.MonkeyPatch, machine: str) -> None:
    monkeypatch.setenv("TZ", machine)
    time.tzset()
    try:
        call = ("hand-over", "--organ", "gz-1", "--unit", "a", "--to", "b")
        # In Guangzhou it is the 6th.
        now = "2025-03-05T17:00:00Z"
        today = run(*call, now=now)
        assert today.exit_code == 0
        assert today.output.count('"returned_on":"2025-03-06"') == today.output.count('"returned_on"') == 3
        assert run(*call, "--on", "2025-03-07", now=now).exit_code == 0
        assert "expected a day up to 2025-03-07" in run(*call, "--on", "2025-03-08", now=now).output
    finally:
        monkeypatch.undo()
        time.tzset()


def test_steps_are_handed_over_to_a_unit_of_the_same_organ_only() -> None:
    call = ("hand-over", "--organ", "gz-1", "--unit", "a", "--to", "elsewhere")
    ended = run(*call, now="2025-03-05T12:00:00Z")
    assert ended.exit_code == 2
    assert "shixian: --to: expected a unit of the organ 'gz-1', got 'elsewhere'" in ended.output


def test_the_units_of_an_organ_are_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    offered = {"units": [{"code": "a", "organ": "gz-1"}, {"code": "b", "organ": "gz-1-under"}], "items": []}
    told = httpx.MockTransport(lambda asked: httpx.Response(200, json=offered if asked.url.params["organ"] else {}))
    monkeypatch.setattr(office, "_client", lambda url, headers: httpx.Client(base_url=url, transport=told))
    assert office.units("http://tracker", {}, "gz-1") == {"a"}


def handed(*steps: tuple[str, str], to: str = "u2") -> list[Any]:
    open_ = [{"request": r, "assignment": a, "since": "2025-03-03", "step": "opinion"} for r, a in steps]
    return list(office.handed_over(open_, to, date(2025, 3, 10), "closed"))


def test_each_fact_of_a_hand_over_has_an_id_of_its_own() -> None:
    """The codes of assignments are unique within a request only, and one handed over is given back by its code."""
    found = handed(("R-1", "1"), ("R-2", "1"), ("R", "1/1"), ("R/1", "1"))
    found += handed(("R-1", found[1].data.assignment), to="u3")
    assert len({fact.id for fact in found}) == len(found) == 10
    assert [fact.id for fact in found[:2]] == ["hand-over/return/R-1/1", "hand-over/open/R-1/1>u2"]
    assert [fact.data.continues for fact in found if hasattr(fact.data, "continues")][:2] == ["1", "1"]
    assert [fact.id for fact in handed(("R/1", "1"))] == [fact.id for fact in found[6:8]], "it can be run again"


def test_what_is_too_long_for_an_id_keeps_apart_by_a_digest() -> None:
    found = handed(("R", "N" * 199 + "1"), ("R", "M" * 199 + "1"), ("R", "N" * 199 + "2"))
    assert {len(fact.id) for fact in found} == {200} and len({fact.id for fact in found}) == 6
    codes = [fact.data.assignment for fact in found[1::2]]
    assert len(set(codes)) == 3 and max(map(len, codes)) == 200
