"""Questions that are meant to hurt: what no route expects, lists and feeds of everything, previews without measure."""

import asyncio
import base64
import itertools
import time
from collections import Counter
from dataclasses import dataclass, field

import aiohttp
import msgspec
from yarl import URL

from tests.chaos.hostile.facts import DAY
from tests.chaos.hostile.rows import codes
from tests.chaos.hostile.site import Site

ANSWER_SECONDS = 30.0
READERS = 3
STATUSES = ("open", "overdue", "due-today", "stopped", "unconfirmed", "waiting", "answered", "closed", "unfinished")


@dataclass
class Asked:
    """What was answered."""

    answers: Counter[str] = field(default_factory=Counter)
    """By class of status."""
    failed: list[str] = field(default_factory=list)
    """Answers 5xx other than a 503 that says when to come again, and what got no answer."""
    slowest: tuple[float, str] = (0.0, "")
    """Seconds, and of what."""

    def add(self, what: str, status: int, seconds: float, *, again: bool = False) -> None:
        """Note one answer; status 0: there was none."""
        self.answers[f"{status // 100}xx" if status else "none"] += 1
        if status == 0 or (status >= 500 and not (status == 503 and again)):
            self.failed.append(f"{status or 'no answer'}: {what} after {seconds:.1f} s")
        self.slowest = max(self.slowest, (seconds, what))


def strange() -> list[tuple[str, str]]:
    """Paths with what no database takes and no page gave: service and path."""
    bad = base64.urlsafe_b64encode(msgspec.json.encode(("2024-01-01", "\x00"))).decode()
    tracker = [
        "/v1/requests/%00",
        "/requests/%00",
        "/v1/requests/%00/history",
        "/v1/requests?organ=%00",
        "/v1/requests?organ=a%00b",
        f"/v1/requests?cursor={bad}",
        "/v1/requests?cursor=%00",
        "/v1/requests/%ff%fe",
        "/v1/requests?due_from=0001-01-01&due_through=9999-12-31",
        "/v1/requests?limit=99999999999999999999",
        "/v1/deadlines.ics?organ=%00",
        "/v1/organs?code=%00",
        "/v1/requests/" + "x" * 5000,
    ]
    stats = [
        "/v1/annual/%00/2023",
        "/v1/annual/gz%00/2023",
        "/v1/annual/ordinary-0/%00",
        "/v1/annual/ordinary-0/2023/organs?q=%00",
        "/v1/annual/ordinary-0/2023?as_of=%00",
        "/annual/%00/2023",
        "/?q=%00",
        "/v1/annual/ordinary-0/99999999999999",
    ]
    return [("tracker", path) for path in tracker] + [("stats", path) for path in stats]


def heavy() -> list[tuple[str, str]]:
    """Lists, feeds and pages over everything there is."""
    lists = [f"/v1/requests?status={status}&limit=1000" for status in STATUSES]
    lists += [f"/v1/requests?status={status}&organ={codes()[3]}&limit=1000" for status in ("overdue", "unfinished")]
    lists += ["/v1/requests?limit=1000", "/v1/requests?due_from=2024-06-01&due_through=2024-07-15&limit=1000"]
    lists += [
        "/v1/deadlines.ics",
        f"/v1/deadlines.ics?organ={codes()[5]}",
        "/v1/rejections?limit=1000",
        "/v1/organs?limit=1000",
    ]
    lists += ["/v1/requests?status=overdue", "/v1/requests/hostile/huge", "/v1/requests/hostile/fan", "/metrics"]
    own = [
        "/v1/annual/ordinary-0/2023",
        "/v1/annual/hostile/2024?form=cn-2021",
        "/v1/annual/hostile",
        "/metrics",
        "/v1/annual",
    ]
    own.append("/v1/annual/hostile/2024/sheet?form=cn-2021")
    return [("tracker", path) for path in lists] + [("stats", path) for path in own]


