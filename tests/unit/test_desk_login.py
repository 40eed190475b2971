"""The desk's door: logging in and out, sessions, forms, and the person's own token at the APIs."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from services.access import file, passwords, signed
from services.access.audit import Entry, Record, sealed
from services.access.file import Access, User
from services.access.routes import needs_of
from services.access.signed import API, Keys
from services.commands.who import PROMETHEUS
from services.desk import login, refused, sessions
from services.desk.apis import Apis
from services.desk.app import application
from services.desk.login import local_path
from services.desk.pages import Desk
from services.desk.refused import Refusals
from services.desk.sessions import Sessions
from services.runtime.door import Door
from services.runtime.guard import Guard
from services.runtime.health import Health
from services.runtime.offload import Offload
from services.runtime.problems import ProblemError
from services.runtime.settings import Settings
from services.runtime.web import new_registry
from tests.support import NOTHING_TO_DO

PASSWORD = "correct horse battery"
KEPT = passwords.hashed("li", PASSWORD)
KEYS = Keys.new()
EMPTY = {
    "organs": [],
    "total": 0,
    "timezone": None,
    "next": None,
    "requests": [],
    "as_of": "2024-01-01T00:00:00Z",
} | NOTHING_TO_DO
PAGE = {"accept": "text/html", "accept-language": "en"}


class Played:
    """The APIs, and the clock of the desk."""

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []
        self.told: list[Entry] = []
        self.refused: list[tuple[Entry, int]] = []
        self.now = datetime.now(UTC)
        self.locked: datetime | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if request.url.path == "/v1/audit-records":
            entry = msgspec.json.decode(request.content, type=Entry)
            if "status" in request.url.params:
                self.refused.append((entry, int(request.url.params["status"])))
            else:
                self.told.append(entry)
            return httpx.Response(202, json={})
        if request.url.path == "/v1/lock-outs":
            return httpx.Response(200, content=msgspec.json.encode({"until": self.locked}))
        if request.url.path == "/v1/audit-trail":
            return self.trail()
        return httpx.Response(200, json=EMPTY)

    def trail(self) -> httpx.Response:
        told = Entry(account="unknown", action="call", path="/logout", address="192.0.2.1")
        record = sealed(
            Record(at=self.now, service="intake", writer="w", number=1, entry=told, status=403, previous="")
        )
        found = {"records": [record], "wrong": [], "earlier": 7}
        return httpx.Response(200, content=msgspec.json.encode(found))

    @property
    def actions(self) -> list[str]:
        return [entry.action for entry in self.told]


@asynccontextmanager
async def desk(
    folder: Path, hashing: Offload | None = None, **more: Any
) -> AsyncIterator[tuple[httpx.AsyncClient, Played]]:
    users = (
        User(account="li", password=KEPT, roles=("officer",), organs=("a",)),
        User(account="shen", password=KEPT, roles=("auditor",)),
    )
    (folder / "access.json").write_bytes(file.encode(Access(users=users)))
    (folder / "desk-key.json").write_bytes(KEYS.text())
    settings = replace(Settings(access=str(folder / "access.json")), **more)
    played, health = Played(), Health()
    door = Door(settings, health, now=lambda: played.now)
    door.access._now = lambda: played.now.timestamp()  # type: ignore[attr-defined]
    sessions = Sessions(door, settings)
    apis = Apis(
        {name: f"http://{name}.test" for name in ("intake", "tracker", "stats")},
        health,
        httpx.MockTransport(played),
        bearer=sessions.bearer,
    )
    noted = Refusals(apis.tell, lambda: played.now)
    guard = Guard(door, needs_of("desk"), dict, None, who=sessions.who, own_pages=True, refused=noted)
    made = Desk(apis, sessions=sessions, refused=noted)
    app: Any = application(replace(made, hashing=hashing or made.hashing), health, new_registry(), guard)
    telling = asyncio.create_task(noted.run())
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:8700", headers=PAGE
    ) as client:
        yield client, played
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)


def form_token(page: str) -> str:
    found = re.search(r'name="form_token" value="([^"]+)"', page)
    assert found is not None, page
    return found[1]


async def log_in(
    client: httpx.AsyncClient, password: str = PASSWORD, account: str = "li", **more: str
) -> httpx.Response:
    token = form_token((await client.get("/login?next=/annual")).text)
    data = {"account": account, "password": password, "next": "/annual", "form_token": token, **more}
    return await client.post("/login", data=data, headers={"origin": "http://127.0.0.1:8700"})


async def test_nobody_sees_a_page_before_logging_in_and_comes_back_to_it_then(tmp_path: Path) -> None:
    async with desk(tmp_path) as (client, played):
        led = await client.get("/requests/r%2F1?lang=en")
        assert (led.status_code, led.headers["location"]) == (303, "/login?next=%2Frequests%2Fr%2F1%3Flang%3Den")
        page = await client.get("/login?lang=en")
        assert page.status_code == 200 and "Password" in page.text
        assert not re.search(r'href="/(annual|attention|register|audit-trail|\?)', page.text), (
            "no way on without a login"
        )
        told = await client.get("/", headers={"accept": "application/json"})
        assert told.status_code == 401 and told.headers["content-type"] == "application/problem+json"
        assert (await client.get("/static/desk.css")).status_code == 200 and not played.asked
        answer = await log_in(client)
        assert (answer.status_code, answer.headers["location"]) == (303, "/annual")
        (cookie,) = (c for c in answer.headers.get_list("set-cookie") if c.startswith("shixian-session="))
        assert "httponly" in cookie.lower() and "samesite=lax" in cookie.lower() and PASSWORD not in cookie
        page = await client.get("/")
        assert page.status_code == 200 and "li" in page.text and "Log out" in page.text
        assert page.headers["cache-control"] == "no-store"
        assert played.actions == ["login"] and played.told[0].account == "user:li"


async def test_the_apis_are_asked_with_the_person_s_own_token(tmp_path: Path) -> None:
    async with desk(tmp_path) as (client, played):
        await log_in(client)
        await client.get("/")
        text = played.asked[-1].headers["authorization"].removeprefix("Bearer ")
        found = signed.principal_of(KEYS.claims(text, API, played.now))
        assert (found.account, found.roles, found.organs) == ("user:li", ("officer",), frozenset({"a"}))
        with pytest.raises(signed.BadToken, match="expired"):
            KEYS.claims(text, API, played.now + timedelta(minutes=3))
        audit = next(one for one in played.asked if one.url.path == "/v1/audit-records")
        service = KEYS.claims(audit.headers["authorization"].removeprefix("Bearer "), API, played.now)
        assert signed.principal_of(service).scopes == {"audit:write"}


async def test_a_wrong_password_is_told_as_a_wrong_account_is_and_locks_in_the_end(tmp_path: Path) -> None:
    async with desk(tmp_path) as (client, played):
        wrong = await log_in(client, "wrong horse battery")
        nobody = await log_in(client, account="wang")
        assert wrong.status_code == nobody.status_code == 401
        assert re.sub(r'value="[^"]*"', "", wrong.text) == re.sub(r'value="[^"]*"', "", nobody.text)
        for _ in range(3):
            assert (await log_in(client, "wrong horse battery")).status_code == 401
        locked = await log_in(client, "wrong horse battery")
        assert locked.status_code == 429 and 0 < int(locked.headers["retry-after"]) <= 61
        assert (await log_in(client)).status_code == 429, "the right one is not looked at meanwhile"
        played.now += timedelta(minutes=2)
        assert (await log_in(client)).status_code == 303
        assert played.actions == ["login-refused"] * 5 + ["locked-out", "login"]
        assert {a.partition(":")[0] for a in (entry.account for entry in played.told)} == {"user", "unknown"}
        assert not any("wang" in entry.account for entry in played.told), "a typed name may be a password"


async def test_many_guesses_at_once_are_no_more_guesses_than_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def fits(password: str, kept: str | None) -> bool:
        looked.append(password)
        return False

    monkeypatch.setattr(passwords, "fits", fits)
    async with desk(tmp_path) as (client, played):
        token = form_token((await client.get("/login")).text)
        data = {"account": "li", "next": "/", "form_token": token}
        headers = {"origin": "http://127.0.0.1:8700"}
        guesses = [client.post("/login", data=data | {"password": f"guess {n}"}, headers=headers) for n in range(20)]
        statuses = [answer.status_code for answer in await asyncio.gather(*guesses)]
        assert (len(looked), statuses.count(401), statuses.count(429)) == (5, 4, 16)
        assert played.actions == ["login-refused"] * 4 + ["locked-out"]


@pytest.mark.parametrize(("most", "seconds", "told"), [(login.MOST_AT_ONCE, 60, {429: "2"}), (1000, 0.3, {503: "10"})])
async def test_a_flood_of_logins_is_told_to_come_again_and_does_not_grow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, seconds: float, told: dict[int, str]
) -> None:
    """From one address; and from many, for which the test's one address may have as many as it likes."""

    def fits(_password: str, _kept: str | None) -> bool:
        time.sleep(0.02)
        return False

    monkeypatch.setattr(passwords, "fits", fits)
    monkeypatch.setattr(login, "MOST_AT_ONCE", most)
    async with desk(tmp_path, Offload(turns=1, threads=1, wait_seconds=seconds)) as (client, _played):
        token = form_token((await client.get("/login")).text)
        headers = {"origin": "http://127.0.0.1:8700"}

        def guess(number: int) -> Awaitable[httpx.Response]:
            data = {"account": f"invented-{number}", "password": "x", "next": "/", "form_token": token}
            return client.post("/login", data=data, headers=headers)

        answers = await asyncio.gather(*(guess(n) for n in range(100)))
        statuses = Counter(answer.status_code for answer in answers)
        assert set(statuses) == {401, *told} and statuses[401] >= 5
        assert {a.status_code: a.headers["retry-after"] for a in answers if a.status_code != 401} == told
        assert (await log_in(client, account="invented-0")).status_code == 401, "it is over when they are gone"


