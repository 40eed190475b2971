"""The pages with 5,000 organs, and of an organ with no requests at all."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from services.stats.forms.form import form_ids
from tests.integration.test_stats_service import REGISTERED, env, write
from tests.stats_events import answered, recorded
from tests.support import ServiceProcess, desk_at, eventually, service

__all__ = ["env"]

pytestmark = pytest.mark.proof

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
    with desk_at(stats=stats) as desk:
        found_in_pages(stats, desk)


def found_in_pages(stats: ServiceProcess, desk: ServiceProcess) -> None:
    eventually(lambda: "page 1 of 250" in desk.http.get("/annual?lang=en").text or None)
    # The home says what is missing for each report, and so has fewer organs on a page.
    for path, more, size in (("/annual?lang=en", 0, 20), ("/annual/province/2013/organs?lang=en", 1, 100)):
        first = desk.http.get(path).raise_for_status()
        assert rows(first.text) == size + more and len(first.content) < SMALL, "the sum stands above"
        assert f"page 1 of {ORGANS // size}" in first.text and "organs: 5000" in first.text
        last = desk.http.get(f"{path}&page={ORGANS // size}").text
        assert rows(last) == size + more and "Province" in last and 'rel="next"' not in last
        found = desk.http.get(f"{path}&q=organ+47").text
        assert "Organ 47<" in found and "Organ 46<" not in found and rows(found) == size + more
        pages = int(re.search(r"page 1 of (\d+)", found)[1])  # type: ignore[index]  # both words in its name or code
        each = [desk.http.get(f"{path}&q=organ+47&page={n}").text for n in range(1, pages + 1)]
        matching = sum("47" in f"{n:04}" for n in range(ORGANS - 1))
        assert sum("Organ 4711<" in page for page in each) == 1 and pages == -(-matching // size)
        assert re.search(r'rel="next" href="[^"]*q=organ\+47&amp;page=2"', found)
        one = desk.http.get(f"{path}&q=o4711").text
        assert rows(one) == 1 + more and "organs: 1" in one
        none = desk.http.get(f"{path}&q=nothing").text
        assert "No organ fits" in none and rows(none) == more
    body = stats.get("/v1/annual/province/2013/organs?q=o4711")
    assert [o["organ"] for o in body["organs"]] == ["o4711"] and body["sum"]["received"] == ORGANS - 1
    page = desk.http.get("/annual/province/2013?form=cn-2021&lang=en").raise_for_status()
    assert len(page.content) < SMALL and "with the organs under it: 4999" in page.text


def test_an_organ_without_requests_has_every_page_in_every_form_and_format(env: dict[str, str]) -> None:
    with service("stats", env) as stats, desk_at(stats=stats) as desk:
        write(env, [], [organ("quiet", "Quiet")])
        stats.wait_ready()
        eventually(lambda: stats.http.get("/v1/annual/quiet/2023.json").status_code == 200 or None)
        for form in form_ids():
            found = stats.get(f"/v1/annual/quiet/2023.json?form={form}")
            assert {n for t in found["tables"] for r in t["rows"] for n in r["cells"].values()} == {0}
            assert all(check["ok"] for check in found["checks"]) and "days_taken" not in found
            for suffix in ("html", "csv", "xlsx", "docx"):
                assert stats.http.get(f"/v1/annual/quiet/2023.{suffix}?form={form}").status_code == 200
            page = desk.http.get(f"/annual/quiet/2023?form={form}&lang=zh").text
            assert 'class="charts"' not in page and 'id="days-taken"' not in page
            assert set(re.findall(r'<td class="number"[^>]*><a [^>]*>([^<]*)</a>', page)) == {"0"}
        behind = desk.http.get("/annual/quiet/2023/cells/requests/1/total?form=cn-2021&lang=en")
        assert behind.status_code == 200 and "Nothing." in behind.text
        years = stats.get("/v1/annual/quiet?first=2022&last=2023&form=cn-2021")
        assert years["share_in_time"] == [None, None]
        assert desk.http.get("/annual/quiet?first=2022&last=2023&form=cn-2021").status_code == 200
        listed = desk.http.get("/annual/quiet/2023/organs?lang=en").text
        assert rows(listed) == 2 and "—" in listed
        assert "no numbers yet" in desk.http.get("/annual?lang=en").text
