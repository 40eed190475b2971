"""What must add up in a report: each rule of the forms that ship, broken once, and rules that can't be."""

from datetime import date

import pytest

from services.events.vocabulary import OUTCOMES
from services.stats.cells import MAKE, Cell, Law, Number
from services.stats.contested import ONE_LEVEL
from services.stats.failing import broken
from services.stats.fold import Fold
from services.stats.forms.form import FORMS, BadData, Form, form_ids, load, parse
from services.stats.report import Report, failures, make_report, make_with_previous
from services.stats.rules import check
from tests.stats_events import answered, decided, filed, tally
from tests.unit.test_stats_forms import CN, folded, report


@pytest.mark.parametrize(("form_id", "rule"), [("cn-2021", "R2"), ("cn-2014", "answered-by-outcome")])
def test_a_refusal_without_a_reason_fails_the_arithmetic_of_a_chinese_form(form_id: str, rule: str) -> None:
    cells: dict[Cell, Number] = {
        Cell("a", 2023, "closed", "refused", "business", "late"): 1,
        Cell("a", 2023, "received", "post", "business", "05"): 1,
    }
    found = make_report(load(form_id), "a", 2023, "2024-01-31", cells)
    assert {c.rule for c in failures(load(form_id), found)} == {rule}


ENDS = [(outcome, timeliness) for outcome in OUTCOMES for timeliness in ("in-time", "late", "")]
NO_ROW = {"clarification-lapsed", "fee-lapsed", "other"}
"""Ends without an answer: the forms of before 2021 have none for them."""


@pytest.mark.parametrize("form_id", form_ids())
def test_an_end_has_a_row_or_a_check_tells_that_it_has_none(form_id: str) -> None:
    form, told = load(form_id), set()
    for outcome, timeliness in ENDS:
        cell = MAKE["closed"]("a", 2023, outcome=outcome, applicant="business", timeliness=timeliness, statute="")
        law = Law(frozenset({""}))
        found = make_report(form, "a", 2023, "2024-01-31", {cell: 1}, law=law)
        none = make_report(form, "a", 2023, "2024-01-31", {}, law=law)
        rows = {row for (table, row), cells in found.numbers().items() if cells != none.numbers()[table, row]}
        failed = {c.rule for c in found.checks if not c.ok} & {"R2", "answered-by-outcome", "ends-placed"}
        told |= {outcome} if failed else set()
        unsaid = outcome in NO_ROW and form_id in ("cn-2014", "cn-gz-2013")
        sums = {"3.7", "answered", "processed", "in-time"}
        assert bool(rows - sums) is not bool(failed) or unsaid, (outcome, timeliness, rows, failed)
    shown = {"cn-2014": {"refused"}, "cn-gz-2013": {"refused"}, "cn-2021": {"refused"}, "uk-cabinet-office": set()}
    licences = set(OUTCOMES) - {"granted", "granted-in-part", "refused"}
    assert told == shown.get(form_id, licences)


def test_what_no_row_takes_is_told_in_both_languages_and_by_its_number() -> None:
    fold = folded(
        *[answered(statute="CN-LICENSING", outcome="not-this-organ", on=date(2023, 5, 4), received_on=date(2023, 4, 1))]
        * 2,
        answered(statute="CN-LICENSING", outcome="refused", on=date(2023, 5, 4), received_on=date(2023, 4, 1)),
    )
    form = load("cn-licensing")
    found = make_report(form, "a", 2023, "2024-01-31", fold.cells)
    (said,) = failures(form, found, "warning")
    assert (said.rule, said.detail, said.detail_zh) == (
        "ends-placed",
        "licensing/total: granted + refused + withdrawn; 2 ended in another way: in no row",
        "licensing/total: granted + refused + withdrawn；2 件以其他方式办结，不在任何行内",
    )
    assert failures(form, make_report(form, "a", 2023, "2024-01-31", {}), "warning") == []


@pytest.mark.parametrize("wrong", ['over = "columns"\nleft = ["total"]', 'left = ["-granted"]', 'left = ["grant"]'])
def test_a_rule_that_places_ends_names_rows(wrong: str) -> None:
    text = (FORMS / "cn-licensing.toml").read_text("utf-8")
    given = 'left = ["granted", "refused", "withdrawn"]'
    assert text.count(given) == 1
    with pytest.raises(BadData, match=r"ends-placed"):
        parse("cn-licensing.toml", text.replace(given, wrong))


