"""The desk over APIs that are played here: what it asks, and what it says when they are away or refuse."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, get_args

import httpx
import msgspec
import pytest

from services.desk.apis import Apis
from services.desk.app import application
from services.desk.attention import KINDS as SHOWN
from services.desk.pages import Desk
from services.desk.words import LIMIT_WORDS, WORDS
from services.events.case_data import Limit
from services.events.office_cases import OfficeLimit
from services.runtime.health import Health
from services.runtime.problems import Problem
from services.runtime.web import new_registry
from services.stats.annual import Answer, Asked
from services.stats.cells import Cell, Number
from services.stats.forms.form import form_ids, load
from services.stats.render import Standing, encode
from services.stats.report import make_report
from services.stats.revisions import Because, Revision
from services.stats.sheet import sheet
from services.tracker.core.attention import KINDS
from tests.support import NOTHING_TO_DO
from tests.unit.test_stats_render import GZ, NAME, Page

Answering = Callable[[httpx.Request], httpx.Response]
BROKEN: dict[Cell, Number] = {
    Cell("a", 2013, "received", "fax", "business", "02"): 41,
    Cell("a", 2013, "tally", "proactive-published-full-text"): 7,
}
ORGANS = {"organs": [], "total": 0, "timezone": None, "next": None}
REQUESTS: dict[str, Any] = {"as_of": "2024-01-01T00:00:00Z", "requests": [], "next": None}


def client(
    answering: Answering, health: Health | None = None, counts: dict[str, Any] | None = NOTHING_TO_DO
) -> httpx.AsyncClient:
    health = health or Health()

    def with_the_rest(request: httpx.Request) -> httpx.Response:
        """What pages ask beside what a test is about."""
        if request.url.path in ("/v1/counts", "/v1/office") and answering is not away and counts is not None:
            return httpx.Response(200, json=counts)
        if request.url.path.endswith("/publications"):
            return httpx.Response(200, json={"publications": [], "proposed": None, "four_eyes": False})
        return answering(request)

    apis = Apis(
        {name: f"http://{name}.test" for name in ("intake", "tracker", "stats")},
        health,
        httpx.MockTransport(with_the_rest),
    )
    app: Any = application(Desk(apis), health, new_registry())
    transport = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(transport=transport, base_url="http://desk.test", headers={"accept": "text/html"})


def away(_request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


async def test_an_api_that_is_away_is_named_and_the_page_says_when_to_come_back() -> None:
    async with client(away) as desk:
        for path, service, lang, said in (
            ("/?lang=en", "tracker", "en", "What does not answer: tracker"),
            ("/requests/r%2F1", "tracker", "zh-CN", "没有应答的服务：跟踪服务"),
            ("/annual?lang=en", "stats", "en", "What does not answer: stats"),
            ("/annual/a/2013.xlsx?lang=en", "stats", "en", "What does not answer: stats"),
        ):
            page = await desk.get(path)
            assert (page.status_code, page.headers["retry-after"]) == (503, "5"), path
            assert page.headers["content-type"].startswith("text/html") and f'<html lang="{lang}">' in page.text
            assert said in page.text
            told = await desk.get(path, headers={"accept": "application/json"})
            assert told.headers["content-type"] == "application/problem+json"
            assert list(told.json()["parts"]) == [service]


async def test_what_an_api_refuses_is_refused_in_its_words_and_its_failure_is_no_fault_of_the_reader() -> None:
    def refusing(request: httpx.Request) -> httpx.Response:
        status = int(request.url.params["organ"]) if request.url.path == "/v1/requests" else 200
        if request.url.path != "/v1/requests":
            return httpx.Response(200, json=ORGANS)
        if status == 200:
            return httpx.Response(200, text="<html>a proxy's own page</html>")
        problem = Problem(type="about:blank", title="", status=status, detail="organ: <b>not</b> so")
        return httpx.Response(status, content=msgspec.json.encode(problem), headers={"retry-after": "10"})

    async with client(refusing) as desk:
        for status, shown in ((400, 400), (404, 404), (414, 414), (500, 502), (503, 503)):
            page = await desk.get(f"/?organ={status}&lang=en")
            assert page.status_code == shown
            assert "organ: &lt;b&gt;not&lt;/b&gt; so" in page.text and "<b>" not in page.text
        assert (await desk.get("/?organ=503")).headers["retry-after"] == "10"
        assert (await desk.get("/?organ=200")).status_code == 502, "an answer that is no JSON"


async def test_the_desk_is_ready_when_the_apis_are_not_and_says_which_answer() -> None:
    health = Health()

    def one(request: httpx.Request) -> httpx.Response:
        if request.url.host == "intake.test":
            return httpx.Response(200, json={"status": "ok"})
        if request.url.host == "tracker.test":
            detail = "postgres is away: no route"
            problem = Problem(type="about:blank", title="", status=503, detail=detail)
            return httpx.Response(503, content=msgspec.json.encode(problem))
        raise httpx.ConnectTimeout("slow")

    apis = Apis({name: f"http://{name}.test" for name in ("intake", "tracker", "stats")}, health)
    apis._client = httpx.AsyncClient(transport=httpx.MockTransport(one))
    for name in ("intake", "tracker", "stats"):
        await apis._look(name)
    ready, parts = health.ready()
    assert ready
    assert {name: part["state"] for name, part in parts.items()} == {
        "intake": "ok",
        "tracker": "waiting",
        "stats": "away",
    }
    assert "no route" in parts["tracker"]["reason"] and "http://stats.test" in parts["stats"]["reason"]
    health.part("disk").waiting("full")
    assert not health.ready()[0], "what it needs itself counts"


async def test_another_try_asks_the_same() -> None:
    async with client(away) as desk:
        page = await desk.get("/?lang=en&status=overdue&organ=a")
    assert page.status_code == 503 and 'href="?lang=en&amp;status=overdue&amp;organ=a">Try again</a>' in page.text


async def test_a_page_that_is_not_there_says_so_in_the_readers_language_and_leads_on() -> None:
    async with client(
        lambda _: httpx.Response(404, json={"title": "Not Found", "status": 404, "detail": "no such"})
    ) as desk:
        for lang, said in (("zh", "请核对编号和网址"), ("en", "look at the number and the address again")):
            page = await desk.get(f"/requests/none?lang={lang}")
            assert page.status_code == 404 and said in page.text and f'href="/?lang={lang}"' in page.text


async def test_narrowing_a_view_keeps_all_that_it_was_narrowed_by() -> None:
    def answering(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=ORGANS if request.url.path == "/v1/organs" else REQUESTS)

    given = {
        "status": "stopped",
        "organ": "a",
        "number": "n-1",
        "channel": "fax",
        "stopped_for": "fee",
        "due_from": "2026-01-01",
        "due_through": "2026-02-01",
        "order": "latest",
        "lang": "en",
    }
    async with client(answering) as desk:
        for more in ({}, {"stopped_for": "of-a-later-release", "unit": "u", "item": "i", "channel": "new"}):
            wanted = given | more
            page = (await desk.get("/", params=wanted)).text
            (form,) = re.findall(r'<form method="get" action="/" class="filter">(.*?)</form>', page, re.S)
            kept = dict(re.findall(r'<input [^>]*name="(\w+)" value="([^"]+)"', form))
            for name, options in re.findall(r'<select name="(\w+)">(.*?)</select>', form, re.S):
                kept |= dict.fromkeys([name], *re.findall(r'value="([^"]+)" selected', options))
            assert kept | {"organ": "a"} == wanted and "open" in form, "nothing else is shown than what was asked for"


async def test_the_board_asks_in_the_readers_words_and_keeps_the_filter() -> None:
    asked: list[httpx.URL] = []

    def answering(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        if request.url.path == "/v1/organs":
            codes = request.url.params.get_list("code")
            many = [{"code": c, "name": {"zh": "甲", "en": "A"}, "timezone": "Asia/Shanghai"} for c in codes]
            return httpx.Response(200, json={"organs": many, "total": 4000, "timezone": None, "next": "x"})
        item: dict[str, Any] = {"id": "r", "organ": "a&b", "status": "brand-new", "due_on": None, "received_on": None}
        item |= {
            "provisional": False,
            "waiting_for": "organ-registered a&b",
            "awaits": {"zh": "等待甲", "en": "A first"},
        }
        return httpx.Response(200, json={**REQUESTS, "requests": [item], "next": "next+1"})

    async with client(answering) as desk:
        page = await desk.get("/?organ=a%26b&status=overdue&lang=zh")
        assert page.status_code == 200
        assert "等待甲" in page.text and "brand-new" in page.text, "codes that are new are told as they stand"
        assert "?organ=a%26b&amp;cursor=next%2B1&amp;status=overdue&amp;lang=zh" in page.text
        assert "?organ=a%26b&amp;status=overdue&amp;lang=en" in page.text
        assert "2024-01-01 08:00:00+08:00" in page.text, "the organ's own clock"
        assert [u.params.get_list("code") for u in asked if "code" in u.params] == [["a&b"]]
        listed = next(u for u in asked if u.path == "/v1/requests")
        assert dict(listed.params) == {"status": "overdue", "organ": "a&b", "limit": "100"}


def shown(answer: Answer, asked: Asked) -> bytes:
    return encode(sheet(asked, answer, NAME, 3, Standing()))


@pytest.mark.parametrize("form_id", form_ids())
async def test_a_report_shows_every_number_of_its_form_and_opens_each(form_id: str) -> None:
    form = load(form_id)
    cells = {**BROKEN, Cell("a", 2013, "received", "post", "natural-person", "03"): 12_345}
    report = make_report(form, "a/b", 2013, "2014-01-01", cells, organs=["a"])
    asked = Asked("a/b", 2013, form, "2014-01-01", None, ("a", "c"), "tree")
    table, row, column = next((t, r, t.columns_of(r)[0]) for t in form.tables for r in t.rows)
    because = Because("r/1", 1, datetime(2014, 1, 2, tzinfo=UTC), "urn:x", "fix<1>")
    revision = Revision(table.id, row.id, column.id, 777_777, 5, [because] * 7)
    body = shown(Answer(report, cells, (), (revision,)), asked)
    async with client(lambda _request: httpx.Response(200, content=body)) as desk:
        for lang in ("zh", "en"):
            page = await desk.get(f"/annual/a%2Fb/2013?lang={lang}&form={form_id}")
            assert page.status_code == 200
            read = Page(page.text)
            assert "777777" in page.text
            opened = [x for x in read.links if x.startswith("/annual/a%2Fb/2013/cells/")]
            assert len(opened) == sum(len(t.columns_of(r)) for t in form.tables for r in t.rows)
            assert all(f"form={form_id}" in x for x in opened)
            assert {f"/annual/a%2Fb/2013.{s}?lang={lang}&form={form_id}" for s in ("json", "xlsx", "html")} <= {
                *read.links
            }
            assert "Some &lt;b&gt;Bureau&lt;/b&gt;" in page.text or lang == "zh"
            assert all(x.startswith("/static/") for x in read.loads)


async def test_what_fails_to_add_up_is_said_and_a_form_is_chosen() -> None:
    report = make_report(GZ, "a", 2013, "2014-01-01", BROKEN)
    body = shown(Answer(report, BROKEN), Asked("a", 2013, GZ, "2014-01-01", None, ("a",), "tree"))
    async with client(lambda _request: httpx.Response(200, content=body)) as desk:
        page = (await desk.get("/annual/a/2013?lang=zh")).text
    assert page.count('<li class="fails">') == 1 and "published-full-text 7 not &lt;= published 0" in page
    assert page.count('<li class="holds">') == len(GZ.checks) - 1
    assert all(f'<option value="{form}"' in page for form in form_ids())


async def test_a_form_without_values_asks_for_nothing_in_particular() -> None:
    asked: list[str] = []

    def answering(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.query.decode())
        return httpx.Response(404)

    async with client(answering) as desk:
        await desk.get("/annual/a/2013?form=&as_of=&reach=")
        await desk.get("/annual/a/2013.csv?form=x&as_of=&lang=en")
    assert asked == ["", "form=x&lang=en"]


@pytest.mark.parametrize("limit", (*get_args(Limit), *get_args(OfficeLimit)))
async def test_every_limit_has_its_word_on_a_request_s_page(limit: str) -> None:
    event = {
        "type": "org.shixian.due-date-set.v1",
        "sequence": 1,
        "recordedtime": "2026-11-20T00:00:00Z",
        "data": {"limit": limit, "due_on": "2026-12-01"},
    }
    for lang, name in (("zh", LIMIT_WORDS[limit].zh), ("en", LIMIT_WORDS[limit].en)):
        (line,) = await history_of([], lang, events=[event])
        assert f" {name} 2026-12-01" in line, "it is told by its word"


def test_each_word_is_said_in_both_languages() -> None:
    for name, label in WORDS.items():
        assert label.zh and label.en, name
        fields = [sorted(part.split("}")[0] for part in text.split("{")[1:]) for text in (label.zh, label.en)]
        assert fields[0] == fields[1], name


NUMBER: dict[str, Any] = {
    "form": "cn-2021",
    "organ": "a",
    "year": 2013,
    "as_of": "2014-01-01",
    "number": 1,
    "next": None,
}
NUMBER |= {"table": "t", "row": "r", "column": "c", "name": {"zh": "甲", "en": "A"}, "labels": []}
LISTS: dict[str, dict[str, Any]] = {
    "requests": {"request": "r/1", "organ": "a", "received_on": "2013-01-02", "due_on": None, "closed_on": None}
    | {"outcome": None, "timeliness": "late", "working_days": None},
    "reviews": {"review": "v", "kind": "complaint", "subject": "r/1", "filed_on": "2013-01-02"}
    | {"decided_on": None, "result": None},
    "tallies": {"id": "1", "source": "s", "organ": "a", "measure": "page-views", "on": "2013-01-02", "count": 2},
    "known": {"subject": "r/1", "count": -1},
}


@pytest.mark.parametrize("kind", [*LISTS, None])
async def test_what_is_behind_a_number_is_shown_whichever_it_is(kind: str | None) -> None:
    body = NUMBER | ({kind: [LISTS[kind]]} if kind else {})
    async with client(lambda _request: httpx.Response(200, json=body)) as desk:
        page = await desk.get("/annual/a/2013/cells/t/r/c?lang=en&form=cn-2021")
        assert page.status_code == 200
        assert ("Nothing." in page.text) == (kind is None)
        leads = "/requests/r%2F1?lang=en" in page.text
        assert leads == (kind in ("requests", "reviews", "known"))
        assert (await desk.get("/annual/a/2013/cells/t/r/c?format=json")).json() == body


NOTHING = dict.fromkeys(
    (
        "due_on",
        "overdue_from",
        "submitted_on",
        "received_on",
        "answered_on",
        "closed_on",
        "working_days",
        "due_on_other",
    )
)
LISTED: dict[str, list[Any]] = {name: [] for name in ("explanation", "days", "clocks", "dead_letters")}
REQUEST: dict[str, Any] = {"id": "r/1", "status": "closed", "organ": "a", "statute": "CN-2019", "channel": "post"}
REQUEST |= NOTHING | LISTED | {"outcome": "other", "as_of": "2024-01-01T00:00:00Z", "latest_due_on": "2023-04-03"}
REQUEST |= {"transferred_to": "b", "follows": [{"request": "r/0", "why": "re-filed"}], "followed_by": ["r/2"]}
REQUEST |= {"facts": [], "remarks": [], "rejected": []}
REQUEST["readings"] = [
    {
        "setting": "start-day",
        "value": "same-day",
        "due_on": "2023-03-28",
        "source": "s",
        "zh": "当日",
        "en": "that <day>",
    }
    | {"basis": {"zh": "条", "en": "art"}}
]


async def test_a_request_s_page_has_its_trail_its_latest_date_and_the_other_readings() -> None:
    asked: list[httpx.URL] = []

    def answering(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        if request.url.path == "/v1/organs":
            one = {"code": "b", "name": {"zh": "乙局", "en": "Bureau B"}, "timezone": "Asia/Shanghai"}
            return httpx.Response(200, json=ORGANS | {"organs": [one]})
        return httpx.Response(200, json=[] if request.url.path.endswith("/history") else REQUEST)

    async with client(answering) as desk:
        page = (await desk.get("/requests/r%2F1?lang=en")).text
    assert "Bureau B" in page and "2023-04-03" in page
    assert "that &lt;day&gt;" in page and "2023-03-28" in page and "art" in page
    assert all(f"/requests/r%2F{n}?lang=en" in page for n in (0, 2)) and "(filed again)" in page
    assert [url.params["missing"] for url in asked if url.path == "/v1/organs"] == ["skip"]


async def history_of(facts: list[dict[str, Any]], lang: str, **more: Any) -> list[str]:
    """The text of each entry of a request's timeline."""
    events = more.pop("events", [])

    def answering(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/organs":
            return httpx.Response(200, json=ORGANS)
        if request.url.path.endswith("/next"):
            return httpx.Response(200, json={"facts": []})
        found = events if request.url.path.endswith("/history") else REQUEST | {"facts": facts} | more
        return httpx.Response(200, json=found)

    async with client(answering) as desk:
        page = (await desk.get(f"/requests/r%2F1?lang={lang}")).text
    (entries,) = re.findall(r'<ol class="timeline".*?</ol>', page, re.DOTALL)
    return [" ".join(re.sub("<[^>]+>", " ", entry).split()) for entry in entries.split("<li ")[1:]]


def fact(name: str, id_: str, **data: Any) -> dict[str, Any]:
    at = f"2026-11-0{id_}T00:00:00Z"
    return {"type": f"org.shixian.{name}.v1", "source": "s", "id": id_, "recordedtime": at, "data": data}


async def test_what_a_fact_says_is_told_in_words_whatever_its_shape() -> None:
    facts = [
        fact("request-received", "1", follows=[{"request": "r1", "why": "split"}, {"request": "r2", "why": "new"}]),
        fact("clarification-received", "2", received_on="2026-11-02", excused=True),
        fact("of-a-later-release", "3", many=["a", "b"], one={"amount": 3, "until": "2026-11-30"}),
        fact("review-decided", "4", answer_within={"amount": 15, "unit": "working-day"}),
    ]
    zh, en = [" ".join(await history_of(facts, lang)) for lang in ("zh", "en")]
    assert "承接 r1 (分案)、 r2 (new)" in zh and "Follows r1 (split), r2 (new)" in en
    assert "逾期有正当理由 是" in zh and "Late with good cause yes" in en
    assert "15 个工作日" in zh and "15 working days" in en
    assert "many a、b" in zh and "many a, b" in en and "one 数量" in zh and "延至 2026-11-30" in zh
    assert not any(sign in text for sign in ("[", "{", "True") for text in (zh, en))


def recorded(id_: str, **data: Any) -> dict[str, Any]:
    about = {"cause": {"source": "s", "id": id_}, **data}
    return {"type": "org.shixian.fact-recorded.v1", "sequence": int(id_), "data": about}


async def test_a_fact_that_waits_is_said_to_wait_and_for_what() -> None:
    facts = [fact("receipt-confirmed", str(n), confirmed_on="2026-11-01") for n in (1, 2, 3)]
    events = [
        recorded("1", waiting_for="organ-registered x", awaits={"zh": "等待登记机关（x）", "en": "organ-registered x"}),
        recorded("2", waiting_for="request-received"),  # as it was written before there were words
        recorded("3", waiting_for=None),
    ]
    zh, en = [await history_of(facts, lang, events=events) for lang in ("zh", "en")]
    assert "事实已记录，尚待处理：等待登记机关（x）" in zh[0] and "and waits: organ-registered x" in en[0]
    assert "尚待处理：request-received" in zh[1] and "and waits: request-received" in en[1]
    assert not any("不影响期限" in one for one in zh[:2]) and not any("changed no date" in one for one in en[:2])
    assert "不影响期限" in zh[2] and "changed no date" in en[2]


async def test_what_needs_a_person_is_a_page_that_asks_what_was_chosen() -> None:
    asked: list[dict[str, str]] = []
    one = {"kind": "expected", "code": "expected", "since": "2023-03-05T20:00:00Z", "request": "r/1", "organ": "a"}
    said = {"zh": "移送待收", "en": "no receipt of <it> yet"}

    def answering(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/organs":
            there = {"code": "a", "name": {"zh": "甲", "en": "Bureau A"}, "timezone": "Asia/Shanghai", "parent": None}
            return httpx.Response(200, json=ORGANS | {"organs": [there], "total": 1})
        asked.append(dict(request.url.params))
        body = {"as_of": "2024-01-01T00:00:00Z", "attention": [one | said | {"source": "", "id": ""}], "next": "c/+"}
        return httpx.Response(200, json=body)

    async with client(answering) as desk:
        page = await desk.get("/attention?lang=en&kind=expected&organ=a&source=")
        assert page.status_code == 200
        assert asked == [{"kind": "expected", "organ": "a", "limit": "100"}]
        assert "2023-03-06" in page.text and "2023-03-05" not in page.text, "the day is the organ's"
        assert "no receipt of &lt;it&gt; yet" in page.text and "/requests/r%2F1?lang=en" in page.text
        assert '<option value="expected" selected>' in page.text
        assert '<option value="a" selected>Bureau A' in page.text, "an organ is chosen by its name"
        assert "cursor=c%2F%2B" in page.text and "kind=expected" in page.text
        assert "<small>Bureau A</small>" not in page.text, "all of it is that organ's"
        of_all = (await desk.get("/attention?lang=zh")).text
        assert "移送待收" in of_all and "<small>甲</small>" in of_all


async def test_nothing_that_needs_a_person_is_said_so_and_a_refusal_is_passed_on() -> None:
    def answering(request: httpx.Request) -> httpx.Response:
        if request.url.params.get("organ") == "nowhere":
            problem = Problem(
                type="about:blank", title="", status=400, detail="organ: no organ 'nowhere' is registered"
            )
            return httpx.Response(400, content=msgspec.json.encode(problem))
        if request.url.path == "/v1/organs":
            return httpx.Response(200, json=ORGANS)
        return httpx.Response(200, json={"as_of": "2024-01-01T00:00:00Z", "attention": []})

    async with client(answering) as desk:
        assert WORDS["nothing_needs_a_person"].en in (await desk.get("/attention?lang=en")).text
        refused = await desk.get("/attention?lang=en&organ=nowhere")
        assert refused.status_code == 400 and "no organ" in refused.text


def test_every_kind_that_the_tracker_lists_has_its_word_on_the_page() -> None:
    assert set(SHOWN) == set(KINDS)
    assert all(f"attention_{kind}" in WORDS for kind in KINDS)


YEAR: dict[str, Any] = {"year": 2025, "received": 3, "published": 0}
PAGE: dict[str, Any] = {"all": 1, "found": 1, "page": 1, "pages": 1}


def home(*years: dict[str, Any]) -> dict[str, Any]:
    """A page of the annual reports with one organ."""
    one = {"code": "a&b", "name": {"zh": "甲局", "en": "Bureau A"}, "this_year": 2026, "parent": None}
    return PAGE | {"organs": [one | {"years": list(years)}]}


async def test_the_home_of_the_years_says_what_is_missing_for_each_and_what_needs_a_person() -> None:
    rule = {"rule": "R1", "label": {"zh": "相等", "en": "one <is> two"}, "severity": "error"}
    lacking = {"open": 4, "failing": [rule], "proposed_by": "user:li", "unconfirmed": 106}
    nothing = {"open": 0, "failing": [], "proposed_by": ""}
    body = home(
        YEAR | {"year": 2026, "missing": nothing},
        YEAR | {"missing": lacking},
        YEAR | {"year": 2024, "missing": nothing},
        YEAR | {"year": 2023, "published": 1},
    )
    asked: list[httpx.URL] = []

    def answering(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return httpx.Response(200, json=body)

    async with client(answering, counts={"attention_by_organ": {"a&b": 7}}) as desk:
        page = (await desk.get("/annual?lang=en")).text
    assert asked[0].params["missing"] == "true"
    assert "106 without a confirmed receipt, and so in no row of the report" in page
    assert "4 not ended" in page and "one &lt;is&gt; two <small>R1</small>" in page and "proposed by user:li" in page
    assert page.count("everything adds up: it can be published") == 1, "of the year that is over"
    assert page.count("everything adds up so far") == 1
    assert "/attention?lang=en&amp;organ=a%26b" in page and "Needs a person 7" in page


async def test_the_home_of_the_years_is_there_without_the_tracker() -> None:
    def answering(request: httpx.Request) -> httpx.Response:
        if request.url.host == "tracker.test":
            raise httpx.ConnectError("refused")
        return httpx.Response(200, json=home(YEAR))

    async with client(answering, counts=None) as desk:
        page = await desk.get("/annual?lang=en")
    assert page.status_code == 200 and "Bureau A" in page.text


async def test_this_year_stands_beside_last_year_through_the_same_day_and_says_on_which_basis() -> None:
    report = make_report(GZ, "a", 2013, "2013-11-26", BROKEN)
    body = shown(Answer(report, BROKEN), Asked("a", 2013, GZ, "2013-11-26", None, ("a",), "tree"))
    now = {"year": 2013, "through": "2013-11-26", "received": 41, "ended": 9, "in_time": 7, "late": 2}
    then = now | {"year": 2012, "through": "2012-11-26", "received": 38}
    asked: list[httpx.URL] = []

    def answering(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        if request.url.path.endswith("/same-day"):
            return httpx.Response(200, json={"this": now, "last": then, "basis": "legal-dates"})
        return httpx.Response(200, content=body)

    async with client(answering) as desk:
        page = (await desk.get("/annual/a/2013?lang=en")).text
        assert "through 2012-11-26" in page and "+3" in page and "±0" in page
        assert "by the days of receipt and of the end" in page
        asked.clear()
        await desk.get("/annual/a/2013?lang=en&as_of=2013-10-01")
    assert not any(url.path.endswith("/same-day") for url in asked), "of the past as it was known it is not asked"


async def test_the_board_says_how_many_steps_were_given_back_to_the_office() -> None:
    counts = NOTHING_TO_DO | {"steps": {"": 3, "u": 2}}
    async with client(lambda request: httpx.Response(200, json=ORGANS | REQUESTS), counts=counts) as desk:
        page = (await desk.get("/?lang=en")).text
    assert "returned, to be given again 3</span> · <a" in page and "u 2</a></p>" in page


async def test_duties_are_a_page_with_what_is_late_marked_by_the_day_of_the_organ() -> None:
    one = {
        "duty": "d/1",
        "request": "r/1",
        "organ": "a",
        "kind": "publication",
        "event_on": "2025-11-01",
        "article": "26",
    }
    title = {"zh": "主动公开政府信息", "en": "publish <it>"}
    listed = [
        one | {"title": title, "due_on": "2025-11-29", "about": "v/1"},
        one | {"duty": "d/2", "due_on": "2025-11-30", "kind": "of-a-later-release"},
        one | {"duty": "d/3"},
        one | {"request": "r/2", "due_on": "2025-12-09"},
    ]
    asked: list[dict[str, str]] = []

    def answering(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/organs":
            there = {"code": "a", "name": {"zh": "甲", "en": "A"}, "timezone": "Asia/Shanghai", "parent": None}
            return httpx.Response(200, json=ORGANS | {"organs": [there], "total": 1})
        asked.append(dict(request.url.params))
        return httpx.Response(200, json={"as_of": "2025-11-29T17:00:00Z", "duties": listed, "next": "c+"})

    async with client(answering) as desk:
        page = (await desk.get("/duties?lang=en&organ=a")).text
    assert asked == [{"organ": "a", "limit": "100"}]
    assert page.count('<span class="status overdue">') == 1, "it is the 30th there, and the like of r/2 is not late"
    assert "publish &lt;it&gt;" in page and "of-a-later-release" in page and "v/1" in page and "d/3" in page
    assert "/requests/r%2F1?lang=en" in page and "cursor=c%2B" in page and '<option value="a" selected>' in page
