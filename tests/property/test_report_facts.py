"""Any consistent table, turned into facts, decided and folded, comes back equal in every cell."""

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.commands.reporting import make
from services.events.vocabulary import APPLICANTS, CHANNELS, ReviewKind, ReviewResult
from services.stats.forms.form import load
from services.stats.report import Report, failures
from tests.support import ORGAN, raw

YEAR = 2023
NOW = datetime(YEAR + 1, 4, 1, tzinfo=UTC)
RESULTS: dict[str, tuple[str, ...]] = {
    row.id: row.counts.outcome
    for row in next(t for t in load("cn-2021").tables if t.id == "requests").rows
    if row.counts is not None and row.counts.outcome
}
"""The result rows of the 2021 form with the outcomes that stand in each."""
KINDS = ("reconsideration", "litigation-direct", "litigation-after-reconsideration")
ORGAN_FACT = raw("organ-registered", "gz-psb", ORGAN)

slow = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
counts = st.integers(1, 3)
Table = dict[tuple[str, str], dict[str, Any]]


def numbers(facts: list[dict[str, Any]], form: str, year: int, now: datetime) -> Report:
    return make([json.dumps(f).encode() for f in facts], form, "gz-psb", year, now).report


def end(subject: str, day: date, outcome: str, draw: st.DrawFn) -> dict[str, Any]:
    """A fact that ends a request with an outcome; what lapses by the clock is here said by the organ."""
    how = draw(st.sampled_from(["withdrawn", "transferred", "answered"])) if outcome == "other" else "answered"
    if how == "withdrawn":
        return raw("request-withdrawn", subject, {"withdrawn_on": day})
    if how == "transferred":
        return raw("request-transferred", subject, {"transferred_on": day, "to_organ": "gz-b"})
    return raw("answer-issued", subject, {"outcome": outcome, "answered_on": day, "service": "posted"})


def received(subject: str, day: date, channel: str, applicant: str) -> dict[str, Any]:
    data = {"organ": "gz-psb", "channel": channel, "applicant": applicant, "submitted_on": day}
    return raw("request-received", subject, data | {"received_on": day, "confirmed_on": day})


@st.composite
def national(draw: st.DrawFn) -> tuple[Table, list[dict[str, Any]]]:
    """Tables two, three and four of a year, and facts that make them."""
    facts = [ORGAN_FACT]
    table: Table = {("requests", row): dict.fromkeys([*APPLICANTS, "total"], 0) for row in ("1", "2", "3.7", "4")}
    table |= {("requests", row): dict.fromkeys([*APPLICANTS, "total"], 0) for row in RESULTS}
    results = draw(
        st.dictionaries(st.tuples(st.sampled_from(sorted(RESULTS)), st.sampled_from(APPLICANTS)), counts, max_size=14)
    )
    left_open = draw(st.dictionaries(st.sampled_from(APPLICANTS), counts, max_size=4))

    def add(row: str, applicant: str, number: int) -> None:
        for column in (applicant, "total"):
            table["requests", row][column] += number

    for applicant in APPLICANTS:
        ended = Counter({row: n for (row, who), n in results.items() if who == applicant})
        fates: list[str | None] = [*ended.elements(), *[None] * left_open.get(applicant, 0)]
        carried = draw(st.integers(0, len(fates)))
        for number, row in enumerate(draw(st.permutations(fates))):
            subject = f"{applicant}-{number}"
            day = date(YEAR, 1, 1) - timedelta(draw(st.integers(1, 40)))
            if number >= carried:
                day = date(YEAR, 1, 1) + timedelta(draw(st.integers(0, 364 if row is None else 330)))
            facts.append(received(subject, day, draw(st.sampled_from(CHANNELS)), applicant))
            if row is not None:
                on = draw(st.dates(max(day, date(YEAR, 1, 1)), date(YEAR, 12, 31)))
                facts.append(end(subject, on, draw(st.sampled_from(RESULTS[row])), draw))
                add(row, applicant, 1)
            elif draw(st.booleans()):
                facts.append(end(subject, date(YEAR + 1, 1, draw(st.integers(1, 31))), "granted", draw))
        add("1", applicant, len(fates) - carried)
        add("2", applicant, carried)
        add("3.7", applicant, sum(ended.values()))
        add("4", applicant, left_open.get(applicant, 0))
    columns = [*get_args(ReviewResult), "pending"]
    for kind in KINDS:
        found = {column: draw(st.integers(0, 2)) for column in columns}
        table["reviews", kind] = {**found, "total": sum(found.values())}
        for result in Counter(found).elements():
            name, filed = f"{kind}-{len(facts)}", draw(st.dates(date(YEAR, 1, 1), date(YEAR, 12, 31)))
            data = {"review": name, "organ": "gz-psb", "kind": kind, "filed_on": filed}
            facts.append(raw("review-filed", "gz-psb", data))
            if result != "pending":
                on = draw(st.dates(filed, date(YEAR, 12, 31)))
                facts.append(raw("review-decided", "gz-psb", {"review": name, "decided_on": on, "result": result}))
            elif draw(st.booleans()):
                late = {"review": name, "decided_on": date(YEAR + 1, 2, 1), "result": "corrected"}
                facts.append(raw("review-decided", "gz-psb", late))
    _tallies(draw, table, facts)
    return table, draw(st.permutations(facts))


