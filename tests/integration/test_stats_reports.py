"""Reports by the stats service: as of an instant, opened to what is behind, published, revised, summed up a tree."""

import asyncio
import hashlib
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import asyncpg
import msgspec
import pytest
from msgspec.structs import replace

from services.events.cases import CaseEvent
from services.events.vocabulary import Ref
from services.local.postgres import PostgresServer
from services.stats.forms.form import form_ids, load
from tests.conftest import fresh_database
from tests.integration.test_stats_service import REGISTERED, env, env_of, write
from tests.stats_events import answered, filed, recorded, summary, tally
from tests.support import ServiceProcess, eventually, service

__all__ = ["env"]

CHILD = {**REGISTERED, "code": "b", "name": {"zh": "分局", "en": "Branch"}, "parent": "a"}
OLD = summary(received_on=date(2012, 12, 20))
EVENTS: list[CaseEvent] = [
    recorded("r1", 1, summary()),
    recorded("r2", 1, OLD),
    recorded("r3", 1, answered("refused-deliberative", applicant="business")),
    recorded("r4", 1, summary(organ="b", applicant="business")),
    recorded("r5", 1, answered("granted", organ="b", on=date(2013, 12, 31))),
    filed("r3", 2, request=answered("refused-deliberative", applicant="business")),
    tally("a", 1, 7, "regulations-in-force"),
    tally("b", 1, 5, "regulations-in-force", on=date(2013, 6, 30)),
]
PATH = "/v1/annual/a/2013"


@pytest.fixture
def stats(env: dict[str, str]) -> Iterator[ServiceProcess]:
    """A service of the test's own, which the test may post to and write events for."""
    with serving(env) as running:
        yield running


@pytest.fixture(scope="module")
def standing(kafka: str, postgres_server: PostgresServer) -> Iterator[ServiceProcess]:
    """The same, for all tests that only read."""
    with asyncio.Runner() as runner:
        database = fresh_database(postgres_server)
        uri = runner.run(database.__aenter__())
        with serving(env_of(kafka, uri)) as running:
            yield running
        runner.run(database.__aexit__(None, None, None))


@contextmanager
def serving(env: dict[str, str]) -> Iterator[ServiceProcess]:
    # The year is over.
    with service("stats", {**env, "SHIXIAN_NOW": "2014-02-05T08:00:00+08:00"}) as running:
        write(env, EVENTS, [REGISTERED, CHILD])
        running.wait_ready()
        eventually(lambda: total(running, "1") == 4 or None)
        yield running


def report(stats: ServiceProcess, **given: str) -> dict[str, Any]:
    query = "&".join(f"{k}={v}" for k, v in {"form": "cn-2021", **given}.items())
    found: dict[str, Any] = stats.get(f"{PATH}?{query.replace('+', '%2B')}")
    return found


def total(stats: ServiceProcess, row: str, **given: str) -> int:
    """The number of the form's row in the column ``total``."""
    tables = {t["id"]: t for t in report(stats, **given)["tables"]}
    return int(next(r["cells"]["total"] for r in tables["requests"]["rows"] if r["id"] == row))


def failed(stats: ServiceProcess, **given: str) -> set[str]:
    """The rules that don't hold, but Y2: the levels were first recorded in 2013."""
    return {c["rule"] for c in report(stats, **given)["checks"] if not c["ok"]} - {"Y2"}


def cell(stats: ServiceProcess, at: str, **given: str) -> dict[str, Any]:
    query = "&".join(f"{k}={v}" for k, v in {"form": "cn-2021", **given}.items())
    found: dict[str, Any] = stats.get(f"{PATH}/cells/{at}?{query}")
    return found


def caused(event: CaseEvent, fact: str, later: timedelta = timedelta()) -> CaseEvent:
    """The event as a fact's consequence, written so much later."""
    assert event.recordedtime is not None
    data = replace(event.data, cause=Ref("urn:shixian:intake:desk", fact))
    changed: CaseEvent = replace(event, data=data, recordedtime=event.recordedtime + later)
    return changed


