"""The tracker's lists over many requests: exact statuses, every page from an index, whatever it is narrowed by."""

import asyncio
import gc
import re
import sys
import threading
import time
import traceback
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from itertools import product
from typing import Any

import httpx
import msgspec
import pytest

from services.events.facts import OrganData, OrganRegistered
from services.events.refusals import Reason
from services.events.vocabulary import Label
from services.runtime import dead_letters, metrics_tables
from services.runtime.clock import ManualClock
from services.runtime.dead_letters import DeadLetter
from services.runtime.health import Health
from services.runtime.offload import Offload
from services.runtime.web import create_app, new_registry
from services.statute.state import RequestState
from services.statute.status import status
from services.tracker import api, history, items, letters, listing, office_store, queries, rejections, request_list
from services.tracker.core import preview
from services.tracker.core.case import Case
from services.tracker.core.reference_data import ReferenceData
from services.tracker.feed import lots as feed_lots
from services.tracker.listing import STATES, Query, Today
from services.tracker.rejections import About
from services.tracker.snapshot import OPEN, UNPUBLISHED, WAITING
from services.tracker.store import encode_case
from tests.law_cases import make
from tests.plans import explained, full_scans, generic, looked_at, pretend_large
from tests.support import desk_over

ZONES = {"gz": "Asia/Shanghai", "sz": "Asia/Shanghai", "hi": "Pacific/Honolulu", "ki": "Pacific/Kiritimati"}
CASES = 8_000
NOW = datetime(2025, 3, 10, 10, 30, tzinfo=UTC)  # the 10th, the 11th in Kiritimati, the 9th (or 10th) in Honolulu
TODAY = date(2025, 3, 10)
LETTERS = 2_000
LIMIT = 50
EXAMPLE = "examples/cases/clock-stopped.json"


def world() -> ReferenceData:
    known = ReferenceData()
    for code, zone in ZONES.items():
        data = OrganData(code=code, name=Label(code, code), timezone=zone, calendar="CN", statute="CN")
        known.learn(OrganRegistered(specversion="1.0", id=code, source="t", subject=code, data=data))
    return known


