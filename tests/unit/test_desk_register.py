"""The page that imports a register, over an intake that is played here."""

import base64
import json
import re
from typing import Any

import httpx
import msgspec
import pytest

from services.desk import register
from services.desk.apis import Apis
from services.desk.app import application
from services.desk.pages import Desk
from services.runtime.health import Health
from services.runtime.problems import Problem
from services.runtime.web import new_registry

DONE = {"mode": "import", "rows": 3, "bad_rows": 1, "facts": 7, "accepted": 7, "problems": [], "suggestion": ""}
CHECKED = DONE | {"mode": "check", "accepted": 0}
LINES = {"accept": "application/x-ndjson"}


def lines(*told: Any) -> httpx.Response:
    """An answer in lines."""
    return httpx.Response(
        200, text="".join(json.dumps(one) + "\n" for one in told), headers={"content-type": LINES["accept"]}
    )


class Played:
    """A desk, the calls that intake got, and what it answers."""

    def __init__(self, answer: httpx.Response) -> None:
        self.asked: list[dict[str, Any]] = []
        self.told = answer

        def answering(request: httpx.Request) -> httpx.Response:
            self.asked.append(msgspec.json.decode(request.content))
            return self.told

        apis = Apis({"intake": "http://intake.test"}, Health(), httpx.MockTransport(answering))
        app: Any = application(Desk(apis), Health(), new_registry())
        transport = httpx.ASGITransport(app=app)
        self.desk = httpx.AsyncClient(transport=transport, base_url="http://desk.test", headers={"accept": "text/html"})

    async def send(self, content: bytes, headers: dict[str, str] | None = None, **fields: str) -> httpx.Response:
        """The form with a file."""
        return await self.desk.post(
            "/register?lang=en", data=fields, files={"file": ("r.csv", content)}, headers=headers or {}
        )


async def test_a_file_goes_along_from_step_to_step_and_is_as_large_as_the_page_says() -> None:
    played = Played(httpx.Response(200, json=CHECKED))
    whole = b"x" * register.MOST
    page = await played.send(whole, do="check", map="cn-applications", given="organ=a\r\n\r\n year = 2025 \r\n")
    assert page.status_code == 200
    (asked,) = played.asked
    assert base64.b64decode(asked["content"]) == whole and asked["given"] == {"organ": "a", "year": "2025"}
    (kept,) = re.findall(r'name="content" value="([^"]*)"', page.text)
    again = await played.desk.post(
        "/register?lang=en", data={"name": "r.csv", "content": kept, "do": "check"}, files={"file": ("", b"")}
    )
    assert again.status_code == 200 and base64.b64decode(played.asked[1]["content"]) == whole
    for wrong in (whole + b"x", b""):
        refused = await played.send(wrong, do="check")
        assert refused.status_code == 400 and "4 MiB" in refused.text
    assert len(played.asked) == 2
    assert "at most 4 MiB" in (await played.desk.get("/register?lang=en")).text, "it is said before a file is chosen"


@pytest.mark.parametrize(("number", "is_said"), [(2, True), (0, False), (None, False)])
async def test_requests_that_will_wait_for_their_confirmation_are_told_before_the_import(
    number: int | None, is_said: bool
) -> None:
    found = CHECKED if number is None else CHECKED | {"unconfirmed": number}
    page = await Played(httpx.Response(200, json=found)).send(b"x", do="check")
    assert page.status_code == 200
    assert ("2 of the requests have no day of receipt yet" in page.text) is is_said


async def test_an_import_tells_how_far_it_has_come_and_then_shows_the_page() -> None:
    played = Played(lines({"accepted": 0, "facts": 7}, {"accepted": 5, "facts": 7}, DONE))
    answer = await played.send(b"x", LINES, do="import", partial="1")
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    first, second, last = [json.loads(line) for line in answer.text.splitlines()]
    assert (first["accepted"], second["accepted"]) == (0, 5)
    assert "Imported: rows 2, facts 7." in last["page"] and 'id="content"' in last["page"]
    assert played.asked[0]["partial"] is True


