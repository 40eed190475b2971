"""Principals × organs × routes × methods, made from the routes themselves: who is let in, and who is refused and how.

No handler is run: what is let in comes to the end of the guard, and is answered from there. So the matrix says who
comes to a handler at all, for each route that there is, new ones included.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from services.access import file, passwords, signed, tokens
from services.access.file import Access, Token, User
from services.access.principal import OF_ALL, ROLES, SCOPES, Principal, scopes_of
from services.access.routes import Need, needs_of, roles_with
from services.access.signed import API, Keys
from services.runtime import database
from services.runtime.door import Door
from services.runtime.guard import Guard
from services.runtime.health import Health
from services.runtime.reference import Reference
from services.runtime.settings import SettingError, Settings, load
from tests.unit.test_web_routes import NOWHERE, SERVICES, path, routes

ISSUER = "https://id.test"
RSA, STRANGER = (RSAKey.generate_key(2048, parameters={"kid": "k"}) for _ in range(2))
KEYS, OTHER_KEYS = Keys.new(), Keys.new()
OWN, CHILD, OTHER, PARENT = "own", "child", "other", "city"
TREE: dict[str, str | None] = {PARENT: None, OWN: PARENT, CHILD: OWN, OTHER: PARENT}
APIS = ("intake", "tracker", "stats")
NOW = datetime.now(UTC)


def issued(*scopes: str, organs: tuple[str, ...] | None = None, **more: Any) -> tuple[str, Token]:
    id_, text, kept = tokens.new()
    known: Any = scopes
    return text, Token(id=id_, name="t", hash=kept, scopes=known, organs=organs, created_at=NOW, **more)


BY_SCOPE = {scope: issued(scope) for scope in SCOPES}
LIMITED = issued(*(s for s in SCOPES if s != "admin"), organs=(OWN,))
REVOKED, EXPIRED = issued("admin", revoked_at=NOW), issued("admin", expires_at=NOW - timedelta(seconds=1))
NEW_OF_TWO = issued("admin", expires_at=NOW + timedelta(days=1))
PASSWORD = "correct horse battery"
USER = User(account="li", password=passwords.hashed("li", PASSWORD), roles=("officer",), organs=(OWN,))


def person(*roles: str, organs: tuple[str, ...] | None = None) -> Principal:
    own = None if organs is None else frozenset(organs)
    return Principal(account="user:li", kind="person", scopes=scopes_of(roles), organs=own, roles=roles)


def desk_token(who: Principal, keys: Keys = KEYS, audience: str = API, at: datetime | None = None) -> str:
    return keys.sign(signed.of_person(who), audience, at or datetime.now(UTC), signed.TOKEN_TIME)


def provider_token(key: RSAKey = RSA, **more: Any) -> str:
    claims = {"iss": ISSUER, "aud": "shixian", "sub": "s", "exp": int(time.time()) + 600, "scope": "admin", **more}
    return jwt.encode({"alg": "RS256", "kid": "k"}, {"organs": "*"} | claims, key)


REFUSED = {
    "none": None,
    "malformed": "Bearer x",
    "no bearer": "Basic YTpi",
    "empty": "Bearer ",
    "not ascii": "Bearer shx_ü",
    "unknown": f"Bearer {tokens.new()[1]}",
    "changed": f"Bearer {BY_SCOPE['admin'][0][:-2]}AA",
    "revoked": f"Bearer {REVOKED[0]}",
    "expired": f"Bearer {EXPIRED[0]}",
    "another desk's": f"Bearer {desk_token(person('admin'), OTHER_KEYS)}",
    "a session's cookie as a token": f"Bearer {desk_token(person('admin'), audience=signed.SESSION)}",
    "an old one of the desk": f"Bearer {desk_token(person('admin'), at=NOW - timedelta(hours=1))}",
    "another provider's": f"Bearer {provider_token(iss='https://elsewhere.test')}",
    "another key's": f"Bearer {provider_token(STRANGER)}",
    "wrong audience": f"Bearer {provider_token(aud='mail')}",
    "an old one of the provider": f"Bearer {provider_token(exp=int(NOW.timestamp()) - 600)}",
    "not yet": f"Bearer {provider_token(nbf=int(NOW.timestamp()) + 600)}",
    "unsigned": "Bearer " + ".".join(("eyJhbGciOiJub25lIn0", provider_token().split(".")[1], "")),
}


def provider(request: httpx.Request) -> httpx.Response:
    if request.url.path == "/keys":
        return httpx.Response(200, json=KeySet([RSA]).as_dict(private=False))
    return httpx.Response(200, json={"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"})


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("access")
    kept = [token for _, token in (*BY_SCOPE.values(), LIMITED, REVOKED, EXPIRED, NEW_OF_TWO)]
    (folder / "access.json").write_bytes(file.encode(Access(tokens=tuple(kept), users=(USER,))))
    (folder / "key.json").write_bytes(KEYS.text())
    return given_settings(
        access=str(folder / "access.json"), desk_key=str(folder / "key.json"), oidc=ISSUER, oidc_client="desk"
    )


def given_settings(**more: Any) -> Settings:
    return replace(NOWHERE, **more)


@asynccontextmanager
async def service(name: str, settings: Settings) -> AsyncIterator[tuple[Any, httpx.AsyncClient, Guard]]:
    """A service as it is wired, with organs that it would have read, an OpenID provider, and nothing else behind it."""

    async def leave(pool: object) -> None:
        pass

    seen: list[Guard] = []
    plain = Guard.require_declared

    def noted(self: Guard, name: str, app: Any) -> None:
        seen.append(self)
        plain(self, name, app)

    async def let_in(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b"{}", "more_body": False})

    guarded = Guard.__call__
    with pytest.MonkeyPatch.context() as patch, structlog.testing.capture_logs():
        patch.setattr(database, "close", leave)
        patch.setattr(Guard, "__call__", lambda self, app: guarded(self, let_in))
        patch.setattr(Guard, "require_declared", noted)
        patch.setattr(Reference, "parents", lambda self: TREE)
        async with SERVICES[name](settings, Health()) as parts:
            (guard,) = seen
            if guard.door.provider_keys is not None:
                guard.door.provider_keys._transport = httpx.MockTransport(provider)
            transport = httpx.ASGITransport(app=parts.asgi)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                yield parts.asgi, client, guard


def calls(app: Any, name: str) -> Iterator[tuple[str, str, Need]]:
    """Every method and path template of a service, with what the table says of it."""
    needs = needs_of(name)
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        for template in routes(app, method):
            yield method, template, needs[method, template]


async def send(client: httpx.AsyncClient, method: str, where: str, who: str | None, **more: str) -> httpx.Response:
    headers = {"content-type": "application/json", **more}
    if who is not None:
        headers["authorization"] = who
    raw: Any = [(k.encode(), v.encode("latin-1")) for k, v in headers.items()]
    return await client.request(method, where, headers=raw, content=b"{}" if method != "GET" else None)


@pytest.mark.parametrize("name", APIS)
async def test_whoever_is_not_known_is_refused_everywhere_but_at_what_is_open(name: str, settings: Settings) -> None:
    async with service(name, settings) as (app, client, _):
        found = list(calls(app, name))
        assert len(found) > 8
        for method, template, need in found:
            for kind, who in REFUSED.items():
                answer = await send(client, method, path(template), who)
                if need.scope == "open":
                    assert answer.status_code not in (401, 403), (method, template, kind)
                    continue
                assert answer.status_code == 401, (method, template, kind, answer.text)
                assert answer.headers["www-authenticate"].startswith("Bearer"), kind
                assert answer.headers["content-type"] == "application/problem+json"
                assert who is None or who.partition(" ")[2][:20] not in answer.text or len(who) < 12
            head = await send(client, "HEAD", path(template), None) if method == "GET" else None
            assert head is None or (head.status_code == 401) == (need.scope != "open")
            assert (await send(client, "OPTIONS", path(template), None)).status_code == 401


@pytest.mark.parametrize("name", APIS)
async def test_the_trail_tells_of_whoever_was_refused_and_no_token(name: str, settings: Settings) -> None:
    async with service(name, settings) as (_, client, guard):
        assert guard._trail is not None
        where = {"intake": "/v1/audit-trail", "tracker": "/v1/requests", "stats": "/v1/annual"}[name]
        for given in REFUSED.values():
            assert (await send(client, "GET", where, given)).status_code == 401
        told = [(entry, status) for _, entry, status in guard._trail._waiting]
        assert [(e.account, e.path, status) for e, status in told] == [("unknown", where, 401)]
        texts = [given.split()[1] for given in REFUSED.values() if given and len(given.split()) == 2]
        assert texts and not any(text in str(told) for text in texts if len(text) > 1)


@pytest.mark.parametrize("name", APIS)
async def test_each_scope_opens_its_own_routes_and_no_other(name: str, settings: Settings) -> None:
    async with service(name, settings) as (app, client, _):
        for method, template, need in calls(app, name):
            for scope, (text, _) in BY_SCOPE.items():
                answer = await send(client, method, path(template), f"Bearer {text}")
                lets_in = need.scope in ("open", "anyone", scope) or (scope == "admin" and need.scope != "audit:write")
                assert (answer.status_code not in (401, 403)) == lets_in, (method, template, scope, answer.text)
                if not lets_in:
                    assert (
                        need.scope in answer.text and 'error="insufficient_scope"' in answer.headers["www-authenticate"]
                    )


@pytest.mark.parametrize("name", APIS)
async def test_each_role_at_the_desk_opens_its_own_routes(name: str, settings: Settings) -> None:
    async with service(name, settings) as (app, client, _):
        for method, template, need in calls(app, name):
            for role in ROLES:
                answer = await send(client, method, path(template), f"Bearer {desk_token(person(role))}")
                assert (answer.status_code not in (401, 403)) == (role in roles_with(need)), (method, template, role)
            desk = Principal(account="desk", kind="service", scopes=frozenset())
            answer = await send(client, method, path(template), f"Bearer {desk_token(desk)}")
            assert (answer.status_code != 403) == (need.scope in ("open", "anyone", "audit:write")), (method, template)


@pytest.mark.parametrize("name", APIS)
async def test_another_organ_is_refused_wherever_one_is_named_and_a_child_is_not(name: str, settings: Settings) -> None:
    async with service(name, settings) as (app, client, _):
        named = 0
        for method, template, need in calls(app, name):
            where, _, parameter = need.organ.partition(".")
            if not where:
                continue
            for organ, lets_in in ((OWN, True), (CHILD, True), (OTHER, False), (PARENT, False), ("unknown", False)):
                target = path(template, **{parameter: organ})
                if where == "query":
                    target = f"{target}?{parameter}={organ}"
                for who in (LIMITED[0], provider_token(organs=[OWN]), desk_token(person("publisher", organs=(OWN,)))):
                    answer = await send(client, method, target, f"Bearer {who}")
                    assert (answer.status_code != 403) == lets_in, (method, target, answer.text)
                free = await send(client, method, target, f"Bearer {BY_SCOPE['admin'][0]}")
                assert free.status_code not in (401, 403)
                if (
                    where == "query" and not lets_in
                ):  # the last of several is the one that counts, and each is looked at
                    twice = await send(client, method, f"{target}&{parameter}={OWN}", f"Bearer {LIMITED[0]}")
                    assert twice.status_code == 403
            named += 1
        assert named == {"intake": 0, "tracker": 8, "stats": 11}[name]
        for who in (LIMITED[0], provider_token(organs=[OWN]), desk_token(person("admin", organs=(OWN,)))):
            for method, template, need in calls(app, name):
                if need.scope in OF_ALL:  # metrics, the trail, a rehearsal: they are of all organs
                    limited = await send(client, method, path(template), f"Bearer {who}")
                    told = "needs the scope" if who == LIMITED[0] and need.scope == "admin" else "limited to organs"
                    assert limited.status_code == 403 and told in limited.text, (method, template)


async def test_every_route_that_has_an_organ_in_its_path_says_so(settings: Settings) -> None:
    for name in APIS:
        async with service(name, settings) as (app, _, _):
            for method, template, need in calls(app, name):
                assert ("{organ}" in template) == (need.organ == "path.organ"), (method, template)


async def test_two_tokens_are_valid_side_by_side_and_one_taken_out_is_out_without_a_restart(tmp_path: Path) -> None:
    (old, first), (new, second) = issued("admin"), issued("admin")
    kept = tmp_path / "access.json"
    kept.write_bytes(file.encode(Access(tokens=(first, second))))
    async with service("stats", given_settings(access=str(kept))) as (_, client, guard):
        clock = [time.monotonic()]
        guard.door.access._now = lambda: clock[0]  # type: ignore[attr-defined]

        async def statuses() -> list[int]:
            clock[0] += 10
            return [(await send(client, "GET", "/v1/forms", f"Bearer {one}")).status_code for one in (old, new)]

        assert await statuses() == [200, 200]
        kept.write_bytes(file.encode(Access(tokens=(second,))))
        assert await statuses() == [401, 200]
        kept.write_text("{")
        assert await statuses() == [401, 200], "a mistake in it shuts nobody out"
        kept.write_bytes(file.encode(file.revoked(Access(tokens=(second,)), second.id, NOW)))
        assert await statuses() == [401, 401]


@pytest.mark.parametrize("name", SERVICES)
async def test_without_accounts_everyone_here_is_local_and_a_name_that_is_not_ours_is_refused(name: str) -> None:
    async with service(name, NOWHERE) as (app, client, guard):
        assert guard.door.mode == "local"
        for method, template, _ in calls(app, name):
            if method != "GET":
                continue
            for host in ("127.0.0.1:8702", "localhost", "[::1]:8702", "192.0.2.7"):
                answer = await send(client, method, path(template), None, host=host)
                assert answer.status_code not in (401, 403, 421), (template, host)
            for host in ("evil.test", "evil.test:8702", "127.0.0.1.evil.test", "localhost.evil.test", ""):
                answer = await send(client, method, path(template), None, host=host)
                probe = template in ("/healthz", "/readyz")
                assert (answer.status_code == 421) == (not probe), (template, host, answer.status_code)


async def test_names_of_this_installation_are_allowed() -> None:
    own = given_settings(hosts="shixian.gov.test, *.svc.test", desk_url="https://desk.gov.test")
    async with service("stats", own) as (_, client, _):
        for host, status in (
            ("shixian.gov.test", 200), ("a.svc.test:80", 200), ("desk.gov.test", 200), ("SHIXIAN.gov.test", 200),
            ("svc.test", 421), ("asvc.test", 421), ("shixian.gov.test.evil.test", 421),
        ):  # fmt: skip
            assert (await send(client, "GET", "/v1/forms", None, host=host)).status_code == status, host


CHANGES = [("intake", "/v1/events"), ("stats", "/v1/annual/own/2013/publications"), ("tracker", "/v1/preview")]


@pytest.mark.parametrize(("name", "target"), CHANGES)
async def test_a_page_elsewhere_posts_nothing(name: str, target: str, settings: Settings) -> None:
    for given, who in ((NOWHERE, None), (settings, f"Bearer {BY_SCOPE['admin'][0]}")):
        async with service(name, given) as (_, client, _):
            for headers, refused in (
                ({"origin": "http://evil.test"}, 403),
                ({"origin": "null"}, 403),
                ({"origin": "http://127.0.0.1"}, 403),  # the APIs have no pages of their own
                ({"sec-fetch-site": "cross-site"}, 403),
                ({"content-type": "text/plain"}, 415),
                ({"content-type": "application/x-www-form-urlencoded"}, 415),
                ({"content-type": "multipart/form-data; boundary=x"}, 415),
                ({"content-type": "text/plain; application/json"}, 415),
            ):
                answer = await send(client, "POST", target, who, **headers)
                assert answer.status_code == refused, (target, headers, answer.text)
            assert (await send(client, "POST", target, who)).status_code not in (401, 403, 415)
    async with service(name, given_settings(origins="https://board.test/")) as (_, client, _):
        assert (await send(client, "POST", target, None, origin="https://board.test")).status_code != 403


async def test_no_more_than_its_share_for_one_principal(settings: Settings) -> None:
    async with service("stats", replace(settings, rate=0.5, concurrent=1)) as (_, client, _):
        text = f"Bearer {BY_SCOPE['admin'][0]}"
        statuses = [(await send(client, "GET", "/v1/forms", text)).status_code for _ in range(7)]
        assert statuses == [200] * 5 + [429] * 2
        refused = await send(client, "GET", "/v1/forms", text)
        assert 1 <= int(refused.headers["retry-after"]) <= 2
        other = await send(client, "GET", "/v1/forms", f"Bearer {NEW_OF_TWO[0]}")
        assert other.status_code == 200, "another principal has its own share"


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({"SHIXIAN_HOST": "0.0.0.0"}, "SHIXIAN_HOST: 0.0.0.0 can be reached from other machines"),
        ({"SHIXIAN_HOST": "::"}, "SHIXIAN_INSECURE=yes"),
        ({"SHIXIAN_HOST": "192.0.2.1"}, "SHIXIAN_ACCESS or SHIXIAN_OIDC"),
        ({"SHIXIAN_INSECURE": "true"}, "expected yes or no"),
        ({"SHIXIAN_AUDIT_MONTHS": "5"}, "expected a number from 6 up"),
        ({"SHIXIAN_TRUSTED_PROXIES": "everyone"}, "expected addresses or networks"),
        ({"SHIXIAN_TLS_CERT": "/x"}, "expected both or none"),
        ({"SHIXIAN_OIDC": "id.test"}, "SHIXIAN_OIDC: can't be read"),
        ({"SHIXIAN_FOUR_EYES": "yes"}, "SHIXIAN_FOUR_EYES: without accounts"),
    ],
)
def test_what_would_let_everyone_in_or_nobody_publish_does_not_start(env: dict[str, str], told: str) -> None:
    with pytest.raises(SettingError) as refused:
        load(env).require_safe()
    assert told in str(refused.value)


def test_loopback_accounts_and_an_explicit_yes_are_safe_enough() -> None:
    for env in (
        {},
        {"SHIXIAN_HOST": "localhost"},
        {"SHIXIAN_HOST": "127.0.0.2"},
        {"SHIXIAN_HOST": "::1"},
        {"SHIXIAN_HOST": "0.0.0.0", "SHIXIAN_INSECURE": "yes"},
        {"SHIXIAN_HOST": "0.0.0.0", "SHIXIAN_ACCESS": __file__},
        {"SHIXIAN_FOUR_EYES": "yes", "SHIXIAN_OIDC": "https://id.test"},
    ):
        load(env).require_safe()


async def test_readiness_says_how_callers_are_told(settings: Settings) -> None:
    for given, mode in ((NOWHERE, "local"), (settings, "accounts"), (given_settings(insecure=True), "insecure")):
        health = Health()
        async with SERVICES["desk"](given, health) as parts:
            transport = httpx.ASGITransport(app=parts.asgi)
            async with httpx.AsyncClient(transport=transport, base_url="http://any.test") as client:
                assert (await client.get("/readyz")).json()["access"] == mode


async def test_whoever_asks_too_often_is_told_of_once_and_is_asked_nothing_before(settings: Settings) -> None:
    limited = replace(settings, rate=1.0)
    async with service("intake", limited) as (_, client, guard):
        assert guard._trail is not None
        told = guard._trail._waiting
        for (text, _), status in ((BY_SCOPE["facts:write"], 200), (BY_SCOPE["metrics:read"], 403)):
            before = len(told)
            answers = [await send(client, "POST", "/v1/events", f"Bearer {text}") for _ in range(50)]
            found = Counter(answer.status_code for answer in answers)
            assert found[429] >= 30 and found == {status: 50 - found[429], 429: found[429]}
            recorded = Counter(s for _, entry, s in list(told)[before:] if entry.action == "facts-posted")
            assert recorded == {status: found[status], 429: 1}, "what was done, or was forbidden, each time"


async def test_a_change_of_an_account_is_told_though_nobody_comes_with_a_token(tmp_path: Path) -> None:
    kept = tmp_path / "access.json"
    kept.write_bytes(file.encode(Access()))
    door = Door(given_settings(access=str(kept)), Health())
    told: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    door.on_change(lambda action, about: told.put_nowait((action, about)))
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        watching = group.create_task(door.watch())
        kept.write_bytes(file.encode(Access(users=(USER,))))
        assert await told.get() == ("user-changed", "user:li")
        watching.cancel()