def test_a_report_is_the_sum_of_the_organs_under_it_and_each_number_opens(standing: ServiceProcess) -> None:
    stats = standing
    assert {row: total(stats, row) for row in ("1", "2", "3.1", "3.3.6", "3.7", "4")} == {
        "1": 4, "2": 1, "3.1": 1, "3.3.6": 1, "3.7": 2, "4": 3,
    }  # fmt: skip
    assert {row: total(stats, row, reach="own") for row in ("1", "2", "3.7", "4")} == {"1": 2, "2": 1, "3.7": 1, "4": 2}
    assert failed(stats) == set()

    behind = [r["request"] for r in cell(stats, "requests/1/total")["requests"]]
    assert sorted(behind) == ["r1", "r3", "r4", "r5"]
    assert {r["request"] for r in cell(stats, "requests/1/business")["requests"]} == {"r3", "r4"}
    assert [r["request"] for r in cell(stats, "requests/2/total")["requests"]] == ["r2"]
    assert {r["request"] for r in cell(stats, "requests/4/total")["requests"]} == {"r1", "r2", "r4"}
    assert [r["request"] for r in cell(stats, "requests/3.3.6/business")["requests"]] == ["r3"]
    assert [r["review"] for r in cell(stats, "reviews/reconsideration/pending")["reviews"]] == ["v1"]
    levels = cell(stats, "proactive/regulations/in-force")
    assert levels["number"] == 12 and {(t["organ"], t["count"]) for t in levels["tallies"]} == {("a", 7), ("b", 5)}

    first = cell(stats, "requests/1/total", limit="3")
    assert [r["request"] for r in first["requests"]] == behind[:3]
    rest = cell(stats, "requests/1/total", limit="3", after=first["next"])
    assert [r["request"] for r in rest["requests"]] == behind[3:] and rest["next"] is None
    assert first["requests"][0]["explanation"].endswith(f"/v1/requests/{behind[0]}")
    assert {"zh", "en"} == set(first["name"]) and [label["zh"] for label in first["labels"]][-1] == "总计"
    page = stats.http.get(f"{PATH}/cells/requests/1/total.html?form=cn-2021&lang=en", follow_redirects=False)
    there = "http://127.0.0.1:8700/annual/a/2013/cells/requests/1/total?form=cn-2021&lang=en"
    assert (page.status_code, page.headers["location"]) == (307, there)

    listed = stats.get(f"{PATH}/organs")
    assert listed["sum"] == {"received": 4, "ended": 2, "in_time": 2, "late": 0, "overdue": 0, "pending": 3}
    assert [(o["organ"], o["received"], o["pending"]) for o in listed["organs"]] == [("a", 2, 2), ("b", 2, 1)]


def test_every_number_is_that_of_the_list_behind_it(standing: ServiceProcess) -> None:
    stats = standing
    found = report(stats)
    for table in found["tables"]:
        for row in table["rows"]:
            for column, number in row["cells"].items():
                behind = cell(stats, f"{table['id']}/{row['id']}/{column}")
                assert behind["number"] == number
                if table["id"] != "proactive":
                    assert len(behind["reviews" if table["id"] == "reviews" else "requests"]) == number
                past = cell(stats, f"{table['id']}/{row['id']}/{column}", as_of="2099-12-31")
                assert past["number"] == number
                if table["id"] != "proactive":
                    assert sum(k["count"] for k in past["known"]) == number


