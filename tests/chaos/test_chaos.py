"""A short run of the chaos harness: every kind of fault once, and the comparison with the oracle."""

from collections import Counter
from pathlib import Path

import pytest

from tests.chaos import faults
from tests.chaos.histories import generate
from tests.chaos.run import chaos

SEED, FACTS = 7, 1200
"""Some 1,600 facts in 21 portions, one before each fault and one after the last: by each of the three senders several
calls, so that every fault hits some that are under way, and the workers have a backlog after it."""


@pytest.mark.timeout(600)
async def test_nothing_is_lost_or_doubled_whatever_fails(folder: Path, classpath: list[Path]) -> None:
    summary = await chaos(SEED, len(faults.KINDS), FACTS, folder, classpath, kinds=faults.KINDS)
    assert not summary.findings.counts, "\n".join(summary.lines())
    assert summary.faults == Counter(f"{kind} {target}" for kind, target in faults.KINDS)
    assert not summary.ended_by_themselves, "\n".join(summary.last_words)
    assert summary.verdicts.line() == "audit=equal rebuild=equal damage=found"
    # The three stood still while what they need was killed, and each is told apart.
    stalls = summary.stalls
    assert min(stalls.accepted.longest, stalls.tracked.longest, stalls.folded.longest) > 0
    # The run was one: facts of all requests, repeated ones among them, and garbage beside them.
    assert summary.figures["accepted"] >= FACTS
    assert summary.figures["repeated records"] > 0
    assert summary.figures["dead letters"] >= len(generate(SEED, FACTS).garbage) - 5
    assert summary.figures["case events"] > summary.figures["requests"]


def test_a_load_and_a_plan_are_the_same_for_the_same_seed() -> None:
    assert generate(3, 2000) == generate(3, 2000)
    assert generate(3, 2000) != generate(4, 2000)
    assert list(faults.plan(3, 40)) == list(faults.plan(3, 40))
    assert list(faults.plan(3, 40)) != list(faults.plan(4, 40))
