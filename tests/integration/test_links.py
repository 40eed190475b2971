"""Links on the pages, followed: identifiers are the authorities' own, and may hold whatever means a thing in a URL."""

import asyncio
from html.parser import HTMLParser
from urllib.parse import parse_qs, unquote, urljoin, urlsplit
from uuid import uuid4

import msgspec
from aiokafka import AIOKafkaProducer

from services.events.topics import create_topics, topics
from tests.support import ORGAN, ServiceProcess, desk_at, eventually, raw, received, service

ORGANS = ("a/b", "x?y=z", "c#d", "e%2Ff", "公安 局", "../up", "i.html", "<j>&k")
REQUESTS = ("r/1", "/r", "r/", "r//1", "../r", "r?a=b", "r#1", "r%41", "申请 1", "r+1&2", "r;1:@", "r.json", "<r>'\"")


class Links(HTMLParser):
    """The links of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("href", "src", "action") and value]

    def handle_data(self, data: str) -> None:
        self.text += data


def page(at: ServiceProcess, url: str) -> Links:
    answer = at.http.get(url, headers={"accept": "text/html"}, follow_redirects=True)
    assert answer.status_code == 200, (url, answer.text)
    return Links(answer.text)


def crawl(at: ServiceProcess, most: int) -> set[str]:
    """Every page that links lead to from the first one, each looked at once; none leads to another service."""
    seen: set[str] = set()
    waiting = [f"{at.url}/?status="]
    while waiting and len(seen) < most:
        url = waiting.pop(0)
        if url in seen:
            continue
        seen.add(url)
        assert url.startswith(f"{at.url}/"), url
        answer = at.http.get(url, headers={"accept": "text/html"})
        assert answer.status_code == 200, (url, answer.text)
        # The page to print is for those who got it as a file: it leads back to the desk's public address.
        if answer.headers["content-type"].startswith("text/html") and ".html?" not in url:
            found = Links(answer.text).found
            waiting += [urljoin(str(answer.url), link).partition("#")[0] for link in found if "lang=en" not in link]
    return seen


def test_each_link_leads_where_it_should(kafka: str, postgres: str) -> None:
    env = {
        "SHIXIAN_KAFKA": kafka,
        "SHIXIAN_POSTGRES": postgres,
        "SHIXIAN_TOPIC_PREFIX": f"l{uuid4().hex[:8]}.",
        "SHIXIAN_PARTITIONS": "2",
        "SHIXIAN_NOW": "2013-03-22T08:00:00+08:00",
    }
    facts = [raw("organ-registered", code, {**ORGAN, "code": code}) for code in ORGANS]
    facts += [received(id_, "2013-03-01", organ=ORGANS[n % len(ORGANS)]) for n, id_ in enumerate(REQUESTS)]
    asyncio.run(write(env, facts))
    with (
        service("tracker", env) as tracker,
        service("stats", {**env, "SHIXIAN_TRACKER_URL": tracker.url}) as stats,
        desk_at(tracker=tracker, stats=stats) as desk,
    ):
        tracker.wait_ready()
        stats.wait_ready()
        eventually(lambda: all(r in page(desk, "/?lang=zh").text for r in REQUESTS) or None)
        listed = page(desk, "/?lang=zh")
        for id_ in REQUESTS:
            (link,) = [
                x for x in listed.found if x.startswith("/requests/") and unquote(x[10:].partition("?")[0]) == id_
            ]
            shown = page(desk, link)
            assert id_ in shown.text
            (json_link,) = [x for x in shown.found if "format=json" in x]
            assert desk.get(urljoin(link, json_link))["id"] == id_
        years = "/annual?lang=zh"
        eventually(lambda: len([x for x in page(desk, years).found if "/2013?" in x]) == len(ORGANS) or None)
        seen = crawl(desk, 150)
        assert len(seen) >= 150
        for code in ORGANS:
            links = [x for x in page(desk, years).found if unquote(x).startswith(f"/annual/{code}/2013?")]
            report = page(desk, links[0])
            cell = next(x for x in report.found if "/cells/requests/received/" in x)
            assert parse_qs(urlsplit(cell).query)["lang"] == ["zh"]
            behind = desk.get(urljoin(cell, next(x for x in page(desk, cell).found if "format=json" in x)))
            wanted = [r for n, r in enumerate(REQUESTS) if ORGANS[n % len(ORGANS)] == code]
            assert [item["request"] for item in behind["requests"]] == sorted(wanted)
            for item in behind["requests"]:
                path = item["explanation"].partition("/v1/requests/")[2]
                assert tracker.get(f"/v1/requests/{path}")["id"] == item["request"]
            for suffix in ("xlsx", "html"):
                file = next(x for x in report.found if f"/2013.{suffix}?" in x)
                assert desk.http.get(file).status_code == 200


async def write(env: dict[str, str], facts: list[dict[str, object]]) -> None:
    prefix = env["SHIXIAN_TOPIC_PREFIX"]
    await create_topics(env["SHIXIAN_KAFKA"], topics(prefix, 2, 1))
    async with AIOKafkaProducer(bootstrap_servers=env["SHIXIAN_KAFKA"], acks="all") as producer:
        for fact in facts:
            topic = f"{prefix}{'reference' if 'organ-registered' in str(fact['type']) else 'facts'}"
            await producer.send_and_wait(topic, msgspec.json.encode(fact), key=str(fact["subject"]).encode())
