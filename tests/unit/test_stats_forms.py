"""The national form of 2021 and the others that ship: rows, columns, where each outcome stands, levels, laws."""

from datetime import date
from decimal import Decimal
from typing import Any, get_args

import pytest
from msgspec import UnsetType

from services.events.case_data import RequestSummary
from services.events.vocabulary import APPLICANTS, OUTCOMES, ReviewKind
from services.stats.cells import Cell, Number
from services.stats.exports.grid import grid
from services.stats.fold import Fold
from services.stats.forms.form import FORMS, BadData, form_for, form_ids, law_of, load, parse
from services.stats.report import Report, failures, make_report, make_with_previous
from tests.stats_events import answered, filed, recorded, summary, tally

CN = load("cn-2021")
ROW_OF = {
    "granted": "3.1",
    "already-published": "3.1",
    "granted-in-part": "3.2",
    "refused-state-secret": "3.3.1",
    "refused-other-law": "3.3.2",
    "refused-security-stability": "3.3.3",
    "refused-third-party": "3.3.4",
    "refused-internal-affairs": "3.3.5",
    "refused-deliberative": "3.3.6",
    "refused-enforcement-file": "3.3.7",
    "refused-registry-enquiry": "3.3.8",
    "does-not-exist": "3.4.1",
    "not-this-organ": "3.4.1",
    "needs-creation": "3.4.2",
    "unclear": "3.4.3",
    "petition": "3.5.1",
    "repeat": "3.5.2",
    "published-material": "3.5.3",
    "vexatious-volume": "3.5.4",
    "reconfirmation": "3.5.5",
    "clarification-lapsed": "3.6.1",
    "fee-lapsed": "3.6.2",
    "other": "3.6.3",
}


def report(cells: dict[Cell, Number], year: int = 2023) -> Report:
    return make_report(CN, "a", year, "2024-01-31", cells)


def column(found: Report, table: str, of: str) -> dict[str, Number]:
    """The numbers of one column that are not 0, by row."""
    return {row: cells[of] for (t, row), cells in found.numbers().items() if t == table and cells.get(of)}


def test_the_tables_have_the_rows_and_columns_of_the_official_form() -> None:
    shape = {t.id: {r.id: [c.id for c in t.columns_of(r)] for r in t.rows} for t in CN.tables}
    assert shape["proactive"] == {
        "regulations": ["issued", "repealed", "in-force"],
        "normative-documents": ["issued", "repealed", "in-force"],
        "licensing": ["decisions"],
        "penalties": ["decisions"],
        "coercion": ["decisions"],
        "fees": ["amount"],
    }
    rows = ["1", "2", "3.1", "3.2", *(f"3.3.{n}" for n in range(1, 9)), *(f"3.4.{n}" for n in range(1, 4))]
    rows += [*(f"3.5.{n}" for n in range(1, 6)), *(f"3.6.{n}" for n in range(1, 4)), "3.7", "4"]
    assert shape["requests"] == {key: [*APPLICANTS, "total"] for key in rows}
    kinds = ["reconsideration", "litigation-direct", "litigation-after-reconsideration"]
    assert shape["reviews"] == {key: ["upheld", "corrected", "other", "pending", "total"] for key in kinds}


CN_OUTCOMES = [outcome for outcome in OUTCOMES if outcome != "refused"]
"""``refused`` is for statutes that ask for no reason by name."""


@pytest.mark.parametrize("outcome", CN_OUTCOMES)
def test_each_outcome_stands_in_one_row_and_in_the_total(outcome: str) -> None:
    found = report({Cell("a", 2023, "closed", outcome, "business", "late"): 3})
    assert column(found, "requests", "business") == {ROW_OF[outcome]: 3, "3.7": 3}
    assert column(found, "requests", "total") == {ROW_OF[outcome]: 3, "3.7": 3}


@pytest.mark.parametrize("applicant", APPLICANTS)
def test_each_applicant_stands_in_one_column_and_in_the_total(applicant: str) -> None:
    found = report({Cell("a", 2023, "received", "post", applicant, "05"): 2})
    assert found.numbers()["requests", "1"] == dict.fromkeys(APPLICANTS, 0) | {applicant: 2, "total": 2}


@pytest.mark.parametrize("kind", get_args(ReviewKind))
@pytest.mark.parametrize("result", ["upheld", "corrected", "other", "pending"])
def test_reviews_stand_under_their_result_and_complaints_nowhere(kind: str, result: str) -> None:
    found = report({Cell("a", 2023, "review", kind, result): 4})
    expected = {} if kind == "complaint" else {kind: 4}
    assert column(found, "reviews", result) == column(found, "reviews", "total") == expected


