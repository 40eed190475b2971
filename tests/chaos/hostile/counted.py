"""Is every ordinary fact counted, and every hostile one accounted for? Asked of log, tables and public answers."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

import aiohttp
import asyncpg

from services.events.codec import decode_case_event, decode_fact
from services.events.facts import Fact
from services.events.refusals import Refused
from services.events.vocabulary import Ref
from services.stats.cells import Cell, Number
from services.tracker.core.case import Case
from services.tracker.core.view import organ_of
from tests.chaos import oracle, reading, verify
from tests.chaos.hostile.facts import NOWHERE, SOURCE
from tests.chaos.hostile.ordinary import ORGANS, Ordinary
from tests.chaos.hostile.site import Site
from tests.chaos.oracle import Findings, Record
from tests.chaos.reading import Tables

MUST_BE_PASSED_OVER = sum("parent" not in wrong for wrong in NOWHERE)
"""A wrong parent takes nothing with it but itself; a wrong law, calendar or zone the whole record."""


@dataclass
class Logs:
    """What the topics hold."""

    facts: list[Record]
    cases: list[Record]
    reference: list[Record]


async def logs(site: Site) -> Logs:
    """Read all three."""
    facts = await reading.records(site.bootstrap, site.topic("facts"), site.partitions)
    cases = await reading.records(site.bootstrap, site.topic("cases"), site.partitions)
    return Logs(facts, cases, await reading.records(site.bootstrap, site.topic("reference"), 1))


@dataclass
class Ours:
    """The ordinary part of what is left."""

    facts: int
    cases: Mapping[str, Case]
    cells: Mapping[Cell, Number]


def _ours(subject: str) -> bool:
    return subject.partition("/")[0] in ORGANS


async def ordinary(site: Site, held: Logs, load: Ordinary, now: datetime, findings: Findings) -> Ours:
    """Compare everything of the ordinary load by both oracles; what is not as it should be is a finding."""
    tables = _narrowed(await reading.tables(site.dsn, site.topic("facts")))
    log = oracle.read_facts(held.facts)
    log.facts = {subject: facts for subject, facts in log.facts.items() if _ours(subject)}
    log.unreadable = {}
    logged = oracle.read_cases((r for r in held.cases if _ours((r.key or b"").decode())), findings)
    remains = verify.Remains(log, logged, len(held.cases), oracle.Worlds(held.reference), [], tables)
    await verify.check(remains, load.accepted, [], now, findings)
    return Ours(sum(map(len, log.facts.values())), tables.cases, tables.cells)


def _narrowed(tables: Tables) -> Tables:
    """What of the tables is the ordinary load's."""
    kept: dict[str, Any] = {}
    for each in fields(tables):
        value = getattr(tables, each.name)
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):  # by subject
            kept[each.name] = {subject: held for subject, held in value.items() if _ours(subject)}
    kept["cells"] = {cell: count for cell, count in tables.cells.items() if cell.organ in ORGANS}
    kept["rows"] = [row for row in tables.rows if _ours(row.subject)]
    return replace(tables, **{**kept, "letters": {}, "stats_letters": 0, "repeated": 0})


async def told(site: Site, http: aiohttp.ClientSession, ours: Ours) -> list[str]:
    """What the tracker's lists and the reports of stats say otherwise than the rows, which were compared before."""
    wrong: list[str] = []
    for code in ORGANS:
        ids = await _listed(site, http, code)
        expected = {
            s
            for s, case in ours.cases.items()
            if organ_of(case) == code and case.view.state not in ("", "organ", "duty") and "/" in s
        }
        if set(ids) != expected or len(ids) != len(expected):
            odd = sorted(set(ids) ^ expected)
            wrong.append(f"{code}: {len(ids)} requests listed, expected {len(expected)}: {', '.join(odd[:3])} ...")
    return wrong


async def _listed(site: Site, http: aiohttp.ClientSession, code: str) -> list[str]:
    ids: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        params = {"organ": code, "limit": "200", **({"cursor": cursor} if cursor else {})}
        async with http.get(f"{site.url('tracker')}/v1/requests", params=params, raise_for_status=True) as answer:
            page = await answer.json()
        ids += [str(item["id"]) for item in page["requests"]]
        cursor = page.get("next")
    return ids


async def _received(site: Site, http: aiohttp.ClientSession, code: str, year: int) -> int:
    url = f"{site.url('stats')}/v1/annual/{code}/{year}"
    async with http.get(url, params={"form": "cn-2021", "reach": "own"}, raise_for_status=True) as answer:
        report: Any = await answer.json(content_type=None)
    rows = next(table["rows"] for table in report["tables"] if table["id"] == "requests")
    return int(next(row["cells"]["total"] for row in rows if row["id"] == "1"))


def _sum(cells: Mapping[Cell, Number], code: str, year: int) -> int:
    return sum(int(n) for cell, n in cells.items() if (cell.organ, cell.year, cell.kind) == (code, year, "received"))


@dataclass
class Account:
    """What became of the hostile facts that the log took, and of those that it did not."""

    held: Counter[str] = field(default_factory=Counter)
    """By what became of them: in a case, a dead letter, repeated."""
    lost: list[str] = field(default_factory=list)
    """Facts that got 202 and are not in the log, or are in it and nowhere else."""


async def hostile(site: Site, held: Logs, accepted: set[Ref], passed_over: int) -> Account:
    """Where each hostile fact is; ``passed_over`` is how many reference records the tracker says it could not take."""
    decided = {
        (event.subject, event.data.fact.ref)
        for event in (decode_case_event(record.value) for record in held.cases)
        if event.data.fact is not None
    }
    letters = await _letters(site)
    found, in_log, seen = Account(), set[Ref](), set[tuple[str, Ref]]()
    for record in held.facts:
        fact = _hostile_fact(record)
        if fact is None:
            continue
        in_log.add(fact.ref)
        name = (fact.subject, fact.ref)
        if (site.topic("facts"), record.partition, record.offset) in letters:
            found.held["dead letters"] += 1
        elif name in seen or name in decided:
            found.held["repeated" if name in seen else "in cases"] += 1
        else:
            found.lost.append(f"{fact.subject} {fact.id} is in no case and no dead letter")
        seen.add(name)
    strays = {fact.ref for fact in map(_hostile_fact, held.reference) if fact and fact.subject.startswith("stray-")}
    references = {fact.ref for fact in map(_hostile_fact, held.reference) if fact}
    found.held["references"], found.held["stray references"] = len(references - strays), len(strays)
    if strays and passed_over < MUST_BE_PASSED_OVER:
        found.lost.append(f"{passed_over} stray references said to have no effect, expected {MUST_BE_PASSED_OVER}")
    found.lost += [f"{ref.id} got 202 and is not in the log" for ref in accepted - in_log - references]
    return found


def _hostile_fact(record: Record) -> Fact | None:
    try:
        fact = decode_fact(record.value)
    except Refused:
        return None
    return fact if fact.source == SOURCE else None


async def _letters(site: Site) -> set[tuple[str, int, int]]:
    conn = await asyncpg.connect(site.dsn)
    try:
        rows = await conn.fetch('SELECT topic, partition, "offset" FROM tracker.dead_letter')
        return {(row["topic"], row["partition"], row["offset"]) for row in rows}
    finally:
        await conn.close()