def row(n: int) -> tuple[Any, ...]:
    """One of many requests; of each state, zone and day some, and half of the open ones overdue."""
    organ, state = sorted(ZONES)[n % 4], (*STATES, "open", "open", "organ")[n // 4 % 10]
    # A prime, so that days go round with everything else.
    due_on = None if state in ("waiting", "unconfirmed") or n % 7 == 0 else TODAY + timedelta(days=n % 41 - 20)
    waiting_for = "request-received" if state == "waiting" and n % 3 else ""
    view = RequestState(state=state, organ=organ, due_on=due_on, waiting_for=waiting_for, statute="CN-2019")
    case = Case(subject=f"r{n * 7919 % CASES:05}", view=view)
    return (case.subject, n % 12, encode_case(case), n, state, organ, due_on, waiting_for, "CN", NOW)


ROWS = [row(n) for n in range(CASES)]


def body(n: int) -> bytes:
    cause = {"source": f"s{n % 50}", "id": str(n)}
    data: dict[str, Any] = {"cause": cause, "reason": "no", "fact": {"data": {"organ": sorted(ZONES)[n % 4]}}}
    return msgspec.json.encode({"type": "org.shixian.fact-rejected.v1", "data": data})


@pytest.fixture
async def pool(pool: Any) -> Any:
    """With many rows in its tables."""
    async with pool.acquire() as conn:
        names = ("subject", "partition", "body", "sequence", "state", "organ", "due_on", "waiting_for", "calendar")
        await conn.copy_records_to_table("cases", schema_name="tracker", columns=(*names, "updated_at"), records=ROWS)
        await conn.copy_records_to_table(
            "events",
            schema_name="tracker",
            columns=("partition", "subject", "sequence", "name", "body"),
            records=[
                (n % 12, f"r{n // 20:05}", n % 20, "fact-rejected" if n % 4 == 0 else "clock-stopped", body(n))
                for n in range(CASES)
            ],
        )
        await conn.copy_records_to_table(
            "dead_letter",
            schema_name="tracker",
            columns=("topic", "partition", "offset", "value", "reason", "recorded_at", "subject", "source"),
            records=[
                ("t.facts", n % 12, n, b"x" * 100, "$.data: no", NOW, f"r{n:05}", f"s{n % 50}") for n in range(LETTERS)
            ],
        )
        await pretend_large(conn, "tracker", ("cases", "events", "dead_letter"))
    return pool


def expected(query: Query) -> list[str]:
    """By the statute's own function, over all rows."""
    today, found = Today(world(), NOW), []
    for n in range(CASES):
        subject, _, _, _, state, organ, due_on, waiting_for, *_ = ROWS[n]
        if state == "organ" or (state == "waiting" and not waiting_for) or query.organ not in (None, organ):
            continue
        stands = status(RequestState(state=state, due_on=due_on), today.of(organ))
        fits = query.status in (None, stands) or (query.status == "unfinished" and state in listing.UNFINISHED)
        first, last = query.due_from or date.min, query.due_through or date.max
        dated = due_on is not None or (query.due_from is None and query.due_through is None)
        if fits and dated and first <= (due_on or date.max) <= last:
            found.append((due_on or date.max, subject))
    return [subject for _, subject in sorted(found)]


STATUSES = (None, "unfinished", *items.STATUSES)


async def test_every_status_is_exact_in_pages_without_gap_or_overlap(pool: Any) -> None:
    known, offload = world(), Offload()
    assert {Today(known, NOW).of(code) for code in ZONES} == {TODAY, TODAY + timedelta(1)}
    edge = NOW - timedelta(hours=2)
    assert len({Today(known, edge).of(code) for code in ZONES}) == 2
    for one, organ in product(STATUSES, (None, "hi")):
        query = Query(one, organ, limit=400)  # type: ignore[arg-type]  # a status is one of them
        found: list[str] = []
        while True:
            page = await request_list.requests(pool, offload, query, known, NOW)
            assert all(one in (None, "unfinished", item.status) for item in page.requests)
            found += [item.id for item in page.requests]
            if page.next is None:
                break
            query = Query(one, organ, limit=400, cursor=page.next)  # type: ignore[arg-type]
        assert found == expected(query), (one, organ)
        assert found or one == "retracted" or organ


async def test_every_list_is_read_from_an_index_and_no_further_than_its_page(pool: Any) -> None:
    today = Today(world(), NOW)
    assert today.others, "all of the SQL is to be seen"
    cursors = (None, listing.cursor_after(TODAY - timedelta(days=3), "r00100"), listing.cursor_after(None, "r00100"))
    windows = ((None, None), (TODAY - timedelta(days=2), None), (None, TODAY), (TODAY, TODAY + timedelta(days=2)))
    unlike = sum(1 for row in ROWS if row[4] == "open" and row[6] in (TODAY, TODAY + timedelta(days=1)))
    async with pool.acquire() as conn:
        for one, organ, (first, last), cursor in product(STATUSES, (None, "gz"), windows, cursors):
            query = Query(one, organ, first, last, LIMIT, cursor)  # type: ignore[arg-type]
            sql, values = listing.page(query, today)
            nodes = await explained(conn, sql, values)
            parts = sql.count("UNION ALL") + 1
            what = (one, organ, first, last, cursor)
            assert full_scans(nodes) == [] == full_scans(await generic(conn, sql, values)), what
            # Only of the days that are today somewhere more is looked at than is shown.
            spare = unlike if organ is None and one in ("overdue", "due-today", "open") else 0
            assert looked_at(nodes) <= parts * (LIMIT + 1) + spare, what
            sorts = [n for n in nodes if n["Node Type"] in ("Sort", "Incremental Sort")]
            assert all(n["Actual Rows"] <= parts * (LIMIT + 1) for n in sorts), what


async def test_who_waits_for_somebody_is_read_from_indexes_too(pool: Any) -> None:
    of = ("answered", "closed", "stopped")
    rows = [
        (subject, "review", "v", 0, organ, "", "complaint", "", TODAY, None, True, False, b"{}", due_on)
        for subject, _, _, _, state, organ, due_on, *_ in ROWS
        if state in of
    ]
    today = Today(world(), NOW)
    async with pool.acquire() as conn:
        await conn.copy_records_to_table("office", schema_name="tracker", columns=office_store.COLUMNS, records=rows)
        await pretend_large(conn, "tracker", ("cases", "office"))
        cursors = (None, listing.cursor_after(TODAY - timedelta(days=3), "r00100"))
        for one, organ, cursor, latest in product(
            ("waits-for-someone", "in-review"), (None, "gz"), cursors, (False, True)
        ):
            query = Query(one, organ, None, None, LIMIT, cursor, latest_first=latest)  # type: ignore[arg-type]
            sql, values = listing.page(query, today)
            nodes = await explained(conn, sql, values)
            what = (one, organ, cursor, latest)
            assert full_scans(nodes) == [] == full_scans(await generic(conn, sql, values)), what
            # A row of a review leads to its request; those of requests that stand still as well are passed over.
            assert looked_at(nodes) <= 8 * (LIMIT + 1), what
    for one in ("waits-for-someone", "in-review"):
        wanted = [(r[6] or date.max, r[0]) for r in ROWS if r[4] in of and r[5] == "gz"]
        found: list[str] = []
        cursor = None
        while True:
            query = Query(one, "gz", limit=400, cursor=cursor)  # type: ignore[arg-type]
            page = await request_list.requests(pool, Offload(), query, world(), NOW)
            found += [item.id for item in page.requests]
            if (cursor := page.next) is None:
                break
        assert found == [subject for _, subject in sorted(wanted)], one


async def test_the_requests_of_a_unit_are_read_from_its_steps_and_no_further_than_a_page(pool: Any) -> None:
    rows = [
        (subject, "step", f"{n}", 0, organ, f"u{number % 3}", "opinion", "a", TODAY, None, True, False, b"{}", due_on)
        for number, (subject, _, _, _, _, organ, due_on, *_) in enumerate(ROWS)
        for n in range(1 + number % 2)
    ]
    today, known = Today(world(), NOW), world()
    async with pool.acquire() as conn:
        await conn.copy_records_to_table("office", schema_name="tracker", columns=office_store.COLUMNS, records=rows)
        await pretend_large(conn, "tracker", ("cases", "office"))
        cursors = (None, listing.cursor_after(TODAY - timedelta(days=3), "r00100"))
        for one, organ, cursor, latest in product(
            (None, "unfinished", "overdue"), (None, "gz"), cursors, (False, True)
        ):
            query = Query(one, organ, None, None, LIMIT, cursor, latest_first=latest, unit="u1")  # type: ignore[arg-type]
            sql, values = listing.page(query, today)
            nodes = await explained(conn, sql, values)
            what = (one, organ, cursor, latest)
            assert full_scans(nodes) == [], what
            # One in four is of the organ, and some of each state: what is passed over is read as well; 4,000 are there.
            assert looked_at(nodes) <= (8 if organ is None else 24) * (LIMIT + 1), what
    held = {row[0] for row in rows if row[5] == "u1"}
    for one in (None, "unfinished", "overdue"):
        found: list[str] = []
        query = Query(one, "hi", limit=300, unit="u1")  # type: ignore[arg-type]
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Query, "fits", lambda self, view: True)  # the bodies of these rows have no steps
            while True:
                page = await request_list.requests(pool, Offload(), query, known, NOW)
                found += [item.id for item in page.requests]
                if page.next is None:
                    break
                query = Query(one, "hi", limit=300, unit="u1", cursor=page.next)  # type: ignore[arg-type]
        assert found == [subject for subject in expected(Query(one, "hi")) if subject in held], one  # type: ignore[arg-type]


