"""The annual reports: organs and their years, a year with all that belongs to it, years side by side, a number."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, Literal
from urllib.parse import urlencode

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from services.desk.apis import AWAY, Apis
from services.desk.board import counted, tree
from services.desk.charts import charts
from services.desk.login import led
from services.desk.organs import named_if_there
from services.desk.pages import Desk, minute, passed_on, wants_json
from services.desk.rendering import query as query_of
from services.desk.sessions import FORM_FIELD
from services.runtime.languages import Lang
from services.runtime.paths import part
from services.runtime.problems import ProblemError

FILES = ("json", "csv", "xlsx", "docx", "html")


def api(*parts: str) -> str:
    """A path of the API of the annual reports."""
    return "/v1/annual/" + "/".join(map(part, parts))


class Annual(Controller):
    """The pages about annual reports."""

    path = "/annual"
    include_in_schema = False

    @get()
    async def organs_and_years(
        self,
        request: Request[Any, Any, Any],
        desk: NamedDependency[Desk],
        lang: NamedDependency[Lang],
        q: FromQuery[str] = "",
        page: FromQuery[int] = 1,
    ) -> Response[bytes]:
        """The organs and their years, found by name or code."""
        found, needing = await asyncio.gather(
            desk.apis.ask("stats", "/v1/annual", {"q": q, "page": page, "missing": "true"}), needing_by_organ(desk.apis)
        )
        known = {one["code"]: one for one in found["organs"]}
        ordered = [(branch.depth, known[branch.code]) for branch in tree(found["organs"])]
        return await desk.page("annual.html", request, lang, found=found, organs=ordered, wanted=q, needing=needing)

    @get("/{organ:str}")
    async def years(
        self,
        request: Request[Any, Any, Any],
        organ: FromPath[str],
        desk: NamedDependency[Desk],
        lang: NamedDependency[Lang],
        form: FromQuery[str | None] = None,
        first: FromQuery[int | None] = None,
        last: FromQuery[int | None] = None,
        reach: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """Years side by side."""
        query = {"form": form, "first": first, "last": last, "reach": reach}
        # With its suffix: a code may itself end like one.
        path = f"{api(organ)}.json"
        if wants_json(request):
            return passed_on(await desk.apis.file("stats", path, query))
        found = await desk.apis.ask("stats", path, query)
        return await desk.page("years.html", request, lang, found=found, path=f"/annual/{part(organ)}", scope=reach)

    @get("/{organ:str}/{year:str}")
    async def report(
        self,
        request: Request[Any, Any, Any],
        organ: FromPath[str],
        year: FromPath[str],
        desk: NamedDependency[Desk],
        lang: NamedDependency[Lang],
        form: FromQuery[str | None] = None,
        as_of: FromQuery[str | None] = None,
        reach: FromQuery[str | None] = None,
        done: FromQuery[Literal["published", "proposed"] | None] = None,
    ) -> Response[bytes]:
        """A year's report with charts, checks and publications; with a suffix, the report as a file."""
        query = {"form": form, "as_of": as_of, "reach": reach}
        if year.partition(".")[2] in FILES:
            return passed_on(await desk.apis.file("stats", api(organ, year), query | {"lang": lang}, {"accept": "*/*"}))
        return await self._report(request, desk, lang, organ, year, query, done=done or "")

    @post("/{organ:str}/{year:str}/publications", status_code=200)
    async def publish(
        self,
        request: Request[Any, Any, Any],
        organ: FromPath[str],
        year: FromPath[str],
        desk: NamedDependency[Desk],
        lang: NamedDependency[Lang],
    ) -> Response[bytes]:
        """Publish the report, or (where the office wants four eyes) propose it, or confirm what another proposed."""
        form = {name: str(value) for name, value in (await request.form()).items()}
        query: dict[str, str | None] = {"form": form.get("form"), "reach": form.get("reach") or None}
        wanted = {name: form.get(name, "").strip() for name in ("form", "published_on", "despite")}
        path = f"{api(organ, year)}/publications" + (f"?{urlencode({'reach': r})}" if (r := query["reach"]) else "")
        try:
            desk.require_form(request, form.get(FORM_FIELD, ""))
            if "sure" not in form:
                raise ProblemError(400, "the publication was not confirmed")
            made = await desk.apis.send("stats", path, msgspec.json.encode(wanted), (200, 201, 202))
        except ProblemError as error:
            if error.status not in {400, 403, 409} | AWAY:
                raise
            shown = await self._report(request, desk, lang, organ, year, query, refusal=error, filled=wanted)
            shown.status_code = error.status
            return shown
        done = "published" if "content" in made else "proposed"
        return led(f"/annual/{part(organ)}/{part(year)}?{query_of(**query, lang=lang, done=done)}#publications")

    async def _report(
        self,
        request: Request[Any, Any, Any],
        desk: Desk,
        lang: Lang,
        organ: str,
        year: str,
        query: Mapping[str, str | None],
        *,
        refusal: ProblemError | None = None,
        filled: Mapping[str, str] | None = None,
        done: str = "",
    ) -> Response[bytes]:
        found, publications = await asyncio.gather(
            desk.apis.ask("stats", f"{api(organ, year)}/sheet", query),
            desk.apis.ask("stats", f"{api(organ, year)}/publications"),
        )
        before = None
        today = found["as_of"][:10]
        if not query.get("as_of") and str(found["year"]) == today[:4]:
            asked = {"form": found["form"]["id"], "reach": query.get("reach")}
            before = await desk.apis.ask("stats", f"{api(organ, year)}/same-day", asked)
        as_of, reach = query.get("as_of"), query.get("reach")
        zone = None
        if publications["proposed"] or found["revisions"]:
            there = await named_if_there(desk.apis, organ)
            zone = there["timezone"] if there else None
        bad = [rule for rule in found["rules"] if any(not check["ok"] for check in rule["checks"])]
        return await desk.form_page(
            "report.html",
            request,
            lang,
            found=found,
            today=today,
            before=before,
            bad=bad,
            four_eyes=publications["four_eyes"],
            proposed=publications["proposed"],
            minute=partial(minute, zone=zone),
            refusal=refusal,
            filled=filled or {},
            done=done,
            tables=[with_lines(table) for table in found["tables"]],
            charts=charts(found["indicators"], lang),
            path=f"/annual/{part(organ)}",
            given={"form": found["form"]["id"], "as_of": as_of, "reach": reach},
            files=FILES[:-1],
        )

    @get("/{organ:str}/{year:str}/organs")
    async def under(
        self,
        request: Request[Any, Any, Any],
        organ: FromPath[str],
        year: FromPath[str],
        desk: NamedDependency[Desk],
        lang: NamedDependency[Lang],
        q: FromQuery[str] = "",
        page: FromQuery[int] = 1,
        form: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """The organs whose numbers make up the report."""
        query: dict[str, str | int | None] = {"q": q, "page": page, "form": form}
        found = await desk.apis.ask("stats", f"{api(organ, year)}/organs", query)
        return await desk.page("organs.html", request, lang, found=found, wanted=q, path=f"/annual/{part(organ)}")

    @get("/{organ:str}/{year:str}/publications/{number:str}")
    async def as_published(
        self,
        organ: FromPath[str],
        year: FromPath[str],
        number: FromPath[str],
        desk: NamedDependency[Desk],
        lang: NamedDependency[Lang],
    ) -> Response[bytes]:
        """A publication's figures as a file; the suffix says which."""
        path = api(organ, year, "publications", number)
        return passed_on(await desk.apis.file("stats", path, {"lang": lang}, {"accept": "*/*"}))

    @get("/{organ:str}/{year:str}/cells/{table:str}/{row:str}/{column:str}")
    async def cell(
        self,
        request: Request[Any, Any, Any],
        organ: FromPath[str],
        year: FromPath[str],
        table: FromPath[str],
        row: FromPath[str],
        column: FromPath[str],
        desk: NamedDependency[Desk],
        lang: NamedDependency[Lang],
        form: FromQuery[str | None] = None,
        as_of: FromQuery[str | None] = None,
        reach: FromQuery[str | None] = None,
        after: FromQuery[str | None] = None,
        limit: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """What is behind a number."""
        given = {"form": form, "as_of": as_of, "reach": reach}
        path = f"{api(organ, year, 'cells', table, row, column)}.json"
        if wants_json(request):
            return passed_on(await desk.apis.file("stats", path, given | {"after": after, "limit": limit}))
        found = await desk.apis.ask("stats", path, given | {"after": after, "limit": limit})
        return await desk.page("cell.html", request, lang, found=found, path=f"/annual/{part(organ)}", given=given)


async def needing_by_organ(apis: Apis) -> Mapping[str, int]:
    """What needs a person, by organ; nothing where the tracker is away or still counting, or the reader may not ask."""
    try:
        found = await counted(apis, {"by_organ": "true"})
    except ProblemError as error:
        if error.status not in (403, 503):
            raise
        return {}
    needing: Mapping[str, int] = found.get("attention_by_organ", {}) if found else {}
    return needing


def with_lines(table: dict[str, Any]) -> dict[str, Any]:
    """A table with its cells by the row that they begin in."""
    lines: list[list[dict[str, Any]]] = [[] for _ in range(table["rows"])]
    for cell in table["cells"]:
        lines[cell["row"]].append(cell)
    return table | {"lines": lines}