@pytest.mark.parametrize("early", [True, False])
async def test_an_import_that_ends_early_says_what_was_written_and_why_it_ended(early: bool) -> None:
    problem = Problem(type="urn:shixian:problem:id-conflict", title="", status=409, detail="row 9 <says> otherwise")
    body = msgspec.to_builtins(problem)
    refused = httpx.Response(409, json=body)
    played = Played(refused if early else lines({"accepted": 5, "facts": 7}, {"accepted": 5, "problem": body}))
    answer = await played.send(b"x", LINES, do="import")
    page = json.loads(answer.text.splitlines()[-1])["page"]
    assert "row 9 &lt;says&gt; otherwise" in page
    assert ("Facts written before that: 5" in page) is not early


async def test_without_lines_the_import_is_waited_for() -> None:
    played = Played(httpx.Response(200, json=DONE))
    assert "Imported: rows 2, facts 7." in (await played.send(b"x", do="import")).text


@pytest.mark.parametrize("status", [429, 502, 503])
async def test_a_file_stays_in_the_form_while_intake_is_away(status: int) -> None:
    problem = Problem(type="urn:shixian:problem:not-ready", title="", status=status, detail="busy")
    played = Played(httpx.Response(status, content=msgspec.json.encode(problem)))
    page = await played.send(b"x", do="check", map="TYPED")
    assert page.status_code == status and ">TYPED</textarea>" in page.text and 'value="eA=="' in page.text


async def test_values_may_have_blanks_and_what_is_no_value_is_named() -> None:
    played = Played(httpx.Response(200, json=CHECKED))
    await played.send(b"x", do="check", given="title=two words = one")
    assert played.asked[0]["given"] == {"title": "two words = one"}
    for given, named in (
        ("organ=a\r\nthe year", "line 2, “the year”"),
        ("organ=a year=2025", "line 1, “organ=a year=2025”"),
        ("=a", "line 1, “=a”"),
        ("organ=a\norgan=b", "line 2, “organ=b”"),
    ):
        page = await played.send(b"x", do="check", given=given)
        assert page.status_code == 400 and f"Given values: {named}" in page.text, page.text
        text = re.sub(r"\r\n", "\n", given)
        assert f">{text}</textarea>" in page.text, "what was typed stays"
        chinese = await played.desk.post(
            "/register?lang=zh",
            data={"name": "r.csv", "content": "eA==", "do": "check", "given": given},
            files={"file": ("", b"")},
        )
        assert "补充值：第" in chinese.text and "不是“名称=值”" in chinese.text
    assert len(played.asked) == 1


async def test_enter_in_a_field_presses_what_changes_nothing() -> None:
    played = Played(httpx.Response(200, json=CHECKED))
    checked = (await played.send(b"x", do="check", map="m")).text
    assert re.findall(r'<button name="do" value="(\w+)"', checked) == ["check", "import", "suggest"]
    first = (await played.desk.get("/register?lang=en")).text
    assert re.findall(r'<button name="do" value="(\w+)"', first) == ["suggest"], (
        "without a file there is nothing to lose"
    )


async def test_a_map_that_somebody_wrote_is_not_replaced_by_a_suggestion() -> None:
    played = Played(httpx.Response(200, json=DONE | {"mode": "suggest", "suggestion": "[a]\nb = 1\n"}))

    def area(page: str) -> str:
        return page.split('id="map"')[1].split(">", 1)[1].split("</textarea>")[0]

    first = (await played.send(b"x", do="suggest")).text
    assert area(first) == "[a]\nb = 1\n" and "You have changed the map" not in first
    (suggested,) = re.findall(r'name="suggested" value="(\w+)"', first)
    played.told = httpx.Response(200, json=DONE | {"mode": "suggest", "suggestion": "[other]\n"})
    edited = (await played.send(b"y", do="suggest", map="[a]\r\nb = 2", suggested=suggested)).text
    assert (
        area(edited) == "[a]\nb = 2" and "You have changed the map" in edited and '<pre tabindex="0">[other]' in edited
    )
    written = (await played.send(b"y", do="suggest", map="cn-applications")).text
    assert area(written) == "cn-applications" and "You have changed the map" in written
    for untouched in ("[a]\r\nb = 1\r\n", "", " \r\n"):
        page = (await played.send(b"y", do="suggest", map=untouched, suggested=suggested)).text
        assert area(page) == "[other]\n" and "You have changed the map" not in page
