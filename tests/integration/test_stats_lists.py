"""What is behind a number, over many requests: whole in pages, read from an index, and no further than a bound."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from typing import Any

import asyncpg
import pytest

from services.events.vocabulary import LEVELS
from services.runtime.migrations import migrate
from services.runtime.problems import ProblemError
from services.stats import drilldown
from services.stats import drilldown_queries as queries
from services.stats.cells import Law
from services.stats.drilldown import read_cursor
from services.stats.forms.form import Counts, Filter
from tests.plans import explained, full_scans, looked_at, pretend_large

REQUESTS = 6_000
ORGANS = [f"o{n:03}" for n in range(100)]
KINDS = ("received", "closed", "pace", "carried-in", "carried-out")
NOW = datetime(2014, 1, 1, tzinfo=UTC)
MEASURES = tuple(sorted(LEVELS))
LOOKED = 700
LIMIT = 40


def request(n: int) -> tuple[Any, ...]:
    received = date(2012, 6, 1) + timedelta(days=n * 31 % 550)
    state = ("open", "answered", "closed")[n % 3]
    closed = received + timedelta(days=n % 40) if state != "open" else None
    outcome = "granted" if n % 50 else "petition"
    law = "UK" if n % 7 == 6 else "CN-2008"
    subject, organ = f"r{n * 7 % REQUESTS:05}", ORGANS[n % 100]
    return (subject, 1, organ, "online", state, received, closed, outcome, "in-time", False, law)


ROWS = [request(n) for n in range(REQUESTS)]


@pytest.fixture
async def conn(postgres: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    monkeypatch.setattr(queries, "LOOKED", LOOKED)
    made = await asyncpg.connect(postgres)
    await migrate(made, "stats", files("services.stats") / "migrations")
    names = ("subject", "sequence", "organ", "channel", "state", "received_on", "closed_on", "outcome", "timeliness")
    await made.copy_records_to_table(
        "request", schema_name="stats", columns=(*names, "extended", "statute"), records=ROWS
    )
    day = date(2013, 5, 5)
    await made.copy_records_to_table(
        "review",
        schema_name="stats",
        columns=("subject", "review", "organ", "kind", "filed_on", "first_handling_disputed"),
        records=[(f"r{n:05}", f"v{n}", ORGANS[n % 100], "litigation", day, False) for n in range(REQUESTS)],
    )
    await made.copy_records_to_table(
        "tally",
        schema_name="stats",
        columns=("subject", "source", "id", "organ", "on", "measure", "count"),
        records=[
            (ORGANS[n % 100], "s", f"{n:05}", ORGANS[n % 100], day + timedelta(n % 90), MEASURES[n % 2], 1)
            for n in range(REQUESTS)
        ],
    )
    await made.copy_records_to_table(
        "cell_change",
        schema_name="stats",
        columns=(
            "organ",
            "year",
            "kind",
            "a",
            "b",
            "c",
            "delta",
            "subject",
            "sequence",
            "recorded_at",
            "partition",
            "offset",
        ),
        records=[
            (ORGANS[n % 100], 2013, "received", "online", "", "01", 1, f"r{n // 2:05}", 1, NOW, 0, n)
            for n in range(REQUESTS)
        ],
    )
    await pretend_large(made, "stats", ("request", "review", "tally", "cell_change"), 2_200_000)
    yield made
    await made.close()


def opened(counts: Counts, where: Filter, organs: list[str]) -> queries.Opened:
    return queries.Opened(counts, where, organs, 2013, Law(frozenset({"CN-2008"})))


async def pages(conn: Any, counts: Counts, where: Filter, organs: list[str]) -> list[Any]:
    """All that is behind a number, in pages; each page's plan is looked at."""
    found: list[Any] = []
    key: queries.Key = ()
    for _ in range(1000):
        asked = queries.listed(opened(counts, where, organs), key, LIMIT)
        nodes = await explained(conn, asked.sql, asked.values)
        assert full_scans(nodes) == [], counts.kind
        scans = [n for n in nodes if n.get("Alias") == "t"]
        assert looked_at(scans) <= LOOKED, (counts.kind, [n["Node Type"] for n in nodes])
        rows, key = await drilldown._rows(conn, asked, LIMIT)
        assert len(rows) <= LIMIT
        found += rows
        if not key:
            return found
        assert read_cursor(drilldown._cursor(key) or "", asked.key) == key
    raise AssertionError("the pages have no end")


