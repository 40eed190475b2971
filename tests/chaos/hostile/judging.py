"""What must hold after a hostile run, demand by demand."""

import asyncio
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import aiohttp

from tests.chaos import commands, reading
from tests.chaos.hostile import connections, counted, rows
from tests.chaos.hostile.facts import TORN
from tests.chaos.hostile.ordinary import Ordinary, percentile
from tests.chaos.hostile.site import SERVICES, Site
from tests.chaos.hostile.verdict import Verdict, some
from tests.chaos.oracle import Findings
from tests.chaos.run import SETTLED

if TYPE_CHECKING:
    from tests.chaos.hostile.run import Plan, Seen

MOST_TIMES = 10.0
"""How many times longer the slowest hundredth of the ordinary posts may take beside the hostile load."""
SLOW_SECONDS = 45.0
"""How long a service may bear with a connection that sends next to nothing."""
POLL_SECONDS = 0.1
"""What the slowest hundredth of the answers of ``/healthz`` may take, or ten times what it takes without the load."""


async def quiet(site: Site, seconds: float, advance: Callable[[str, int, int], None]) -> bool:
    """Whether all was applied, published, looked at and folded within ``seconds`` of no progress."""
    limit, seen = time.monotonic() + seconds, None
    while time.monotonic() < limit and not site.ended():
        facts = sum((await reading.ends(site.bootstrap, site.topic("facts"), site.partitions)).values())
        cases = sum((await reading.ends(site.bootstrap, site.topic("cases"), site.partitions)).values())
        found = await reading.progress(site.dsn)
        if found is not None:
            advance("facts tracked", found.facts, facts)
        applied = found is not None and (found.facts, found.cases) == (facts, cases)
        pending = await reading.pending(site.dsn, site.now() + SETTLED) if applied else None
        if applied and pending == 0:
            return True
        if (state := (found, pending)) != seen:
            seen, limit = state, time.monotonic() + seconds
        await asyncio.sleep(0.5)
    return False


async def judge(
    site: Site, http: aiohttp.ClientSession, load: Ordinary, plan: "Plan", seen: "Seen", verdict: Verdict
) -> None:
    """Note every demand; what a service that has ended can't answer is left out, and its end is one that failed."""
    ended = site.ended()
    verdict.add("no process ended", not ended, some(ended) or "3 services, none")
    _latency(seen, load, verdict)
    _pulse(seen, verdict)
    _answers(seen, verdict)
    if "connections" in plan.parts:
        await connections.ended(seen.broken, seen.attack_began + SLOW_SECONDS)
        _connections(seen, verdict)
    said = "facts applied, published, looked at and folded"
    verdict.add("all work done", seen.quiet, said if seen.quiet else f"not all {said}")
    if ended or not seen.quiet:
        return
    await _broken_calls(site, http, load.busy + seen.posted.busy, verdict)
    await _counted(site, http, load, plan, seen, verdict)


def _latency(seen: "Seen", load: Ordinary, verdict: Verdict) -> None:
    alone, beside = percentile(seen.alone, 0.99), percentile(seen.beside, 0.99)
    times = beside / alone if alone else 0.0
    figures = (
        f"p99 {alone * 1000:.0f} ms alone ({len(seen.alone)} posts), {beside * 1000:.0f} ms beside the hostile load "
        f"({len(seen.beside)} posts): {times:.1f} times, at most {MOST_TIMES:.0f}; "
        f"half within {percentile(seen.beside, 0.5) * 1000:.0f} ms, 95 of 100 within "
        f"{percentile(seen.beside, 0.95) * 1000:.0f} ms, and 99 of 100 taken by intake within "
        f"{percentile(load.taken, 0.99) * 1000:.0f} ms"
    )
    good = 0 < times <= MOST_TIMES and not load.late
    verdict.add("ordinary posts are seen", good, figures + (f"; not seen: {some(load.late)}" if load.late else ""))


def _pulse(seen: "Seen", verdict: Verdict) -> None:
    for name, alone, beside in zip(SERVICES, seen.pulse_alone, seen.pulse, strict=True):
        bound = max(POLL_SECONDS, MOST_TIMES * alone["p99"])
        figures = (
            f"{beside['polls']:.0f} polls, {beside['failed']:.0f} without an answer, p99 {beside['p99'] * 1000:.0f} ms "
            f"({alone['p99'] * 1000:.0f} alone), longest {beside['max'] * 1000:.0f} ms"
        )
        verdict.add(f"/healthz of {name}", beside["p99"] <= bound and not beside["failed"], figures)