async def test_histories_rejections_and_dead_letters_are_read_from_indexes(pool: Any) -> None:
    given = list(product((None, "s1"), (None, "gz"), (None, "r00007")))
    async with pool.acquire() as conn:
        for source, organ, subject in given:
            for build in (rejections.rejected, rejections.letters):
                sql, values = build(About(source, organ, subject), LIMIT)
                nodes = await explained(conn, sql, values)
                assert full_scans(nodes) == [] == full_scans(await generic(conn, sql, values)), (
                    build,
                    source,
                    organ,
                    subject,
                )
                assert looked_at(nodes) <= 2 * LIMIT, (build, source, organ, subject)
        found = await rejections.latest(pool, Offload(), About("s4", "gz"), 1000)
        wanted = [body(n) for n in range(CASES) if n % 4 == 0 and n % 50 == 4 and sorted(ZONES)[n % 4] == "gz"]
        assert [bytes(raw) for raw in found.rejected] == wanted[::-1]
        own = await rejections.latest(pool, Offload(), About("s4", organs=frozenset({"gz", "none"})), 1000)
        assert [bytes(raw) for raw in own.rejected] == wanted[::-1], "what the caller may read is not what is asked for"
        assert (await rejections.latest(pool, Offload(), About("s4", organs=frozenset()), 1000)).rejected == []
        assert [
            letter.source for letter in (await rejections.latest(pool, Offload(), About("s1"), 3)).dead_letters
        ] == ["s1"] * 3
        one, latest = history.HISTORY.format(order=""), history.HISTORY.format(order="DESC")
        for sql, given_ in ((one, ["r00001", 3, 10]), (latest, ["r00001", 0, 10]), (letters.LETTERS, ["r00001", 10])):
            nodes = await explained(conn, sql, given_)
            assert full_scans(nodes) == [] and looked_at(nodes) <= 10, sql
        for sql in (OPEN, WAITING, UNPUBLISHED):
            assert full_scans(await explained(conn, sql, (), run=False), ("progress", "published")) == [], sql