def test_a_published_year_shows_what_changed_since_and_by_which_fact(
    env: dict[str, str],
    stats: ServiceProcess,
) -> None:
    wanted = {"form": "cn-2021", "published_on": "2014-01-31", "despite": "entered later"}
    made = stats.http.post(f"{PATH}/publications", json=wanted)
    assert made.status_code == 201
    content = made.json()["content"]
    assert hashlib.sha256(made.json()["text"].encode()).hexdigest() == made.json()["digest"]
    assert sum(place["next_offset"] for place in content["offsets"]) == len(EVENTS)
    assert (content["note"], content["overruled"]) == ("entered later", ["published-before-figures"])
    assert content["organs"] == ["a", "b"] and content["number"] == 1 and content["previous"] == ""
    again = stats.http.post(f"{PATH}/publications", json=wanted)
    assert (again.status_code, again.json()["digest"]) == (200, made.json()["digest"])
    published = {
        "tables": [
            {"id": t["id"], "rows": [{k: r[k] for k in ("id", "cells")} for r in t["rows"]]}
            for t in report(stats)["tables"]
        ]
    }
    assert content["tables"] == published["tables"]
    assert [c for c in report(stats)["checks"] if c["rule"] == "published"] == [
        {"rule": "published", "ok": True, "detail": "as published on 2014-01-31"}
    ]

    hour = timedelta(hours=1)
    corrected = caused(recorded("r3", 3, answered("granted-in-part", applicant="business")), "fix-1", hour)
    late = caused(recorded("r6", 1, summary(applicant="legal-service")), "late-1", hour)
    write(env, [corrected, late])
    eventually(lambda: total(stats, "1") == 5 or None)

    (told,) = stats.get(f"{PATH}/publications")["publications"]
    assert told["intact"] and told["content"] == content
    moved = {(r["table"], r["row"], r["column"]): (r["published"], r["present"]) for r in told["revisions"]}
    assert moved == {
        **{("requests", row, column): (0, 1) for row in ("1", "4") for column in ("legal-service",)},
        ("requests", "1", "total"): (4, 5),
        ("requests", "4", "total"): (3, 4),
        **{("requests", "3.2", column): (0, 1) for column in ("business", "total")},
        **{("requests", "3.3.6", column): (1, 0) for column in ("business", "total")},
    }
    why = {(r["row"], r["column"]): [(b["subject"], b["id"]) for b in r["because"]] for r in told["revisions"]}
    assert why["3.2", "total"] == why["3.3.6", "business"] == [("r3", "fix-1")]
    assert why["1", "total"] == why["4", "legal-service"] == [("r6", "late-1")]
    assert {b["source"] for r in told["revisions"] for b in r["because"]} == {"urn:shixian:intake:desk"}
    unlike = [c["detail"] for c in report(stats)["checks"] if c["rule"] == "published" and not c["ok"]]
    assert "requests/total: 1 5 not = published on 2014-01-31 4" in unlike and len(unlike) == 8
    sheet = stats.get(f"{PATH}/sheet?form=cn-2021")
    assert len(sheet["revisions"]) == 8 and "fix-1" in str(sheet["revisions"])
    was = [c["published"] for t in sheet["tables"] for c in t["cells"] if c["published"] is not None]
    assert len(was) == 8 and [p["number"] for p in sheet["publications"]] == [1]
    assert stats.http.get(f"{PATH}.html?form=cn-2021&lang=zh").text.count("<del title=") == 8

    assert late.recordedtime is not None
    before = (late.recordedtime - timedelta(seconds=1)).isoformat()
    then = report(stats, as_of=before)
    assert [
        {"id": t["id"], "rows": [{k: r[k] for k in ("id", "cells")} for r in t["rows"]]} for t in then["tables"]
    ] == content["tables"]
    assert failed(stats, as_of=before) == set()
    assert [k["subject"] for k in cell(stats, "requests/1/total", as_of=before.replace("+", "%2B"))["known"]] == [
        "r1", "r3", "r4", "r5",
    ]  # fmt: skip

    second = stats.http.post(f"{PATH}/publications", json={**wanted, "published_on": "2014-02-06"})
    assert second.status_code == 201
    assert (second.json()["content"]["number"], second.json()["content"]["previous"]) == (2, told["digest"])
    numbers = [p["content"]["number"] for p in stats.get(f"{PATH}/publications")["publications"]]
    assert numbers == [1, 2] and failed(stats) == set()


