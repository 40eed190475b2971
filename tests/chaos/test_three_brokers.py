"""Three brokers, three replicas, two of them in sync at least: one is killed and another restarted under load."""

from pathlib import Path

import pytest

from tests.chaos.cluster import Cluster
from tests.chaos.faults import Fault
from tests.chaos.histories import generate
from tests.chaos.run import Run
from tests.chaos.summary import Summary

pytestmark = pytest.mark.proof

SEED, FACTS = 11, 6000
PLAN = [
    # Which broker: the first third of the choice is the first one, and so on.
    Fault("kill", "kafka", wait=1.0, seconds=8.0, choice=0.0),
    Fault("restart", "kafka", wait=1.0, seconds=4.0, choice=0.5),
    Fault("kill", "tracker", wait=1.0, seconds=0.0, choice=0.0),
]


@pytest.mark.timeout(600)
async def test_a_killed_and_a_restarted_broker_lose_nothing_and_double_nothing(
    folder: Path, classpath: list[Path]
) -> None:
    summary = Summary(SEED)
    cluster = Cluster(folder, classpath, brokers=3)
    try:
        await Run(cluster, generate(SEED, FACTS), PLAN, summary, lambda _stage, _done, _all: None).go()
    finally:
        await cluster.stop()
    assert not summary.findings.counts, "\n".join(summary.lines())
    assert summary.faults == {"kill kafka": 1, "restart kafka": 1, "kill tracker": 1}
    assert summary.figures["accepted"] >= FACTS
    assert not summary.ended_by_themselves, "\n".join(summary.last_words)
    assert summary.verdicts.line() == "audit=equal rebuild=equal damage=found"
