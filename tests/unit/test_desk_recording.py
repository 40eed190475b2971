"""Forms at the desk over APIs that are played here: what they send, and what they ask before that."""

import html
import re
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import httpx
import msgspec
import pytest

from services.desk import taken
from services.desk.apis import Apis
from services.desk.app import application
from services.desk.form_page import with_codes
from services.desk.pages import Desk
from services.desk.rendering import trouble
from services.events.codec import decode_fact
from services.events.envelope import type_of
from services.events.refusals import FieldError, Values
from services.runtime.health import Health
from services.runtime.problems import FieldProblem, ProblemError, encoded, field_problem
from services.runtime.web import new_registry
from tests.support import NOTHING_TO_DO
from tests.unit.test_desk import REQUEST

FACT = {
    "type": type_of("answer-issued"),
    "source": "s",
    "id": "a",
    "recordedtime": "2026-11-20T00:00:00Z",
    "data": {"outcome": "granted", "answered_on": "2026-11-20", "service": "handed"},
}
OPEN: dict[str, Any] = REQUEST | {
    "days": [],
    "facts": [FACT],
    "reviews": [
        {"review": "r/1/review-1", "decided_on": "2026-11-10", "delivered_on": None},
        {"review": "r/1/review-2", "decided_on": None, "delivered_on": None},
        {"review": "r/1/review-3", "decided_on": "2026-11-10", "delivered_on": "2026-11-12"},
    ],
    "duties": [{"duty": "d-1", "done_on": "2026-11-01"}, {"duty": "d-2", "done_on": None}],
}
STANDING = dict.fromkeys(
    ("status", "organ", "received_on", "due_on", "latest_due_on", "answered_on", "closed_on", "outcome", "timeliness"),
    "a",
)
QUIET: dict[str, Any] = {
    "before": STANDING,
    "after": STANDING,
    "remarks": [],
    "rejected": [],
    "known": False,
    "moves_ended": False,
    "years": [],
    "article": "",
}


class Played:
    """The APIs with one request, what a fact would do, which years are published, and what was posted."""

    def __init__(self, published: tuple[int, ...] = (), **proposal: Any) -> None:
        self.published, self.proposal = published, QUIET | proposal
        self.posted: list[dict[str, Any]] = []
        self.refused: FieldError | None = None
        """What intake has against it."""
        apis = Apis({n: f"http://{n}.test" for n in ("intake", "tracker", "stats")}, Health(), self.transport())
        app: Any = application(Desk(apis), Health(), new_registry())
        headers = {"accept": "text/html"}
        self.desk = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://desk.test", headers=headers
        )

    def transport(self) -> httpx.MockTransport:
        """What answers."""
        return httpx.MockTransport(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """One answer."""
        path = request.url.path
        match path.rpartition("/")[2]:
            case "preview":
                decode_fact(msgspec.json.encode(msgspec.json.decode(request.content)["fact"]))
                return httpx.Response(200, json=self.proposal)
            case "events" if self.refused is not None:
                problem = ProblemError(
                    422, "events refused", kind="events-refused", errors=[field_problem(self.refused)]
                )
                return httpx.Response(422, content=encoded(problem))
            case "events":
                self.posted.append(msgspec.json.decode(request.content))
                return httpx.Response(202, json={"accepted": 1, "events": []})
            case "publications":
                there = [{"number": 1}] if int(path.split("/")[-2]) in self.published else []
                return httpx.Response(200, json={"publications": there, "proposed": None, "four_eyes": False})
            case "organs":
                return httpx.Response(200, json={"organs": [], "total": 0, "timezone": None, "next": None})
            case "facts":
                return httpx.Response(200, json={"status": "decided"})
            case "office" | "counts":
                return httpx.Response(200, json=NOTHING_TO_DO)
            case _:
                return httpx.Response(200, json=OPEN)

    async def form(self, **query: str) -> dict[str, str]:
        """What an empty form of the request begins with."""
        page = await self.desk.get("/requests/r%2F1", params={"lang": "en", **query})
        assert page.status_code == 200, page.text
        return filled(page.text)

    async def send(self, fields: Mapping[str, str], *buttons: str, lang: str = "en") -> httpx.Response:
        """Press a button of the form after the boxes that are to be ticked."""
        *boxes, do = buttons
        ticked = dict.fromkeys(boxes, "1")
        return await self.desk.post(f"/requests/r%2F1?lang={lang}", data={**fields, **ticked, "do": do})


def filled(page: str) -> dict[str, str]:
    """The fields of a page's form, with the values that they have."""
    inputs = re.findall(r'<input(?! type="checkbox")[^>]* name="(\w+)"[^>]*? value="([^"]*)"', page)
    chosen = re.findall(r'<select[^>]* name="(\w+)".*?</select>', page, re.S)
    found = dict(inputs)
    for name in chosen:
        part = page.split(f'name="{name}"')[1].split("</select>")[0]
        found[name] = next(iter(re.findall(r'value="([^"]*)" selected', part)), "")
    return found


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("duty-done", {"duty": "d-2", "done_on": "2024-01-01"}),
        ("review-decision-delivered", {"review": "r/1/review-1", "delivered_on": "2024-01-01"}),
        ("review-decided", {"review": "r/1/review-2", "decided_on": "2024-01-01", "result": "upheld"}),
    ],
)
async def test_what_is_open_stands_in_the_form_already_and_is_posted_as_one_fact(
    name: str, wanted: dict[str, str]
) -> None:
    played = Played()
    fields = await played.form(record=name)
    if "result" in wanted:
        fields["result"] = "upheld"
    looked = await played.send(fields, "preview")
    assert looked.status_code == 200 and not played.posted, "it is only looked at"
    sent = await played.send(filled(looked.text), "send")
    assert sent.status_code == 303 and f"recorded={name}" in sent.headers["location"]
    (fact,) = played.posted
    assert fact["type"] == type_of(name) and fact["subject"] == "r/1" and fact["data"] == wanted