def test_what_is_published_again_the_next_day_is_the_same_and_needs_no_reason(
    env: dict[str, str],
    stats: ServiceProcess,
) -> None:
    wanted = {"form": "cn-2021", "published_on": "2014-02-05"}
    made = stats.http.post(f"{PATH}/publications", json=wanted)
    assert made.status_code == 201
    with service("stats", {**env, "SHIXIAN_NOW": "2014-02-06T08:00:00+08:00"}) as later:
        later.wait_ready()
        again = later.http.post(f"{PATH}/publications", json=wanted)
        other = later.http.post(f"{PATH}/publications", json={**wanted, "form": "cn-2014"})
    assert (again.status_code, again.json()["digest"]) == (200, made.json()["digest"])
    assert (other.status_code, other.json()["type"]) == (409, "urn:shixian:problem:published-before-figures")


async def test_a_publication_can_neither_be_changed_nor_taken_away(
    env: dict[str, str],
    stats: ServiceProcess,
) -> None:
    stats.http.post(f"{PATH}/publications", json={"form": "cn-2021", "published_on": "2014-02-05"})
    conn = await asyncpg.connect(env["SHIXIAN_POSTGRES"])
    try:
        for change in ("UPDATE stats_kept.publication SET digest = ''", "DELETE FROM stats_kept.publication"):
            with pytest.raises(asyncpg.RaiseError, match="never changed or deleted"):
                await conn.execute(change)
        with pytest.raises(asyncpg.RaiseError, match="never changed or deleted"):
            await conn.execute("TRUNCATE stats_kept.publication")
    finally:
        await conn.close()


def test_a_report_that_does_not_add_up_is_published_only_with_a_reason(
    env: dict[str, str],
    stats: ServiceProcess,
) -> None:
    write(env, [recorded("odd", 1, answered(received_on=date(2013, 1, 5), on=date(2012, 12, 31)))])
    eventually(lambda: total(stats, "1") == 5 or None)
    wanted = {"form": "cn-2021", "published_on": "2014-02-05"}
    refused = stats.http.post(f"{PATH}/publications", json=wanted)
    assert refused.json()["type"] == "urn:shixian:problem:arithmetic"
    assert refused.status_code == 409 and "R1: requests/natural-person: 1 3 + 2 1 not = 3.7 1 + 4 2" in refused.text
    assert stats.get(f"{PATH}/publications")["publications"] == []
    despite = stats.http.post(f"{PATH}/publications", json={**wanted, "despite": "restated next year"})
    assert despite.status_code == 201 and despite.json()["content"]["note"] == "restated next year"
    early = stats.http.post("/v1/annual/a/2099/publications", json={**wanted, "published_on": "2014-01-31"})
    assert (early.status_code, early.json()["type"]) == (409, "urn:shixian:problem:not-publishable")
    assert [e["field"] for e in early.json()["errors"]] == ["path.year", "data.published_on"]
    unknown = stats.http.post(f"{PATH}/publications", json={**wanted, "form": "cn-1999"})
    assert (unknown.status_code, unknown.json()["errors"][0]["field"]) == (400, "data.form")
    text = msgspec.json.encode(wanted).decode()
    for said in ("text/plain", "application/x-www-form-urlencoded", "application/cloudevents+json"):
        refused = stats.http.post(f"{PATH}/publications", content=text, headers={"content-type": said})
        assert refused.status_code == 415, said
    for suffix in ("json", "csv", "xlsx", "docx", "html"):
        kept = stats.http.get(f"{PATH}/publications/1.{suffix}")
        assert kept.status_code == 200 and kept.content, suffix
    assert stats.get(f"{PATH}/publications/1")["tables"][1]["rows"][0]["cells"]["total"] == 5
    assert [stats.http.get(f"{PATH}/publications/{n}").status_code for n in ("2", "x", "1.pdf")] == [404, 400, 400]
    for wrong in (
        {"form": "cn-2021"},
        {**wanted, "published_on": "soon"},
        {**wanted, "published_on": "2014-02-07", "despite": "later than tomorrow"},
        {**wanted, "by": "x"},
        {**wanted, "form": "x"},
    ):
        assert stats.http.post(f"{PATH}/publications", json=wrong).status_code == 400


