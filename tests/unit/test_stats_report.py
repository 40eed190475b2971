"""A form filled from cells, its arithmetic, and forms that are refused."""

from datetime import date
from decimal import Decimal
from typing import get_args

import msgspec
import pytest

from services.events.cases import CaseEvent
from services.events.vocabulary import APPLICANTS, CHANNELS, OUTCOMES, ReviewKind
from services.stats import render
from services.stats.cells import Cell, Number
from services.stats.fold import Fold
from services.stats.forms import form
from services.stats.forms.form import BadData, Form, load, parse
from services.stats.report import Report, make_report
from tests.stats_events import tally

GZ = load("cn-gz-2013")
TEXT = (form.FORMS / "cn-gz-2013.toml").read_text("utf-8")


def report(cells: dict[Cell, Number], shape: Form = GZ) -> Report:
    return make_report(shape, "a", 2013, "2014-01-01", cells)


def numbers(found: Report) -> dict[str, dict[str, Number]]:
    """By table and row, of the column ``count``."""
    return {t.id: {r.id: r.cells["count"] for r in t.rows} for t in found.tables}


def test_the_2013_form_has_the_rows_of_the_printed_tables() -> None:
    assert {t.id: [r.id for r in t.rows] for t in GZ.tables} == {
        "proactive": ["published", "published-full-text", "normative-documents-new"],
        "requests": [
            "catalogue-items",
            "received",
            *(f"received.{c}" for c in ("in-person", "fax", "email", "online", "post", "other")),
            "answered",
            *(f"answered.{o}" for o in ("granted", "granted-in-part", "refused", "does-not-exist")),
            "answered.not-this-organ",
            "answered.unclear",
        ],
        "enquiries": ["online", "in-person", "page-views"],
        "appeals": ["reconsideration", "litigation", "complaint", "complaint-first-handling-disputed"],
    }


def test_a_year_without_numbers_is_all_zeros_and_adds_up() -> None:
    found = report({})
    assert {n for rows in numbers(found).values() for n in rows.values()} == {0}
    assert [c.ok for c in found.checks] == [True] * 8


@pytest.mark.parametrize("channel", CHANNELS)
def test_each_channel_has_its_row(channel: str) -> None:
    cells: dict[Cell, Number] = {Cell("a", 2013, "received", channel, who): 2 for who in APPLICANTS}
    rows = numbers(report(cells))["requests"]
    assert {row: n for row, n in rows.items() if n} == {"received": 12, f"received.{channel}": 12}


ROW_OF = {
    "granted": "granted",
    "already-published": "granted",
    "granted-in-part": "granted-in-part",
    "does-not-exist": "does-not-exist",
    "not-this-organ": "not-this-organ",
    "unclear": "unclear",
    "clarification-lapsed": None,
    "fee-lapsed": None,
    "other": None,
}


@pytest.mark.parametrize("outcome", [outcome for outcome in OUTCOMES if outcome != "refused"])
def test_each_outcome_stands_in_one_row_or_in_none(outcome: str) -> None:
    row = ROW_OF.get(outcome, "refused")
    rows = numbers(report({Cell("a", 2013, "closed", outcome, "business", "late"): 3}))["requests"]
    expected = {"answered": 3, f"answered.{row}": 3} if row else {}
    assert {row: n for row, n in rows.items() if n} == expected


@pytest.mark.parametrize("kind", get_args(ReviewKind))
def test_each_kind_of_review_stands_in_its_row(kind: str) -> None:
    row = {"reconsideration": "reconsideration", "complaint": "complaint"}.get(kind, "litigation")
    cells: dict[Cell, Number] = {
        Cell("a", 2013, "review", kind, "pending"): 1,
        Cell("a", 2013, "review", kind, "upheld", "first-handling-disputed"): 1,
    }
    rows = numbers(report(cells))["appeals"]
    disputed = {"complaint-first-handling-disputed": 1} if kind == "complaint" else {}
    assert {row: n for row, n in rows.items() if n} == {row: 2} | disputed


def test_other_organs_and_years_are_left_out() -> None:
    cells: dict[Cell, Number] = {
        Cell("b", 2013, "received", "post", "business"): 1,
        Cell("a", 2012, "received", "post", "business"): 1,
    }
    assert report(cells) == report({})


def test_arithmetic_that_fails_says_which_rule_and_which_numbers() -> None:
    found = report({Cell("a", 2013, "tally", "proactive-published-full-text"): 7})
    (failed,) = [c for c in found.checks if not c.ok]
    assert failed.rule == "full-text-within-published"
    assert failed.detail == "proactive/count: published-full-text 7 not <= published 0"


