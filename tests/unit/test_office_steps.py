"""The work inside an office: steps, who has them and until when, the ladder's rungs, what the tracker says of it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from itertools import permutations
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from services.events.cases import CaseEvent
from services.events.codec import encode
from services.events.facts import RequestFact
from services.events.vocabulary import Ref
from services.statute import data as in_force
from services.statute import rules
from services.statute.errors import BadData
from services.statute.office import ladder, procedure
from services.statute.state import RequestState, Step
from services.tracker.core.case import Case
from services.tracker.core.decide import decide, tick
from services.tracker.core.rows import event_name
from tests.law_cases import NOW, WORLD, make

MONDAY = date(2025, 3, 3)
SHANGHAI = ZoneInfo("Asia/Shanghai")


def day(text: str) -> date:
    return date.fromisoformat(text)


def at(text: str) -> datetime:
    return datetime.combine(day(text), datetime.min.time(), SHANGHAI)


def request() -> RequestFact:
    values = {"organ": "o", "channel": "in-person", "applicant": "business", "submitted_on": MONDAY}
    found: RequestFact = make("request-received", 0, MONDAY, **values)
    return found


def given(
    number: int, unit: str, on: str, step: str = "opinion", due: str | None = None, continues: str | None = None
) -> Any:
    values: dict[str, Any] = {"assignment": f"a{number}", "unit": unit, "step": step, "assigned_on": day(on)}
    values["continues"] = continues
    return make("assignment-opened", number, day(on), **values, due_on=day(due) if due else None)


def did(what: str, number: int, on: str) -> Any:
    values: dict[str, Any] = {"assignment": f"a{number}", f"{what}_on": day(on)}
    if what == "returned":
        values["reason"] = "not ours"
    return make(f"assignment-{what}", number, day(on), **values)


def answered(on: str) -> Any:
    return make("answer-issued", 1, day(on), outcome="granted", answered_on=day(on), service="posted")


def posted(facts: Sequence[Any], now: datetime = NOW) -> tuple[Case, list[CaseEvent]]:
    case, events = Case(subject="r"), list[CaseEvent]()
    for fact in facts:
        case, more = decide(case, fact, WORLD, now, {})
        events += more
    return case, events


def seen(facts: Sequence[Any], on: str) -> RequestState:
    """The case as the clock leaves it at the beginning of a day."""
    return tick(posted(facts, at(on))[0], WORLD, at(on))[0].view


def only(view: RequestState) -> Step:
    (step,) = view.steps
    return step


def event_names(events: Sequence[CaseEvent]) -> list[str]:
    return [event_name(event) for event in events]


def codes(view: RequestState) -> list[str]:
    return [found.code for found in view.remarks]


def test_a_step_has_a_holder_a_start_and_a_due_date_and_moves_no_date_of_the_request() -> None:
    bare, facts = posted([request()])[0].view, [request(), given(1, "u1", "2025-03-04")]
    view = seen(facts, "2025-03-05")
    step = only(view)
    assert (step.step, step.unit, step.state) == ("opinion", "u1", "assigned")
    assert (step.since, step.due_on) == (day("2025-03-04"), day("2025-03-11")), "five working days from the start"
    assert (view.due_on, view.state) == (bare.due_on, "open")
    assert only(seen([*facts, did("accepted", 1, "2025-03-05")], "2025-03-06")).state == "accepted"


def test_assignments_that_lie_ahead_let_no_limit_of_the_law_pass() -> None:
    """What the clock alone does happens up to the latest fact of the law, not up to a day that an office wrote down."""
    notice = make(
        "clarification-requested", 1, day("2025-03-06"), requested_on=day("2025-03-06"), respond_by=day("2025-03-20")
    )
    ahead = [given(1, "u1", "2025-03-06"), did("completed", 1, "2025-04-30")]
    assert seen([request(), notice, *ahead], "2025-03-07").state == "stopped"
    assert seen([request(), notice, *ahead], "2025-03-25").outcome == "clarification-lapsed"


def test_giving_it_to_another_unit_gives_no_day_back() -> None:
    facts = [request(), given(1, "u1", "2025-03-04"), did("returned", 1, "2025-03-06")]
    between = only(seen(facts, "2025-03-07"))
    assert (between.state, between.unit, between.since) == ("returned", "", day("2025-03-06"))
    assert between.due_on == day("2025-03-11"), "it goes on while nobody has it"
    facts += [given(2, "u2", "2025-03-10", due="2025-03-20")]
    step = only(seen(facts, "2025-03-12"))
    assert (step.about, step.assignment, step.unit) == ("a1", "a2", "u2")
    assert (step.started_on, step.due_on) == (day("2025-03-04"), day("2025-03-11"))
    assert (step.overdue_from, step.overdue_at) == (day("2025-03-12"), "u2")
    assert "step-gains-no-day" in codes(seen(facts, "2025-03-12"))
    earlier = [*facts[:3], given(2, "u2", "2025-03-10", due="2025-03-10")]
    assert only(seen(earlier, "2025-03-10")).due_on == day("2025-03-10"), "a day can be taken"


TWO_ASKED = [
    given(1, "u1", "2025-03-04", due="2025-03-06"),
    given(2, "u2", "2025-03-04", due="2025-03-20"),
    did("returned", 1, "2025-03-05"),
    did("returned", 2, "2025-03-10"),
]


def test_a_step_given_to_another_unit_goes_on_with_the_one_left_last() -> None:
    view = seen([request(), *TWO_ASKED, given(3, "u3", "2025-03-10")], "2025-03-11")
    assert [(s.about, s.assignment, s.unit) for s in view.steps] == [("a1", "a1", ""), ("a2", "a3", "u3")]


def test_an_assignment_says_which_step_it_goes_on_with() -> None:
    first = given(3, "u3", "2025-03-10", continues="a1")
    view = seen([request(), *TWO_ASKED, first, given(4, "u4", "2025-03-10")], "2025-03-11")
    assert [(s.about, s.assignment, s.due_on) for s in view.steps] == [
        ("a1", "a3", day("2025-03-06")),
        ("a2", "a4", day("2025-03-20")),
    ]
    assert codes(view) == []
    # One that another assignment names is not taken from it, though it was left last.
    named = given(4, "u4", "2025-03-11", continues="a2")
    view = seen([request(), *TWO_ASKED, given(3, "u3", "2025-03-10"), named], "2025-03-12")
    assert [(s.about, s.assignment) for s in view.steps] == [("a1", "a3"), ("a2", "a4")]


def test_steps_passed_on_twice_in_a_day_are_followed_by_their_names() -> None:
    facts = [
        request(),
        given(5, "u1", "2025-03-04"),
        did("returned", 5, "2025-03-04"),
        given(4, "u2", "2025-03-04", continues="a5"),
        did("returned", 4, "2025-03-04"),
        given(3, "u3", "2025-03-04", continues="a4"),
    ]
    step = only(seen(facts, "2025-03-05"))
    assert (step.about, step.assignment, [h.assignment for h in step.holdings]) == ("a5", "a3", ["a5", "a4", "a3"])


@pytest.mark.parametrize("other", ["a9", "a2", "a4"])
def test_an_assignment_that_goes_on_with_nothing_is_a_step_of_its_own(other: str) -> None:
    facts = [request(), *TWO_ASKED[:3], given(3, "u3", "2025-03-06", continues=other), given(4, "u1", "2025-03-07")]
    view = seen(facts, "2025-03-10")
    assert [(s.about, s.assignment) for s in view.steps] == [("a1", "a4"), ("a2", "a2"), ("a3", "a3")]
    assert codes(view) == ["step-not-continued"]


def test_units_asked_at_one_time_have_steps_of_their_own_and_one_done_again_starts_anew() -> None:
    facts = [request(), given(1, "u1", "2025-03-04"), given(2, "u2", "2025-03-05")]
    assert [s.due_on for s in seen(facts, "2025-03-06").steps] == [day("2025-03-11"), day("2025-03-12")]
    facts += [did("completed", 1, "2025-03-06"), given(3, "u1", "2025-03-07")]
    assert [s.about for s in seen(facts, "2025-03-10").steps] == ["a1", "a2", "a3"]


def test_a_limit_before_the_due_date_moves_with_it() -> None:
    facts = [request(), given(1, "o", "2025-03-04", step="sign")]
    assert only(seen(facts, "2025-03-05")).due_on == day("2025-03-28"), "a working day before 2025-03-31"
    more = make(
        "extension-granted", 9, day("2025-03-20"), decided_on=day("2025-03-20"), notified_on=day("2025-03-20"), amount=5
    )
    assert only(seen([*facts, more], "2025-03-21")).due_on == day("2025-04-07"), "before 2025-04-08"


def stopped(what: str) -> Any:
    """A clarification, whose end is not known, or a consultation, which ends with its limit of 15 working days."""
    on = day("2025-03-07")
    if what == "clarification-requested":
        return make(what, 1, on, requested_on=on, respond_by=day("2025-04-30"))
    return make(what, 1, on, consultation="c", party="third-party", sent_on=on, reached_on=on)


def test_no_card_goes_out_against_a_last_day_that_a_stop_has_taken_away() -> None:
    case, events = posted([request(), given(1, "u1", "2025-03-05", step="sign")], at("2025-03-06"))
    case, events = decide(case, stopped("clarification-requested"), WORLD, at("2025-03-07"), {})
    told = next(e for e in events if event_name(e) == "step-due-set").data
    assert (told.step.due_on, told.old_due_on) == (None, day("2025-03-28"))  # type: ignore[union-attr]
    case, events, _ = tick(case, WORLD, at("2025-04-25"))
    assert (event_names(events), only(case.view).due_on, case.view.rungs) == ([], None, ())
    back = make("clarification-received", 1, day("2025-04-25"), received_on=day("2025-04-25"), excused=None)
    case, events = decide(case, back, WORLD, at("2025-04-25"), {})
    assert "step-due-set" in event_names(events) and only(case.view).due_on == day("2025-05-26")


def test_while_others_are_asked_a_step_has_the_latest_day_that_its_limit_can_be() -> None:
    view = seen([request(), given(1, "u1", "2025-03-05", step="sign"), stopped("consultation-opened")], "2025-03-10")
    assert view.due_on is None and view.latest_due_on == day("2025-04-22")
    assert only(view).due_on == day("2025-04-21")


def test_steps_end_with_the_request() -> None:
    facts = [request(), given(1, "u1", "2025-03-04"), answered("2025-03-10")]
    step = only(seen(facts, "2025-03-20"))
    assert (step.state, step.done_on, step.overdue_from) == ("ended", day("2025-03-10"), None)
    view = seen([*facts, given(2, "u2", "2025-03-12"), did("completed", 1, "2025-03-12")], "2025-03-20")
    assert only(view).state == "ended"
    assert "assignment-after-end" in codes(view)


def test_the_order_in_which_facts_come_does_not_matter() -> None:
    facts = [
        given(1, "u1", "2025-03-04"),
        did("returned", 1, "2025-03-04"),
        given(0, "u2", "2025-03-04"),
        did("accepted", 0, "2025-03-06"),
        did("completed", 0, "2025-03-14"),
    ]
    views = {posted([request(), *order])[0].view for order in permutations(facts)}
    (view,) = views
    step = only(view)
    assert (step.about, step.assignment, step.done_on) == ("a1", "a0", day("2025-03-14"))
    assert [h.working_days for h in step.holdings] == [0, 8]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ([given(1, "u2", "2025-03-05")], "assignment-opened-again"),
        ([did("accepted", 7, "2025-03-05")], "assignment-not-opened"),
        ([did("completed", 1, "2025-03-06"), did("returned", 1, "2025-03-07")], "assignment-closed-already"),
        ([did("accepted", 1, "2025-03-03")], "assignment-before-itself"),
        ([given(2, "u2", "2025-03-05", step="no-such")], "step-unknown"),
        ([given(2, "u2", "2025-03-05", step="answer"), given(3, "u2", "2025-03-06", step="register")], ""),
        (
            [given(2, "u2", "2025-03-05", step="sign"), given(3, "u2", "2025-03-06", step="legal-review")],
            "step-out-of-order",
        ),
    ],
)
def test_what_is_odd_is_remarked_and_changes_no_date_of_the_request(more: list[Any], code: str) -> None:
    again = [f if f.id != "assignment-opened/1" else make_again(f) for f in more]
    view = seen([request(), given(1, "u1", "2025-03-04"), *again], "2025-03-10")
    assert view.due_on == day("2025-03-31")
    assert [c for c in codes(view) if c.startswith(("assignment", "step"))] == ([code] if code else [])


def make_again(fact: Any) -> Any:
    return replace(fact, id="another")


def test_each_change_of_a_step_is_said_once() -> None:
    facts = [
        request(),
        given(1, "u1", "2025-03-04"),
        did("accepted", 1, "2025-03-05"),
        did("returned", 1, "2025-03-06"),
    ]
    case, events = posted(facts, at("2025-03-07"))
    assert event_names(events)[2:] == ["step-opened", "step-due-set", "step-passed", "step-passed"]
    case, events, look = tick(case, WORLD, at("2025-03-10"))
    assert event_names(events) == ["deadline-approaching"]
    assert (events[0].data.limit, events[0].data.about, events[0].data.days_left) == ("step", "a1", 1)  # type: ignore[union-attr]
    assert look == day("2025-03-12")
    case, events, look = tick(case, WORLD, at("2025-03-12"))
    assert event_names(events) == ["step-overdue", "card-issued"]
    card = events[1].data.card  # type: ignore[union-attr]
    assert (card.card, card.limit, card.unit, card.on) == ("yellow", "step", None, day("2025-03-12"))
    assert card.answer_by == day("2025-03-14")
    assert tick(case, WORLD, at("2025-03-12"))[1] == []
    case, events, look = tick(case, WORLD, at("2025-03-17"))
    assert event_names(events) == ["card-issued"]
    assert (events[0].data.card.card, events[0].time) == ("red", at("2025-03-17"))  # type: ignore[union-attr]
    back = did("completed", 1, "2025-03-07")
    case, events = decide(case, back, WORLD, at("2025-03-18"), {})
    assert event_names(events) == ["fact-recorded"], "it was given back: what is dated after that has no effect"
    case, events = decide(case, given(2, "u2", "2025-03-07"), WORLD, at("2025-03-18"), {})
    case, events = decide(case, did("completed", 2, "2025-03-11"), WORLD, at("2025-03-18"), {})
    assert event_names(events) == [
        "step-passed",
        "step-overdue-withdrawn",
        "step-done",
        "card-withdrawn",
        "card-withdrawn",
    ], "its cause is gone"
    assert case.view.rungs == ()


def told_of(events: Sequence[CaseEvent], what: str = "deadline-approaching") -> list[date]:
    return [e.time.astimezone(SHANGHAI).date() for e in events if event_name(e) == what and e.time is not None]


def test_a_step_is_warned_of_once_whoever_has_it() -> None:
    case, _ = posted([request(), given(1, "u1", "2025-03-04")], at("2025-03-05"))
    case, events, _ = tick(case, WORLD, at("2025-03-10"))
    assert told_of(events) == [day("2025-03-10")]
    case, events = decide(case, did("returned", 1, "2025-03-07"), WORLD, at("2025-03-11"), {})
    assert [r.unit for r in case.view.rungs] == [""] and told_of(events) == []
    case, events = decide(case, given(2, "u2", "2025-03-07"), WORLD, at("2025-03-11"), {})
    assert [r.unit for r in case.view.rungs] == ["u2"] and told_of(events) == []


def test_what_was_done_in_between_is_not_warned_of_once_more() -> None:
    """Taking back what ended it brings back the limit, and of its warnings those that nobody was sent."""
    done = did("completed", 1, "2025-03-11")
    case, _ = posted([request(), given(1, "u1", "2025-03-04")], at("2025-03-05"))
    case, events, _ = tick(case, WORLD, at("2025-03-10"))
    assert told_of(events) == [day("2025-03-10")]
    case, _ = decide(case, done, WORLD, at("2025-03-11"), {})
    back = make("fact-retracted", 1, day("2025-03-11"), amends=Ref(done.source, done.id), reason="another step")
    case, events = decide(case, back, WORLD, at("2025-03-11"), {})
    assert case.view.rungs and told_of(events) == []


def test_an_answer_taken_back_brings_back_the_warnings_that_were_not_sent_alone() -> None:
    case, _ = posted([request()], at("2025-03-04"))
    case, events, _ = tick(case, WORLD, at("2025-03-26"))
    assert told_of(events) == [day("2025-03-24"), day("2025-03-26")]
    answer = answered("2025-03-27")
    case, _ = decide(case, answer, WORLD, at("2025-03-27"), {})
    back = make("fact-retracted", 1, day("2025-03-28"), amends=Ref(answer.source, answer.id), reason="another request")
    case, events = decide(case, back, WORLD, at("2025-03-28"), {})
    assert (case.view.state, told_of(events)) == ("open", [day("2025-03-28")])
    case, events, _ = tick(case, WORLD, at("2025-03-31"))
    assert told_of(events) == [day("2025-03-31")]


def test_a_card_is_the_units_that_has_it_on_that_day_and_stays_when_it_is_done_later() -> None:
    facts = [request(), given(1, "u1", "2025-03-04"), did("completed", 1, "2025-03-13")]
    (card,) = seen(facts, "2025-03-20").rungs
    assert (card.level, card.unit, card.on) == ("yellow", "u1", day("2025-03-12"))
    kept = [request(), given(1, "u1", "2025-03-04"), did("completed", 1, "2025-03-11")]
    assert seen(kept, "2025-03-20").rungs == ()


def test_a_retraction_takes_the_step_back() -> None:
    opened = given(1, "u1", "2025-03-04")
    case, _ = posted([request(), opened], at("2025-03-12"))
    case, _, _ = tick(case, WORLD, at("2025-03-12"))
    gone = make("fact-retracted", 1, day("2025-03-13"), amends=Ref(opened.source, opened.id), reason="another request")
    case, events = decide(case, gone, WORLD, at("2025-03-13"), {})
    assert event_names(events) == ["step-withdrawn", "card-withdrawn"]
    assert (case.view.steps, case.view.rungs) == ((), ())


def test_an_event_about_a_step_does_not_grow_with_the_case() -> None:
    facts: list[Any] = [request()]
    for n in range(1, 80):
        facts += [given(n, "u1", "2025-03-04"), did("returned", n, "2025-03-04")]
    _, events = posted(facts, at("2025-03-05"))
    sizes = [len(encode(e)) for e in events if event_name(e) == "step-passed"]
    assert max(sizes) < 1.1 * min(sizes)


OWN_LADDER = """
id = "bureau"
title = { zh = "督办", en = "supervision" }
organs = ["o"]
statutes = ["*"]
[[rungs]]
level = "warning"
limits = ["answer"]
before = 2
[[rungs]]
level = "yellow"
limits = ["answer"]
after = 1
within = 3
[[rungs]]
level = "red"
limits = ["answer"]
second = 1
"""


@contextmanager
def own_ladder(folder: Path) -> Iterator[None]:
    """The ladder in force, from a folder of rules."""
    (folder / "ladders").mkdir()
    (folder / "ladders" / "bureau.toml").write_text(OWN_LADDER, "utf-8")
    in_force.use(str(folder))
    yield
    rules.use(rules.Rules())


@pytest.fixture
def bureau(tmp_path: Path) -> Iterator[None]:
    with own_ladder(tmp_path):
        yield


def test_an_organs_own_ladder_warns_and_gives_cards_for_its_answers(bureau: None) -> None:
    case, _ = posted([request()], at("2025-03-04"))
    found: list[tuple[str, date]] = []
    look: date | None = case.view.wake_on
    while look is not None and look < day("2025-04-20"):
        case, events, look = tick(case, WORLD, datetime.combine(look, datetime.min.time(), SHANGHAI))
        found += [(event_name(e), e.time.astimezone(SHANGHAI).date()) for e in events if e.time]
    assert found == [
        ("deadline-approaching", day("2025-03-27")),
        ("request-overdue", day("2025-04-01")),
        ("card-issued", day("2025-04-01")),
        ("card-issued", day("2025-04-08")),
    ]
    longer = make(
        "extension-granted",
        9,
        day("2025-03-20"),
        decided_on=day("2025-03-20"),
        notified_on=day("2025-03-20"),
        amount=10,
    )
    case, events = decide(case, longer, WORLD, at("2025-04-09"), {})
    assert event_names(events).count("card-withdrawn") == 2, "it was told in time"


PROCEDURE = """
id = "p"
title = { zh = "流程", en = "procedure" }
organs = ["o"]
statutes = ["*"]
[[steps]]
code = "a"
title = { zh = "甲", en = "a" }
by = "unit"
"""
LADDER = """
id = "l"
title = { zh = "阶梯", en = "ladder" }
organs = ["o"]
statutes = ["*"]
[[rungs]]
"""


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ('[[steps]]\ncode = "a"\ntitle = { zh = "乙", en = "b" }\nby = "unit"', "steps[1].code"),
        ('after = ["z"]', "steps[0].after[0]"),
        ('limit = { days = -1, from = "start" }', "steps[0].limit.days"),
        ('limit = { days = 1, from = "noon" }', "steps[0].limit.from"),
    ],
)
def test_a_wrong_procedure_is_refused_with_its_key(more: str, key: str) -> None:
    procedure.read("p.toml", PROCEDURE)
    with pytest.raises(BadData) as refused:
        procedure.read("p.toml", PROCEDURE + more)
    assert refused.value.key == key
    with pytest.raises(BadData, match="the file's name"):
        procedure.read("q.toml", PROCEDURE)


@pytest.mark.parametrize(
    ("rung", "key"),
    [
        ('level = "warning"\nlimits = ["step"]', "rungs[0].before"),
        ('level = "warning"\nlimits = ["step"]\nbefore = 1\nwithin = 1', "rungs[0].within"),
        ('level = "red"\nlimits = ["step"]\nbefore = 1', "rungs[0].before"),
        ('level = "red"\nlimits = ["step"]', "rungs[0].after"),
        ('level = "red"\nlimits = ["step"]\nafter = 1\nsecond = 1', "rungs[0].after"),
        ('level = "red"\nlimits = ["step"]\nsecond = 1', "rungs[0].second"),
        (
            'level = "red"\nlimits = ["step"]\nafter = 1\n[[rungs]]\nlevel = "red"\nlimits = ["step"]\nafter = 2',
            "rungs[1].level",
        ),
        ('level = "red"\nlimits = []\nafter = 1', "rungs[0].limits"),
    ],
)
def test_a_wrong_ladder_is_refused_with_its_key(rung: str, key: str) -> None:
    with pytest.raises(BadData) as refused:
        ladder.read("l.toml", LADDER + rung)
    assert refused.value.key == key


def test_two_files_for_the_same_requests_are_refused(tmp_path: Path) -> None:
    (tmp_path / "ladders").mkdir()
    for name in ("one", "two"):
        (tmp_path / "ladders" / f"{name}.toml").write_text(OWN_LADDER.replace("bureau", name), "utf-8")
    try:
        with pytest.raises(BadData, match="have 'one' already"):
            in_force.use(str(tmp_path))
    finally:
        rules.use(rules.Rules())


def test_what_could_not_be_warned_of_while_the_clock_stood_still_is_warned_of_when_the_stop_is_taken_back() -> None:
    opened = make(
        "consultation-opened", 1, day("2025-03-18"), consultation="c", party="third-party", sent_on=day("2025-03-18")
    )
    case, _ = posted([request()], at("2025-03-04"))
    case, _ = decide(case, opened, WORLD, at("2025-03-18"), {})
    assert case.view.state == "stopped"
    case, events = decide(case, given(1, "u1", "2025-03-27"), WORLD, at("2025-03-27"), {})
    assert told_of(events) == []
    back = make("fact-retracted", 2, day("2025-03-27"), amends=Ref(opened.source, opened.id), reason="another request")
    case, events = decide(case, back, WORLD, at("2025-03-27"), {})
    assert told_of(events) == [day("2025-03-24"), day("2025-03-26")]


def test_what_could_not_be_warned_of_while_it_was_answered_is_warned_of_when_the_answer_is_taken_back() -> None:
    answer = answered("2025-03-20")
    case, _ = posted([request()], at("2025-03-04"))
    case, _ = decide(case, answer, WORLD, at("2025-03-20"), {})
    case, _ = decide(
        case,
        make("answer-delivered", 1, day("2025-03-27"), delivered_on=day("2025-03-27")),
        WORLD,
        at("2025-03-27"),
        {},
    )
    back = make("fact-retracted", 2, day("2025-03-27"), amends=Ref(answer.source, answer.id), reason="another request")
    case, events = decide(case, back, WORLD, at("2025-03-27"), {})
    assert told_of(events) == [day("2025-03-24"), day("2025-03-26")]


def test_a_step_given_back_waits_for_no_assignment_that_could_not_go_on_with_it() -> None:
    facts = [
        request(),
        given(1, "u1", "2025-03-04"),
        given(2, "u2", "2025-03-05", continues="a1"),
        did("returned", 1, "2025-03-06"),
        given(3, "u3", "2025-03-07"),
    ]
    found = seen(facts, "2025-03-08")
    assert [r.code for r in found.remarks if r.code == "step-not-continued"] == ["step-not-continued"]
    assert [(step.about, step.unit) for step in found.steps] == [("a1", "u3"), ("a2", "u2")]