@pytest.mark.parametrize("published", [(), (2026,)])
async def test_a_correction_that_moves_an_ended_case_or_a_published_year_asks_twice(published: tuple[int, ...]) -> None:
    played = Played(published, moves_ended=True, years=[2025, 2026])
    fields = await played.form(record="fact-corrected", source="s", id="a")
    assert fields["answered_on"] == "2026-11-20" and fields["outcome"] == "granted", "it begins with what holds"
    fields["answered_on"] = "2026-11-18"
    looked = await played.send(fields, "preview")
    assert "in the years: 2025, 2026" in looked.text and 'name="despite_ended"' in looked.text
    assert ("Published of these: 2026" in looked.text) is bool(published)
    assert looked.text.count("2026-11-20") == 0, "the form keeps what was entered"
    fields = filled(looked.text)
    again = await played.send(fields, "send")
    assert again.status_code == 200 and "Look again" in again.text and not played.posted
    sent = await played.send(fields, "despite_ended", "send")
    assert sent.status_code == 303
    (fact,) = played.posted
    assert fact["data"]["amends"] == {"source": "s", "id": "a"}
    assert fact["data"]["data"]["answered_on"] == "2026-11-18"


async def test_what_was_changed_after_it_was_looked_at_is_looked_at_again() -> None:
    played = Played()
    fields = await played.form(record="duty-done")
    looked = filled((await played.send(fields, "preview")).text)
    other = await played.send(looked | {"done_on": "2023-12-31"}, "send")
    assert "Look again" in other.text and not played.posted
    sent = await played.send(filled(other.text), "send")
    assert sent.status_code == 303 and played.posted[0]["data"]["done_on"] == "2023-12-31"


async def test_what_intake_refuses_is_said_in_the_reader_s_language_with_the_field_s_own_word() -> None:
    played = Played()
    fields = filled((await played.send(await played.form(record="duty-done"), "preview")).text)
    values: Values = {"first": "1950-01-01", "last": "2100-12-31"}
    played.refused = FieldError("$.data.done_on", "is 9999-01-01", "a day", "field-invalid", values)
    chinese = await played.send(fields, "send", lang="zh")
    assert chinese.status_code == 422 and not played.posted
    assert "办毕日：取值不符合约定" in chinese.text and "$.data" not in chinese.text
    assert '<span class="detail" lang="en">is 9999-01-01; a day</span>' in chinese.text
    english = await played.send(fields, "send")
    assert "Done on: the value is not valid" in english.text
    problem = field_problem(played.refused, "$[3]", 3)
    assert (problem.field, problem.index, problem.values) == ("$[3].data.done_on", 3, values)
    assert problem.zh == "$[3].data.done_on：取值不符合约定"


