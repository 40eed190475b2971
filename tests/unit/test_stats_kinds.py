"""The table of kinds, and all that follows from it: cells by name, what forms may ask for, SQL, the documentation."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import get_args

import pytest

from scripts import cells_table
from services.events.facts import ReviewDecidedData, ReviewFiledData, TallyData
from services.events.vocabulary import OUTCOMES
from services.stats import cells
from services.stats import drilldown_queries as queries
from services.stats.cells import MAKE, Cell, Law, RequestRow, ReviewRow, Row, TallyRow, contributions, value, values
from services.stats.fitting import contributes
from services.stats.forms import shape
from services.stats.forms.check import check
from services.stats.forms.form import BadData, Counts, Filter, load
from services.stats.kinds import ASKED_KINDS, CARRY_KINDS, KINDS, LEVEL_KINDS, PLACES, column
from services.stats.office_cells import OfficeRow
from tests.stats_events import answered, summary

STORED = {
    "received": ("channel", "applicant", "month"),
    "closed": ("outcome", "applicant", "timeliness"),
    "pace": ("days", "pace", "month"),
    "first": ("days",),
    "carried": ("applicant",),
    "carried-ended": ("applicant",),
    "breached": ("applicant",),
    "breached-ended": ("applicant",),
    "review": ("review", "result", "disputed"),
    "review-later": ("review", "result", "disputed"),
    "tally": ("measure",),
    "committed": ("applicant", "item"),
    "item-received": ("item", "channel", "applicant"),
    "item-closed": ("item", "outcome", "timeliness"),
    "unit-received": ("unit", "step"),
    "unit-ended": ("unit", "how", "days"),
    "unit-late": ("unit", "step"),
    "card": ("unit", "card", "limit"),
    "duty": ("duty", "how"),
    "contradicting": ("request",),
    "level": ("measure", "day", "tally"),
    "level-known": ("measure", "day", "tally"),
}
"""As databases have it: a new dimension may only stand behind these."""
LATE = date(2014, 1, 9)
NOW = datetime(2014, 1, 31, tzinfo=UTC)
FILED = ReviewFiledData(
    review="v", organ="a", kind="complaint", filed_on=date(2013, 6, 1), first_handling_disputed=True
)


def _rows() -> list[Row]:
    """Rows with every value that a request's end, a review and a tally can have."""
    ends = [
        answered(outcome, LATE, timeliness=timeliness, extended=extended, first_response_on=LATE, first_working_days=9)
        for outcome in (*OUTCOMES, None)
        for timeliness in ("in-time", "late", None)
        for extended in (True, False)
    ]
    missed = [summary(overdue_from=date(2013, 3, 23)), answered("granted", LATE, overdue_from=date(2013, 3, 23))]
    some = [summary(), summary(contradicting=True), *missed, *ends]
    found: list[Row] = [RequestRow(f"r{n}", 1, request) for n, request in enumerate(some)]
    kept = answered("granted", LATE, item="i", committed_timeliness="in-time")
    found += [RequestRow("i", 1, kept), ReviewRow("a", FILED)]
    found += [
        OfficeRow("r", "holding", "a1 a1", "a", "u", "opinion", LATE, LATE, "completed", 3),
        OfficeRow("r", "step", "a1", "a", "u", "opinion", LATE),
        OfficeRow("r", "card", "step yellow a1", "a", "u", "yellow", LATE, None, "step"),
        OfficeRow("d", "duty", "d", "a", "", "publication", LATE, None, "late"),
    ]
    for on in (date(2013, 7, 1), LATE):
        found += [ReviewRow("a", FILED, ReviewDecidedData(review="v", decided_on=on, result="upheld"))]
    for measure in ("page-views", "regulations-in-force"):
        found += [TallyRow("a", "urn:s", "1", TallyData(organ="a", on=LATE, measure=measure, count=Decimal(2)))]
    return found


ALL_CELLS = sorted({cell for row in _rows() for cell in contributions(row)})


def test_the_places_of_what_is_stored_stay() -> None:
    assert {kind.name: kind.names[: len(STORED[kind.name])] for kind in KINDS.values() if not kind.of} == STORED
    assert cells.Cell._fields == ("organ", "year", "kind", *PLACES, "statute")


@pytest.mark.parametrize("kind", KINDS)
def test_a_cell_is_made_and_read_by_the_names_of_its_kind(kind: str) -> None:
    given = {name: f"<{name}>" for name in KINDS[kind].names}
    made = MAKE[kind]("a", 2013, **given, statute="UK")
    assert type(made) is Cell
    assert made == Cell("a", 2013, kind, *given.values())._replace(statute="UK")
    assert MAKE[kind]("a", 2013, **given).statute == ""
    assert {name: value(made, name) for name in given} == given == dict(values(made))
    assert [getattr(made, column(kind, name)) for name in given] == list(given.values())