async def test_who_is_locked_out_at_another_desk_is_locked_out_here(tmp_path: Path) -> None:
    async with desk(tmp_path) as (client, played):
        played.locked = played.now + timedelta(seconds=90)
        locked = await log_in(client)
        assert locked.status_code == 429 and locked.headers["retry-after"] == "91" and played.actions == []
        assert played.asked[-1].url.params["account"] == "user:li"
        nobody = await log_in(client, account="wang")
        assert nobody.status_code == 429, "a name that is no account is asked about as one that is"
        assert "wang" not in str(played.asked[-1].url)
        played.locked = None
        assert (await log_in(client)).status_code == 303


@pytest.mark.parametrize("change", ["token", "cookie", "origin", "cross-site", "type"])
async def test_a_form_of_another_page_logs_nobody_in_and_out(tmp_path: Path, change: str) -> None:
    async with desk(tmp_path) as (client, played):
        token = form_token((await client.get("/login")).text)
        data = {"account": "li", "password": PASSWORD, "next": "/", "form_token": token}
        headers = {"origin": "http://127.0.0.1:8700"}
        expected = 403
        match change:
            case "token":
                # Not its last letter: some of that one's bits say nothing.
                data["form_token"] = ("y" if token[0] == "x" else "x") + token[1:]
            case "cookie":
                client.cookies.clear()
            case "origin":
                headers["origin"] = "http://evil.test"
            case "cross-site":
                headers = {"sec-fetch-site": "cross-site"}
            case _:
                headers["content-type"], expected = "text/plain", 415
        for _ in range(3):
            assert (await client.post("/login", data=data, headers=headers)).status_code == expected
        assert played.actions == []
        ((entry, status),) = await told(played)
        assert (entry.account, entry.action, entry.method, entry.path) == ("unknown", "call", "POST", "/login")
        assert status == expected and entry.about and PASSWORD not in str(entry)


