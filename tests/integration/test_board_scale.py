"""The board over 1,000 open requests and over 100,000: what a page costs, and what the API behind it.

Both are measured in one run, on one database, by the processor's time of this process and of PostgreSQL's together (the
time that passes, while nothing else is asked), so that only their ratio counts.
"""

import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from services.events.codec import decode_fact
from services.events.facts import RequestFact
from services.runtime.clock import ManualClock
from services.runtime.health import Health, Part
from services.runtime.offload import Offload
from services.runtime.web import create_app, new_registry
from services.samples import living
from services.tracker import api, office_store
from services.tracker.core.case import Case
from services.tracker.core.decide import decide
from services.tracker.core.reference_data import ReferenceData
from services.tracker.snapshot import Snapshots
from services.tracker.store import encode_case
from tests.support import desk_over

pytestmark = pytest.mark.proof

TODAY = date(2026, 11, 26)
NOW = datetime(2026, 11, 26, 2, tzinfo=UTC)
SMALL, LARGE = 1_000, 100_000
ROUNDS = 15
MOST = 2.0
UNFINISHED = ("open", "stopped", "unconfirmed")
ASKED = {
    "the board": "/",
    "of an organ": f"/?organ={living.BUREAU}",
    "overdue": "/?status=overdue",
    "waiting for someone": "/?status=waits-for-someone",
    "in review": "/?status=in-review",
    "of a unit": "/?unit=sample-legal",
    "by fax": "/?channel=fax",
    "waits for a fee": "/?status=stopped&stopped_for=fee",
    "due in a week": f"/?due_from={TODAY}&due_through={TODAY + timedelta(days=7)}",
    "the latest first": "/?order=latest",
}
APIS = {
    "counts": "/v1/counts",
    "counts of an organ": f"/v1/counts?organ={living.BUREAU}",
    "office": "/v1/office",
    "attention": "/v1/attention",
    "requests": "/v1/requests?status=unfinished",
    "by number": "/v1/requests?number=r000",
}


def patterns() -> tuple[ReferenceData, list[Case]]:
    """What is known of the living sample's organs, and its requests: those before their end, and one in review."""
    facts = [decode_fact(line) for line in living.living(TODAY)]
    known = ReferenceData([one for one in facts if not isinstance(one, RequestFact)])
    cases: dict[str, Case] = {}
    for one in facts:
        if isinstance(one, RequestFact):
            cases[one.subject], _ = decide(cases.get(one.subject, Case(subject=one.subject)), one, known, NOW, {})
    found = list(cases.values())
    running = [case for case in found if case.view.state in UNFINISHED]
    return known, running + [case for case in found if any(not each.decided_on for each in case.view.reviews)]


def many(first: int, last: int, of: list[Case]) -> Iterator[Case]:
    """Requests like those, each with a number and a last day of its own."""
    for number in range(first, last):
        case = of[number % len(of)]
        moved = timedelta(days=number // len(of) % 60)
        view = replace(case.view, due_on=case.view.due_on and case.view.due_on + moved)
        yield replace(case, subject=f"r{number:06}", view=view)


async def fill(pool: Any, cases: Iterator[Case]) -> None:
    """Write the requests, and what is open of each."""
    cases_, office = [], []
    for case in cases:
        view = case.view
        row = (case.subject, 0, encode_case(case), case.sequence, view.state, view.organ, view.received_on, view.due_on)
        cases_.append((*row, view.waiting_for, "CN", NOW))
        office += list(office_store.open_work(case, 0))
    names = ("subject", "partition", "body", "sequence", "state", "organ", "received_on", "due_on", "waiting_for")
    async with pool.acquire() as conn:
        await conn.copy_records_to_table(
            "cases", schema_name="tracker", columns=(*names, "calendar", "updated_at"), records=cases_
        )
        await conn.copy_records_to_table("office", schema_name="tracker", columns=office_store.COLUMNS, records=office)
        await conn.execute("VACUUM ANALYZE")


async def cost(ask: Callable[[str], Awaitable[httpx.Response]], paths: dict[str, str]) -> dict[str, float]:
    """What each answer takes, the middle of several, in seconds."""
    found: dict[str, float] = {}
    for name, path in paths.items():
        took = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            answer = await ask(path)
            took.append(time.perf_counter() - began)
            assert answer.status_code == 200, answer.text
        found[name] = statistics.median(took[2:])
    return found


@pytest.mark.timeout(900)
async def test_a_page_of_the_board_costs_at_most_twice_as_much_with_a_hundred_times_the_requests(pool: Any) -> None:
    known, of = patterns()
    snapshots = Snapshots(pool, Part("snapshot"))
    latest = lambda: snapshots.latest  # noqa: E731
    deps = api.Deps(pool, known, ManualClock(NOW), Offload(), snapshot=latest)
    app = create_app("tracker", api.handlers(deps), Health(), new_registry())
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # httpx spells the ASGI types in its own way
    costs: list[dict[str, float]] = []
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://t.test", timeout=300) as client,
        desk_over(app) as desk,
    ):
        for first, last in ((0, SMALL), (SMALL, LARGE)):
            await fill(pool, many(first, last, of))
            snapshots.latest = await snapshots.read()
            counts = (await client.get("/v1/counts")).json()
            listed = sum(counts[name] for name in ("overdue", "due_today", "this_week", "later", "stopped"))
            assert last * 0.8 < listed + counts["unconfirmed"] + counts["in_review"] <= last * 1.2
            costs.append(await cost(desk.get, ASKED) | await cost(client.get, APIS))
    ratios = {name: costs[1][name] / took for name, took in costs[0].items()}
    for name, ratio in ratios.items():
        print(f"{name:24} {costs[0][name] * 1000:7.1f} ms {costs[1][name] * 1000:7.1f} ms  x {ratio:.2f}")
    assert {name: ratio for name, ratio in ratios.items() if ratio > MOST} == {}