def test_an_end_before_the_receipt_fails_the_first_rule_in_both_years() -> None:
    fold = folded(answered(received_on=date(2023, 1, 5), on=date(2022, 12, 30)))
    for year, detail in ((2022, "1 0 + 2 0 not = 3.7 1 + 4 0"), (2023, "1 1 + 2 0 not = 3.7 0 + 4 0")):
        failed = failures(CN, make_with_previous(CN, "a", year, "2024-01-31", fold.cells))
        assert [(c.rule, c.detail) for c in failed] == [
            ("R1", f"requests/natural-person: {detail}"),
            ("R1", f"requests/total: {detail}"),
        ]


def changed(found: Report, table: str, row: str, column: str, by: int) -> Report:
    """The report with one number moved."""
    found.numbers()[table, row][column] += by
    return found


@pytest.mark.parametrize(
    ("at", "rules"),
    [
        (("requests", "1", "business"), {"R1", "R3"}),
        (("requests", "3.4.2", "business"), {"R2", "R3"}),
        (("requests", "3.7", "total"), {"R1", "R2", "R3"}),
        (("requests", "4", "total"), {"R1", "R3"}),
        (("reviews", "litigation-direct", "pending"), {"R4"}),
    ],
)
def test_one_wrong_number_is_named_by_the_rules_that_it_breaks(at: tuple[str, str, str], rules: set[str]) -> None:
    found = changed(report({}), *at, 1)
    failed = [c for c in check(CN, found.numbers()) if not c.ok]
    assert {c.rule for c in failed} == rules
    assert all(f"{at[0]}/" in c.detail for c in failed)


def test_the_years_are_compared_where_the_year_before_is_known() -> None:
    before, now = report({}, 2022), report({Cell("a", 2023, "tally", "regulations-in-force"): 7})
    changed(before, "requests", "4", "business", 5)
    warned = [c for c in check(CN, now.numbers(), before.numbers()) if not c.ok]
    assert [(c.rule, c.detail) for c in warned] == [
        ("Y1", "requests/business: 2 0 not = previous:4 5"),
        ("Y2", "proactive/regulations: in-force 7 not = previous:in-force 0 + issued 0 - repealed 0"),
    ]
    assert not [c for c in check(CN, now.numbers()) if c.rule.startswith("Y")]


def once_more(form_id: str) -> Form:
    """The form with the other reading of where a review counts that is decided in a later year."""
    text = (FORMS / f"{form_id}.toml").read_text("utf-8")
    assert "\n\n[[tables]]" in text
    return parse(
        f"{form_id}.toml", text.replace("\n\n[[tables]]", '\nreviews = "filing-and-decision"\n\n[[tables]]', 1)
    )


def test_a_result_of_an_earlier_year_s_review_is_told_or_counted_once_more_by_a_setting_of_the_form() -> None:
    fold = Fold()
    fold.apply(filed("r", 1, on=date(2022, 6, 1)))
    fold.apply(decided("r", 2, date(2023, 2, 1), filed_on=date(2022, 6, 1)))
    fold.apply(filed("s", 1, on=date(2023, 6, 1)))
    by_year = {}
    for form in (CN, once_more("cn-2021")):
        for year in (2022, 2023):
            found = make_with_previous(form, "a", year, "2024-01-31", fold.cells)
            counted = {c: n for c, n in found.numbers()["reviews", "reconsideration"].items() if n}
            by_year[form.reviews, year] = (counted, [c.detail for c in failures(form, found, "warning")])
            assert failures(form, found) == []
    told = "reviews/reconsideration: total 1 decided this year and filed in an earlier one: in no year's table"
    assert by_year == {
        ("filing", 2022): ({"pending": 1, "total": 1}, []),
        ("filing", 2023): ({"pending": 1, "total": 1}, [told]),
        ("filing-and-decision", 2022): ({"pending": 1, "total": 1}, []),
        ("filing-and-decision", 2023): ({"upheld": 1, "pending": 1, "total": 2}, []),
    }


def tallied(form: str = "cn-2021", **counts: str) -> Report:
    """A report of nothing but tallies, ``_`` in a measure's name for ``-``."""
    fold = Fold()
    for number, (measure, count) in enumerate(counts.items(), 1):
        fold.apply(tally("a", number, count, measure.replace("_", "-"), measure, date(2023, 6, 1)))
    return make_report(load(form), "a", 2023, "2024-01-31", fold.cells)


