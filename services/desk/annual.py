"""The annual reports: organs and their years, a year with all that belongs to it, years side by side, a number."""

from typing import Any

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from services.desk.charts import charts
from services.desk.pages import Desk, passed_on, wants_json
from services.runtime.languages import Lang
from services.runtime.paths import part

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
        found = await desk.apis.ask("stats", "/v1/annual", {"q": q, "page": page})
        return await desk.page("annual.html", request, lang, found=found, wanted=q)

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
    ) -> Response[bytes]:
        """A year's report with charts, checks and publications; with a suffix, the report as a file."""
        query = {"form": form, "as_of": as_of, "reach": reach}
        if year.partition(".")[2] in FILES:
            return passed_on(await desk.apis.file("stats", api(organ, year), query | {"lang": lang}, {"accept": "*/*"}))
        found = await desk.apis.ask("stats", f"{api(organ, year)}/sheet", query)
        return await desk.page(
            "report.html",
            request,
            lang,
            found=found,
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


def with_lines(table: dict[str, Any]) -> dict[str, Any]:
    """A table with its cells by the row that they begin in."""
    lines: list[list[dict[str, Any]]] = [[] for _ in range(table["rows"])]
    for cell in table["cells"]:
        lines[cell["row"]].append(cell)
    return table | {"lines": lines}
