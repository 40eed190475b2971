"""Who may do what: tokens and their file, roles, organs, signed tokens, the provider's JWTs, passwords, lock-out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

from services.access import file, passwords, provider, signed, tokens
from services.access.audit import Chain, Entry, Record, sealed
from services.access.file import Access, BadFile, Token, User
from services.access.lockout import FORGET, FREE, MOST_LOCKED, MOST_TRIED, Lockout
from services.access.principal import LOCAL, ROLES, SCOPES, Principal, scopes_of
from services.access.routes import COMMON, NEEDS, Need, Undeclared, require_declared, roles_with
from services.access.signed import API, SESSION, BadToken, Keys

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
PARENTS: dict[str, str | None] = {"city": None, "a": "city", "b": "city", "a1": "a", "x": "y", "y": "x"}


def limited(*organs: str) -> Principal:
    return Principal(account="token:t", kind="token", scopes=frozenset({"requests:read"}), organs=frozenset(organs))


def test_parents_read_their_children_and_nobody_reads_upwards_or_beside() -> None:
    read = {who: {o for o in (*PARENTS, "unknown") if limited(who).reads(o, PARENTS)} for who in ("city", "a", "a1")}
    assert read == {"city": {"city", "a", "b", "a1"}, "a": {"a", "a1"}, "a1": {"a1"}}
    assert limited("city").readable(PARENTS) == frozenset({"city", "a", "b", "a1"})
    assert limited("unknown").readable(PARENTS) == frozenset({"unknown"}), "its own, registered or not"
    assert limited("x").readable(PARENTS) == frozenset({"x", "y"}), "a ring ends"
    assert LOCAL.readable(PARENTS) is None and LOCAL.reads("unknown", PARENTS)
    assert limited().readable(PARENTS) == frozenset(), "no organ at all is not every organ"


def test_a_parent_does_not_speak_for_its_children() -> None:
    assert limited("city").speaks_for("city") and not limited("city").speaks_for("a")
    assert LOCAL.speaks_for("anything")


def test_admin_stands_for_every_scope_and_roles_add_up() -> None:
    admin = Principal(account="a", kind="person", scopes=scopes_of(["admin"]))
    assert all(admin.may(scope) for scope in SCOPES)
    assert scopes_of(["officer", "publisher"]) == ROLES["officer"] | ROLES["publisher"]
    assert scopes_of(["nobody"]) == frozenset()
    assert not Principal(account="a", kind="person", scopes=ROLES["auditor"]).may("requests:read")


def issued(**more: Any) -> tuple[str, Token]:
    id_, text, kept = tokens.new()
    given = {"scopes": ("facts:write",), "organs": ("a",), "created_at": NOW, **more}
    return text, Token(id=id_, name="n", hash=kept, **given)


def test_a_token_is_known_by_its_hash_alone() -> None:
    text, token = issued(expires_at=NOW + timedelta(days=1))
    kept = file.encode(Access(tokens=(token,)))
    assert text.encode() not in kept and text.rpartition("_")[2].encode() not in kept
    found, why = file.check(file.decode(kept), text, NOW)
    assert found == Principal(
        account=f"token:{token.id}", kind="token", scopes=frozenset({"facts:write"}), organs=frozenset({"a"})
    ), why


@pytest.mark.parametrize("wrong", ["", "shx_", "shx_aaaaaaaaaa_", "x", "shx_aaaaaaaaaa_" + "A" * 43, "shx_é_ü"])
def test_what_is_no_token_is_refused_in_words_that_hold_nothing_of_it(wrong: str) -> None:
    found, why = file.check(Access(tokens=(issued()[1],)), wrong, NOW)
    assert found is None and why == "the token is none of this installation's"


def test_a_changed_an_expired_and_a_revoked_token_are_refused_and_two_are_valid_while_rotating() -> None:
    (old, first), (new, second) = issued(expires_at=NOW), issued()
    access = Access(tokens=(first, second))
    assert file.check(access, old, NOW)[1] == "the token has expired"
    before = NOW - timedelta(seconds=1)
    assert file.check(access, old, before)[0] and file.check(access, new, before)[0]
    assert file.check(access, new[:-1] + ("A" if new[-1] != "A" else "B"), NOW)[0] is None
    after = file.revoked(access, second.id, NOW)
    assert file.check(after, new, NOW)[1] == "the token was revoked"
    assert file.revoked(after, second.id, NOW + timedelta(days=1)) == after, "it was revoked when it was first"
    with pytest.raises(KeyError):
        file.revoked(access, "nowhere", NOW)


ONE = (
    b"""{"tokens": [{"id": "a", "name": "n", "hash": "%s", "scopes": ["%s"], "created_at": "2026-01-01T00:00:00Z"}]}"""
)
TWICE = b'{"account": "a", "password": "p", "roles": []}'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "expected JSON"),
        (b'{"tokens": [], "user": []}', "user"),
        (ONE % (b"plain", b"admin"), "begins with sha256"),
        (ONE % (b"sha256:1", b"all"), "scopes"),
        (b'{"users": [%s, %s]}' % (TWICE, TWICE), "'a' is there twice"),
        (b'{"users": [{"account": "a", "password": "p", "roles": ["king"]}]}', "roles"),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused_with_what_was_expected(text: bytes, told: str) -> None:
    with pytest.raises(BadFile) as refused:
        file.decode(text)
    assert told in str(refused.value)


def test_accounts_are_put_changed_and_taken_away() -> None:
    user = User(
        account="li", password=passwords.hashed("li", "correct horse battery"), roles=("officer",), organs=("a",)
    )
    access = file.with_user(Access(), user)
    assert file.decode(file.encode(access)) == access
    assert file.with_user(access, user) == access
    person = file.person(access.by_account["li"])
    assert (person.account, person.scopes) == ("user:li", ROLES["officer"]) and person.organs == frozenset({"a"})
    assert file.without_user(access, "li").users == ()
    with pytest.raises(KeyError):
        file.without_user(access, "wang")


def test_passwords() -> None:
    kept = passwords.hashed("li", "correct horse battery")
    assert kept.startswith("$argon2id$") and "horse" not in kept
    assert passwords.fits("correct horse battery", kept)
    assert not passwords.fits("correct horse batterx", kept) and not passwords.fits("x", None)
    assert not passwords.fits("nobody has this password", None), "no account is no account"
    for weak in ("short", "x" * 201, "wang-is-my-name", "aaaaaaaaaaaaaa"):
        with pytest.raises(passwords.WeakPassword):
            passwords.hashed("wang", weak)


def test_guessing_locks_an_account_ever_longer() -> None:
    lockout, now = Lockout(), NOW
    for n in range(FREE):
        assert lockout.until("li", now) is None
        assert lockout.failed("li", now, is_known=True) == (n == FREE - 1)
    waits = []
    for _ in range(4):
        end = lockout.until("li", now)
        assert end is not None and lockout.until("li", end) is None
        waits.append((end - now).total_seconds())
        now = end
        lockout.failed("li", now, is_known=True)
    assert waits == [60, 120, 240, 480] and lockout.until("wang", now) is None
    lockout.passed("li")
    assert lockout.until("li", now) is None


def test_no_number_of_invented_names_unlocks_an_account_or_tells_which_names_are_none() -> None:
    lockout, now = Lockout(), NOW
    for _ in range(FREE):
        lockout.failed("li", now, is_known=True)
        lockout.failed("nobody", now, is_known=False)
    for number in range(MOST_TRIED + 1000):
        now += timedelta(milliseconds=2)
        lockout.failed(f"invented-{number}", now, is_known=False)
    assert lockout.until("li", now) == lockout.until("nobody", now) == NOW + timedelta(minutes=1)
    assert not lockout.failed("invented-0", now, is_known=False), "what is remembered is bounded"
    # Nor does locking others, as many as there is room for.
    for number in range(MOST_LOCKED + 1):
        for _ in range(FREE):
            lockout.failed(f"locked-{number}", now, is_known=False)
    assert lockout.until("li", now) is not None
    assert len(lockout._tried) <= MOST_TRIED and len(lockout._locked) <= MOST_LOCKED
    lockout.failed("wang", now + FORGET + timedelta(seconds=1), is_known=True)
    assert list(lockout._accounts) == ["wang"], "and what is too old is forgotten"


def test_the_desk_s_token_is_for_the_apis_for_minutes_and_from_this_installation() -> None:
    keys, other = Keys.new(), Keys.new()
    person = Principal(
        account="user:li", kind="person", scopes=scopes_of(["officer"]), organs=frozenset({"a"}), roles=("officer",)
    )
    text = keys.sign(signed.of_person(person), API, NOW, signed.TOKEN_TIME)
    checking = Keys.read(keys.text(private=False))
    assert not checking.can_sign and keys.can_sign
    assert signed.principal_of(checking.claims(text, API, NOW)) == person
    newer = Keys.read(Keys.new(keys).text())
    assert signed.principal_of(newer.claims(text, API, NOW)) == person, "the key before is still believed"
    late = NOW + signed.TOKEN_TIME + timedelta(seconds=signed.LEEWAY_SECONDS + 1)
    for believed, audience, now, told in (
        (keys, SESSION, NOW, "'aud'"),
        (keys, API, late, "expired"),
        (other, API, NOW, "signature"),
        (Keys.new(Keys.new(keys)), API, NOW, "signature"),
    ):
        with pytest.raises(BadToken, match=told):
            believed.claims(text, audience, now)


def test_no_person_can_claim_scopes_that_her_roles_do_not_have() -> None:
    claims = {"sub": "user:li", "kind": "person", "roles": ["officer"], "organs": None, "scope": "admin"}
    assert signed.principal_of(claims).scopes == ROLES["officer"]
    for wrong in ({"kind": "token"}, {"roles": "admin"}, {"organs": "a"}, {"sub": 1}):
        with pytest.raises(BadToken):
            signed.principal_of({**claims, **wrong})
    for account, scopes in (("desk", {"audit:write"}), ("prometheus", {"metrics:read"}), ("user:li", set())):
        made = signed.principal_of({**claims, "sub": account, "kind": "service", "roles": ["admin"]})
        assert made.scopes == scopes


RSA = RSAKey.generate_key(2048, parameters={"kid": "k"})
PUBLIC = KeySet([RSAKey.import_key(RSA.as_dict(private=False))])
PROVIDER = provider.Provider(issuer="https://id.test", audience="shixian")


def claimed(alg: str = "RS256", key: Any = RSA, **more: Any) -> str:
    given = {"iss": "https://id.test", "aud": "shixian", "sub": "s1", "exp": int(NOW.timestamp()) + 60, **more}
    return jwt.encode({"alg": alg, "kid": "k"}, {k: v for k, v in given.items() if v is not None}, key, [alg])


def test_a_provider_s_token_says_scopes_roles_and_organs() -> None:
    found = provider.bearer(PROVIDER, claimed(scope="facts:write openid", organs=["a", "b"]), PUBLIC, NOW)
    assert found == Principal(
        account="oidc:s1", kind="provider", scopes=frozenset({"facts:write"}), organs=frozenset({"a", "b"})
    )
    assert provider.bearer(PROVIDER, claimed(scope="admin"), PUBLIC, NOW).organs == frozenset(), "no claim, no organ"
    every = provider.bearer(PROVIDER, claimed(roles="supervisor king", organs="*"), PUBLIC, NOW)
    assert (every.roles, every.organs, every.kind) == (("supervisor",), None, "person")


def test_a_provider_s_token_that_is_not_for_us_is_refused() -> None:
    other = RSAKey.generate_key(2048, parameters={"kid": "k"})
    shared = OctKey.generate_key(256, {"kid": "k"})
    wrong = [
        claimed(aud="other"),
        claimed(iss="https://elsewhere.test"),
        claimed(exp=int(NOW.timestamp()) - 60),
        claimed(exp=None),
        claimed(sub=None),
        claimed(nbf=int(NOW.timestamp()) + 600),
        claimed(key=other),
        claimed("HS256", shared),
        claimed() + "x",
        "a.b.c",
        "",
    ]
    for text in wrong:
        with pytest.raises(BadToken):
            provider.bearer(PROVIDER, text, PUBLIC, NOW)
    assert provider.bearer(PROVIDER, claimed(), PUBLIC, NOW).account == "oidc:s1"


def records(count: int, writer: str = "w", previous: str = "") -> list[Record]:
    made: list[Record] = []
    for number in range(1, count + 1):
        entry = Entry(account="user:li", action="report-published", path=f"/v1/annual/a/{number}")
        record = Record(
            at=NOW, service="stats", writer=writer, number=number, entry=entry, status=201, previous=previous
        )
        made.append(sealed(record))
        previous = made[-1].hash
    return made


def broken(found: list[Record], *, is_whole: bool = True) -> list[str]:
    chain = Chain(is_whole=is_whole)
    return [wrong for record in found if (wrong := chain.look(record))]


def test_the_trail_s_chain_shows_what_was_changed_or_taken_out() -> None:
    import msgspec

    first = records(3)
    second = records(2, "v", previous=first[-1].hash)
    whole = [*first, *second]
    assert broken(whole) == [] and broken([first[0], first[0], *first[1:], *second]) == [], "written twice is no change"
    changed = msgspec.structs.replace(first[1], status=403)
    assert "was changed" in broken([first[0], changed, first[2]])[0]
    assert "does not follow" in broken([first[0], first[2]])[0]
    assert "missing" in broken(second)[0], "a writer's whole chain was taken out"
    assert broken(second, is_whole=False) == [] and broken(whole[1:], is_whole=False) == []
    assert "missing" in broken(whole[1:])[0]


def test_what_is_not_declared_does_not_start() -> None:
    require_declared("x", [("GET", "/healthz")], COMMON)
    with pytest.raises(Undeclared, match="GET /v1/new"):
        require_declared("x", [("GET", "/healthz"), ("GET", "/v1/new")], COMMON)


def test_only_open_routes_of_the_desk_and_the_probes_need_nobody_and_none_of_them_changes_or_tells_anything() -> None:
    opened = {
        (service, *key) for service, needs in NEEDS.items() for key, need in needs.items() if need.scope == "open"
    }
    assert {key for key in opened if key[1] != "GET"} == {("desk", "POST", "/login")}
    assert not [key for key in opened if key[2].startswith("/v1")]
    assert roles_with(Need("reports:publish")) == ["publisher", "admin"]
    assert all(need.scope != "anyone" for service in ("intake", "tracker", "stats")
               for (method, _), need in NEEDS[service].items() if method != "GET")  # fmt: skip