async def test_each_of_several_login_pages_lets_in_and_one_that_is_too_old_leads_to_another(tmp_path: Path) -> None:
    async with desk(tmp_path) as (client, played):
        headers = {"origin": "http://127.0.0.1:8700"}
        first, second = [form_token((await client.get("/login")).text) for _ in range(2)]
        data = {"account": "li", "password": PASSWORD, "next": "/annual"}
        assert (await client.post("/login", data=data | {"form_token": first}, headers=headers)).status_code == 303
        late = await client.post("/login", data=data | {"form_token": second}, headers=headers)
        assert late.status_code == 403 and "log in once more" in late.text, "its token was used up by the first"
        assert PASSWORD not in late.text and 'name="next" value="/annual"' in late.text
        again = data | {"form_token": form_token(late.text.split("<main")[1])}
        assert (await client.post("/login", data=again, headers=headers)).status_code == 303
        assert played.actions == ["login", "login"]
        foreign = data | {"form_token": "x", "next": "//evil.test/"}
        page = await client.post("/login", data=foreign, headers=headers)
        assert page.status_code == 403 and "evil" not in page.text


async def told(played: Played) -> list[tuple[Entry, int]]:
    """What the trail is told of refusals, as soon as it is told of any."""
    async with asyncio.timeout(20):
        while not played.refused:  # noqa: ASYNC110 - the desk tells beside its answer
            await asyncio.sleep(0.01)
    return played.refused


