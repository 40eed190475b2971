"""Facts without effect are all in one list, each with its reason, and go from it when they have been put right."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import asyncpg

from services.tracker.attending import Asked, of_cases, of_letters
from tests.integration.recovery import shixian
from tests.integration.test_tracker import env as env
from tests.integration.test_tracker import tracker as tracker
from tests.integration.test_tracker import write
from tests.integration.test_tracker_lists import pool as pool
from tests.plans import explained, full_scans, looked_at, pretend_large
from tests.support import ORGAN, ServiceProcess, answered, eventually, raw, received

OTHER = ORGAN | {"code": "gz-edu"}
SOURCE = "urn:shixian:test"


def named(fact: dict[str, Any], id_: str) -> dict[str, Any]:
    return fact | {"id": id_}


def amends(kind: str, subject: str, target: str, **more: Any) -> dict[str, Any]:
    return raw(kind, subject, {"amends": {"source": SOURCE, "id": target}, **more})


A = named(answered("a", "2023-03-20"), "a-answer")
EIGHT = [
    ("contradicting", "receipt-elsewhere", named(received("a", "2023-02-01", "in-person", "gz-edu"), "elsewhere")),
    ("contradicting", "second-answer", named(answered("a", "2023-03-10"), "second")),
    ("contradicting", "answer-before-receipt", named(answered("a", "2023-02-20"), "early")),
    ("contradicting", "id-conflict", A | {"data": A["data"] | {"answered_on": "2023-03-21"}}),
    ("contradicting", "id-reused", answered("b", "2023-03-24") | {"id": "a-answer"}),
    (
        "rejected",
        "correction-refused",
        amends("fact-corrected", "b", "b-receipt", data={"organ": "gz-psb"}) | {"id": "bad"},
    ),
    ("without-effect", "payment-not-asked", raw("fee-paid", "b", {"paid_on": "2023-03-02"}, id="paid")),
    ("waiting", "fact", amends("fact-retracted", "c", "unheard-of", reason="by mistake")),
]
FACTS: list[dict[str, Any]] = [
    *(raw("organ-registered", str(o["code"]), o) for o in (ORGAN, OTHER)),
    named(received("a", "2023-03-01", "in-person"), "a-receipt"),
    A,
    named(received("b", "2023-03-01", "in-person"), "b-receipt"),
    named(received("c", "2023-03-01", "in-person"), "c-receipt"),
    *(fact for _, _, fact in EIGHT),
]


def listed(tracker: ServiceProcess, query: str = "") -> list[tuple[str, str, str]]:
    found, after = [], ""
    while True:
        page = tracker.get(f"/v1/attention?limit=3{query}{after}")
        # Of two subjects with one id, either can be the one that came second: they are in different partitions.
        found += [
            (each["kind"], each["code"], "b" if each["code"] == "id-reused" else each["request"])
            for each in page["attention"]
        ]
        assert all(each["zh"] and each["en"] and each["since"] for each in page["attention"])
        if page.get("next") is None:
            return found
        after = f"&cursor={quote(page['next'])}"


@contextmanager
def held_back(env: dict[str, str]) -> Iterator[None]:
    """The tracker waits with all its partitions, as it does behind another that still has them."""
    with asyncio.Runner() as runner:

        async def begin() -> asyncpg.Connection:
            conn = await asyncpg.connect(env["SHIXIAN_POSTGRES"])
            await conn.execute("BEGIN; LOCK TABLE tracker.progress IN EXCLUSIVE MODE")
            return conn

        conn = runner.run(begin())
        try:
            yield
        finally:
            runner.run(conn.close())


def test_eight_facts_without_effect_are_told_until_they_are_put_right(
    env: dict[str, str], tracker: ServiceProcess
) -> None:
    write(env, FACTS)
    expected = sorted((kind, code, fact["subject"]) for kind, code, fact in EIGHT)
    elsewhere = ("contradicting", "receipt-elsewhere", "a")  # told to both organs
    eventually(lambda: sorted(listed(tracker)) == sorted([*expected, elsewhere]) or None)
    assert listed(tracker, "&organ=gz-edu") == [elsewhere]
    assert {code for _, code, _ in listed(tracker, "&kind=contradicting")} == {c for k, c, _ in EIGHT if k[0] == "c"}
    assert len(listed(tracker, f"&source={SOURCE}&organ=gz-psb")) == 8
    for query, field in (("organ=nowhere", "organ"), ("kind=odd", "kind"), ("cursor=x", "cursor")):
        answer = tracker.http.get(f"/v1/attention?{query}")
        assert answer.status_code == 400 and field in answer.text, query

    def fact(id_: str) -> tuple[str, list[str]]:
        told = tracker.get(f"/v1/facts?source={quote(SOURCE)}&id={id_}")
        return told["status"], [each["code"] for each in told.get("why", [])]

    assert fact("a-receipt") == ("decided", [])
    assert fact("second") == ("without-effect", ["second-answer"])
    assert fact("bad") == ("rejected", ["correction-refused"])
    assert fact("c-receipt") == ("waiting", ["fact"])
    for query, fields in (("", ["query.id", "query.source"]), ("?id=y&from=x", ["query.from", "query.source"])):
        lacking = tracker.http.get(f"/v1/facts{query}")
        assert (lacking.status_code, [e["field"] for e in lacking.json()["errors"]]) == (400, fields)
    unknown = tracker.http.get("/v1/facts?source=x&id=y")
    assert unknown.status_code == 404 and "nor does the log have one that is unread" in unknown.json()["detail"]
    twice = named(received("g", "2023-03-01", "in-person"), "g-receipt")
    write(env, [twice, twice | {"data": twice["data"] | {"channel": "fax"}}])
    asked = f"/v1/facts?source={quote(SOURCE)}&id=g-receipt"
    both = eventually(lambda: tracker.get(asked)["contents"])
    assert [(each["status"], [w["code"] for w in each.get("why", [])]) for each in both] == [
        ("decided", []),
        ("without-effect", ["id-conflict"]),
    ]
    assert both[0]["data"]["channel"] == "in-person" and both[0]["content"] != both[1]["content"]
    with held_back(env):
        write(env, [raw("fee-paid", "d", {"paid_on": "2023-03-02"}, id="unread")])
        eventually(lambda: fact("unread") == ("in-the-log", []) or None)
    eventually(lambda: fact("unread") == ("waiting", ["request-received"]) or None)
    write(env, [amends("fact-retracted", "d", "unread", reason="a test")])

    audit = shixian(env, "audit", "--service", "tracker")
    assert audit.returncode == 0 and "urn:shixian:test a-answer: stands under a, b" in audit.stderr, audit.stderr

    goes = raw("request-transferred", "e", {"transferred_on": "2023-03-06", "to_organ": "gz-edu"})
    write(env, [named(received("e", "2023-03-01", "in-person"), "e-receipt"), goes])
    waits = [("expected", "expected", "e")]
    eventually(lambda: listed(tracker, "&kind=expected&organ=gz-edu") == waits or None)
    assert listed(tracker, "&kind=expected&organ=gz-psb") == []
    there = received("f", "2023-03-08", "in-person", "gz-edu")
    there["data"]["follows"] = [{"request": "e", "why": "transferred"}]
    write(env, [named(there, "f-receipt")])
    eventually(lambda: listed(tracker, "&kind=expected") == [] or None)
    assert tracker.get("/v1/requests/e")["transferred_to"] == "gz-edu"
    assert tracker.get("/v1/requests/e")["followed_by"] == ["f"]
    assert tracker.get("/v1/requests/f")["follows"] == [{"request": "e", "why": "transferred"}]
    assert tracker.get("/v1/requests/f")["readings"]
    write(env, [amends("fact-retracted", "f", "f-receipt", reason="another one")])
    eventually(lambda: listed(tracker, "&kind=expected&organ=gz-edu") == waits or None)
    write(env, [there | {"id": "f-again"}])
    assert tracker.http.get("/v1/organs?code=gz-psb&code=nowhere").status_code == 400
    kept = tracker.get("/v1/organs?code=gz-psb&code=nowhere&missing=skip")["organs"]
    assert [one["code"] for one in kept] == ["gz-psb"]

    right = [
        amends("fact-retracted", "a", "elsewhere", reason="sent to the wrong organ"),
        amends("fact-retracted", "a", "second", reason="a draft"),
        amends("fact-retracted", "a", "early", reason="a draft"),
        amends("fact-corrected", "a", "a-answer", data=A["data"] | {"answered_on": "2023-03-21"}),
        amends("fact-corrected", "g", "g-receipt", data=twice["data"]),
        amends("fact-retracted", "b", "bad", reason="incomplete"),
        amends("fact-retracted", "b", "paid", reason="another request's"),
        raw("fee-paid", "c", {"paid_on": "2023-03-02"}, id="unheard-of"),
    ]
    write(env, right)
    eventually(lambda: listed(tracker) == [] or None)
    assert tracker.get("/v1/requests/a")["answered_on"] == "2023-03-21"


async def test_every_page_of_attention_is_read_from_an_index(pool: Any) -> None:
    now = datetime(2025, 3, 10, tzinfo=UTC)
    kinds = ("rejected", "without-effect", "contradicting", "waiting")
    async with pool.acquire() as conn:
        await conn.execute(
            "INSERT INTO tracker.attention SELECT 'r' || n, 0, '00000', n % 12, ($1::text[])[1 + n % 4], 'c', "
            "$2::timestamptz - n * interval '1 minute', 'o' || n % 7, 's' || n % 5, 'f' || n, '\\x' "
            "FROM generate_series(1, 20000) AS n",
            list(kinds),
            now,
        )
        await pretend_large(conn, "tracker", ["attention"])
        for given in ({}, {"kind": "waiting"}, {"organ": "o3"}, {"source": "s1"}):
            sql, values = of_cases(Asked("t", now, limit=50, **given), None)  # type: ignore[arg-type]
            nodes = await explained(conn, sql, values)
            assert full_scans(nodes) == [] and looked_at(nodes) <= 51, given
        # Of several organs each is read from its index, and no more of all together than of one.
        several = Asked("t", now, limit=50, organs=("o1", "o3", "o5"))
        nodes = await explained(conn, *of_cases(several, None))
        assert full_scans(nodes) == [] and looked_at(nodes) <= 3 * 51 + 3
        rows = await conn.fetch(of_cases(several, None)[0], *of_cases(several, None)[1])
        assert {row["organ"] for row in rows} == {"o1", "o3", "o5"} and len(rows) == 51
        letters = of_letters(Asked("t", now, limit=50), None)
        assert letters is not None and full_scans(await explained(conn, *letters), ("dead_letter",)) == []