def test_tallies_are_printed_with_their_decimals() -> None:
    found = report({Cell("a", 2023, "tally", "fees-collected"): Decimal("59237.2449")})
    assert found.numbers()["proactive", "fees"] == {"amount": Decimal("59237.2449")}


def folded(*requests: object) -> Fold:
    fold = Fold()
    for number, request in enumerate(requests):
        fold.apply(recorded(f"r{number}", 1, request))  # type: ignore[arg-type]  # a summary
    return fold


def test_what_is_open_at_a_year_s_end_is_carried_over() -> None:
    applicant: Any = {"applicant": "legal-service"}
    fold = folded(
        summary(received_on=date(2022, 12, 31), **applicant),
        answered(received_on=date(2022, 12, 1), on=date(2023, 1, 9), **applicant),
        answered(received_on=date(2023, 1, 1), on=date(2023, 12, 31), outcome="unclear", **applicant),
        summary(received_on=date(2023, 6, 1), state="stopped", due_on=None, **applicant),
        summary(received_on=None, state="unconfirmed", **applicant),
        answered(received_on=date(2023, 6, 1), state="retracted", **applicant),
    )
    found = make_with_previous(CN, "a", 2023, "2024-01-31", fold.cells)
    assert column(found, "requests", "legal-service") == {"1": 2, "2": 2, "3.1": 1, "3.4.3": 1, "3.7": 2, "4": 2}
    assert failures(CN, found) == [] and failures(CN, found, "warning") == []
    assert {c.rule for c in found.checks} == {"R1", "R2", "R3", "R4", "Y1", "Y2", "Y3", "T1", "T2", "T3", "T4"}


def test_a_level_not_entered_again_is_that_of_the_year_before_and_says_so() -> None:
    fold = Fold()
    for number, (measure, count, on) in enumerate(
        [
            ("regulations-in-force", 9, date(2021, 12, 31)),
            ("normative-documents-in-force", 4, date(2021, 12, 31)),
            ("normative-documents-in-force", 0, date(2023, 12, 31)),
            ("regulations-issued", 2, date(2023, 3, 1)),
        ]
    ):
        fold.apply(tally("a", number + 1, count, measure, f"t{number}", on))
    for year, carried in ((2021, []), (2022, ["regulations", "normative-documents"]), (2023, ["regulations"])):
        found = make_with_previous(CN, "a", year, "2024-01-31", fold.cells)
        assert found.numbers()["proactive", "regulations"]["in-force"] == 9
        levels = () if isinstance(found.carried_levels, UnsetType) else found.carried_levels
        assert [level.row for level in levels] == carried
        assert all((level.organs, level.since) == (1, date(2021, 12, 31)) for level in levels)
        warned = {f"{c.rule} {c.detail.split(':')[0]}" for c in failures(CN, found, "warning")}
        moved = {"Y2 proactive/regulations", "Y2 proactive/normative-documents", "T3 proactive/regulations"}
        assert warned == (moved if year == 2023 else set())
    assert found.numbers()["proactive", "normative-documents"]["in-force"] == 0


def test_late_without_an_extension_is_no_extension_in_the_form_of_2014() -> None:
    form = load("cn-2014")
    late = answered(timeliness="late", on=date(2015, 5, 4), received_on=date(2015, 3, 1))
    extended = answered(timeliness="late", extended=True, on=date(2015, 5, 4), received_on=date(2015, 3, 1))
    in_time = answered(on=date(2015, 3, 4), received_on=date(2015, 3, 1))
    found = make_report(form, "a", 2015, "2016-01-31", folded(late, extended, in_time).cells)
    counted = {row: cells["count"] for (_, row), cells in found.numbers().items() if row.startswith("completed")}
    assert counted == {"completed": 3, "completed.in-time": 1, "completed.extended": 1}
    assert failures(form, found) == []
    assert [c.rule for c in failures(form, found, "warning")] == ["completed-by-pace"]


