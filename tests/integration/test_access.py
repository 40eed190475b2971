"""Two organs on one installation with accounts: what each may post and read, and what the audit trail tells of it."""

import json
import os
import shutil
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.access import file, signed, tokens
from services.access.file import Access, Token
from services.access.routes import needs_of
from services.access.signed import Keys
from services.desk.apis import DESK
from tests.support import ORGAN, ServiceProcess, answered, eventually, raw, received, service

SHIXIAN = str(Path(sys.executable).parent / "shixian")


def issued(name: str, scopes: tuple[Any, ...], *organs: str) -> tuple[str, Token]:
    id_, text, kept = tokens.new()
    limits = organs or None
    return text, Token(id=id_, name=name, hash=kept, scopes=scopes, organs=limits, created_at=datetime.now(UTC))


KEYS = Keys.new()
ADMIN = issued("admin", ("admin",))
A = issued("a", ("facts:write", "requests:read", "reports:read", "reports:publish"), "a")
B = issued("b", ("facts:write", "requests:read", "reports:read"), "b")
BOTH = issued("both", ("requests:read", "reports:read"), "a", "b")
CITY = issued("city", ("requests:read", "reports:read"), "city")


def entries(answer: httpx.Response) -> Counter[str]:
    """What a list has, to be compared: its entries, and its counts by their names."""
    if answer.headers["content-type"].startswith("text/calendar"):
        return Counter(line for line in answer.text.splitlines() if line.startswith("UID:"))
    found: Counter[str] = Counter()
    for name, told in answer.json().items():
        if isinstance(told, list):
            found.update(json.dumps(one, sort_keys=True) for one in told)
        elif isinstance(told, int):
            found[name] += told
    return +found


def who(one: tuple[str, Token]) -> dict[str, str]:
    return {"authorization": f"Bearer {one[0]}"}


@pytest.fixture
def env(kafka: str, postgres: str, folder: Path) -> dict[str, str]:
    (folder / "desk-key.json").write_bytes(KEYS.text())
    (folder / "access.json").write_bytes(file.encode(Access(tokens=tuple(t for _, t in (ADMIN, A, B, BOTH, CITY)))))
    return {
        "SHIXIAN_KAFKA": kafka,
        "SHIXIAN_POSTGRES": postgres,
        "SHIXIAN_TOPIC_PREFIX": f"access{os.getpid()}.",
        "SHIXIAN_PARTITIONS": "2",
        "SHIXIAN_ACCESS": str(folder / "access.json"),
    }


@pytest.fixture
def running(env: dict[str, str]) -> Iterator[tuple[ServiceProcess, ServiceProcess, ServiceProcess]]:
    with service("intake", env) as intake, service("tracker", env) as tracker, service("stats", env) as stats:
        for one in (intake, tracker, stats):
            one.wait_ready()
        yield intake, tracker, stats


