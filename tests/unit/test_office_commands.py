"""``duties open-year`` and ``hand-over``: what is still to come is refused in one line, before any fact is sent."""

from collections.abc import Iterator
from typing import Any

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
