"""An organ's year by its units over HTTP: JSON, CSV, XLSX, now or as of a day, each number opened to its requests."""

import csv
import io
from typing import Any

from litestar import Controller, Request, Response, get
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, FromQuery
from openpyxl import Workbook

from services.events.vocabulary import Label
from services.registers.formulas import guarded
from services.runtime.database import Conn
from services.runtime.languages import negotiated
from services.runtime.paths import part
from services.runtime.problems import ProblemError
from services.stats import params, units
from services.stats.annual import moment
from services.stats.deps import AWAY, HEADERS, UNKNOWN, WRONG, Deps, Injected, json_of, known, read
from services.stats.exports.csv import BOM
from services.stats.params import CSV, XLSX
from services.stats.report import Lang, in_language
from services.stats.units import Behind, Counted, Year

MOST = 1000


class Units(Controller):
    """What the units of an organ did in a year."""

    path = "/v1/units/{organ:str}/{year:str}"

    @get(responses={200: ResponseSpec(Year, generate_examples=False), 400: WRONG, 404: UNKNOWN, 503: AWAY})
    async def year(
        self,
        request: Request[Any, Any, Any],
        deps: Injected,
        organ: FromPath[str],
        year: FromPath[str],
        as_of: FromQuery[str | None] = None,
        lang: FromQuery[str | None] = None,  # read by `negotiated`; here for OpenAPI
    ) -> Response[bytes]:
        """The year of each unit of an organ: steps given to it, done and given back, average and longest working days,
        steps that were late, cards (and its score, where points are configured); and the organ's duties. ``{year}`` may
        end in ``.json``, ``.csv`` or ``.xlsx``; ``as_of`` (a date or an instant): as it was known then."""
        wanted, media_type = params.year_and_type(request, year)
        counted = await read(deps, lambda conn: _year(conn, deps, organ, wanted, as_of))
        if media_type not in (CSV, XLSX):
            return json_of(counted)
        language = negotiated(request)

        def made() -> Response[bytes]:
            content = _csv(counted, language) if media_type == CSV else _xlsx(counted, language)
            plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in organ)
            name = f"{plain}-{wanted}-units.{'csv' if media_type == CSV else 'xlsx'}"
            headers = {**HEADERS, "content-disposition": f'attachment; filename="{name}"'}
            return Response(content, media_type=media_type, headers=headers)

        async with deps.offload.turn():
            return await deps.offload.thread(made)

    @get(
        "/cells/{measure:str}",
        responses={200: ResponseSpec(Behind, generate_examples=False), 400: WRONG, 404: UNKNOWN, 503: AWAY},
    )
    async def cell(
        self,
        deps: Injected,
        organ: FromPath[str],
        year: FromPath[str],
        measure: FromPath[str],
        unit: FromQuery[str] = "",
        as_of: FromQuery[str | None] = None,
        after: FromQuery[str] = "",
        limit: FromQuery[int] = 100,
    ) -> Response[bytes]:
        """The requests that a unit's number counts, by their ids; ``unit`` left out: the office itself. ``after`` takes
        the ``next`` of the page before."""
        if measure not in units.OPENED:
            known_ones = ", ".join(units.OPENED)
            raise ProblemError(404, f"a unit's year has no number {measure[:60]!r} to open; there are {known_ones}")
        if not 1 <= limit <= MOST:
            raise params.wrong("query.limit", str(limit), f"a number from 1 to {MOST}")
        wanted = params.year_of(year)
        day, before = _moment(deps, organ, as_of)

        async def ask(conn: Conn) -> Behind:
            await known(conn, deps, organ)
            number, rows = await units.behind(conn, organ, wanted, unit, measure, before, after, limit + 1)
            at = f"{deps.tracker}/v1/requests/"
            return Behind(
                organ=organ,
                year=wanted,
                as_of=day,
                unit=unit,
                measure=measure,
                number=number,
                requests=[Counted(subject, count, f"{at}{part(subject)}") for subject, count in rows[:limit]],
                next=rows[limit - 1][0] if len(rows) > limit else None,
            )

        return json_of(await read(deps, ask))


def _moment(deps: Deps, organ: str, as_of: str | None) -> tuple[str, Any]:
    try:
        return moment(deps.organs, organ, as_of or "")
    except ValueError:
        raise params.wrong("query.as_of", as_of or "", "a date, or an RFC 3339 instant with its zone") from None


async def _year(conn: Conn, deps: Deps, organ: str, year: int, as_of: str | None) -> Year:
    day, before = _moment(deps, organ, as_of)
    await known(conn, deps, organ)
    cells = await units.cells(conn, organ, year, before)
    organs = deps.organs

    def name(unit: str) -> Label:
        return organs.unit_name(unit) if unit else Label("办公室（未交单位）", "the office itself")

    return Year(
        organ=organ,
        name=organs.name(organ),
        year=year,
        as_of=day,
        units=tuple(units.units_of(cells, organs.units(organ), name, deps.points)),
        duties=tuple(units.duties_of(cells)),
    )


def _lines(year: Year, lang: Lang) -> list[list[Any]]:
    heads, lines = units.printed(year)
    return [[in_language(each, lang) for each in heads], *([_plain(each, lang) for each in line] for line in lines)]


def _plain(each: Any, lang: Lang) -> Any:
    if isinstance(each, Label):
        return guarded(in_language(each, lang))
    return "" if each is None else each


def _csv(year: Year, lang: Lang) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(_lines(year, lang))
    return f"{BOM}{out.getvalue()}".encode()


def _xlsx(year: Year, lang: Lang) -> bytes:
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = str(year.year)
    for line in _lines(year, lang):
        sheet.append(line)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