def test_the_year_before_is_compared_as_it_was_published(
    env: dict[str, str],
    stats: ServiceProcess,
) -> None:
    made = stats.http.post("/v1/annual/a/2012/publications", json={"form": "cn-2021", "published_on": "2014-02-05"})
    assert made.status_code == 201
    assert failed(stats) == set()
    write(env, [recorded("r7", 1, summary(received_on=date(2012, 11, 1)))])
    eventually(lambda: total(stats, "2") == 2 or None)
    assert failed(stats) == {"Y1"}
    assert "requests/total: 2 2 not = previous:4 1" in {c["detail"] for c in report(stats)["checks"]}


def test_every_format_and_several_years(standing: ServiceProcess) -> None:
    stats = standing
    csv = stats.http.get(f"{PATH}.csv?form=cn-2021")
    assert (
        csv.content.startswith(b"\xef\xbb\xbfform,organ,year")
        and csv.headers["content-type"] == "text/csv; charset=utf-8"
    )
    assert "cn-2021,a,2013," in csv.text and ",requests,1,一、本年新收政府信息公开申请数量,total,总计,4\r\n" in csv.text
    for suffix, part in (("xlsx", "xl/worksheets/sheet2.xml"), ("docx", "word/document.xml")):
        answer = stats.http.get(f"{PATH}.{suffix}?form=cn-2021")
        assert f'filename="a-2013-cn-2021.{suffix}"' in answer.headers["content-disposition"]
        assert part in zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    side = stats.get("/v1/annual/a?first=2012&last=2013&form=cn-2021")
    lines = {(line["table"], line["row"]): line for line in side["lines"]}
    assert side["years"] == [2012, 2013] and side["share_in_time"] == [None, 1.0]
    assert lines["requests", "1"]["numbers"] == [1, 4] and lines["requests", "1"]["changes"] == [3]
    assert [t["id"] for t in side["tables"]] == [t.id for t in load("cn-2021").tables] and side["name"]["zh"]
    assert [len(stats.get(f"/v1/annual?q={q}")["organs"]) for q in ("branch", "zzz")] == [1, 0]
    assert {f["id"] for f in stats.get("/v1/forms")} == set(form_ids())
    assert stats.get("/v1/forms/cn-2021")["tables"] and stats.http.get("/v1/forms/x").status_code == 404
    assert report(stats)["as_of"] == "2014-02-05"


def test_a_tree_is_as_the_latest_registrations_that_can_hold_make_it(
    stats: ServiceProcess, env: dict[str, str]
) -> None:
    alone, both = total(stats, "1", reach="own"), total(stats, "1", reach="tree")
    assert alone < both
    top, apart = dict(REGISTERED), {k: v for k, v in CHILD.items() if k != "parent"}
    renamed = apart | {"name": {"zh": "新名", "en": "Renamed"}}

    def shows(name: str, tree: int, *registered: dict[str, Any]) -> None:
        """With these registered, the home page has that name and the roll-up of ``a`` that number, both at once."""
        write(env, [], list(registered))
        eventually(
            lambda: (name in stats.http.get("/v1/annual").text and total(stats, "1", reach="tree") == tree) or None
        )

    shows("Renamed", alone, renamed)
    # What names a law that does not exist changes neither the name nor the tree.
    shows("Renamed again", alone, CHILD | {"statute": "XX"}, renamed | {"name": {"zh": "又名", "en": "Renamed again"}})
    shows("Branch", both, CHILD)
    # Under one another: the later one stands at the top, until the other is registered anew.
    shows("Branch", alone, top | {"parent": "b"}, CHILD)
    shows("Branch", both, top)