def test_an_outcome_without_a_row_fails_the_sum() -> None:
    broken = parse("cn-gz-2013.toml", TEXT.replace('    "needs-creation",\n', ""))
    found = report({Cell("a", 2013, "closed", "needs-creation", "business", "late"): 1}, broken)
    assert [c.rule for c in found.checks if not c.ok] == ["answered-by-outcome"]


LEVELS = TEXT.replace('measure = ["normative-documents-new"]', 'measure = ["normative-documents-in-force"]')


def level(*events: CaseEvent) -> Number:
    fold = Fold()
    for event in events:
        fold.apply(event)
    return numbers(report(fold.cells, parse("cn-gz-2013.toml", LEVELS)))["proactive"]["normative-documents-new"]


def test_of_a_level_the_latest_in_the_year_counts() -> None:
    june = tally("a", 1, 300, "normative-documents-in-force", "june", date(2013, 6, 30))
    december = tally("a", 2, 280, "normative-documents-in-force", "december", date(2013, 12, 31))
    later = tally("a", 3, 999, "normative-documents-in-force", "later", date(2014, 1, 1))
    assert level(june, december, later) == 280


def test_a_level_of_zero_is_a_level_and_a_retracted_one_is_none() -> None:
    june = tally("a", 1, 300, "normative-documents-in-force", "june", date(2013, 6, 30))
    zero = tally("a", 2, 0, "normative-documents-in-force", "december", date(2013, 12, 31))
    gone = tally("a", 3, None, "normative-documents-in-force", "december", date(2013, 12, 31))
    assert level(june, zero) == 0
    assert level(june, zero, gone) == 300


def test_json_has_the_keys_of_the_contract_and_exact_decimals() -> None:
    fees = TEXT.replace('measure = ["page-views"]', 'measure = ["fees-collected"]')
    found = report({Cell("a", 2013, "tally", "fees-collected"): Decimal("59237.2449")}, parse("cn-gz-2013.toml", fees))
    text = render.to_json(found)
    assert b'"count":59237.2449' in text
    decoded = msgspec.json.decode(text)
    assert list(decoded) == ["form", "organ", "year", "as_of", "tables", "checks"]
    assert list(decoded["tables"][0]) == ["id", "rows"]
    assert decoded["tables"][0]["rows"][0] == {
        "id": "published",
        "label": {"zh": "主动公开信息数", "en": "Items published proactively"},
        "cells": {"count": 0},
    }
    assert list(decoded["checks"][0]) == ["rule", "ok", "detail"]
    assert render.from_json(text) == found


@pytest.mark.parametrize(
    ("old", "new", "key", "reason"),
    [
        ('channel = ["fax"]', 'channel = ["telex"]', "tables.requests.rows.received.fax.counts.channel", "telex"),
        ('channel = ["fax"]', 'outcome = ["granted"]', "tables.requests.rows.received.fax.counts.outcome", "received"),
        ('id = "received.fax"', 'id = "received.email"', "tables.requests.rows", "twice"),
        ('left = ["received"]', 'left = ["receipts"]', "checks.received-by-channel", "receipts"),
        ('table = "appeals"', 'table = "appeal"', "checks.first-handling-within-complaints.table", "appeal"),
        ('relation = "="', 'relation = ">"', "checks[0].relation", ">"),
        ('id = "enquiries"', 'id = "enquiries"\nwidth = 3', "tables[2].width", "unknown key"),
        ('kind = "tally", measure = ["page-views"]', 'kind = "tally"', "tables.enquiries.rows.page-views", "measures"),
        ('id = "cn-gz-2013"', 'id = "cn-gz"', "id", "cn-gz-2013"),
        ('id = "cn-gz-2013"', 'id = "cn', "$", "line"),
    ],
)
def test_a_bad_form_is_refused_with_file_key_and_reason(old: str, new: str, key: str, reason: str) -> None:
    assert old in TEXT
    with pytest.raises(BadData) as refused:
        parse("cn-gz-2013.toml", TEXT.replace(old, new, 1))
    assert refused.value.file == "cn-gz-2013.toml"
    assert refused.value.key.startswith(key)
    assert reason in refused.value.reason


def test_an_unknown_form_is_refused_with_those_there_are() -> None:
    with pytest.raises(form.UnknownForm, match="cn-gz-2013"):
        load("cn-gz-2099")


def test_every_year_has_a_form() -> None:
    assert form.form_for(2013).id == "cn-gz-2013"
    assert form.form_for(1990).id == form.DEFAULT_FORM