def _tallies(draw: st.DrawFn, table: Table, facts: list[dict[str, Any]]) -> None:
    def tell(measure: str, count: Any, day: date = date(YEAR, 12, 31)) -> None:
        data = {"organ": "gz-psb", "on": day, "measure": measure, "count": count}
        facts.append(raw("tally-recorded", "gz-psb", data))

    for row in ("regulations", "normative-documents"):
        table["proactive", row] = cells = {c: draw(st.integers(0, 9999)) for c in ("issued", "repealed", "in-force")}
        first = draw(st.integers(0, cells["issued"]))
        tell(f"{row}-issued", first, date(YEAR, 6, 30))
        tell(f"{row}-issued", cells["issued"] - first)
        tell(f"{row}-repealed", cells["repealed"])
        tell(f"{row}-in-force", draw(st.integers(0, 9999)), date(YEAR, 6, 30))
        tell(f"{row}-in-force", cells["in-force"])
    for row, measure in (("licensing", "licensing"), ("penalties", "penalty"), ("coercion", "coercion")):
        table["proactive", row] = {"decisions": draw(st.integers(0, 10**7))}
        tell(f"{measure}-decisions", table["proactive", row]["decisions"])
    fees = draw(st.decimals(0, 10**6, places=4))
    table["proactive", "fees"] = {"amount": fees}
    facts.append(
        raw("tally-recorded", "gz-psb", {"organ": "gz-psb", "on": date(YEAR, 12, 31), "measure": "fees-collected"})
    )
    facts[-1]["data"]["count"] = float(fees)


@slow
@given(national())
def test_the_national_tables_come_back(drawn: tuple[Table, list[dict[str, Any]]]) -> None:
    table, facts = drawn
    found = numbers(facts, "cn-2021", YEAR, NOW)
    assert found.numbers() == table
    assert failures(load("cn-2021"), found) == []
    following = numbers(facts, "cn-2021", YEAR + 1, NOW)
    assert following.numbers()["requests", "2"] == table["requests", "4"]
    assert not [c for c in following.checks if c.rule == "Y1" and not c.ok]


ANSWERS: dict[str, tuple[str, ...]] = {
    row.id: row.counts.outcome
    for row in next(t for t in load("cn-gz-2013").tables if t.id == "requests").rows
    if row.counts is not None and row.counts.outcome
}


@st.composite
def guangzhou(draw: st.DrawFn) -> tuple[dict[tuple[str, str], int], list[dict[str, Any]]]:
    """The four tables of 2013: what was received and what was answered need not be the same requests."""
    facts, table = [ORGAN_FACT], {}
    channels = {c: draw(st.integers(0, 4)) for c in CHANNELS}
    answers = {row: draw(st.integers(0, 4)) for row in ANSWERS}
    table["requests", "received"], table["requests", "answered"] = sum(channels.values()), sum(answers.values())
    table |= {("requests", f"received.{c}"): n for c, n in channels.items()}
    table |= {("requests", row): n for row, n in answers.items()}
    now = [(channel, date(2013, 1, 1)) for channel in Counter(channels).elements()]
    earlier = max(0, sum(answers.values()) - len(now))
    requests = draw(st.permutations(now + [("post", date(2012, 12, 1))] * earlier))
    rows: list[str | None] = [*Counter(answers).elements()]
    rows += [None] * (len(requests) - len(rows))
    for number, ((channel, start), row) in enumerate(zip(requests, draw(st.permutations(rows)), strict=True)):
        # Those received the year before are answered in 2013: an earlier one without an answer would still be open.
        day = start + timedelta(draw(st.integers(0, 30)))
        facts.append(received(f"r{number}", day, channel, "natural-person"))
        if row is not None:
            on = draw(st.dates(date(2013, 2, 1), date(2013, 12, 31)))
            facts.append(end(f"r{number}", on, draw(st.sampled_from(ANSWERS[row])), draw))
    for place, measure in (
        (("proactive", "published"), "proactive-published"),
        (("proactive", "published-full-text"), "proactive-published-full-text"),
        (("proactive", "normative-documents-new"), "normative-documents-new"),
        (("requests", "catalogue-items"), "catalogue-items"),
        (("enquiries", "online"), "enquiries-online"),
        (("enquiries", "in-person"), "enquiries-in-person"),
        (("enquiries", "page-views"), "page-views"),
    ):
        table[place] = draw(st.integers(0, 10**6))
        data = {"organ": "gz-psb", "on": date(2013, 12, 31), "measure": measure, "count": table[place]}
        facts.append(raw("tally-recorded", "gz-psb", data))
    rest = {("appeals", r): 0 for r in ("reconsideration", "litigation", "complaint")}
    table |= rest | {("appeals", "complaint-first-handling-disputed"): 0}
    for number in range(draw(st.integers(0, 6))):
        kind, disputed = draw(st.sampled_from(get_args(ReviewKind))), draw(st.booleans())
        data = {"review": f"v{number}", "organ": "gz-psb", "kind": kind, "filed_on": date(2013, 8, 1)}
        facts.append(raw("review-filed", "gz-psb", data | {"first_handling_disputed": disputed}))
        table["appeals", kind if ("appeals", kind) in rest else "litigation"] += 1
        table["appeals", "complaint-first-handling-disputed"] += disputed and kind == "complaint"
    return table, draw(st.permutations(facts))


@slow
@given(guangzhou())
def test_the_tables_of_2013_come_back(drawn: tuple[dict[tuple[str, str], int], list[dict[str, Any]]]) -> None:
    table, facts = drawn
    found = numbers(facts, "cn-gz-2013", 2013, datetime(2014, 3, 1, tzinfo=UTC))
    assert {place: cells["count"] for place, cells in found.numbers().items()} == table
    assert {c.rule for c in found.checks if not c.ok} <= {
        "full-text-within-published",
        "normative-documents-within-published",
    }


def test_the_tables_that_are_drawn_have_every_result_row_of_the_form() -> None:
    rows = next(t.rows for t in load("cn-2021").tables if t.id == "requests")
    assert {r.id for r in rows} == {*RESULTS, "1", "2", "3.7", "4"}
