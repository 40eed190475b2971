"""The hostile load, short: every demand of `make fuzz`, over the session's servers."""

from datetime import datetime
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from tests.chaos.hostile import facts, rows
from tests.chaos.hostile.ordinary import percentile
from tests.chaos.hostile.run import SHORT, hostile
from tests.chaos.hostile.site import Site
from tests.chaos.hostile.verdict import Verdict


@pytest.mark.proof
@pytest.mark.timeout(240)
async def test_a_hostile_load_stops_nothing_and_the_ordinary_one_beside_it_is_counted(
    folder: Path, kafka: str, postgres: str
) -> None:
    verdict = await hostile(Site(folder, kafka, postgres, f"h{uuid4().hex[:8]}."), SHORT)
    # How long a post takes to be seen says how busy the machine is, with other tests beside it: `make fuzz` asks that.
    failed = [demand for demand in verdict.demands if not demand.ok and demand.name != "ordinary posts are seen"]
    assert not failed, "\n".join(verdict.lines())
    assert {"ordinary posts are seen", "every ordinary fact is counted", "every hostile fact is accounted for"} < {
        demand.name for demand in verdict.demands
    }


def test_the_hostile_facts_are_the_same_for_the_same_seed_and_no_two_share_a_name() -> None:
    made = list(facts.attacks(3, facts.SHORT))
    assert made == list(facts.attacks(3, facts.SHORT))
    bodies = [fact for attack in made for call in (*attack.calls, *attack.refused) for fact in call]
    bodies += [value for attack in made for _, _, value in attack.straight]
    assert len({facts.ref_of(body) for body in bodies}) == len(bodies) > 4000
    assert sum(map(len, made[0].calls)) == 1 + facts.SHORT.consultations
    assert len({msgspec.json.decode(fact)["subject"] for call in made[1].calls for fact in call}) == 1


def test_the_many_cases_are_in_every_state_that_a_list_asks_for() -> None:
    now = at_noon()
    made = list(rows.rows(240, now))
    assert len({row[0] for row in made}) == 240 and all(row[0].encode() in row[2] for row in made)
    assert {row[4] for row in made} == {"open", "answered"}
    assert any(row[4] == "open" and row[7] < now.date() for row in made)
    assert all(row[11] is None for row in made), "no clock wakes them"


def at_noon() -> datetime:
    return datetime.fromisoformat("2024-06-28T12:00:00+08:00")


def test_a_verdict_is_good_only_if_something_was_demanded_and_all_of_it_holds() -> None:
    verdict = Verdict(seed=4)
    assert not verdict.good
    verdict.add("one", True, "1 of 1")
    assert verdict.lines()[-1] == "hostile: ok 1 of 1 demands seed=4 seconds=0"
    verdict.add("two", False, "0 of 1")
    assert verdict.failed == ["FAILED two: 0 of 1"]
    assert msgspec.json.decode(verdict.as_json())["demands"][1] == {"demand": "two", "ok": False, "figures": "0 of 1"}


def test_the_slowest_hundredth_is_told_of_few_and_of_many() -> None:
    assert (percentile([], 0.99), percentile([3.0], 0.99)) == (0.0, 3.0)
    assert percentile([float(n) for n in range(200)], 0.99) == 198
