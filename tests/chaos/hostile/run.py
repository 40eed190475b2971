"""One hostile run: the ordinary load alone, then everything hostile beside it, then what is left of both."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp

from tests.chaos.hostile import connections, judging, posting, reads, rows
from tests.chaos.hostile.connections import Broken
from tests.chaos.hostile.facts import SHORT as SHORT_SIZES
from tests.chaos.hostile.facts import TORN, Attack, Sizes, attacks, calls_of, organ
from tests.chaos.hostile.ordinary import Ordinary
from tests.chaos.hostile.posting import Posted
from tests.chaos.hostile.pulse import Pulse
from tests.chaos.hostile.reads import Asked
from tests.chaos.hostile.site import SERVICES, Site
from tests.chaos.hostile.verdict import Verdict
from tests.support import raw

PARTS = ("facts", "connections", "strange", "lists", "previews")
QUIET_SECONDS = 600.0
WARM_SECONDS = 2.0
MOST_TIMES_LONGER = 3.0
"""How many times the plan's seconds it may take to ask everything once."""
LOOK_SECONDS = 0.5

Advance = Callable[[str, int, int], None]
"""Takes a stage of the run, what of it is done, and what there is."""


@dataclass(frozen=True)
class Plan:
    """How much of everything."""

    seed: int = 1
    cases: int = 1_000_000
    """Rows put straight into the tracker's table."""
    alone_seconds: float = 30.0
    seconds: float = 120.0
    """The least time with the hostile load."""
    rate: float = 10.0
    sizes: Sizes = field(default_factory=Sizes)
    broken: connections.Counts = field(default_factory=connections.Counts)
    parts: tuple[str, ...] = PARTS
    attacks: tuple[str, ...] = ()
    """Only these kinds of facts, by the beginning of their name; empty: all."""
    quiet_seconds: float = QUIET_SECONDS


SHORT = Plan(
    cases=20_000,
    alone_seconds=5,
    seconds=10,
    sizes=SHORT_SIZES,
    broken=connections.SHORT,
    quiet_seconds=60,
)


@dataclass
class Seen:
    """What a run saw while it went on."""

    alone: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    """Seconds from an ordinary post to its being seen, without and with the hostile load."""
    pulse_alone: list[dict[str, float]] = field(default_factory=list)
    pulse: list[dict[str, float]] = field(default_factory=list)
    posted: Posted = field(default_factory=Posted)
    broken: Broken = field(default_factory=Broken)
    asked: dict[str, Asked] = field(default_factory=dict)
    connecting: asyncio.Task[None] | None = None
    hang_up: asyncio.Event = field(default_factory=asyncio.Event)
    attack_began: float = 0.0
    quiet: bool = False


async def hostile(site: Site, plan: Plan, advance: Advance = lambda _stage, _done, _all: None) -> Verdict:
    """Start the services, do it all, and end them; raises only what kept the run from its end."""
    began, seen, verdict = time.monotonic(), Seen(), Verdict(plan.seed)
    load, pulse = Ordinary(site, plan.seed, plan.rate), Pulse([site.url(name) for name in SERVICES])
    try:
        await site.start()
        async with _client() as http:
            await _prepare(site, http, load, plan, advance)
            await pulse.start()
            stop = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                group.create_task(load.run(http, stop, seen.alone))
                await asyncio.sleep(plan.alone_seconds)
                stop.set()
            seen.pulse_alone = await pulse.window()
            stop = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                group.create_task(load.run(http, stop, seen.beside))
                await _attack(site, plan, seen)
                stop.set()
            seen.quiet = await judging.quiet(site, plan.quiet_seconds, advance)
            seen.pulse = await pulse.window()
            await judging.judge(site, http, load, plan, seen, verdict)
    finally:
        seen.hang_up.set()
        if seen.connecting is not None:
            await seen.connecting
        await pulse.stop()
        await site.stop()
    verdict.seconds = time.monotonic() - began
    return verdict


@asynccontextmanager
async def _client() -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=False, connector=aiohttp.TCPConnector(limit=0)) as http:
        yield http


async def _prepare(site: Site, http: aiohttp.ClientSession, load: Ordinary, plan: Plan, advance: Advance) -> None:
    """Organs, the many cases, and the ordinary organs' own facts."""
    codes = ("hostile", TORN)
    known = [raw("organ-registered", c, organ(c), id=f"{c}-organ", source="urn:shixian:bulk") for c in codes]
    setup = Attack("organs", [rows.organs(), *calls_of(known, 10)])
    posted = await posting.post(site, http, [setup])
    if posted.wrong:
        raise RuntimeError(f"the organs were not taken: {posted.wrong}")
    done = 0

    def copied(count: int) -> None:
        nonlocal done
        done += count
        advance("cases", done, plan.cases)

    if plan.cases:
        await rows.organs_looked_over(site.dsn, site.partitions, plan.quiet_seconds)
        await rows.put(site.dsn, plan.cases, site.now(), copied)
    await load.register(http)
    # What a first call costs, and a worker that has just joined, is not what is measured.
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(load.run(http, stop, []))
        await asyncio.sleep(WARM_SECONDS)
        stop.set()


async def _attack(site: Site, plan: Plan, seen: Seen) -> None:
    """Everything hostile at once, for at least the plan's seconds and until all of it is posted and asked."""
    stop = asyncio.Event()
    ports = {name: site.port(name) for name in SERVICES}
    given_up = time.monotonic() + MOST_TIMES_LONGER * plan.seconds
    chosen = [a for a in attacks(plan.seed, plan.sizes) if not plan.attacks or a.name.startswith(plan.attacks)]

    async def until_over() -> None:
        limit = time.monotonic() + plan.seconds
        while time.monotonic() < limit and not site.ended():  # noqa: ASYNC110 - looked at by the way
            await asyncio.sleep(0.1)
        stop.set()

    async def facts(http: aiohttp.ClientSession) -> None:
        seen.posted = await posting.post(site, http, chosen, plan.seconds)

    async def strange(http: aiohttp.ClientSession) -> None:
        seen.asked["strange paths"] = await reads.ask_strange(site, http)

    async def heavy(http: aiohttp.ClientSession) -> None:
        seen.asked["lists and feeds"] = await reads.ask_heavy(site, http, stop, given_up)

    async def previews(http: aiohttp.ClientSession) -> None:
        seen.asked["previews"] = await reads.ask_previews(site, http, stop, given_up)

    if "connections" in plan.parts:
        # They go on after the rest: how long a service bears with them is part of the question.
        seen.attack_began = time.monotonic()
        seen.connecting = asyncio.create_task(connections.attack(ports, plan.broken, seen.hang_up, seen.broken))
    async with _client() as http, asyncio.TaskGroup() as group:
        group.create_task(until_over())
        if "facts" in plan.parts:
            group.create_task(facts(http))
        for part, asking in (("strange", strange), ("lists", heavy), ("previews", previews)):
            if part in plan.parts:
                group.create_task(asking(http))


def changed(plan: Plan, **given: Any) -> Plan:
    """A plan with some of it said otherwise; None leaves a thing as it is."""
    return replace(plan, **{name: value for name, value in given.items() if value is not None})