@pytest.mark.parametrize("code", ["date-out-of-range", "of-a-later-release", ""])
def test_a_refusal_of_another_release_is_told_as_it_stands(code: str) -> None:
    one = FieldProblem(
        field="$.data.done_on", problem="is 1800-01-01", expected="a later day", code=code, zh="日期有误"
    )
    assert trouble(one, "zh") == ("日期有误", "is 1800-01-01; a later day")
    assert trouble(one, "en") == ("Done on", "is 1800-01-01; a later day")


@pytest.mark.parametrize("given", ["x" * 20_000, "a\x00b"])
async def test_what_no_organ_is_called_is_left_to_intake(given: str) -> None:
    async def ask(*_: object) -> None:
        raise AssertionError("it is not looked for")

    apis: Any = SimpleNamespace(ask=ask)
    assert (await with_codes(apis, "request-received", {"organ": given}))["organ"] == given


async def test_the_request_s_page_offers_what_the_tracker_says_and_what_the_law_says_of_it() -> None:
    remark = {"code": "after-limit", "fact": None, "zh": "已过期限", "en": "after the <limit>"}
    facts = [
        {"fact": "extension-granted", "article": "art 33", "remarks": [remark]},
        {"fact": "answer-issued", "article": "", "remarks": []},
        {"fact": "of-a-later-release", "article": "", "remarks": []},
    ]
    asked: list[httpx.URL] = []

    class Following(Played):
        def answer(self, request: httpx.Request) -> httpx.Response:
            asked.append(request.url)
            if request.url.path.endswith("/next"):
                return httpx.Response(200, json={"request": "r/1", "facts": facts})
            return httpx.Response(200, json=[]) if request.url.path.endswith("/history") else super().answer(request)

    page = (await Following().desk.get("/requests/r%2F1?lang=en")).text
    assert "record=extension-granted" in page and "record=answer-issued" in page and "of-a-later-release" not in page
    assert "after the &lt;limit&gt; · art 33" in page
    whole = [url for url in asked if url.path == "/v1/requests/r/1"]
    assert len(whole) == 1, "the request is asked for once"


def not_there(status: int = 404) -> httpx.Response:
    """An API that knows nothing yet, or does not answer."""
    kind = "not-ready" if status == 503 else ""
    return httpx.Response(status, content=encoded(ProblemError(status, "there is no such thing yet", kind=kind)))


class Behind(Played):
    """The tracker comes to nothing that was posted, in one of the ways in which that can be; ``knows`` the request."""

    def __init__(self, facts: httpx.Response, *, knows: bool) -> None:
        super().__init__()
        self.facts, self.knows = facts, knows

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if self.posted and path == "/v1/facts":
            return self.facts
        if path.endswith("/next"):
            return httpx.Response(200, json={"facts": [{"fact": "duty-done", "article": "", "remarks": []}]})
        if self.posted and path.startswith("/v1/requests/") and not self.knows:
            return not_there(self.facts.status_code if self.facts.status_code != 200 else 404)
        return httpx.Response(200, json=[]) if path.endswith("/history") else super().answer(request)


