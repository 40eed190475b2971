"""A day is given as YYYY-MM-DD and in no other way of ISO 8601, on the command line and over HTTP."""

from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from services.cli import app
from services.runtime.clock import day_of
from services.runtime.settings import SettingError, load
from services.stats import annual

OTHER_WAYS = ("20250120", "2025-W04-1", "2025W041", "2025-1-20", "2025-02-30", "")


class Organs:
    """One organ in Guangzhou."""

    def today(self, organ: str) -> date:
        return date(2025, 3, 1)

    def now(self, organ: str) -> datetime:
        return datetime(2025, 3, 1, 9, tzinfo=self.zone(organ))

    def zone(self, organ: str) -> ZoneInfo:
        return ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize("text", OTHER_WAYS)
def test_another_way_to_write_a_day_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        day_of(text)


def test_the_contract_s_way_is_one() -> None:
    assert day_of("2025-01-20") == date(2025, 1, 20)


@pytest.mark.parametrize("text", [text for text in OTHER_WAYS if text])
@pytest.mark.parametrize(
    "call",
    [
        ("due", "--statute", "CN", "--received"),
        ("due", "--statute", "CN", "--received", "2025-01-20", "--as-of"),
        ("due", "--statute", "CN", "--received", "2025-01-20", "--known-on"),
        ("hand-over", "--organ", "o", "--unit", "a", "--to", "b", "--on"),
    ],
)
def test_a_command_takes_no_other(call: tuple[str, ...], text: str) -> None:
    ended = CliRunner().invoke(app, [*call, text])
    assert ended.exit_code == 2
    assert f"{call[-1]}: expected a date YYYY-MM-DD that exists, got {text!r}" in ended.output


@pytest.mark.parametrize("as_of", ["20250120", "2025-W04-1", "20250120T120000Z", "2025-W04-1T12:00:00Z"])
def test_as_of_takes_no_other(as_of: str) -> None:
    organs: Any = Organs()
    with pytest.raises(ValueError, match=r"."):
        annual.moment(organs, "gz-psb", as_of)
    with pytest.raises(SettingError, match="SHIXIAN_NOW"):
        load({"SHIXIAN_NOW": as_of})


def test_as_of_takes_a_day_and_an_instant() -> None:
    organs: Any = Organs()
    assert annual.moment(organs, "gz-psb", "2025-01-20")[1] == datetime(2025, 1, 20, 16, tzinfo=UTC)
    assert annual.moment(organs, "gz-psb", "2025-01-20T12:00:00Z")[0] == "2025-01-20T12:00:00Z"


@pytest.mark.parametrize("as_of", ["2025-01-31T18:00:00Z", "2025-02-01T02:00:00+08:00", "2025-01-31T09:00:00-09:00"])
def test_an_instant_knows_what_was_published_on_its_day_in_the_organ_s_zone(as_of: str) -> None:
    organs: Any = Organs()
    _, before = annual.moment(organs, "gz-psb", as_of)
    asked: Any = SimpleNamespace(before=before)
    for day, known in ((date(2025, 2, 1), True), (date(2025, 2, 2), False)):
        publication: Any = SimpleNamespace(content=SimpleNamespace(published_on=day))
        assert annual._was_known(publication, asked) is known


@pytest.mark.parametrize("as_of", ["2025-03-02", "2099-12-31", "2025-03-01T09:00:01+08:00", "2099-12-31T00:00:00Z"])
def test_what_lies_ahead_is_not_promised(as_of: str) -> None:
    organs: Any = Organs()
    assert annual.moment(organs, "gz-psb", as_of)[0] == "2025-03-01"


@pytest.mark.parametrize("as_of", ["2025-03-01", "2025-03-01T09:00:00+08:00"])
def test_the_present_is_called_as_it_was_asked_for(as_of: str) -> None:
    organs: Any = Organs()
    assert annual.moment(organs, "gz-psb", as_of)[0] == as_of