async def test_the_trail_tells_of_a_foreign_host_and_of_a_form_in_a_person_s_name(tmp_path: Path) -> None:
    async with desk(tmp_path) as (client, played):
        assert (await client.get("/", headers={"host": "evil.test"})).status_code == 421
        ((entry, status),) = await told(played)
        assert (entry.account, entry.path, status) == ("unknown", "/", 421) and "evil.test" in entry.about
        played.refused.clear()
        await log_in(client)
        assert (await client.get("/login")).status_code == 200
        forged = {"form_token": "x", "record": "fee-paid"}
        assert (await client.post("/requests/r-1", data=forged)).status_code == 403
        ((entry, status),) = await told(played)
        assert (entry.account, entry.path, status) == ("user:li", "/requests/r-1", 403)
        played.refused.clear()
        client.cookies.clear()
        assert (await client.get("/")).status_code == 303, "who is not logged in yet has attempted nothing"
        played.now += timedelta(minutes=2)
        assert (await client.post("/new", data=forged)).status_code == 401
        ((entry, status),) = await told(played)
        assert (entry.path, status) == ("/new", 401)


async def test_what_was_refused_while_intake_was_away_is_told_when_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused, "PAUSE_SECONDS", 0.01)
    done: list[str] = []
    tries = 0

    async def tell(entry: Entry, status: int) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise ProblemError(503, "intake is away")
        done.append(f"{entry.address} {status}")

    noted = Refusals(tell)
    for number in range(refused.MOST_WAITING + 50):
        noted(Entry(account="unknown", action="call", method="POST", address=f"192.0.2.{number}"), 403)
    running = asyncio.create_task(noted.run())
    async with asyncio.timeout(20):
        while len(done) < refused.MOST_WAITING:  # noqa: ASYNC110 - the task tells
            await asyncio.sleep(0.01)
    running.cancel()
    assert done == [f"192.0.2.{number} 403" for number in range(refused.MOST_WAITING)], "what waits is bounded"


async def test_logging_out_needs_the_page_s_own_form_and_ends_the_session(tmp_path: Path) -> None:
    async with desk(tmp_path) as (client, played):
        await log_in(client)
        kept = dict(client.cookies)
        page = await client.get("/")
        assert (await client.post("/logout", data={"form_token": "x"})).status_code == 403
        left = await client.post("/logout", data={"form_token": form_token(page.text)})
        assert (left.status_code, left.headers["location"]) == (303, "/login")
        client.cookies.clear()
        client.cookies.update(kept)
        assert (await client.get("/")).status_code == 303, "its cookie is worth nothing any more"
        assert played.actions == ["login", "logout"]


