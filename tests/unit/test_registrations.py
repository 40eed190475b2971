"""What an organ, a calendar or a request may name; and what becomes of a topic where they name other things."""

from typing import Any

import pytest

from services.events.registrations import checking, tree, wrong_parent
from services.stats.tree import below
from services.tracker.core.reference_data import REJECTED, ReferenceData
from tests.support import ORGAN, fact, received

CHECK = checking({"CN"}, {"CN", "UK"})
NOTICE: dict[str, Any] = {
    "calendar": "CN",
    "year": 2013,
    "days_off": ["2013-03-20", "2013-03-21"],
    "working_days": [],
    "published_on": "2013-03-01",
}


def organ(code: str, id: str = "", **data: Any) -> Any:
    return fact("organ-registered", code, ORGAN | {"code": code} | data, id=id)


def request(**data: Any) -> Any:
    return fact("request-received", "r", received("r", "2013-03-01")["data"] | data)


def review(**data: Any) -> Any:
    filed = {"review": "v", "organ": "a", "kind": "reconsideration", "filed_on": "2013-03-01"}
    return fact("review-filed", "a", filed | data)


@pytest.mark.parametrize(
    ("named", "field"),
    [
        (organ("a"), None),
        (organ("a", calendar="XX"), "$.data.calendar"),
        (organ("a", statute="XX"), "$.data.statute"),
        (organ("a", parent="nobody"), None),
        (request(), None),
        (request(statute="CN"), None),
        (request(statute="XX"), "$.data.statute"),
        (review(), None),
        (review(statute="CN"), None),
        (review(statute="XX"), "$.data.statute"),
    ],
)
def test_a_law_and_a_calendar_must_exist(named: Any, field: str | None) -> None:
    wrong = CHECK(named)
    assert (wrong.field if wrong else None) == field
    if wrong is not None:
        assert "CN" in wrong.expected


def test_a_parent_is_registered_before_and_not_below() -> None:
    parents = {"top": None, "middle": "top"}
    assert wrong_parent("low", "middle", parents) is None
    assert wrong_parent("low", None, parents) is None
    for code, parent in (("low", "low"), ("low", "nobody"), ("top", "middle"), ("top", "top")):
        wrong = wrong_parent(code, parent, parents)
        assert wrong is not None
        assert wrong.field == "$.data.parent"


def test_a_tree_has_no_circle_whatever_was_declared() -> None:
    assert tree([("a", "b"), ("b", "c"), ("c", "a")]) == {"a": "b", "b": "c", "c": None}
    assert tree([("b", "c"), ("c", "a"), ("a", None)]) == {"b": "c", "c": "a", "a": None}, "registered anew: it heals"
    assert tree([("a", "a"), ("b", "later")]) == {"a": None, "b": "later"}
    size = 2000
    chain = tree([(str(n), str(n + 1)) for n in range(size)] + [(str(size), "0")])
    assert chain[str(size)] is None
    assert len(below(str(size), chain)) == size + 1


def test_an_organ_stays_as_it_was_and_what_was_rejected_is_told() -> None:
    world = ReferenceData([organ("a"), organ("a", statute="XX", timezone="UTC"), organ("b", calendar="XX")])
    assert (world.organs["a"].timezone, "b" in world.organs, world.known) == ("Asia/Shanghai", False, 3)
    assert [(one.offset, one.subject) for one in world.rejected(10)] == [(2, "b"), (1, "a")]
    before = world.terms()["a"]
    world.learn(organ("a", timezone="UTC"))
    assert world.terms()["a"] != before
    world.learn(organ("b"))
    assert world.terms()["b"] == before
    for _ in range(REJECTED + 5):
        world.learn(organ("c", statute="XX"))
    assert len(world.rejected(10**6)) == REJECTED
    assert len(world.rejected(7)) == 7


def test_what_was_registered_once_changes_nothing_when_it_comes_again() -> None:
    first, second = organ("a", id="id1"), organ("a", timezone="UTC", id="id2")
    unit = {"organ": "a", "code": "u", "name": ORGAN["name"]}
    old, new = (fact("unit-registered", "u", unit | {"name": {"zh": name, "en": name}}) for name in ("old", "new"))
    notices = [
        fact("calendar-published", "CN", NOTICE | {"days_off": [day], "notice": day}) for day in NOTICE["days_off"]
    ]
    world = ReferenceData([first, second, old, new, *notices])
    stamp, title, copied = world.stamp(), world.calendar("CN").title, world.as_known()
    for again in (first, old, notices[0], organ("a", timezone="Europe/Dublin", id="id1")):
        world.learn(again)
    assert (world.known, world.organs["a"].timezone, world.units["u"].name.en) == (10, "UTC", "new")
    assert (world.stamp(), world.calendar("CN").title) == (stamp, title), "or all cases would be looked over"
    assert len(world.changes("CN")) == len(copied.changes("CN"))
    assert [(one.offset, one.id) for one in world.rejected(10)] == [(9, "id1")], "what says something else is told"
    assert world.as_known().known == 10


def test_what_had_no_effect_the_first_time_may_have_one_when_it_comes_again() -> None:
    world = ReferenceData([organ("a", calendar="XX", id="id1"), organ("a", id="id1")])
    assert world.organs["a"].calendar == "CN"
    assert len(world.rejected(10)) == 1


def test_a_wrong_parent_is_told_and_takes_nothing_else_with_it() -> None:
    world = ReferenceData([organ("a", parent="later"), organ("b", parent="b")])
    assert world.organs.keys() == {"a", "b"}
    assert [(one.subject, one.reason.partition(":")[0]) for one in world.rejected(10)] == [
        ("b", "$.data.parent"),
        ("a", "$.data.parent"),
    ]
    world.learn(organ("later", parent="a"))
    assert [one.subject for one in world.rejected(10)] == ["later", "b"], "the later one closes a circle"
    world.learn(organ("later"))
    assert [one.subject for one in world.rejected(10)] == ["b"]
    assert world.parents() == {"a": "later", "b": None, "later": None}


def test_a_notice_changes_the_terms_of_the_organs_with_its_calendar() -> None:
    world = ReferenceData([organ("a"), organ("b", calendar="UK")])
    before, stamp = world.terms(), world.stamp()
    notice = {"calendar": "CN", "year": 2013, "days_off": ["2013-03-20"], "working_days": [], "notice": "one",
              "published_on": "2013-03-01"}  # fmt: skip
    world.learn(fact("calendar-published", "CN", notice))
    after = world.terms()
    assert (after["a"] == before["a"], after["b"] == before["b"]) == (False, True)
    assert world.stamp() != stamp