@pytest.mark.parametrize("kind", KINDS)
async def test_every_request_behind_a_number_is_on_one_page(conn: Any, kind: Any) -> None:
    first, last = date(2013, 1, 1), date(2013, 12, 31)
    for organs in (ORGANS[:1], ORGANS):
        for where in (Filter(), Filter(outcome=("petition",))):
            if kind not in ("closed",) and where.outcome:
                continue
            wanted = []
            for subject, _, organ, _, _state, received, closed, outcome, *_, law in ROWS:
                fits = {
                    "received": first <= received <= last,
                    "closed": closed is not None and first <= closed <= last,
                    "carried-in": received < first and not (closed and closed < first),
                    "carried-out": received <= last and not (closed and closed <= last),
                }
                fits["pace"] = fits["closed"]
                if law == "CN-2008" and organ in organs and fits[kind] and outcome in (where.outcome or (outcome,)):
                    wanted.append(subject)
            found = await pages(conn, Counts(kind=kind), where, organs)
            assert sorted(row["subject"] for row in found) == sorted(wanted), (kind, len(organs), where)
            assert wanted


async def test_reviews_and_tallies_are_whole_in_pages_too(conn: Any) -> None:
    reviews = await pages(conn, Counts(kind="review"), Filter(), ORGANS)
    assert len({row["review"] for row in reviews}) == len(reviews) == REQUESTS
    told = Counts(kind="tally", measure=MEASURES)
    levels = await pages(conn, told, Filter(), ORGANS)
    latest: dict[Any, Any] = {}
    for n in range(REQUESTS):
        key = (ORGANS[n % 100], MEASURES[n % 2])
        latest[key] = max(latest.get(key, (0, "")), (n % 90, f"{n:05}"))
    assert {(row["organ"], row["measure"]): row["id"] for row in levels} == {k: v[1] for k, v in latest.items()}
    assert len(levels) == len(latest)


async def test_what_counted_then_is_whole_in_pages(conn: Any) -> None:
    found: list[drilldown.KnownItem] = []
    key: queries.Key = ()
    while True:
        received = opened(Counts(kind="received"), Filter(), ORGANS)
        some, key = await drilldown.known(conn, received, NOW + timedelta(1), key, LIMIT)
        found += some
        if not key:
            break
    assert len(found) == REQUESTS == sum(int(item.count) for item in found), "two organs have each subject here"
    assert {item.subject for item in found} == {f"r{n:05}" for n in range(REQUESTS // 2)}
    for after in ((), ("o050", "r00010")):
        asked = queries.changes(ORGANS, after)
        nodes = await explained(conn, *asked)
        assert full_scans(nodes) == [] and looked_at(nodes) <= LOOKED
        through = tuple(await conn.fetchrow(asked[0], *asked[1]))
        counted = queries.counted(received, NOW, after, through)
        nodes = await explained(conn, *counted)
        assert full_scans(nodes) == [] and looked_at(nodes) <= LOOKED


@pytest.mark.parametrize("text", ["%00", "x", "WyIiXQ==", "é", "x" * 5000, "WyJvIiwgIjIwMTMtMDEtMDEiLCAiXHUwMDAwIl0="])
def test_what_no_page_gave_is_refused_by_name(text: str) -> None:
    with pytest.raises(ProblemError) as refused:
        read_cursor(text, ("organ", "received_on", "subject"))
    assert refused.value.status == 400 and refused.value.errors[0].field == "query.after"


async def test_what_no_item_counts_yet_opens_on_nothing(conn: Any) -> None:
    assert await pages(conn, Counts(kind="committed"), Filter(), ORGANS) == []
