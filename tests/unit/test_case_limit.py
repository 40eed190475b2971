"""A case's limit of facts and of bytes: what is refused, what is still taken, and that an audit misses nothing."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from hashlib import sha256
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from msgspec.structs import replace

from services.events import facts as f
from services.events.codec import encode
from services.events.vocabulary import Ref
from services.runtime.settings import SettingError, Settings, load
from services.runtime.table_diff import TableDiff
from services.tracker.audit import check_facts
from services.tracker.core import apply, limit
from services.tracker.core.case import Case
from services.tracker.core.limit import Limit
from services.tracker.core.refold import Refold, Refs
from services.tracker.core.strands import Shelf
from services.tracker.core.view import look
from services.tracker.rebuild import Plan
from tests.law_cases import NOW, SOURCE, WORLD, make

DAY = timedelta(days=1)
START = date(2025, 3, 3)
RECEIPT = make("request-received", 0, START, organ="o", channel="post", applicant="business", submitted_on=START)
TEN = Limit(10)


def consulted(n: int) -> Any:
    return make("consultation-opened", n, START, consultation=f"c{n}", party="third-party", sent_on=START + DAY)


def retracted(n: int) -> Any:
    return make("fact-retracted", n, START, amends=Ref(SOURCE, f"consultation-opened/{n}"), reason="by mistake")


def large(n: int, size: int) -> Any:
    data = {"organ": "o", "note": "x" * size}
    return make("fact-corrected", n, START, amends=Ref(SOURCE, "never/1"), data=data)


def run(facts: Sequence[Any], case: Case | None = None, most: Limit = TEN) -> apply.Outcome:
    return apply.run(facts, Shelf([case] if case else []), WORLD, NOW, most)


def full() -> Case:
    return run([RECEIPT, *map(consulted, range(9))]).cases["r"]


def test_a_fact_beyond_the_limit_is_refused_with_the_setting_named() -> None:
    outcome = run([RECEIPT, *map(consulted, range(15))])
    assert len(outcome.cases["r"].facts) == 10
    assert [place for place, _ in outcome.refused] == [10, 11, 12, 13, 14, 15]
    assert all("the case has 10 facts" in why.text and why.code == "case-full" for _, why in outcome.refused)


def test_other_cases_of_the_batch_and_tallies_are_taken_all_the_same() -> None:
    other = replace(RECEIPT, subject="r2")
    data = f.TallyData(organ="o", on=START, measure="page-views", count=Decimal(1))
    tally = f.TallyRecorded(specversion="1.0", id="t1", source=SOURCE, subject="o", data=data)
    outcome = run([*map(consulted, range(20)), other, tally])
    assert (len(outcome.refused), len(outcome.cases["r2"].facts), len(outcome.shelf.strands["o"])) == (10, 1, 1)


def test_what_a_full_case_has_already_is_a_duplicate_and_no_dead_letter() -> None:
    case = full()
    again = run([*case.facts, *case.facts], case)
    assert (again.events, again.refused, again.cases) == ([], [], {})


def test_a_full_case_still_takes_what_ends_or_amends_it_up_to_twice_the_limit() -> None:
    ending = [
        make("answer-issued", 1, START, outcome="granted", answered_on=START + 3 * DAY, service="posted"),
        make("request-withdrawn", 1, START, withdrawn_on=START + 3 * DAY),
        make("request-transferred", 1, START, transferred_on=START + 3 * DAY, to_organ="p"),
        make("fact-corrected", 1, START, amends=RECEIPT.ref, data={}),
    ]
    outcome = run([*ending, *map(retracted, range(9)), consulted(99)], full())
    assert len(outcome.cases["r"].facts) == 20
    assert [place for place, _ in outcome.refused] == [10, 11, 12, 13]
    assert all("20 facts" in why.text and "nothing more is taken" in why.text for _, why in outcome.refused)


def test_a_case_is_limited_in_bytes_too() -> None:
    facts = [RECEIPT, *(large(n, 250_000) for n in range(12)), consulted(1)]
    outcome = run(facts)
    assert sum(len(encode(fact)) for fact in outcome.cases["r"].facts) <= 2 * limit.LEAST_BYTES
    assert [place for place, _ in outcome.refused] == [9, 10, 11, 12, 13]
    assert "bytes with this one" in outcome.refused[0][1].text
    again = run(facts, outcome.cases["r"])
    assert ([place for place, _ in again.refused], again.events) == ([9, 10, 11, 12, 13], [])


def test_the_largest_fact_fits_into_a_new_case_whatever_the_limit_is() -> None:
    assert (
        run([RECEIPT, large(1, apply.MAX_FACT - 1000), large(2, apply.MAX_FACT - 1000)], None, Limit(2)).refused == []
    )
    assert Limit(10_000).bytes > limit.LEAST_BYTES


def test_a_case_stored_with_more_facts_is_looked_at_and_takes_what_the_rules_allow() -> None:
    case = Case(subject="r", facts=(RECEIPT, *map(consulted, range(14))))
    case = replace(case, view=look(case, WORLD, START).view)
    outcome = run([consulted(50), retracted(1), consulted(3)], case)
    assert [place for place, _ in outcome.refused] == [0]
    assert len(outcome.cases["r"].facts) == 16
    assert apply.sweep([case], WORLD, NOW).failed == {}


def test_the_setting_has_the_limits_default_and_is_at_least_one() -> None:
    assert Settings().case_facts == limit.CASE_FACTS == Limit().facts
    assert load({"SHIXIAN_CASE_FACTS": "300"}).case_facts == 300
    with pytest.raises(SettingError, match="SHIXIAN_CASE_FACTS: expected a number from 1 up"):
        load({"SHIXIAN_CASE_FACTS": "0"})


class Log:
    """A partition of the log, read in one go."""

    def __init__(self, records: list[Any]) -> None:
        self.records = records

    async def read(self, tp: TopicPartition, start: int, end: int) -> AsyncIterator[list[Any]]:
        yield self.records[start:end]


def test_an_audit_finds_the_refused_facts_as_dead_letters_and_misses_none() -> None:
    facts = [RECEIPT, *map(consulted, range(15))]
    outcome = run(facts)
    refold, problems = Refold(0), TableDiff()
    refold.take([SimpleNamespace(value=encode(e), topic="c", partition=0, offset=0) for e in outcome.events], problems)
    assert refold.shelf.cases["r"].facts == outcome.cases["r"].facts
    records = [
        SimpleNamespace(key=b"r", value=encode(x), topic="f", partition=0, offset=n, headers=())
        for n, x in enumerate(facts)
    ]
    tp = TopicPartition("f", 0)
    letters = {(0, place): sha256(records[place].value).digest() for place, _ in outcome.refused}

    def audited(kept: dict[tuple[int, int], bytes]) -> TableDiff:
        found, plan = TableDiff(), Plan({}, {}, {tp: len(records)}, kept, live=True)
        asyncio.run(check_facts(cast(Any, Log(records)), plan, tp, Refs(refold), found, lambda _: None))
        return found

    assert audited(letters).total == problems.total == 0
    assert audited({}).total == len(letters) == 6