def previews() -> list[bytes]:
    """Cases that nobody has: very many consultations, and very many days off."""
    received = {"organ": "hostile", "channel": "post", "applicant": "business", "submitted_on": DAY}
    first = {"type": "request-received", "data": received}
    found = []
    for count in (400, 5000, 20_000):
        opened = [
            {
                "type": "consultation-opened",
                "data": {"consultation": f"c{n}", "party": "third-party", "sent_on": DAY},
            }
            for n in range(count)
        ]
        found.append(msgspec.json.encode({"statute": "CN", "facts": [first, *opened], "as_of": "2024-06-28"}))
    days = [f"{2000 + n // 336}-{1 + n // 28 % 12:02}-{1 + n % 28:02}" for n in range(50_000)]
    calendar = {"days_off": days, "working_days": days}
    case = {"statute": "CN", "facts": [first], "as_of": "2024-06-28", "calendar": calendar}
    return [*found, msgspec.json.encode(case)]


async def ask_strange(site: Site, http: aiohttp.ClientSession) -> Asked:
    """Each strange path once."""
    found = Asked()
    for service, path in strange():
        await _get(site, http, service, path, found)
    return found


async def ask_heavy(site: Site, http: aiohttp.ClientSession, stop: asyncio.Event, given_up: float) -> Asked:
    """The heavy ones round and round, several at a time, until ``stop``; each at least once, unless the time (of the
    monotonic clock) comes at which it is given up."""
    found, paths = Asked(), itertools.cycle(heavy())
    left = len(heavy())

    async def reader() -> None:
        nonlocal left
        while (left > 0 or not stop.is_set()) and time.monotonic() < given_up:
            left -= 1
            await _get(site, http, *next(paths), found)

    async with asyncio.TaskGroup() as group:
        for _ in range(READERS):
            group.create_task(reader())
    if left > 0:
        found.failed.append(f"{left} of {len(heavy())} not asked in time")
    return found


async def ask_previews(site: Site, http: aiohttp.ClientSession, stop: asyncio.Event, given_up: float) -> Asked:
    """The previews round and round until ``stop``; each at least once, as JSON and as the text of a form."""
    found, bodies = Asked(), [(body, kind) for body in previews() for kind in ("application/json", "text/plain")]
    for number, (body, kind) in enumerate(itertools.cycle(bodies)):
        if number >= len(bodies) and stop.is_set():
            return found
        if time.monotonic() > given_up:
            found.failed.append(f"{len(bodies) - number} of {len(bodies)} not asked in time")
            return found
        began = asyncio.get_running_loop().time()
        what = f"preview of {len(body)} bytes as {kind}"
        try:
            url = f"{site.url('tracker')}/v1/preview"
            async with http.post(url, data=body, headers={"content-type": kind}, timeout=_LIMIT) as answer:
                await answer.read()
                again = "Retry-After" in answer.headers
                found.add(what, answer.status, asyncio.get_running_loop().time() - began, again=again)
        except TimeoutError:
            found.add(what, 0, asyncio.get_running_loop().time() - began)
        except (aiohttp.ClientError, OSError):  # a refusal before the whole body was read ends the connection
            found.add(what, 0 if site.ended() else 400, asyncio.get_running_loop().time() - began)
        await asyncio.sleep(0.1)
    raise AssertionError("the previews never end")


_LIMIT = aiohttp.ClientTimeout(total=ANSWER_SECONDS)


async def _get(site: Site, http: aiohttp.ClientSession, service: str, path: str, found: Asked) -> None:
    began = asyncio.get_running_loop().time()
    try:
        async with http.get(URL(site.url(service) + path, encoded=True), timeout=_LIMIT) as answer:
            async for _ in answer.content.iter_chunked(1 << 16):
                pass
            took = asyncio.get_running_loop().time() - began
            found.add(f"{service} {path[:80]}", answer.status, took, again="Retry-After" in answer.headers)
    except (aiohttp.ClientError, OSError):
        found.add(f"{service} {path[:80]}", 0, asyncio.get_running_loop().time() - began)
        await asyncio.sleep(0.2)