@pytest.mark.parametrize("knows", [True, False], ids=["known-request", "no-request-yet"])
@pytest.mark.parametrize("status", [200, 404, 503, 502])
async def test_what_was_accepted_never_looks_like_a_failure(
    monkeypatch: pytest.MonkeyPatch, status: int, knows: bool
) -> None:
    monkeypatch.setattr(taken, "APPLIED_SECONDS", 0.05)
    monkeypatch.setattr(taken, "LOOK_SECONDS", 0.01)
    facts = httpx.Response(200, json={"status": "in-the-log"}) if status == 200 else not_there(status)
    played = Behind(facts, knows=knows)
    looked = await played.send(await played.form(record="duty-done"), "preview")
    sent = await played.send(filled(looked.text), "send")
    assert sent.status_code == 303 and len(played.posted) == 1
    page = await played.desk.get(sent.headers["location"])
    assert page.status_code == 200 and "Entered: duty done" in page.text
    assert "Not worked out yet" in page.text and ">Reload</a>" in page.text
    assert "record=duty-done" not in page.text, "nobody is asked to enter it a second time"
    chinese = await played.desk.get(sent.headers["location"].replace("lang=en", "lang=zh"))
    assert "已登记：事务办毕" in chinese.text and "不必再次登记" in chinese.text
    played.facts, played.knows = httpx.Response(200, json={"status": "decided"}), True
    done = await played.desk.get(sent.headers["location"])
    assert "Entered: duty done" in done.text and "Not worked out" not in done.text
    assert "record=duty-done" in done.text and "fact=" not in done.text.split('class="actions"')[1].split("</nav>")[0]


async def test_an_address_that_no_entry_led_to_says_of_no_request_that_something_was_entered() -> None:
    played = Behind(not_there(), knows=False)
    played.posted.append({})
    for query in ("recorded=duty-done", "recorded=duty-done&fact=1", "recorded=nothing&fact=" + "0" * 32):
        page = await played.desk.get(f"/requests/r%2F1?lang=en&{query}")
        assert page.status_code == 404 and "Entered" not in page.text


class Failing(Played):
    """APIs of which one path answers with a status from when it is named."""

    failing, status = "", 503

    def answer(self, request: httpx.Request) -> httpx.Response:
        if self.failing and request.url.path.endswith(self.failing):
            return not_there(self.status)
        return super().answer(request)


@pytest.mark.parametrize("failing", ["/preview", "/events", "/r/1", "/organs"])
@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_while_an_api_is_away_the_form_stays_with_what_was_typed(status: int, failing: str) -> None:
    played = Failing()
    for fields, typed in (
        (await played.form(record="review-filed") | {"organ": "TYPED", "kind": "reconsideration"}, "TYPED"),
        (await played.form(record="fact-corrected", source="s", id="a") | {"after_review": "TYPED"}, "TYPED"),
    ):
        played.failing = ""
        looked = filled((await played.send(fields, "preview")).text)
        played.failing, played.status = failing, status
        sent = await played.send(looked, "send")
        if sent.status_code == 303:  # what is away was not needed
            assert played.posted.pop()["subject"] == "r/1"
            continue
        assert sent.status_code == (502 if status == 504 else status), failing
        assert "does not answer" in sent.text and 'role="alert"' in sent.text and not played.posted
        kept = filled(sent.text)
        assert typed in kept.values() and kept["fact_id"] == fields["fact_id"], "sent again it is the same fact"
        assert 'action="/requests/r%2F1?lang=en"' in sent.text
        assert (sent.headers.get("retry-after") == "5") is (status == 503)
        played.failing = ""
        if "digest" not in kept:
            kept = filled((await played.send(kept, "preview")).text)
        assert (await played.send(kept, "send")).status_code == 303 and len(played.posted) == 1
        assert played.posted.pop()["id"] == fields["fact_id"]


@pytest.mark.parametrize("status", [503, 502, 403])
async def test_a_year_whose_publication_is_not_known_is_said_to_be_so_and_can_be_entered(status: int) -> None:
    played = Failing(moves_ended=True, years=[2026])
    played.failing, played.status = "/publications", status
    fields = await played.form(record="fact-corrected", source="s", id="a")
    looked = await played.send(fields, "preview")
    assert looked.status_code == 200 and "be found out just now" in looked.text
    assert "Published of these" not in looked.text
    sent = await played.send(filled(looked.text), "despite_ended", "send")
    assert sent.status_code == 303 and len(played.posted) == 1