def test_a_name_too_many_or_too_few_or_none_of_the_kind_is_refused() -> None:
    with pytest.raises(TypeError, match=r"first.*'channel'"):
        MAKE["first"]("a", 2013, days="3", channel="post")
    with pytest.raises(TypeError, match=r"closed.*'timeliness'"):
        MAKE["closed"]("a", 2013, outcome="granted", applicant="business")
    with pytest.raises(KeyError, match="channel"):
        value(Cell("a", 2013, "carried", "business"), "channel")
    with pytest.raises(KeyError, match="pace"):
        column("received", "pace")


def test_rows_make_cells_of_every_kind_with_values_that_a_form_can_ask_for() -> None:
    assert {cell.kind for cell in ALL_CELLS} == STORED.keys()
    for cell in ALL_CELLS:
        for dimension in KINDS[cell.kind].asked:
            assert dimension.open or value(cell, dimension.name) in dimension.values, (cell, dimension.name)


def test_a_form_counts_the_kinds_of_the_table_by_its_dimensions() -> None:
    assert get_args(shape.CountedKind) == ASKED_KINDS
    asked = {d.name for name in ASKED_KINDS for d in KINDS[name].asked}
    assert set(Filter.__struct_fields__) == asked


def test_what_a_kind_is_worked_out_from_has_its_dimensions_in_the_same_places() -> None:
    for kind in KINDS.values():
        for part in (*kind.signs, *kind.latest_of):
            for dimension in kind.asked:
                assert column(part, dimension.name) == column(kind.name, dimension.name), (kind.name, part)
    assert CARRY_KINDS == ("carried", "carried-ended", "breached", "breached-ended")
    assert LEVEL_KINDS == ("level", "level-known")


@pytest.mark.parametrize("name", ASKED_KINDS)
def test_every_dimension_that_a_form_asks_for_narrows_both_queries_behind_a_number(name: str) -> None:
    law, places = Law(frozenset({"CN"})), ("$6", "$9") if KINDS[name].has_law else ("$4", "$7")
    for dimension in KINDS[name].asked:
        counts = Counts(kind=name, except_=Filter(**{dimension.name: dimension.values[:1]}))  # type: ignore[arg-type]
        asked = queries.Opened(counts, Filter(), ["a"], 2013, law)
        listed = queries.listed(asked, (), 10)
        assert dimension.sql and f"NOT ({dimension.sql} = ANY({places[0]}::text[]))" in listed.sql
        sql, given = queries.counted(asked, NOW, (), ("a", "r"))
        assert f"NOT ({column(name, dimension.name)} = ANY({places[1]}::text[]))" in sql
        assert given[2] == list(KINDS[name].signs)
        assert (["", "CN"] in given) == (["", "CN"] in listed.values) == KINDS[name].has_law


@pytest.mark.parametrize(
    ("asked", "year", "felt_by"),
    [
        ("received", 2013, {"received"}),
        ("closed", 2014, {"closed"}),
        ("carried-in", 2013, set()),
        ("carried-in", 2014, {"carried"}),
        ("carried-in", 2015, {"carried", "carried-ended"}),
        ("carried-out", 2012, set()),
        ("carried-out", 2013, {"carried"}),
        ("carried-out", 2014, {"carried", "carried-ended"}),
        ("tally", 2014, {"tally", "level", "level-known"}),
        ("tally", 2015, {"level", "level-known"}),
        ("overdue", 2013, {"breached"}),
        ("overdue", 2014, {"breached", "breached-ended"}),
        ("review", 2014, set()),
        ("review-each-year", 2014, {"review-later"}),
    ],
)
def test_a_number_feels_the_counters_that_it_is_worked_out_from(asked: str, year: int, felt_by: set[str]) -> None:
    counts = Counts(kind=asked)  # type: ignore[arg-type]
    assert {cell.kind for cell in ALL_CELLS if contributes(counts, Filter(), cell, year)} == felt_by


def test_a_number_feels_only_counters_with_its_values() -> None:
    carried = Counts(kind="carried-out", applicant=("business",))
    assert contributes(carried, Filter(), MAKE["carried"]("a", 2013, applicant="business"), 2013)
    assert not contributes(carried, Filter(), MAKE["carried"]("a", 2013, applicant="media"), 2013)
    level = MAKE["level"]("a", 2013, measure="regulations-in-force", day="2013-01-01", tally="urn:s 1")
    assert contributes(Counts(kind="tally", measure=("regulations-in-force",)), Filter(), level, 2013)
    assert not contributes(Counts(kind="tally", measure=("page-views",)), Filter(), level, 2013)


def test_a_form_that_asks_for_what_a_kind_lacks_is_told_what_it_has() -> None:
    form = load("cn-2021")
    table = form.tables[-1]
    wrong = Counts(kind="pace", channel=("post",))
    row = shape.FormRow("x", table.title, counts=wrong)
    bad = shape.FormTable(table.id, table.title, table.head, table.columns[:1], (row,))
    with pytest.raises(BadData, match=r"counts\.channel: cells of kind 'pace' have pace$"):
        check("cn-2021.toml", shape.Form("cn-2021", form.title, form.source, form.years, (bad,)))


def test_the_documentation_is_what_the_table_says() -> None:
    text = cells_table.PAGE.read_text("utf-8")
    assert cells_table.page(text) == text, "run `make docs`"