async def test_the_loop_goes_on_while_the_heaviest_is_answered(pool: Any) -> None:
    """A request with as many facts as one may have, a feed and lists of thousands, all at once, beside the loop."""
    known = world()
    on = date(2025, 3, 3)
    received = {"organ": "gz", "channel": "online", "applicant": "natural-person", "submitted_on": on}
    facts = [make("request-received", 0, on, **received, received_on=on)]
    for n in range(preview.FACTS - 1):
        sent = {"consultation": f"c{n}", "party": "third-party", "sent_on": date(2025, 3, 4)}
        facts.append(make("consultation-opened", n + 1, on, **sent))
    view = RequestState(state="stopped", organ="gz", statute="CN-2019")
    huge = Case(subject="huge", facts=tuple(facts), view=view)
    history = [(0, "huge", n, "x", decided(n)) for n in range(1, 3001)]
    async with pool.acquire() as conn:
        await conn.execute(
            "INSERT INTO tracker.cases (subject, partition, body, sequence, state, organ, waiting_for, calendar, "
            "updated_at) VALUES ('huge', 0, $1, 1, 'stopped', 'gz', '', 'CN', now())",
            encode_case(huge),
        )
        columns = ("partition", "subject", "sequence", "name", "body")
        await conn.copy_records_to_table("events", schema_name="tracker", columns=columns, records=history)
    deps = api.Deps(pool, known, ManualClock(NOW), Offload(turns=2, threads=2, wait_seconds=120))
    app = create_app("tracker", api.handlers(deps), Health(), new_registry())
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # httpx spells the ASGI types in its own way
    paths = ["/v1/deadlines.ics", "/v1/requests?limit=1000", "/v1/requests/huge?each_day=true"]
    paths += ["/v1/requests/huge/history", "/v1/rejections?limit=1000"]
    pages = ["/requests/huge", "/", "/?status=due-today"]
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://t.test", timeout=300) as client,
        desk_over(app) as desk,
    ):
        asked = [*(client.get(path) for path in paths), *(desk.get(path) for path in pages)]
        lag, where, answers = await lag_while(asyncio.gather(*asked))
        assert [answer.status_code for answer in answers] == [200] * len(asked)
        assert lag < 0.1, f"other tasks of the loop had no turn in\n{where}"
        feed, _, each_day, events, _, page, *_ = answers
        running = [r for r in ROWS if r[4] == "open" and r[6] is not None]
        assert feed.content.count(b"BEGIN:VEVENT") == len(running) and feed.content.endswith(b"END:VCALENDAR\r\n")
        days = re.findall(rb"DTSTART;VALUE=DATE:(\d+)", feed.content)
        assert days == sorted(days)
        assert len(each_day.json()["facts"]) == preview.FACTS
        assert page.text.count("<tr") > 100 and "2800" in page.text, "the latest 200 events, and where the others are"
        numbers = [event["sequence"] for event in events.json()]
        following = re.search(r"<(.*)>; rel=.next.", events.headers["link"])
        while following:
            answer = await client.get(f"/v1/requests/huge/history{following.group(1)}")
            numbers += [event["sequence"] for event in answer.json()]
            following = re.search(r"<(.*)>; rel=.next.", answer.headers.get("link", ""))
        assert numbers == list(range(1, 3001))
        cut = [lot async for lot in feed_lots(pool, deps.offload, None, known, NOW, 700)]
        assert b"".join(cut).count(b"@shixian\r\n") == 701 and b"UID:cut@shixian" in cut[-1]


