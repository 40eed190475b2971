"""Service items in the tracker: the law of a request, both limits in its events, what an unknown item waits for."""

from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from scripts import make_items
from services import samples
from services.cli import app
from services.events.cases import CaseEvent
from services.events.codec import decode_fact
from services.events.facts import RequestFact
from services.events.office_facts import ItemData, ItemRegistered, SpecialStep, TimeLimit, UnitData, UnitRegistered
from services.events.vocabulary import Label
from services.intake.notices import KnownNotices
from services.intake.office import Office
from services.intake.reading import Reading, Taken
from services.intake.references import References
from services.tracker.core.case import Case
from services.tracker.core.decide import decide, tick
from services.tracker.core.next_facts import next_facts
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.rows import event_name
from tests.law_cases import SOURCE, make, world

SHANGHAI = ZoneInfo("Asia/Shanghai")
MONDAY = date(2025, 3, 3)


def at(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), datetime.min.time(), SHANGHAI)


def item(organ: str = "o", committed: int = 10, code: str = "i") -> ItemRegistered:
    promise = TimeLimit(amount=committed, unit="working-day")
    name = Label("事项", "item")
    data = ItemData(code=code, organ=organ, name=name, statute="CN-LICENSING", committed=promise)
    return ItemRegistered(specversion="1.0", id=f"{code}/{organ}/{committed}", source=SOURCE, subject=code, data=data)


def unit(organ: str = "o", code: str = "u", parent: str | None = None) -> UnitRegistered:
    data = UnitData(code=code, organ=organ, name=Label("处", "unit"), parent=parent)
    return UnitRegistered(specversion="1.0", id=f"{code}/{organ}", source=SOURCE, subject=code, data=data)


def request(**more: Any) -> RequestFact:
    values = {"organ": "o", "channel": "in-person", "applicant": "business", "submitted_on": MONDAY, "item": "i"}
    found: RequestFact = make("request-received", 0, MONDAY, **values | more)
    return found


def posted(facts: list[Any], known: ReferenceData, now: str = "2025-03-04") -> tuple[Case, list[CaseEvent]]:
    case, events = Case(subject="r"), list[CaseEvent]()
    for fact in facts:
        case, more = decide(case, fact, known, at(now), {})
        events += more
    return case, events


def knowing(*more: Any) -> ReferenceData:
    known = world()
    for fact in more:
        known.learn(fact)
    return known


def test_both_limits_stand_in_the_view_and_in_the_events() -> None:
    case, events = posted([request()], knowing(item()))
    assert (case.view.statute, case.view.due_on) == ("CN-LICENSING", date(2025, 3, 31))
    assert (case.view.item, case.view.committed_due_on) == ("i", date(2025, 3, 17))
    limits = [e.data.limit for e in events if event_name(e) == "due-date-set"]  # type: ignore[union-attr]
    assert limits == ["answer", "committed"]
    assert events[-1].data.request is not None
    assert (events[-1].data.request.item, events[-1].data.request.committed_due_on) == ("i", date(2025, 3, 17))


def test_the_law_is_the_requests_own_else_its_items_else_its_organs() -> None:
    known = knowing(item())
    assert posted([request(statute="CN-2019")], known)[0].view.statute == "CN-2019"
    assert posted([request()], known)[0].view.statute == "CN-LICENSING"
    assert posted([request(item=None)], known)[0].view.statute == "CN-2019"


def test_an_answer_after_the_promise_is_in_time_by_law_and_late_by_the_promise() -> None:
    answer = make(
        "answer-issued", 1, date(2025, 3, 20), outcome="granted", answered_on=date(2025, 3, 20), service="handed"
    )
    case, events = posted([request(), answer], knowing(item()), "2025-03-20")
    assert (case.view.timeliness, case.view.committed_timeliness) == ("in-time", "late")
    assert [event_name(e) for e in events[-2:]] == ["request-answered", "card-issued"]
    assert events[-1].data.request.committed_timeliness == "late"  # type: ignore[union-attr]