class Organs(Played):
    """A tracker that knows one organ and its unit; ``fact`` is what was entered."""

    def __init__(self, fact: dict[str, Any]) -> None:
        super().__init__()
        self.fact = fact

    def answer(self, request: httpx.Request) -> httpx.Response:
        name = {"zh": "甲市公安局", "en": "City Police"}
        if request.url.path == "/v1/organs":
            one = {"code": "city-police", "name": name, "parent": None, "timezone": "Asia/Shanghai"}
            asked = request.url.params
            there = asked.get("q", "city") in "city-police 甲市公安局" and asked.get("code", one["code"]) == one["code"]
            return httpx.Response(200, json={"organs": [one] * there, "total": 1, "timezone": None, "next": None})
        if request.url.path == "/v1/office":
            return httpx.Response(200, json=NOTHING_TO_DO | {"units": [{"code": "legal", "name": name}]})
        if request.url.path == "/v1/requests/r/1":
            return httpx.Response(200, json=OPEN | {"facts": [self.fact]})
        return super().answer(request)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("request-transferred", {"transferred_on": "2026-11-20", "to_organ": "elsewhere"}),
        ("request-transferred", {"transferred_on": "2026-11-20", "to_organ": "police"}),
        (
            "request-received",
            {"organ": "gone", "channel": "post", "applicant": "business", "submitted_on": "2026-11-02"},
        ),
        (
            "assignment-opened",
            {"unit": "gone", "step": "sign", "assigned_on": "2026-11-02", "assignment": "r/1/1"},
        ),
        ("fee-notified", {"notified_on": "2026-11-20", "amount": 0}),
    ],
    ids=["to-an-organ-not-known", "to-a-part-of-a-known-name", "organ-gone", "unit-gone", "no-fee"],
)
async def test_a_correction_can_be_sent_as_it_stands(name: str, data: dict[str, Any]) -> None:
    played = Organs(FACT | {"type": type_of(name), "data": data})
    fields = await played.form(record="fact-corrected", source="s", id="a")
    assert {field: fields[field] for field in data} == {field: str(value) for field, value in data.items()}
    looked = await played.send(fields, "preview")
    sent = await played.send(filled(looked.text), "send")
    assert sent.status_code == 303, sent.text
    assert played.posted[0]["data"]["data"] == data


@pytest.mark.parametrize(
    ("typed", "sent"),
    [("elsewhere", "elsewhere"), ("甲市公安局", "city-police"), ("city-police", "city-police"), ("city", "city")],
)
async def test_a_request_is_transferred_to_any_organ_by_its_code_or_to_a_known_one_by_its_name(
    typed: str, sent: str
) -> None:
    played = Organs(FACT)
    page = await played.desk.get("/requests/r%2F1?lang=zh&record=request-transferred")
    assert '<option value="city-police">甲市公安局</option>' in page.text, "what is known is offered"
    fields = filled(page.text) | {"to_organ": typed}
    looked = filled((await played.send(fields, "preview")).text)
    assert (await played.send(looked, "send")).status_code == 303
    assert played.posted[0]["data"]["to_organ"] == sent


@pytest.mark.parametrize("name", ["duty-opened", "duty-done"])
async def test_only_what_has_a_form_is_offered_to_be_corrected_and_all_can_be_taken_back(name: str) -> None:
    data = {"duty": "d-1", "event_on": "2026-11-20", "done_on": "2026-11-20"}

    class Timeline(Organs):
        def answer(self, request: httpx.Request) -> httpx.Response:
            last = request.url.path.rpartition("/")[2]
            if last in ("history", "days", "next"):
                return httpx.Response(200, json=[]) if last == "history" else not_there()
            return super().answer(request)

    played = Timeline(FACT | {"type": type_of(name), "data": data})
    page = (await played.desk.get("/requests/r%2F1?lang=en")).text
    links = [html.unescape(link) for link in re.findall(r'href="([?]record=fact-[^"]*)"', page)]
    kinds = [link.partition("=")[2].partition("&")[0] for link in links]
    assert kinds == (["fact-corrected"] if name == "duty-done" else []) + ["fact-retracted"]
    for link in links:
        form = await played.desk.get(f"/requests/r%2F1{link}")
        assert form.status_code == 200
        looked = await played.send(filled(form.text) | {"reason": "x", "done_on": "2026-11-20"}, "preview")
        assert looked.status_code == 200 and 'name="digest"' in looked.text, looked.text
