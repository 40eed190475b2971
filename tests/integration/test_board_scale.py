"""The board over 1,000 open requests and over 100,000: what a page costs, and what the API behind it.

Two databases beside each other in one run, asked in turns, each answer's least time of many: what else the machine does
is in both, and only the ratio counts.
"""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from services.events.codec import decode_fact
from services.events.facts import RequestFact
from services.runtime import database
from services.runtime.clock import ManualClock
from services.runtime.health import Health, Part
from services.runtime.offload import Offload
from services.runtime.web import create_app, new_registry
from services.samples import living
from services.statute.state import RequestState
from services.tracker import api, listing, office_store
from services.tracker.core.case import Case
from services.tracker.core.decide import decide
from services.tracker.core.reference_data import ReferenceData
from services.tracker.snapshot import AT_WORK, Snapshots
from services.tracker.store import encode_case
from tests.support import desk_over

pytestmark = pytest.mark.proof

TODAY = date(2026, 11, 26)
NOW = datetime(2026, 11, 26, 2, tzinfo=UTC)
SMALL, LARGE = 1_000, 100_000
ROUNDS = 15
MOST = 2.0
ASKED = {
    "the board": "/",
    "of an organ": f"/?organ={living.BUREAU}",
    "overdue": "/?status=overdue",
    "waiting for someone": "/?status=waits-for-someone",
    "in review": "/?status=in-review",
    "of a unit": "/?unit=sample-legal",
    "by fax": "/?channel=fax",
    "waits for a fee": "/?status=stopped&stopped_for=fee",
    "due in three weeks": f"/?due_from={TODAY}&due_through={TODAY + timedelta(days=20)}",
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
    """What is known of the living sample's organs, and of its requests one of each kind that a view lists: so few
    that of a thousand like them each view has a page."""
    facts = [decode_fact(line) for line in living.living(TODAY)]
    known = ReferenceData([one for one in facts if not isinstance(one, RequestFact)])
    cases: dict[str, Case] = {}
    for one in facts:
        if isinstance(one, RequestFact):
            cases[one.subject], _ = decide(cases.get(one.subject, Case(subject=one.subject)), one, known, NOW, {})
    kinds: list[Callable[[RequestState], bool]] = [
        lambda view: view.state == "open" and view.channel == "fax",
        lambda view: view.state == "open" and view.due_on is not None and view.due_on < TODAY,
        lambda view: any(step.unit == "sample-legal" and step.state in AT_WORK for step in view.steps),
        lambda view: view.state == "stopped" and view.stop is not None and view.stop.code == "stopped-fee",
        lambda view: view.state == "stopped" and view.stop is not None and view.stop.code == "stopped-consultation",
        lambda view: view.state == "unconfirmed",
        lambda view: bool(listing.pending_reviews(view)),
    ]
    return known, [next(case for case in cases.values() if fits(case.view)) for fits in kinds]


def many(count: int, of: list[Case]) -> Iterator[Case]:
    """Requests like those, each with a number of its own, and of each kind some on every last day within a month."""
    for number in range(count):
        case = of[number % len(of)]
        day = TODAY + timedelta(days=number // len(of) % 60 - 30)
        yield replace(case, subject=f"r{number:06}", view=replace(case.view, due_on=case.view.due_on and day))


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


def rows(answer: httpx.Response) -> int:
    """How many requests an answer shows."""
    return answer.text.count('<th scope="row">') or answer.text.count('"received_on"')


@asynccontextmanager
async def asked(pool: Any, count: int) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """A desk and a tracker's API over so many requests."""
    known, of = patterns()
    await fill(pool, many(count, of))
    snapshots = Snapshots(pool, Part("snapshot"))
    snapshots.latest = await snapshots.read()
    deps = api.Deps(pool, known, ManualClock(NOW), Offload(), snapshot=lambda: snapshots.latest)
    app = create_app("tracker", api.handlers(deps), Health(), new_registry())
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # httpx spells the ASGI types in its own way
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://t.test", timeout=300) as client,
        desk_over(app) as desk,
    ):
        found = (await client.get("/v1/counts")).json()
        running = sum(found[name] for name in ("overdue", "due_today", "this_week", "later", "stopped", "unconfirmed"))
        assert running + found["in_review"] == count
        yield desk, client


@pytest.mark.timeout(900)
async def test_a_page_of_the_board_costs_at_most_twice_as_much_with_a_hundred_times_the_requests(
    pool: Any, other_postgres: str
) -> None:
    other = database.pool(other_postgres)
    await database.ready(other, "tracker", files("services.tracker") / "migrations", Part("database"))
    ratios: dict[str, float] = {}
    async with asked(pool, SMALL) as small, asked(other, LARGE) as large:
        for name, path in (ASKED | APIS).items():
            took: list[list[float]] = [[], []]
            shown: list[int] = [0, 0]
            for _ in range(ROUNDS):
                for place, clients in enumerate((small, large)):
                    client = clients[0] if name in ASKED else clients[1]
                    began = time.perf_counter()
                    answer = await client.get(path)
                    took[place].append(time.perf_counter() - began)
                    assert answer.status_code == 200, answer.text
                    shown[place] = rows(answer)
            ratios[name] = min(took[1]) / min(took[0])
            least = " ".join(f"{min(each) * 1000:7.1f} ms" for each in took)
            print(f"{name:24} {shown[0]:4} rows {least}  x {ratios[name]:.2f}")
            assert shown[0] == shown[1] and (shown[0] or name in APIS), (name, shown)
    await other.close()
    assert {name: ratio for name, ratio in ratios.items() if ratio > MOST} == {}