async def test_a_session_ends_by_time_by_idleness_and_with_its_account(tmp_path: Path) -> None:
    async with desk(tmp_path, session_hours=1.0, idle_minutes=10.0) as (client, played):

        async def is_in() -> bool:
            return (await client.get("/")).status_code == 200

        await log_in(client)
        for _ in range(6):  # with a page now and then it goes on...
            played.now += timedelta(minutes=9)
            assert await is_in()
        played.now += timedelta(minutes=7)
        assert not await is_in(), "...but not longer than it may"
        await log_in(client)
        played.now += timedelta(minutes=11)
        assert not await is_in(), "nobody was there"
        await log_in(client)
        assert await is_in()
        other = User(account="li", password=passwords.hashed("li", "another horse battery"), roles=("officer",))
        (tmp_path / "access.json").write_bytes(file.encode(Access(users=(other,))))
        played.now += timedelta(seconds=5)
        assert not await is_in(), "another password"
        (tmp_path / "access.json").write_bytes(file.encode(Access()))
        played.now += timedelta(seconds=5)
        assert not await is_in(), "no account"


async def test_prometheus_reads_the_desk_s_metrics_with_its_token_and_no_page(tmp_path: Path) -> None:
    async with desk(tmp_path) as (client, played):
        text = KEYS.sign(signed.of_person(PROMETHEUS), API, played.now, timedelta(hours=1))
        own = {"authorization": f"Bearer {text}", "accept": "text/plain"}
        assert (await client.get("/metrics", headers=own)).status_code == 200
        assert (await client.get("/attention", headers=own)).status_code == 401
        assert (await client.get("/metrics", headers={"accept": "text/plain"})).status_code == 401
        assert (await client.get("/metrics", headers=own | {"authorization": "Bearer x"})).status_code == 401


async def test_an_auditor_is_led_to_the_trail_and_a_page_that_is_refused_leaves_a_way_on(tmp_path: Path) -> None:
    async with desk(tmp_path) as (client, _):
        token = form_token((await client.get("/login")).text)
        data = {"account": "shen", "password": PASSWORD, "next": "/", "form_token": token}
        assert (await client.post("/login", data=data)).headers["location"] == "/"
        led = await client.get("/?lang=en")
        assert (led.status_code, led.headers["location"]) == (303, "/audit-trail?lang=en")
        page = await client.get(led.headers["location"])
        assert page.status_code == 200 and "/logout" in page.text and "403" in page.text and "192.0.2.1" in page.text
        assert 'rel="next" href="?lang=en&amp;before=7"' in page.text
        assert 'href="/annual' not in page.text and 'href="/attention' not in page.text, "what she may not see"
        missing = await client.get("/nothing?lang=en")
        assert missing.status_code == 404
        refused = await client.post("/requests/r-1", data={"form_token": "x"})
        assert refused.status_code == 403 and 'href="/audit-trail' in refused.text and "/logout" in refused.text
        await client.get("/login")
        await log_in(client)
        page = await client.get("/")
        assert page.status_code == 200 and 'href="/attention' in page.text and "/audit-trail" not in page.text


async def test_a_forged_or_foreign_cookie_is_nobody(tmp_path: Path) -> None:
    claims = {"sub": "user:li", "kind": "person", "roles": ["admin"], "organs": None, "sid": "s", "form": "f", "pw": ""}
    async with desk(tmp_path) as (client, played):
        began = played.now.isoformat()

        def good(keys: Keys, audience: str) -> str:
            return keys.sign({**claims, "began": began}, audience, played.now, timedelta(hours=1))

        for text in ("x", good(Keys.new(), signed.SESSION), good(KEYS, API), good(KEYS, signed.SESSION)):
            client.cookies.set("shixian-session", text)
            assert (await client.get("/")).status_code == 303, "the last one lacks what is kept of the password"