def test_each_organ_posts_and_reads_its_own_and_the_trail_tells_of_it(
    running: tuple[ServiceProcess, ServiceProcess, ServiceProcess], env: dict[str, str], folder: Path
) -> None:
    intake, tracker, stats = running

    def post(one: tuple[str, Token], *facts: dict[str, Any]) -> httpx.Response:
        headers = {"content-type": "application/cloudevents-batch+json", **who(one)}
        return intake.http.post("/v1/events", json=list(facts), headers=headers)

    def get(of: ServiceProcess, path: str, one: tuple[str, Token]) -> httpx.Response:
        return of.http.get(path, headers=who(one))

    def ids(one: tuple[str, Token], query: str = "") -> list[str]:
        return [r["id"] for r in get(tracker, f"/v1/requests{query}", one).raise_for_status().json()["requests"]]

    organs = [raw("organ-registered", code, {**ORGAN, "code": code, **more}) for code, more in (
        ("city", {}), ("a", {"parent": "city"}), ("b", {"parent": "city"}))]  # fmt: skip
    refused = post(A, organs[1])
    assert refused.status_code == 403 and refused.json()["errors"][0]["field"] == "$.type"
    assert post(ADMIN, *organs).status_code == 202
    refused = post(A, received("X-1", "2024-03-04", "in-person", "b"))
    assert refused.status_code == 403 and refused.json()["errors"][0]["field"] == "$.data.organ"
    assert post(A, received("A-1", "2024-03-04", "in-person", "a")).status_code == 202
    assert post(B, received("B-1", "2024-03-04", "in-person", "b")).status_code == 202
    # It names no organ, so it gets into the log; and there it has no effect.
    answer = answered("A-1", "2024-03-06")
    assert post(B, answer).status_code == 202
    eventually(lambda: get(tracker, "/v1/requests/A-1", A).json()["rejected"] or None)
    named = f"/v1/facts?source={answer['source']}&id={answer['id']}"
    told = get(tracker, named, B).raise_for_status().json()
    assert told["status"] == "rejected" and told["why"][0]["code"] == "foreign-organ" and "request" not in told
    case = get(tracker, "/v1/requests/A-1", A).json()
    assert [one["code"] for one in case["rejected"]] == ["foreign-organ"] and case["answered_on"] is None
    assert case["rejected"][0]["reason"].startswith(f"token:{B[1].id} may not speak for")
    # Nor does it keep the organ from that name.
    assert post(A, answer).status_code == 202
    eventually(lambda: get(tracker, "/v1/requests/A-1", A).json()["answered_on"])
    assert (
        get(tracker, named, A).json()["status"] == "decided" and get(tracker, named, B).json()["status"] == "rejected"
    )
    # Nobody reads a request that waits for its receipt by adding a fact to it.
    assert post(B, answered("B-2", "2024-03-06")).status_code == 202
    eventually(lambda: get(tracker, "/v1/requests/B-2", B).status_code == 200 or None)
    added = answered("B-2", "2024-03-07")
    assert post(A, added).status_code == 202
    eventually(lambda: len(get(tracker, "/v1/requests/B-2", B).json()["facts"]) == 2 or None)
    assert get(tracker, "/v1/requests/B-2", A).status_code == 404
    assert post(A, answered("A-2", "2024-03-06")).status_code == 202
    eventually(lambda: get(tracker, "/v1/requests/A-2", A).status_code == 200 or None)
    # A number that another organ has is told of where it is entered for a request of one's own, and nothing else of it.
    for fact, status in (
        (received("A-1", "2024-03-04", organ="b"), 422),
        (received("B-3", "2024-03-04", organ="b"), 200),
        (answered("A-1", "2024-03-09"), 200),
        (received("A-2", "2024-03-04", organ="b"), 200),  # it waits, and is whoever's receipt comes
    ):
        looked = tracker.http.post("/v1/preview", json={"fact": fact}, headers=who(B))
        assert looked.status_code == status, looked.text
        if status == 422:
            assert [one["field"] for one in looked.json()["errors"]] == ["$.fact.subject"]
        else:
            assert not looked.json()["before"]["organ"] and not looked.json()["before"]["received_on"]
    # An id may end like the path of another organ's history.
    assert post(B, received("A-1/history", "2024-03-04", "in-person", "b")).status_code == 202
    eventually(lambda: get(tracker, "/v1/requests/A-1/history", B).status_code == 200 or None)
    assert isinstance(get(tracker, "/v1/requests/A-1/history", A).json(), list)
    assert get(tracker, "/v1/requests/A-1/history", B).json()["id"] == "A-1/history"
    eventually(lambda: len(ids(B)) == 2 or None)

    assert (ids(A), sorted(ids(B))) == (["A-1"], sorted(own := ["A-1/history", "B-1"]))
    assert sorted(ids(CITY)) == sorted(["A-1", *own]) == sorted(set(ids(ADMIN)) - {"A-2", "B-2"})
    assert sorted(ids(CITY, "?organ=a")) == ["A-1"]
    assert get(tracker, "/v1/requests?organ=b", A).status_code == 403
    for path in ("/v1/requests/B-1", "/v1/requests/B-1/history", "/v1/requests/nowhere"):
        hidden = get(tracker, path, A)
        assert hidden.status_code == 404, path
        assert get(tracker, path, CITY).status_code == (404 if "nowhere" in path else 200)
    assert get(tracker, "/v1/deadlines.ics", A).text.count("BEGIN:VEVENT") == 0  # answered
    assert get(tracker, "/v1/deadlines.ics", B).text.count("B-1@shixian") == 1
    assert "B-1@shixian" not in get(tracker, "/v1/deadlines.ics", A).text
    assert [o["code"] for o in get(tracker, "/v1/organs", A).json()["organs"]] == ["a"]
    assert len(get(tracker, "/v1/rejections", A).json()["rejected"]) == 1
    assert get(tracker, "/v1/rejections", B).json()["rejected"] == []

    # Whoever has several organs and names none is told of all of them together, wherever a list has that filter.
    lists = [path for (method, path), need in needs_of("tracker").items() if need.organ == "query.organ"]
    filled = {f"/v1/{name}" for name in ("requests", "counts", "rejections", "deadlines.ics", "attention")}
    assert filled < set(lists)
    for path in lists:

        def as_one(path: str = path) -> bool | None:
            both, own, other = (entries(get(tracker, path, one).raise_for_status()) for one in (BOTH, A, B))
            return (both == own + other and bool(both) >= (path in filled)) or None

        eventually(as_one)
    assert len(entries(get(tracker, "/v1/attention?limit=1", BOTH))) == 1, "also page by page"
    assert get(tracker, "/v1/attention?organ=b", A).status_code == 403

    eventually(lambda: get(stats, "/v1/annual/a/2024", A).status_code == 200 or None)
    assert [o["code"] for o in get(stats, "/v1/annual", A).json()["organs"]] == ["a"]
    for path, status in (("a/2024", 200), ("b/2024", 403), ("city/2024", 403), ("b/2024/sheet", 403)):
        assert get(stats, f"/v1/annual/{path}", A).status_code == status, path
    cell = "a/2024/cells/requests/1/total?form=cn-2021"
    assert get(stats, f"/v1/annual/{cell}", B).status_code == 403
    published = stats.http.post("/v1/annual/b/2024/publications", json={}, headers=who(B))
    assert published.status_code == 403 and "reports:publish" in published.text

    assert intake.http.post("/v1/events", json=[]).status_code == tracker.http.get("/v1/organs").status_code == 401
    # Five wrong passwords, told by a desk, are known to whichever intake a desk asks.
    desk = KEYS.sign(signed.of_person(DESK), signed.API, datetime.now(UTC), signed.TOKEN_TIME)
    guess = {"account": "user:li", "action": "login-refused"}
    for _ in range(5):
        told = intake.http.post("/v1/audit-records", json=guess, headers={"authorization": f"Bearer {desk}"})
        assert told.status_code == 202
    tried = {"account": "unknown", "action": "call", "method": "POST", "path": "/logout"}
    told = intake.http.post("/v1/audit-records?status=403", json=tried, headers={"authorization": f"Bearer {desk}"})
    assert told.status_code == 202
    who_is_locked = "/v1/lock-outs?account=user:li"
    eventually(lambda: intake.http.get(who_is_locked, headers={"authorization": f"Bearer {desk}"}).json()["until"])
    assert get(intake, who_is_locked, A).status_code == 403

    def trail() -> Any:
        found = get(intake, "/v1/audit-trail?limit=1000", ADMIN).raise_for_status().json()
        told = {(r["entry"]["account"], r["entry"]["action"], r["status"]) for r in found["records"]}
        wanted = {
            (f"token:{A[1].id}", "facts-posted", 202),
            (f"token:{A[1].id}", "facts-posted", 403),
            (f"token:{A[1].id}", "request-read", 404),
            (f"token:{B[1].id}", "report-published", 403),
            (f"token:{B[1].id}", "cell-read", 403),
            (f"token:{B[1].id}", "token-used", 0),
            ("unknown", "facts-posted", 401),
            ("unknown", "call", 401),
            ("unknown", "call", 403),
        }
        return found if wanted <= told else None

    found = eventually(trail)
    assert found["wrong"] == [] and get(intake, "/v1/audit-trail", A).status_code == 403
    kept = folder / "access.json"
    kept.write_bytes(file.encode(file.revoked(file.decode(kept.read_bytes()), B[1].id, datetime.now(UTC))))
    eventually(lambda: get(intake, "/schema", B).status_code == 401 or None)
    eventually(lambda: any(r["entry"]["action"] == "token-revoked" for r in trail()["records"]) or None)

    done = subprocess.run(
        [SHIXIAN, "audit-trail"], env={**os.environ, **env}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["service"] for line in lines} == {"intake", "tracker", "stats"} and "the chain holds" in done.stderr
    listed = subprocess.run(
        [SHIXIAN, "token", "list"], env={**os.environ, **env}, capture_output=True, text=True, timeout=60, check=False
    )
    assert listed.returncode == 0 and listed.stderr == ""
    uses = {line.split()[0]: line.split()[3] for line in listed.stdout.splitlines()}
    assert uses[A[1].id].startswith(f"{datetime.now(UTC):%Y}"), listed.stdout
    for text, token in (ADMIN, A, B, CITY):
        assert text not in done.stdout + listed.stdout and token.hash not in done.stdout


@pytest.mark.parametrize("command", [["intake"], ["desk"], ["up"]])
def test_beyond_this_machine_nothing_starts_without_accounts(command: list[str], folder: Path) -> None:
    env = {**os.environ, "SHIXIAN_HOST": "0.0.0.0", "SHIXIAN_HOME": str(folder / "home")}
    done = subprocess.run([SHIXIAN, *command], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "SHIXIAN_HOST: 0.0.0.0 can be reached from other machines" in done.stderr
    assert not (folder / "home" / "kafka").exists()


def test_a_service_speaks_https(folder: Path) -> None:
    openssl = shutil.which("openssl")
    assert openssl is not None
    key, certificate = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    env = {"SHIXIAN_TLS_CERT": str(certificate), "SHIXIAN_TLS_KEY": str(key)}
    with service("desk", env) as desk:
        url = desk.url.replace("http://", "https://")
        context = ssl.create_default_context(cafile=str(certificate))
        with httpx.Client(base_url=url, verify=context, trust_env=False) as client:
            assert eventually(lambda: client.get("/healthz")).json() == {"status": "ok"}
        with pytest.raises(httpx.TransportError):
            desk.http.get("/healthz")