async def test_what_could_not_be_applied_stands_with_its_subject(pool: Any) -> None:
    known, offload = world(), Offload()
    letter = DeadLetter(
        "t.facts",
        3,
        1041,
        b'{"subject": "only", "source": "s", "id": "9"}',
        Reason("type-unknown", "$.type: no", {"field": "$.type"}),
        b"only",
    )
    async with pool.acquire() as conn:
        await dead_letters.record(conn, "tracker", [letter])
        assert (await metrics_tables.dead_letters(conn, "tracker")).counts["t.facts", "type-unknown"] == 1
        await conn.execute("VACUUM tracker.dead_letter")
        async with conn.transaction():
            await conn.execute("SET LOCAL enable_seqscan = off")  # cheaper here, as all rows are on a few pages
            nodes = await explained(conn, metrics_tables.COUNTS.format(schema="tracker"), (), run=False)
            assert "Index Only Scan" in [n["Node Type"] for n in nodes], "the records themselves are not read"
    found = await queries.request(pool, offload, "only", known, NOW)
    assert found is not None and (found.status, found.waiting_for) == ("waiting", "request-received")
    (told,) = found.dead_letters
    assert (told.source, told.id, told.reason, told.state) == ("s", "9", "$.type: no", "open")
    assert (told.code, told.zh) == ("type-unknown", "$.type：未知的事件类型")
    assert await queries.request(pool, offload, "nothing", known, NOW) is None
    with_case = await queries.request(pool, offload, "r00007", known, NOW)
    assert with_case is not None and with_case.dead_letters[0].source == "s7" and with_case.organ
    deps = api.Deps(pool, known, ManualClock(datetime.now(UTC)), offload, facts_topic="t.facts")
    app = create_app("tracker", api.handlers(deps), Health(), new_registry())
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # as above
    async with httpx.AsyncClient(transport=transport, base_url="http://t.test") as client, desk_over(app) as desk:
        for lang, heading in (("en", "Facts that could not be applied"), ("zh", "无法处理的事实")):
            page = await desk.get(f"/requests/only?lang={lang}")
            assert page.status_code == 200 and heading in page.text and "facts/3/1041" in page.text
            assert "$.type: no" in page.text
        listed = (await client.get("/v1/rejections?source=s&subject=only")).json()
        assert [(x["subject"], x["id"], x["offset"]) for x in listed["dead_letters"]] == [("only", "9", 1041)]
        assert listed["rejected"] == []
        (needs,) = (await client.get("/v1/attention?source=s")).json()["attention"]
        why = (await client.get("/v1/facts?source=s&id=9")).json()["why"][0]
        for words in (needs, why):
            assert words["zh"].endswith("：$.type：未知的事件类型"), "each language has the reason in its own words"
            assert words["en"].endswith(": $.type: no")


def decided(number: int) -> bytes:
    event = msgspec.json.decode((files("services.events") / EXAMPLE).read_bytes())
    return msgspec.json.encode({**event, "sequence": number})


async def lag_while(work: "asyncio.Future[Any]") -> tuple[float, str, Any]:
    """The share of all computing that the loop's thread did in one stretch, between two turns of a task that asks
    for its turn all the time; where it was in that stretch; and the result. In seconds of the processor: what else
    the machine does is not in it, nor what the tests before this one left for the collector of cycles to look at.
    """
    gc.collect()
    gc.freeze()
    began, longest, before = time.process_time(), 0.0, time.thread_time()
    turn, over, seen, where = time.monotonic(), threading.Event(), "", ""
    thread = threading.get_ident()

    def look() -> None:
        nonlocal seen
        while not over.wait(0.01):
            if time.monotonic() > turn + 0.02:
                seen = "".join(traceback.format_stack(sys._current_frames()[thread]))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        while not work.done():
            await asyncio.sleep(0.002)
            if (stretch := time.thread_time() - before) > longest:
                longest, where = stretch, seen
            before, turn, seen = time.thread_time(), time.monotonic(), ""
        return longest / (time.process_time() - began), where, await work
    finally:
        over.set()
        watcher.join()
        gc.unfreeze()