def test_a_request_waits_for_an_item_that_is_not_known_and_goes_on_when_it_is() -> None:
    known = world()
    case, _ = posted([request()], known)
    assert (case.view.state, case.view.waiting_for) == ("waiting", "item-registered i")
    before = known.terms()["o"]
    known.learn(item())
    assert known.terms()["o"] != before, "so its organ's open cases are looked at again"
    case, events, _ = tick(case, known, at("2025-03-05"))
    assert case.view.due_on == date(2025, 3, 31)
    assert event_name(events[0]) == "request-opened"


def test_another_promise_moves_the_promised_day_of_open_requests_alone() -> None:
    known = knowing(item())
    case, _ = posted([request()], known)
    known.learn(item(committed=15))
    after, events, _ = tick(case, known, at("2025-03-05"))
    assert [event_name(e) for e in events] == ["due-date-set"]
    assert (events[0].data.old_due_on, events[0].data.due_on) == (date(2025, 3, 17), date(2025, 3, 24))  # type: ignore[union-attr]
    assert after.view.due_on == case.view.due_on


def incomplete(asked: str, came: str) -> list[RequestFact]:
    """Asked to be completed, which restarts the clock, and completed."""
    on, back = date.fromisoformat(asked), date.fromisoformat(came)
    return [
        make("clarification-requested", 1, on, requested_on=on, respond_by=date(2025, 3, 28)),
        make("clarification-received", 1, back, received_on=back, excused=None),
    ]


def test_a_promise_that_was_broken_before_a_restart_stays_broken() -> None:
    known = knowing(item(committed=3))
    case, _ = posted([request()], known)
    case, events, _ = tick(case, known, at("2025-03-10"))
    assert [event_name(e) for e in events] == ["deadline-approaching", "card-issued"]
    for fact in incomplete("2025-03-10", "2025-03-12"):
        case, events = decide(case, fact, known, at("2025-03-12"), {})
    assert "card-withdrawn" not in [event_name(e) for e in events]
    assert (case.view.due_on, case.view.committed_due_on) == (date(2025, 4, 10), date(2025, 3, 6))
    on = date(2025, 3, 14)
    answer = make("answer-issued", 1, on, outcome="granted", answered_on=on, service="handed")
    case, _ = decide(case, answer, known, at("2025-03-14"), {})
    assert (case.view.timeliness, case.view.committed_timeliness) == ("in-time", "late")
    assert [(r.limit, r.on) for r in case.view.rungs if r.level == "yellow"] == [("committed", date(2025, 3, 7))]


def test_a_promise_that_still_ran_at_a_restart_is_counted_anew() -> None:
    case, _ = posted([request(), *incomplete("2025-03-06", "2025-03-12")], knowing(item(committed=3)), "2025-03-13")
    assert case.view.committed_due_on == date(2025, 3, 17)


@pytest.mark.parametrize(("statute", "due_on"), [("CN-LICENSING", None), ("CN", date(2025, 3, 31))])
def test_special_steps_stop_the_clock_of_the_licensing_law_alone(statute: str, due_on: date | None) -> None:
    """An item may be handled under another law; that knows no such steps."""
    step = SpecialStep(code="h", name=Label("专家评审", "expert review"))
    data = replace(item().data, statute=statute, special_steps=(step,))
    on = date(2025, 3, 10)
    opened = make("special-step-opened", 1, on, step="h", opened_on=on)
    known = knowing(replace(item(), data=data))
    view = posted([request(), opened], known, "2025-03-11")[0].view
    assert view.due_on == due_on
    cited = [clock.article for clock in view.clocks if clock.limit == "special-step"]
    codes = [each.code for each in view.remarks]
    if due_on is None:
        assert cited == ["行政许可法 第四十五条"] and "stops-no-clock" not in codes
    else:
        assert cited == [""] and codes == ["stops-no-clock"]
        assert view.committed_due_on == date(2025, 3, 17)
    offered = {each.fact for each in next_facts(posted([request()], known)[0], known, at("2025-03-11")).facts}
    assert ("special-step-opened" in offered) is (due_on is None)