TALLIES: list[tuple[str, dict[str, str], list[str]]] = [
    # form, measures, what the rules find
    ("cn-2021", {}, []),
    ("cn-2021", {"regulations_issued": "3", "regulations_repealed": "1", "regulations_in_force": "9"}, []),
    (
        "cn-2021",
        {"regulations_issued": "3"},
        [
            "T3 proactive/regulations: in-force 0 not given-with issued 3 + repealed 0",
            "T4 proactive/regulations: issued 3 - repealed 0 not <= in-force 0",
        ],
    ),
    (
        "cn-2021",
        {"normative_documents_repealed": "2"},
        ["T3 proactive/normative-documents: in-force 0 not given-with issued 0 + repealed 2"],
    ),
    # None left in force is a level as well.
    ("cn-2021", {"normative_documents_repealed": "2", "normative_documents_in_force": "0"}, []),
    (
        "cn-2021",
        {"regulations_issued": "5", "regulations_repealed": "1", "regulations_in_force": "3"},
        ["T4 proactive/regulations: issued 5 - repealed 1 not <= in-force 3"],
    ),
    (
        "cn-2021",
        {"regulations_in_force": "8.5"},
        ["T1 proactive/regulations: issued 0 + repealed 0 + in-force 8.5 not whole"],
    ),
    ("cn-2021", {"licensing_decisions": "7", "penalty_decisions": "8", "coercion_decisions": "0"}, []),
    ("cn-2021", {"licensing_decisions": "7.25"}, ["T2 proactive/licensing: decisions 7.25 not whole"]),
    ("cn-2021", {"fees_collected": "59237.2449"}, []),
    (
        "cn-gz-2013",
        {"proactive_published": "50", "proactive_published_full_text": "50", "normative_documents_new": "50"},
        [],
    ),
    (
        "cn-gz-2013",
        {"proactive_published": "50", "proactive_published_full_text": "51"},
        ["full-text-within-published proactive/count: published-full-text 51 not <= published 50"],
    ),
    (
        "cn-gz-2013",
        {"proactive_published": "3", "normative_documents_new": "4"},
        ["normative-documents-within-published proactive/count: normative-documents-new 4 not <= published 3"],
    ),
    (
        "cn-gz-2013",
        {"proactive_published": "3.5"},
        [
            "published-whole proactive/count: published 3.5 + published-full-text 0 + normative-documents-new 0 "
            "not whole"
        ],
    ),
    ("cn-gz-2013", {"catalogue_items": "0.5"}, ["catalogue-whole requests/count: catalogue-items 0.5 not whole"]),
    ("cn-gz-2013", {"page_views": "1000000", "enquiries_online": "3", "enquiries_in_person": "2"}, []),
    (
        "cn-gz-2013",
        {"page_views": "0.1"},
        ["enquiries-whole enquiries/count: online 0 + in-person 0 + page-views 0.1 not whole"],
    ),
    ("cn-2014", {"proactive_published": "9", "normative_documents_issued": "9"}, []),
    (
        "cn-2014",
        {"proactive_published": "8", "normative_documents_issued": "9"},
        ["normative-documents-within-published proactive/count: normative-documents 9 not <= published 8"],
    ),
    (
        "cn-2014",
        {"proactive_published": "8.5"},
        ["published-whole proactive/count: published 8.5 + normative-documents 0 not whole"],
    ),
]


@pytest.mark.parametrize(("form", "counts", "expected"), TALLIES)
def test_tallies_have_rules_of_their_own(form: str, counts: dict[str, str], expected: list[str]) -> None:
    found = tallied(form, **counts)
    assert [f"{c.rule} {c.detail}" for c in found.checks if not c.ok] == expected


def test_which_findings_about_tallies_are_errors_and_which_are_to_be_looked_at() -> None:
    found = tallied(regulations_issued="3.5", licensing_decisions="0.5")
    assert {c.rule for c in failures(CN, found)} == {"T1", "T2"}
    assert {c.rule for c in failures(CN, found, "warning")} == {"T3", "T4"}


def test_a_level_given_by_one_of_several_organs_is_given() -> None:
    fold = Fold()
    fold.apply(tally("a", 1, 2, "regulations-issued", "t1", date(2023, 6, 1)))
    fold.apply(tally("b", 1, 5, "regulations-in-force", "t2", date(2023, 6, 1)))
    alone = make_report(CN, "a", 2023, "2024-01-31", fold.cells)
    both = make_report(CN, "a", 2023, "2024-01-31", fold.cells, organs={"a", "b"})
    assert "T3" in {c.rule for c in failures(CN, alone, "warning")}
    assert "T3" not in {c.rule for c in failures(CN, both, "warning")}