def _answers(seen: "Seen", verdict: Verdict) -> None:
    for name, asked in seen.asked.items():
        counts = ", ".join(f"{n} {kind}" for kind, n in sorted(asked.answers.items()))
        slowest = f"slowest {asked.slowest[0]:.1f} s ({asked.slowest[1]})"
        figures = f"{counts}; {slowest}" + (f"; {some(asked.failed)}" if asked.failed else "")
        verdict.add(f"answers to {name}", not asked.failed and bool(asked.answers), figures)


def _connections(seen: "Seen", verdict: Verdict) -> None:
    found, unended = seen.broken, connections.unended(seen.broken)
    figures = (
        f"{found.half_open} half-open, {found.dripped} dripped, {found.aborted} aborted, "
        f"{found.never_read} never read, {found.unreachable} refused; "
        f"borne with for {SLOW_SECONDS:.0f} s: {some(list(unended)) or 'none'}"
    )
    verdict.add("slow connections are ended", not unended, figures)
    refused = f"{found.greedy_refused} refused" + (f"; {some(found.greedy)}" if found.greedy else "")
    verdict.add("giant headers are refused", not found.greedy and found.greedy_refused > 0, refused)


async def _broken_calls(site: Site, http: aiohttp.ClientSession, busy: int, verdict: Verdict) -> None:
    """Intake counts no client that went away as a failure of its own: only the 503 that senders were told are there."""
    failures = 0.0
    async with http.get(f"{site.url('intake')}/metrics") as answer:
        for line in (await answer.text()).splitlines():
            if line.startswith("shixian_http_requests_total{") and "/v1/events" in line and 'status="5xx"' in line:
                failures += float(line.rpartition(" ")[2])
    figures = f"{failures:.0f} answers 5xx counted by intake, {busy} answers 503 told to senders"
    verdict.add("who goes away is no failure of ours", failures <= busy, figures)


async def _counted(
    site: Site, http: aiohttp.ClientSession, load: Ordinary, plan: "Plan", seen: "Seen", verdict: Verdict
) -> None:
    if "facts" in plan.parts and not plan.attacks:
        await _healed(site, http, plan, verdict)
    removed = await rows.remove(site.dsn)
    held, findings = await counted.logs(site), Findings()
    touched = sum((record.key or b"").startswith(rows.PREFIX.encode()) for record in held.cases)
    figures = f"{removed} of {plan.cases} found again, {touched} events of them"
    verdict.add("nothing touched the many cases", removed == plan.cases and not touched, figures)
    ours = await counted.ordinary(site, held, load, site.now(), findings)
    posted = sum(map(len, load.accepted))
    figures = f"{ours.facts} facts of {len(ours.cases)} cases, {posted} posted, {len(ours.cells)} counters"
    good = not findings.counts and ours.facts > 0
    verdict.add("every ordinary fact is counted", good, figures + (f"; {some(findings.lines)}" if not good else ""))
    wrong = await counted.told(site, http, ours)
    verdict.add("lists and reports tell the ordinary load", not wrong, some(wrong) or "tracker and stats agree with it")
    account = await counted.hostile(site, held, seen.posted.accepted, await _passed_over(site, http))
    figures = ", ".join(f"{n} {kind}" for kind, n in sorted(account.held.items())) or "none posted"
    figures += f", {seen.posted.refused} refused"
    lost = account.lost + seen.posted.wrong
    verdict.add("every hostile fact is accounted for", not lost, figures + (f"; {some(lost)}" if lost else ""))
    await site.stop()
    code, said = await commands.shixian({**os.environ, **site.env(), "SHIXIAN_NOW": site.now().isoformat()}, "audit")
    equal = said == "audit tracker: equal\naudit stats: equal\n"
    verdict.add("the audit finds nothing", code == 0 and equal, " ".join(said.split())[-300:])


async def _passed_over(site: Site, http: aiohttp.ClientSession) -> int:
    """How many records of the reference topic the tracker says that it could not take."""
    names = ("shixian_reference_unreadable_total ", "shixian_reference_rejected_total ")
    async with http.get(f"{site.url('tracker')}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return int(sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(names)))


async def _healed(site: Site, http: aiohttp.ClientSession, plan: "Plan", verdict: Verdict) -> None:
    """The organ was registered rightly in the end: all its requests stand as if it had been so from the start."""
    url, states = f"{site.url('tracker')}/v1/requests", dict[str, int]()
    due: set[str | None] = set()
    for number in range(plan.sizes.torn):
        async with http.get(f"{url}/hostile/torn/{number}") as answer:
            found = await answer.json() if answer.status == 200 else {"status": str(answer.status)}
        states[found["status"]] = states.get(found["status"], 0) + 1
        due.add(found.get("due_on"))
    figures = f"{TORN}: {', '.join(f'{n} {state}' for state, n in states.items())}; due on {sorted(map(str, due))}"
    verdict.add("a right reference heals", set(states) <= {"open", "overdue", "due-today"} and len(due) == 1, figures)