def test_a_code_is_its_first_organs_and_another_organs_item_does_not_hold() -> None:
    known = knowing(item(organ="p"), unit(organ="p"), item(organ="o"), unit(organ="o"))
    assert (known.items["i"].organ, known.units["u"].organ) == ("p", "p")
    assert [r.id for r in known.rejected(9)] == ["u/o", "i/o/10"]
    view = posted([request()], known)[0].view
    assert (view.statute, view.committed_due_on) == ("CN-2019", None)
    assert "item-of-another" in [r.code for r in view.remarks]


@pytest.mark.parametrize(
    ("fact", "problem"),
    [
        (item(organ="nobody"), "is 'nobody', which is not registered"),
        (item(organ="p"), "is 'p', but the code is 'o''s"),
        (unit(organ="p"), "is 'p', but the code is 'o''s"),
        (unit(code="v", parent="w"), "is 'w', which is not registered"),
        (unit(code="v", organ="p", parent="u"), "is 'u', a unit of 'o'"),
        (item(), ""),
        (unit(code="v", parent="u"), ""),
    ],
)
async def test_intake_refuses_what_names_another_organs_or_nobodys(fact: Any, problem: str) -> None:
    async def caught_up() -> None:
        return None

    organs: dict[str, str | None] = {"o": None, "p": None}
    office = Office(lambda: {"u": unit().data}, lambda: {"i": item().data})
    references = References(lambda _: None, lambda: organs, caught_up, 1, KnownNotices(lambda _: None), office=office)
    reading = Reading()
    reading.taken.append(Taken(fact, 0))
    await references.refuse_unknown(reading)
    assert [bool(problem), not problem] == [bool(reading.errors), bool(reading.facts)]
    assert problem in str(reading.errors)


def test_the_samples_items_are_those_that_the_script_makes_and_say_that_they_are_invented() -> None:
    assert make_items.FILE.read_text("utf-8") == make_items.text(), "run `python -m scripts.make_items`"
    facts = [decode_fact(line) for line in samples.items()]
    assert len(facts) == 34
    for fact in facts:
        assert isinstance(fact, ItemRegistered)
        assert "invented" in fact.source and "invented" in fact.data.name.en and "虚构" in fact.data.name.zh
        assert fact.data.committed is not None
        assert fact.data.committed.amount < (fact.data.limit.amount if fact.data.limit else 20)


def test_due_takes_an_item_and_names_both_days_and_the_special_steps(tmp_path: Path) -> None:
    def asked(*more: str) -> Any:
        given = ("due", "--statute", "CN-LICENSING", "--received", "2025-03-03", "--as-of", "2025-03-04", *more)
        return CliRunner().invoke(app, given)

    found = asked("--item", "gz-psb-item-01", "--json").output
    assert '"due_on": "2025-03-31"' in found and '"committed_due_on": "2025-03-14"' in found
    assert "特殊环节“现场检查”" in found and "special step inspection" in found and "承诺时限：9个工作日" in found
    assert "promised by  2025-03-14" in asked("--item", "gz-psb-item-01").output
    refused = asked("--item", "none")
    assert refused.exit_code == 2 and "--item: expected one of gz-psb-item-01" in refused.output
    (tmp_path / "items.jsonl").write_text("{}\n", "utf-8")
    refused = asked("--item", "x", "--items", str(tmp_path / "items.jsonl"))
    assert refused.exit_code == 2 and "--items: line 1" in refused.output
    wrong = CliRunner().invoke(app, ["due", "--statute", "CN", "--received", "2025-03-03", "--item", "gz-psb-item-01"])
    assert wrong.exit_code == 2 and "expected CN-LICENSING" in wrong.output
