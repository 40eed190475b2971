"""Duties of an organ: opened by a fact or by a review, kept, missed, taken back; each once, each dated."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from services.events.cases import CaseEvent, DeadlineApproaching
from services.events.codec import decode_case_event, encode
from services.statute.errors import BadData
from services.statute.office.duties import duty_of, explained, rule_for
from services.statute.profile import from_data
from services.statute.versions import profiles
from services.tracker.core.account import account
from services.tracker.core.attention import items
from services.tracker.core.case import Case
from services.tracker.core.decide import decide, tick
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.rows import event_name
from services.tracker.office_store import open_work
from tests.law import fact as lawful
from tests.law import received, view
from tests.support import ORGAN, fact
from tests.support import received as raw_received

WORLD = ReferenceData([fact("organ-registered", "gz-psb", ORGAN)])
DUTY = "gz-psb/publication/7"


def at(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC)


def opened(event_on: str = "2025-03-03", kind: str = "publication", subject: str = DUTY, organ: str = "gz-psb") -> Any:
    data = {"duty": DUTY, "organ": organ, "kind": kind, "event_on": event_on, "about": "doc 7"}
    return fact("duty-opened", subject, data)


def done(on: str, subject: str = DUTY) -> Any:
    return fact("duty-done", subject, {"duty": DUTY, "done_on": on})


def names(events: list[CaseEvent]) -> list[str]:
    for event in events:
        assert decode_case_event(encode(event)) == event
    return [event_name(event) for event in events]


def test_a_duty_of_its_own_is_warned_of_missed_and_done_late() -> None:
    case, events = decide(Case(subject=DUTY), opened(), WORLD, at("2025-03-03"), {})
    assert names(events) == ["duty-due-set"]
    told = case.view.duties[0]
    # 20 working days from 3 March 2025: 31 March, nothing between.
    assert (case.view.state, told.due_on, told.article) == ("duty", date(2025, 3, 31), "条例(2019) 第二十六条")
    assert case.view.wake_on == date(2025, 3, 24)  # five working days before
    assert [row[:3] for row in open_work(case, 0)] == [(DUTY, "duty", DUTY)]
    found = []
    for day in ("2025-03-24", "2025-03-25", "2025-03-28", "2025-03-31", "2025-04-01", "2025-04-02"):
        case, events, _ = tick(case, WORLD, at(day))
        names(events)
        found += [
            (event_name(e), e.data.organ if isinstance(e, DeadlineApproaching) else None, e.data.as_of) for e in events
        ]
    assert found == [
        ("deadline-approaching", "gz-psb", date(2025, 3, 24)),
        ("deadline-approaching", "gz-psb", date(2025, 3, 28)),
        ("deadline-approaching", "gz-psb", date(2025, 3, 31)),
        ("duty-overdue", None, date(2025, 4, 1)),
    ]
    case, events = decide(case, done("2025-04-03"), WORLD, at("2025-04-03"), {})
    assert names(events) == ["duty-ended"]
    assert case.view.duties[0].overdue_from == date(2025, 4, 1)
    assert not list(open_work(case, 0))
    told_of = account(case, WORLD, date(2025, 4, 3))
    assert "20 working days" in told_of[0]["text"]["en"] and "20个工作日" in told_of[0]["text"]["zh"]


def test_a_day_entered_late_takes_the_breach_back() -> None:
    case, _ = decide(Case(subject=DUTY), opened(), WORLD, at("2025-03-03"), {})
    case, _, _ = tick(case, WORLD, at("2025-04-10"))
    assert case.view.duties[0].overdue_from is not None
    case, events = decide(case, done("2025-03-31"), WORLD, at("2025-04-11"), {})
    assert names(events) == ["duty-overdue-withdrawn", "duty-ended"]
    gone = fact(
        "fact-retracted", DUTY, {"amends": {"source": case.facts[1].source, "id": case.facts[1].id}, "reason": "x"}
    )
    case, events = decide(case, gone, WORLD, at("2025-04-12"), {})
    assert names(events)[:2] == ["duty-reopened", "duty-overdue"]


def test_the_order_of_arrival_changes_nothing() -> None:
    facts = [opened(), done("2025-03-20")]
    views = []
    for order in (facts, facts[::-1]):
        case = Case(subject=DUTY)
        for one in order:
            case, _ = decide(case, one, WORLD, at("2025-03-21"), {})
        case, _, _ = tick(case, WORLD, at("2025-03-22"))
        views.append((case.view.state, case.view.duties, case.view.remarks))
    assert views[0] == views[1]


def test_it_waits_for_its_organ() -> None:
    case, events = decide(Case(subject=DUTY), opened(organ="nobody"), WORLD, at("2025-03-03"), {})
    assert names(events) == ["fact-recorded"]
    assert case.view.waiting_for == "organ-registered nobody"


@pytest.mark.parametrize(
    ("kind", "filed", "served", "due"),
    [
        ("reconsideration", "2025-04-01", "2025-04-07", date(2025, 4, 17)),
        ("litigation-direct", "2025-04-01", "2025-04-07", date(2025, 4, 22)),
        ("litigation-direct", "2014-04-01", "2014-04-08", date(2014, 4, 18)),  # ten days until May 2015
        ("complaint", "2025-04-01", "2025-04-07", None),
    ],
)
def test_a_review_that_was_served_opens_the_duties_of_its_kind(
    kind: str, filed: str, served: str, due: date | None
) -> None:
    start = f"{filed[:4]}-03-03"
    facts = [
        received(start, received_on=date.fromisoformat(start)),
        lawful("review-filed", review="r", organ="o", kind=kind, filed_on=filed, served_on=served),
    ]
    found = view(facts, today=served)
    assert [d.due_on for d in found.duties] == ([due] if due else [])
    assert all(d.duty == f"r:{d.kind}" and not d.confirmed for d in found.duties)
    assert view([*facts[:1], lawful("review-filed", review="r", organ="o", kind=kind, filed_on=filed)]).duties == ()


def test_a_duty_of_a_review_ends_with_its_decision() -> None:
    facts = [
        received("2025-03-03"),
        lawful(
            "review-filed", review="r", organ="o", kind="reconsideration", filed_on="2025-04-01", served_on="2025-04-07"
        ),
        lawful("review-decided", review="r", decided_on="2025-04-14", result="upheld"),
    ]
    (found,) = view(facts).duties
    assert (found.state, found.done_on, found.overdue_from) == ("ended", date(2025, 4, 14), None)


@pytest.mark.parametrize(
    ("on", "state", "done_on"),
    [("2025-04-10", "done", "2025-04-10"), ("2025-04-14", "done", "2025-04-14"), ("2025-04-20", "ended", "2025-04-14")],
)
def test_a_duty_that_was_done_after_the_decision_had_ended_with_it(on: str, state: str, done_on: str) -> None:
    facts = [
        received("2025-03-03"),
        lawful(
            "review-filed", review="r", organ="o", kind="reconsideration", filed_on="2025-04-01", served_on="2025-04-07"
        ),
        lawful("review-decided", review="r", decided_on="2025-04-14", result="upheld"),
        lawful("duty-done", duty="r:reconsideration-reply", done_on=on),
    ]
    (found,) = view(facts).duties
    assert (found.state, found.done_on) == (state, date.fromisoformat(done_on))


def test_a_review_with_the_longest_id_opens_a_duty_like_any_other() -> None:
    """A fact that was taken must not end as a letter nobody can deliver."""
    found = []
    for end in "ab":
        facts = [fact("request-received", "r", raw_received("r", "2025-03-03", "in-person")["data"])]
        filed = {"review": "r" * 199 + end, "organ": "gz-psb", "kind": "reconsideration", "filed_on": "2025-04-01"}
        facts.append(fact("review-filed", "r", filed | {"served_on": "2025-04-07"}))
        case = Case(subject="r")
        for one in facts:
            case, events = decide(case, one, WORLD, at("2025-04-08"), {})
        assert "duty-due-set" in names(events)
        found.append(case.view.duties[0].duty)
    assert len(set(found)) == 2 and {len(key) for key in found} == {200}
    assert all(key.endswith(":reconsideration-reply") for key in found)
    assert duty_of("r", "reconsideration-reply") == "r:reconsideration-reply"


@pytest.mark.parametrize(
    ("statute", "kind", "event_on", "due"),
    [
        ("CN", "annual-report", date(2024, 12, 31), date(2025, 1, 31)),
        ("CN", "annual-report", date(2013, 12, 31), date(2014, 3, 31)),
        ("CN", "annual-report-publication", date(2024, 12, 31), date(2025, 3, 31)),
        ("IE", "acknowledgement", date(2025, 3, 3), date(2025, 3, 18)),  # 17 March is a holiday
    ],
)
def test_each_statutes_duties(statute: str, kind: str, event_on: date, due: date) -> None:
    from services.statute.calendars import shipped
    from services.statute.office.duties import alone
    from services.statute.timeline import read

    profile = next(p for p in profiles().values() if p.statute == statute)
    version, rule = rule_for(profile, kind, event_on)
    assert rule is not None
    facts = [lawful("duty-opened", duty="d", organ="o", kind=kind, event_on=event_on, about=None)]
    (found,) = alone(read(facts), profile, shipped(version.calendar), event_on).duties
    assert found.due_on == due
    lines = list(explained([found], profile))
    assert lines[0].basis.en.startswith(rule.article)


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ({"amount": 3}, "duties[0].amount"),
        ({"amount": 3, "unit": "week", "by": "01-31"}, "duties[0].amount"),
        ({"by": "02-29"}, "duties[0].by"),
        ({"by": "13-01"}, "duties[0].by"),
        ({"by": "01-31", "from": date(2025, 1, 2), "through": date(2025, 1, 1)}, "duties[0].through"),
    ],
)
def test_a_bad_table_is_named(table: dict[str, Any], key: str) -> None:
    import tomllib
    from importlib.resources import files

    data = tomllib.loads((files("services.statute") / "profiles" / "IE.toml").read_text("utf-8"))
    data["duties"] = [{"kind": "k", "title": {"zh": "职责", "en": "duty"}, "article": "s 1", **table}]
    with pytest.raises(BadData) as wrong:
        from_data("IE.toml", data)
    assert key in str(wrong.value)


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (
            [
                opened(),
                fact(
                    "duty-opened",
                    DUTY,
                    {"duty": DUTY, "organ": "gz-psb", "kind": "publication", "event_on": "2025-03-04"},
                ),
            ],
            "duty-opened-again",
        ),
        ([opened(kind="no-such")], "duty-unknown"),
        ([opened(), done("2025-03-04"), done("2025-03-05")], "duty-done-again"),
        ([opened(), fact("duty-done", DUTY, {"duty": "other", "done_on": "2025-03-05"})], "duty-not-opened"),
        (
            [
                opened(),
                fact(
                    "duty-opened",
                    DUTY,
                    {"duty": "d2", "organ": "other", "kind": "publication", "event_on": "2025-03-04"},
                ),
            ],
            "duty-of-another",
        ),
    ],
)
def test_what_has_no_effect_is_told(facts: list[Any], code: str) -> None:
    case = Case(subject=DUTY)
    for one in facts:
        case, _ = decide(case, one, WORLD, at("2025-03-06"), {})
    assert code in [each.code for each in case.view.remarks]
    assert code in [item.remark.code for item in items(case)]