BAD_RULES = [
    ('relation = "whole"\nright = ["published"]', "expected nothing: whole is about the left side"),
    ('relation = "<="', "expected at least one term"),
    ('relation = "given-with"\nright = ["published"]', "published/count counts no level"),
]


@pytest.mark.parametrize(("text", "reason"), BAD_RULES)
def test_a_rule_that_can_t_be_is_refused(text: str, reason: str) -> None:
    rule = (
        f'[[checks]]\nrule = "x"\nlabel = {{ zh = "x", en = "x" }}\ntable = "proactive"\nleft = ["published"]\n{text}\n'
    )
    with pytest.raises(BadData, match=reason):
        parse("cn-gz-2013.toml", (FORMS / "cn-gz-2013.toml").read_text("utf-8") + rule)


def test_a_rule_about_a_number_that_the_form_has_not_is_refused() -> None:
    rule = '[[checks]]\nrule = "x"\nlabel = { zh = "x", en = "x" }\ntable = "proactive"\nover = "columns"\n'
    text = (FORMS / "cn-2021.toml").read_text("utf-8") + rule + 'left = ["issued"]\nrelation = "whole"\n'
    with pytest.raises(BadData, match="there is no number at licensing/issued"):
        parse("cn-2021.toml", text)


def test_a_contradiction_is_told_in_the_year_of_the_receipt_and_in_that_of_the_end() -> None:
    fold = folded(answered(received_on=date(2022, 12, 20), on=date(2023, 1, 10), contradicting=True))
    told = {year: failures(CN, report(fold.cells, year)) for year in (2022, 2023, 2024)}
    assert {year: [c.rule for c in checks] for year, checks in told.items()} == {
        2022: ["no-contradictions"],
        2023: ["no-contradictions"],
        2024: [],
    }


def test_a_british_review_that_is_decided_in_a_later_year_is_told() -> None:
    fold = Fold()
    fold.apply(filed("a", 1, "v", date(2022, 12, 1)))
    fold.apply(decided("a", 2, date(2023, 2, 1), "v", filed_on=date(2022, 12, 1)))
    form = load("uk-cabinet-office")
    found = make_report(form, "a", 2023, "2024-01-31", fold.cells)
    assert [c.rule for c in failures(form, found, "warning")] == ["reviews-told"]


def test_levels_of_one_day_that_differ_are_told_and_which_of_them_counts() -> None:
    day, measure = date(2023, 12, 31), "regulations-in-force"
    levels = [(7, "9"), (8, "10")]
    told = []
    for events in (levels, levels[::-1]):
        fold = Fold()
        for number, (count, id_) in enumerate(events, 1):
            fold.apply(tally("a", number, count, measure, id_, day))
        found = report(fold.cells, 2023)
        told.append([c for c in failures(CN, found, "warning") if c.rule == ONE_LEVEL])
        assert failures(CN, found) == [], "a warning hinders no publication"
        assert [(one.rule, one.how) for one in broken(found, CN, "zh")] == [(ONE_LEVEL, "warns")]
        assert [c.rule for c in failures(CN, report(fold.cells, 2024), "warning")] == [ONE_LEVEL], "it counts on"
    assert told[0] == told[1], "the order in which they came changes nothing"
    assert told[0][0].detail == f"different levels of one day: a {measure} 2023-12-31: 7, 8 (7 counts)"
    assert told[0][0].detail_zh == f"同一天填报了不同的现行有效数：a {measure} 2023-12-31：7, 8（计入 7）"


@pytest.mark.parametrize(
    ("count", "measure", "day"),
    [
        (7, "regulations-in-force", date(2023, 12, 31)),
        (8, "normative-documents-in-force", date(2023, 12, 31)),
        (8, "regulations-in-force", date(2023, 12, 30)),
    ],
    ids=("same", "another-measure", "another-day"),
)
def test_levels_that_do_not_contend_are_not_told(count: int, measure: str, day: date) -> None:
    fold = Fold()
    fold.apply(tally("a", 1, 7, "regulations-in-force", "9", date(2023, 12, 31)))
    fold.apply(tally("a", 2, count, measure, "10", day))
    assert ONE_LEVEL not in {c.rule for c in report(fold.cells, 2023).checks}