@pytest.mark.parametrize(
    ("given", "led"),
    [
        ("/annual?x=1", "/annual?x=1"),
        ("//evil.test", "/"),
        ("/\\evil.test", "/"),
        ("https://evil.test", "/"),
        ("", "/"),
        ("/a\nb", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_after_logging_in_one_stays_at_the_desk(given: str, led: str) -> None:
    assert local_path(given) == led


async def test_without_accounts_there_is_nothing_to_log_in_to_and_pages_say_who_may_do_what() -> None:
    for settings, said in (
        (Settings(), "This machine only"),
        (Settings(insecure=True), "No accounts: whoever reaches"),
    ):
        played, health = Played(), Health()
        door = Door(settings, health)
        sessions = Sessions(door, settings)
        apis = Apis(
            {name: f"http://{name}.test" for name in ("intake", "tracker", "stats")},
            health,
            httpx.MockTransport(played),
        )
        guard = Guard(door, needs_of("desk"), dict, None, own_pages=True)
        app: Any = application(Desk(apis, sessions=sessions), health, new_registry(), guard)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=PAGE) as client:
            page = await client.get("/")
            assert page.status_code == 200 and said in page.text
            assert "authorization" not in played.asked[-1].headers
            assert (await client.get("/login")).headers["location"] == "/"


@pytest.mark.parametrize(
    "other", ['prefs={"a":1}', "name=two words", "版本=值", "a[0]=1", "version=1", "flag", "=x", '"']
)
def test_no_cookie_of_another_application_on_the_host_hides_ours(other: str) -> None:
    for header in (
        f"{other}; shixian-form=abc-_9",
        f"shixian-form=abc-_9; {other}",
        f"{other};shixian-form=abc-_9;{other}",
    ):
        assert sessions.cookies({b"cookie": header.encode()})["shixian-form"] == "abc-_9"
    assert sessions.cookies({}) == {}


async def test_what_was_typed_outlives_the_session(tmp_path: Path) -> None:
    async with desk(tmp_path, idle_minutes=10.0) as (client, played):
        await log_in(client)
        page = (await client.get("/new?lang=en")).text
        fields = dict(re.findall(r'<input[^>]* name="(\w+)"[^>]*? value="([^"]*)"', page))
        typed = fields | {"form_token": form_token(page.split("<main")[1]), "subject": "TYPED", "do": "send"}
        played.now += timedelta(minutes=11)
        for path, back in (
            ("/new?lang=en", "%2Fnew%3Flang%3Den"),
            ("/requests/甲/1?lang=en", "%2Frequests%2F%25E7%2594%25B2%2F1%3Flang%3Den"),
            ("/annual/a/2026/publications", "%2Fannual%2Fa%2F2026"),
            ("/logout", "%2F"),
        ):
            over = await client.post(path, data=typed)
            assert over.status_code == 401 and f'href="/login?next={back}"' in over.text, over.text
            assert "reload this page and let the browser send the form again" in over.text
        assert (await client.get("/requests/甲")).headers["location"] == "/login?next=%2Frequests%2F%25E7%2594%25B2"
        await log_in(client)
        before = len(played.asked)
        again = await client.post("/new?lang=en", data=typed)
        assert again.status_code == 403 and 'value="TYPED"' in again.text and "earlier login" in again.text
        posted = [one.url.path for one in played.asked[before:] if one.method == "POST"]
        assert not {"/v1/preview", "/v1/events"} & set(posted), "nothing is done for a form of another session"
        token = form_token(again.text.split("<main")[1])
        assert token != typed["form_token"] and 'name="digest"' not in again.text, "it has to be looked at first"


async def test_a_file_outlives_the_session_as_well(tmp_path: Path) -> None:
    async with desk(tmp_path) as (client, played):
        await log_in(client)
        sent = {"form_token": "of-an-earlier-one", "name": "r.csv", "content": "eA==", "map": "TYPED", "do": "import"}
        page = await client.post("/register?lang=en", data=sent, files={"file": ("", b"")})
        assert page.status_code == 403 and 'value="eA=="' in page.text and ">TYPED</textarea>" in page.text
        assert not any(one.url.path == "/v1/imports" for one in played.asked)
