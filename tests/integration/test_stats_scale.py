"""The pages with 5,000 organs, and of an organ with no requests at all."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from services.stats.form import form_ids
from tests.integration.test_stats_service import REGISTERED, env, write
from tests.stats_events import answered, recorded
from tests.support import ServiceProcess, eventually, service

__all__ = ["env"]

ORGANS = 5000
SMALL = 80_000
"""Bytes; a page of a hundred organs is a third of that."""


def organ(code: str, name: str, parent: str | None = None) -> dict[str, Any]:
    named = {**REGISTERED, "code": code, "name": {"zh": f"{name}局", "en": name}}
    return named | ({"parent": parent} if parent else {})


def rows(page: str) -> int:
    return page.count('<th scope="row"')


@pytest.fixture
def stats(env: dict[str, str]) -> Iterator[ServiceProcess]:
    """A province with 4,999 organs in two levels under it, each with one request."""
    codes = [f"o{n:04}" for n in range(ORGANS - 1)]
    known = [organ("province", "Province")]
    known += [organ(c, f"Organ {n}", "province" if n < 70 else codes[n % 70]) for n, c in enumerate(codes)]
    with service("stats", env) as running:
        write(env, [recorded(f"r-{c}", 1, answered(organ=c)) for c in codes], known)
        running.wait_ready()
        eventually(lambda: total(running) == ORGANS - 1 or None, 90)
        yield running


def total(stats: ServiceProcess) -> int:
    answer = stats.http.get("/v1/annual/province/2013.json?form=cn-2021")
    if answer.status_code == 404:
        return 0
    tables = {t["id"]: t for t in answer.raise_for_status().json()["tables"]}
    return int(tables["requests"]["rows"][0]["cells"]["total"])


def test_five_thousand_organs_come_in_pages_and_are_found(stats: ServiceProcess) -> None:
    eventually(lambda: "page 1 of 50" in stats.http.get("/?lang=en").text or None)
    for path, more in (("/?lang=en", 0), ("/v1/annual/province/2013/organs?lang=en", 1)):
        first = stats.http.get(path, headers={"accept": "text/html"}).raise_for_status()
        assert rows(first.text) == 100 + more and len(first.content) < SMALL, "the sum stands above"
        assert "page 1 of 50" in first.text and "organs: 5000" in first.text
        last = stats.http.get(f"{path}&page=50", headers={"accept": "text/html"}).text
        assert rows(last) == 100 + more and "Province" in last and 'rel="next"' not in last
        found = stats.http.get(f"{path}&q=organ+47", headers={"accept": "text/html"}).text
        assert "Organ 47<" in found and "Organ 46<" not in found and rows(found) == 100 + more
        assert "Organ 4711<" in stats.http.get(f"{path}&q=organ+47&page=2", headers={"accept": "text/html"}).text
        assert re.search(r'rel="next" href="[^"]*q=organ%2047&amp;page=2"', found)
        one = stats.http.get(f"{path}&q=o4711", headers={"accept": "text/html"}).text
        assert rows(one) == 1 + more and "organs: 1" in one
        none = stats.http.get(f"{path}&q=nothing", headers={"accept": "text/html"}).text
        assert "No organ fits" in none and rows(none) == more
    body = stats.get("/v1/annual/province/2013/organs?q=o4711")
    assert [o["organ"] for o in body["organs"]] == ["o4711"] and body["sum"]["received"] == ORGANS - 1
    page = stats.http.get("/v1/annual/province/2013.html?form=cn-2021&lang=en").raise_for_status()
    assert len(page.content) < SMALL and "with the 4999 organs under it" in page.text


def test_an_organ_without_requests_has_every_page_in_every_form_and_format(env: dict[str, str]) -> None:
    with service("stats", env) as stats:
        write(env, [], [organ("quiet", "Quiet")])
        stats.wait_ready()
        eventually(lambda: stats.http.get("/v1/annual/quiet/2023.json").status_code == 200 or None)
        for form in form_ids():
            found = stats.get(f"/v1/annual/quiet/2023.json?form={form}")
            assert {n for t in found["tables"] for r in t["rows"] for n in r["cells"].values()} == {0}
            assert all(check["ok"] for check in found["checks"]) and "days_taken" not in found
            for suffix in ("html", "csv", "xlsx", "docx"):
                assert stats.http.get(f"/v1/annual/quiet/2023.{suffix}?form={form}").status_code == 200
            page = stats.http.get(f"/v1/annual/quiet/2023.html?form={form}&lang=zh").text
            assert 'class="charts"' not in page and 'id="days-taken"' not in page
            assert set(re.findall(r'<td class="number"[^>]*><a [^>]*>([^<]*)</a>', page)) == {"0"}
        behind = stats.http.get("/v1/annual/quiet/2023/cells/requests/1/total.html?form=cn-2021&lang=en")
        assert behind.status_code == 200 and "Nothing." in behind.text
        years = stats.get("/v1/annual/quiet?first=2022&last=2023&form=cn-2021")
        assert years["share_in_time"] == [None, None]
        assert stats.http.get("/v1/annual/quiet.html?first=2022&last=2023&form=cn-2021").status_code == 200
        listed = stats.http.get("/v1/annual/quiet/2023/organs?lang=en", headers={"accept": "text/html"}).text
        assert rows(listed) == 2 and "—" in listed
        assert "no numbers yet" in stats.http.get("/?lang=en").text