def test_a_year_through_a_day_stands_beside_the_last_and_what_is_missing_is_told(
    stats: ServiceProcess, env: dict[str, str]
) -> None:
    def beside(year: int = 2013, **given: str) -> dict[str, Any]:
        query = "&".join(f"{k}={v}" for k, v in given.items())
        found: dict[str, Any] = stats.get(f"/v1/annual/a/{year}/same-day?{query}")
        return found

    def numbers(one: dict[str, Any]) -> tuple[int, ...]:
        return tuple(one[name] for name in ("received", "ended", "in_time", "late"))

    for through, this in (("2013-02-28", (0, 0, 0, 0)), ("2013-03-19", (4, 0, 0, 0)), ("2013-03-20", (4, 1, 1, 0))):
        assert numbers(beside(through=through)["this"]) == this, through
    whole = beside(through="2013-12-31")
    assert numbers(whole["this"]) == (4, 2, 2, 0)
    assert (whole["last"]["through"], numbers(whole["last"])) == ("2012-12-31", (1, 0, 0, 0)), "by the day of receipt"
    assert numbers(beside(through="2013-04-05", reach="own")["this"]) == (2, 1, 1, 0), "whole months from the counters"
    assert numbers(beside(through="2013-04-05", form="cn-licensing")["this"]) == (0, 0, 0, 0), "of its own law"
    now = beside(2014)
    assert (now["this"]["through"], now["last"]["through"], now["basis"]) == ("2014-02-05", "2013-02-05", "legal-dates")
    refused = stats.http.get("/v1/annual/a/2013/same-day?through=2014-01-01")
    assert refused.status_code == 400 and refused.json()["errors"][0]["field"] == "query.through"

    unconfirmed = summary(state="unconfirmed", received_on=None, due_on=None)
    write(env, [recorded("never-confirmed", 1, unconfirmed)])
    page = eventually(lambda: told(stats) if len(told(stats)) > 2 else None)
    eventually(lambda: told(stats)["a", 2013]["unconfirmed"] == 1 or None)
    assert {key: one["unconfirmed"] for key, one in told(stats).items() if one["unconfirmed"]} == {("a", 2013): 1}
    assert {key: one["open"] for key, one in page.items()} == {("a", 2013): 3, ("a", 2012): 1, ("b", 2013): 1}
    for (organ, year), one in page.items():
        rules = stats.get(f"/v1/annual/{organ}/{year}/sheet")["rules"]
        bad = {rule["rule"] for rule in rules if not all(check["ok"] for check in rule["checks"])}
        assert {each["rule"] for each in one["failing"]} == bad, (organ, year)
    body = {"form": "cn-2021", "published_on": "2014-02-05", "despite": "as it is"}
    assert stats.http.post(f"{PATH}/publications", json=body).status_code == 201
    assert ("a", 2013) not in told(stats), "nothing is missing for what is published"
    alone = summary(organ="b", submitted_on="2012-03-01", state="unconfirmed", received_on=None, due_on=None)
    write(env, [recorded("alone", 1, alone)])
    of_b = eventually(lambda: told(stats).get(("b", 2012)))
    assert (of_b["unconfirmed"], of_b["open"]) == (1, 0), "a year that has nothing else is there"


def told(stats: ServiceProcess) -> dict[tuple[str, int], dict[str, Any]]:
    """What is missing, by organ and year."""
    organs = stats.get("/v1/annual?missing=true")["organs"]
    return {
        (one["code"], year["year"]): year["missing"] for one in organs for year in one["years"] if "missing" in year
    }
