"""Publishing a year: what is refused whatever reason is given."""

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest

from services.runtime.problems import ProblemError
from services.stats.annual import Answer, Asked
from services.stats.forms.form import load
from services.stats.publishing import NewPublication, publish
from services.stats.report import make_report

TODAY = date(2024, 1, 31)
FORM = load("cn-2021")


class Reached(Exception):
    """The database was asked: nothing was refused before that."""


class Database:
    def __getattr__(self, name: str) -> Any:
        raise Reached


def asked_on(day: date) -> None:
    asked = Asked("a", 2023, FORM, TODAY.isoformat(), None, ("a",), "tree")
    answer = Answer(make_report(FORM, "a", 2023, TODAY.isoformat(), {}), {}, ())
    wanted = NewPublication("cn-2021", day, "all the same")
    database: Any = Database()
    asyncio.run(publish(database, asked, answer, [], wanted, TODAY))


def test_a_day_later_than_tomorrow_is_refused_whatever_the_reason() -> None:
    with pytest.raises(ProblemError) as refused:
        asked_on(TODAY + timedelta(days=2))
    (error,) = refused.value.errors
    assert (refused.value.status, error.field, error.code) == (400, "data.published_on", "day-to-come")
    assert error.problem == "is 2024-02-02, later than tomorrow" and "2024-02-01" in error.expected
    assert error.zh.endswith("尚未到来，最晚可填2024-02-01")


@pytest.mark.parametrize("days", [-1, 0, 1])
def test_a_day_up_to_tomorrow_is_not(days: int) -> None:
    with pytest.raises(Reached):
        asked_on(TODAY + timedelta(days=days))
