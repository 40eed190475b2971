"""Any order of organs, calendars and facts, good and bad: in the end the open cases are as if the last ones had always
held, though only those were looked at again that a change touches."""

from datetime import UTC, date, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.statute.state import RequestState
from services.tracker.core.case import Case
from services.tracker.core.decide import decide, tick
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.view import organ_of
from tests.support import ORGAN, answered, fact, raw, received

NOW = datetime(2013, 4, 20, 2, tzinfo=UTC)
"""Another day in New York than in Guangzhou: a case is never judged as of a day before one that it was judged at."""
LATER = datetime(2013, 4, 21, 13, tzinfo=UTC)
"""When it is the same day in both, and no day is ahead of it."""
PENDING = ("open", "stopped", "unconfirmed", "waiting")

CHANGES = {
    "statute": ["CN-2019", "IE", "UK", "XX"],
    "calendar": ["UK", "XX"],
    "timezone": ["America/New_York"],
    "parent": ["a"],
}
ORGANS = st.builds(
    lambda code, change: fact("organ-registered", code, ORGAN | {"code": code} | change),
    st.sampled_from(["a", "b"]),
    st.sampled_from([{}] + [{field: value} for field, values in CHANGES.items() for value in values]),
)
NOTICES = st.builds(
    lambda calendar, day, number: fact(
        "calendar-published",
        calendar,
        {
            "calendar": calendar,
            "year": 2013,
            "days_off": [f"2013-03-{day}"],
            "working_days": [],
            "notice": f"notice {number}",
            "published_on": "2013-01-01",
        },
    ),
    st.sampled_from(["CN", "UK", "XX"]),
    st.integers(11, 28),
    st.integers(1, 9),
)


@st.composite
def request_facts(draw: st.DrawFn) -> list[Any]:
    found = []
    for n in range(draw(st.integers(1, 4))):
        subject, organ = f"r{n}", draw(st.sampled_from(["a", "a", "b", "nobody"]))
        channel = draw(st.sampled_from(["in-person", "online"]))
        posted = received(
            subject,
            draw(st.sampled_from(["2013-04-18", "2013-04-18", "2013-03-01", "2013-03-29", "2004-03-01"])),
            channel,
            organ,
        )
        if law := draw(st.sampled_from(["", "", "CN-2008", "XX"])):
            posted["data"]["statute"] = law
        found.append(posted)
        if draw(st.booleans()):
            found.append(answered(subject, "2013-03-20"))
        if draw(st.booleans()):
            asked = {"requested_on": "2013-03-05", "respond_by": "2013-03-18"}
            found.append(raw("clarification-requested", subject, asked))
    return [fact_of(each) for each in found]


def fact_of(posted: dict[str, Any]) -> Any:
    name = posted["type"].removeprefix("org.shixian.").removesuffix(".v1")
    return fact(name, posted["subject"], posted["data"], id=posted["id"])


class Sweep:
    """The tracker's rounds without its tables: they look at what is due, and at cases of organs whose terms changed."""

    def __init__(self) -> None:
        self.reference_data = ReferenceData()
        self.cases: dict[str, Case] = {}
        self.applied: dict[str, str] = {}
        self.looks: dict[str, date | None] = {}

    def take(self, one: Any) -> None:
        if "calendar" in one.type_name or "organ-registered" in one.type_name:
            self.reference_data.learn(one.fact)
        else:
            case = self.cases.get(one.fact.subject, Case(subject=one.fact.subject))
            after, events = decide(case, one.fact, self.reference_data, NOW, {})
            if events:
                self.cases[case.subject], self.looks[case.subject] = after, after.view.wake_on

    def round(self, now: datetime) -> None:
        terms = self.reference_data.terms()
        changed = {organ for organ in terms.keys() | self.applied.keys() if terms.get(organ) != self.applied.get(organ)}
        for subject, case in self.cases.items():
            look_on = self.looks[subject]
            due = look_on is not None and look_on <= now.date()
            if due or (case.view.state in PENDING and organ_of(case) in changed):
                self.cases[subject], _, self.looks[subject] = tick(case, self.reference_data, now)
        self.applied = dict(terms)


class Step:
    def __init__(self, one: Any) -> None:
        self.fact, self.type_name = one, str(one.__struct_config__.tag)


def said(view: RequestState) -> tuple[Any, ...]:
    """What is told of a view, without when the calendar was last read."""
    return (
        view.state,
        view.organ,
        view.statute,
        view.received_on,
        view.due_on,
        view.provisional,
        view.overdue_from,
        view.stopped_since,
        view.waiting_for,
        view.calendar.partition(" ")[0],
        view.first_response_on,
    )


@settings(deadline=None, max_examples=200)
@given(st.data(), st.lists(st.one_of(ORGANS, ORGANS, NOTICES), min_size=1, max_size=8), request_facts())
def test_the_last_references_hold_for_all_open_cases(
    data: st.DataObject, references: list[Any], facts: list[Any]
) -> None:
    order = ["reference"] * len(references) + ["fact"] * len(facts) + ["round"] * 3
    data.draw(st.randoms(use_true_random=True)).shuffle(order)  # drawn permutations are the given order too often
    queues = {"reference": iter(references), "fact": iter(facts)}
    swept = Sweep()
    for what in order:
        if what == "round":
            swept.round(NOW)
        else:
            swept.take(Step(next(queues[what])))
    swept.round(LATER)
    known = ReferenceData(references)
    for subject, case in swept.cases.items():
        if case.view.state not in PENDING:
            continue  # ended by what was known then: only a rebuild judges it again
        other = Case(subject=subject)
        for one in facts:
            if one.subject == subject:
                other = decide(other, one, known, NOW, {})[0]
        other = tick(other, known, LATER)[0]
        assert said(case.view) == said(other.view)


def test_a_law_that_held_for_a_moment_only_leaves_no_case_behind() -> None:
    """Registered under another law and put right before anybody looked: what came in between is looked at again."""
    swept = Sweep()

    def take(*posted: Any) -> None:
        for one in posted:
            swept.take(Step(one))

    def organ(statute: str, **more: str) -> Any:
        return fact("organ-registered", "a", ORGAN | {"code": "a", "statute": statute} | more)

    request = fact_of(received("r0", "2013-04-18", "in-person", "a"))
    take(organ("CN"), request)
    swept.round(NOW)
    take(organ("CN-2019"), fact_of(answered("r0", "2013-03-20")))
    assert swept.cases["r0"].view.statute == "CN-2019"
    take(organ("CN"))
    swept.round(LATER)
    assert swept.cases["r0"].view.statute == "CN-2008"
    assert swept.cases["r0"].view.due_on == date(2013, 5, 10)
    before = swept.reference_data.terms()
    take(organ("CN", timezone="Asia/Shanghai"))
    assert swept.reference_data.terms() == before, "the same once more is no change"