def test_each_form_counts_its_own_law_and_says_what_is_under_others() -> None:
    def law(statute: str, **given: Any) -> RequestSummary:
        return answered(statute=statute, on=date(2023, 5, 4), received_on=date(2023, 4, 1), **given)

    fold = folded(*[law("CN-2019")] * 2, *[law("CN-LICENSING", outcome="refused")] * 3, law("UK"))
    fold.apply(filed("organ", 1, "v1", date(2023, 6, 1)))
    fold.apply(filed("organ", 2, "v2", date(2023, 6, 1), statute="CN-LICENSING"))
    rows = {"cn-2021": ("requests", "1", "total"), "cn-licensing": ("licensing", "received", "total")}
    rows["uk-cabinet-office"] = ("requests", "received", "count")
    found = {name: make_report(load(name), "a", 2023, "2024-01-31", fold.cells) for name in rows}
    counted = {name: found[name].numbers()[table, row][column] for name, (table, row, column) in rows.items()}
    assert counted == {"cn-2021": 2, "cn-licensing": 3, "uk-cabinet-office": 1}
    assert {name: report.other_laws for name, report in found.items()} == {
        "cn-2021": {"CN-LICENSING": 3, "UK": 1},
        "cn-licensing": {"CN-2019": 2, "UK": 1},
        "uk-cabinet-office": {"CN-2019": 2, "CN-LICENSING": 3},
    }
    assert (
        found["cn-2021"].numbers()["reviews", "reconsideration"]["total"] == 1
    )  # what says nothing is the organ's own
    english = law_of(CN, {"a": "UK"})
    assert make_report(CN, "a", 2023, "", fold.cells, law=english).numbers()["reviews", "reconsideration"]["total"] == 0


def test_a_form_of_a_law_that_nobody_knows_and_a_number_of_levels_and_sums_are_refused() -> None:
    text = (FORMS / "cn-licensing.toml").read_text("utf-8")
    with pytest.raises(BadData, match=r"statute.*CN-LICENCE"):
        parse("cn-licensing.toml", text.replace('statute = "CN-LICENSING"', 'statute = "CN-LICENCE"'))
    both = 'kind = "tally", measure = ["page-views", "regulations-in-force"]'
    with pytest.raises(BadData, match=r"levels .* and sums"):
        parse("cn-licensing.toml", text.replace('kind = "committed"', both))


def test_of_several_organs_the_levels_add_up_each_with_its_latest() -> None:
    fold = Fold()
    for organ, day, count in (("a", date(2023, 5, 1), 10), ("a", date(2023, 12, 31), 12), ("b", date(2023, 3, 1), 5)):
        fold.apply(tally(organ, day.month, count, "regulations-in-force", str(day), day))
    both = make_report(CN, "a", 2023, "2024-01-31", fold.cells, organs={"a", "b"})
    assert both.numbers()["proactive", "regulations"]["in-force"] == 17
    assert report(fold.cells).numbers()["proactive", "regulations"]["in-force"] == 12


@pytest.mark.parametrize("form_id", form_ids())
def test_every_form_fills_its_printed_table_without_gaps(form_id: str) -> None:
    form = load(form_id)
    numbers = make_report(form, "a", 2023, "2024-01-31", {}).numbers()
    for table in form.tables:
        found = grid(table, {row.id: numbers[table.id, row.id] for row in table.rows})
        covered = [
            (spot.row + y, spot.column + x)
            for spot in found.spots
            for y in range(spot.rows)
            for x in range(spot.columns)
        ]
        assert sorted(covered) == [(y, x) for y in range(found.rows) for x in range(found.columns)]
        names = [spot.names for spot in found.spots if spot.names]
        assert sorted(names) == sorted((r.id, c.id) for r in table.rows for c in table.columns_of(r))


@pytest.mark.parametrize("form_id", form_ids())
def test_every_form_adds_up_whatever_the_outcomes(form_id: str) -> None:
    version = next(iter(sorted(load(form_id).statutes)))
    ended: dict[str, Any] = {"on": date(2023, 5, 4), "received_on": date(2023, 4, 1), "statute": version}
    outcomes = CN_OUTCOMES if load(form_id).statute == "CN" else OUTCOMES
    fold = folded(*(answered(outcome, **ended) for outcome in outcomes))
    assert len(fold.cells) > 1
    assert failures(load(form_id), make_report(load(form_id), "a", 2023, "2024-01-31", fold.cells)) == []


def test_rows_from_memory_are_marked() -> None:
    marked = {form_id: sum(r.unconfirmed for t in load(form_id).tables for r in t.rows) for form_id in form_ids()}
    assert marked["cn-2021"] == marked["cn-gz-2013"] == 0
    assert marked["cn-2014"] > 0 and marked["uk-cabinet-office"] > 0


@pytest.mark.parametrize(
    ("year", "statute", "form_id"),
    [
        (2013, "CN", "cn-gz-2013"),
        (2014, "CN-2008", "cn-2014"),
        (2018, "CN", "cn-2014"),
        (2019, "CN", "cn-2021"),
        (2023, "CN-2019", "cn-2021"),
        (2023, "UK", "uk-cabinet-office"),
        (2023, "CN-LICENSING", "cn-licensing"),
        (2023, "US", "cn-2021"),
        (1990, "CN", "cn-gz-2013"),
    ],
)
def test_a_year_has_its_form(year: int, statute: str, form_id: str) -> None:
    assert form_for(year, statute).id == form_id
