"""The page of a form: empty, or filled with what the fact would do."""

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Request, Response

from services.desk import forms
from services.desk.apis import AWAY, Apis, Query
from services.desk.board import tree
from services.desk.organs import OFFERED, by_name, named
from services.desk.pages import Desk, local
from services.runtime.languages import Lang
from services.runtime.paths import part
from services.runtime.problems import ProblemError

CORRECTS = "corrects"
"""The form's field that says what kind of fact is corrected, for while the tracker, which knows it, is away."""
LONGEST_NAME = 500
"""Characters of what an organ is looked for by."""


class Entry(msgspec.Struct, frozen=True):
    """What is being entered: a kind of fact, about what, and for a correction or retraction the fact that it amends."""

    name: str
    subject: str
    source: str = ""
    id: str = ""

    @property
    def amends(self) -> bool:
        return bool(self.id)


async def form_for(
    request: Request[Any, Any, Any], desk: Desk, lang: Lang, found: Mapping[str, Any], name: str, source: str, id_: str
) -> Response[bytes]:
    """The empty form for a fact about a request, or the one of a fact to be corrected. Raises :class:`ProblemError`."""
    today = found["today"]
    filled: dict[str, str] = {"fact_id": forms.new_id()}
    entry = Entry(name, found["id"], source, id_)
    if name == forms.CORRECTION:
        _, data = amended(found, entry)
        filled |= forms.filled(data)
    elif name in forms.FORMS:
        filled |= forms.defaults(name, found, today)
    else:
        raise ProblemError(404, f"there is no form for {name[:60]!r}")
    return await show(request, desk, lang, entry, filled, found=found)


def amended(found: Mapping[str, Any], entry: Entry) -> tuple[str, dict[str, Any]]:
    """The form and the present data of the fact to be corrected. Raises :class:`ProblemError`."""
    there = forms.current(found["facts"], entry.source, entry.id, found["rejected"])
    if there is None or there[0] not in forms.CORRECTABLE:
        raise ProblemError(404, f"the request has no fact {entry.id[:60]!r} that can be corrected here")
    return there


async def request_of(apis: Apis, subject: str) -> dict[str, Any]:
    """A request with the date in its organ's zone. Raises :class:`ProblemError`."""
    found: dict[str, Any] = await apis.ask("tracker", f"/v1/requests/{part(subject)}")
    organs = (
        await apis.ask("tracker", "/v1/organs", {"code": [found["organ"]], "missing": "skip"}) if found["organ"] else {}
    )
    zone = organs["organs"][0]["timezone"] if organs.get("organs") else None
    return found | {"today": local(found["as_of"], zone)[:10]}


async def show(
    request: Request[Any, Any, Any],
    desk: Desk,
    lang: Lang,
    entry: Entry,
    filled: Mapping[str, str],
    *,
    found: Mapping[str, Any] | None = None,
    looked: Mapping[str, Any] | None = None,
    unfit: tuple[str, str] | None = None,
    refusal: ProblemError | None = None,
    again: bool = False,
    status: int = 200,
) -> Response[bytes]:
    """A form's page: empty, filled with what it would do, or with what it was refused for, which the answer's status
    says. What was typed is shown whatever is away: without the request, and without lists to choose from."""
    name = entry.name
    if name == forms.CORRECTION:
        name = amended(found, entry)[0] if found else filled.get(CORRECTS, "")
    if name not in forms.FORMS:
        raise refusal or ProblemError(404, f"there is no form for {name[:60]!r}")
    fields = forms.FORMS[name]
    kinds = {field.kind for field in fields}
    asked = {"organ": found["organ"]} if found and found["organ"] else {}
    organs = await _if_not_away(desk.apis, "/v1/organs", {"limit": OFFERED}) if "organ" in kinds else None
    office = await _if_not_away(desk.apis, "/v1/office", asked) if "unit" in kinds else None
    made = await desk.form_page(
        "record.html",
        request,
        lang,
        entry=entry,
        is_new=request.scope["path"] == "/new",
        corrects=name,
        is_away=refusal is not None and refusal.status in AWAY,
        r=found,
        fields=fields,
        filled=filled,
        looked=looked,
        unfit=unfit,
        refusal=refusal,
        again=again,
        organs=tree(organs["organs"]) if organs and organs["total"] <= OFFERED else [],
        units=office["units"] if office else [],
    )
    made.status_code = status if refusal is None else refusal.status
    if refusal is not None and "Retry-After" in refusal.headers:
        made.headers["Retry-After"] = refusal.headers["Retry-After"]
    return made


async def _if_not_away(apis: Apis, path: str, query: Query) -> Any | None:
    try:
        return await apis.ask("tracker", path, query)
    except ProblemError as error:
        if error.status not in AWAY:
            raise
        return None  # a code can be typed instead


async def with_codes(apis: Apis, name: str, form: Mapping[str, str]) -> dict[str, str]:
    """A filled form with the codes of organs that were entered by name, or by a part of it that only one has. An organ
    that a request is transferred to need not be known here: it is meant by its whole name, or as it is typed. Raises
    :class:`~services.desk.forms.Unfit` where it is not clear which one is meant."""
    found = dict(form)
    for field in forms.FORMS.get(name, ()):
        given = form.get(field.name, "").strip()
        if field.kind != "organ" or not given or len(given) > LONGEST_NAME or not given.isprintable():
            continue  # what no organ is called is intake's to refuse, by its field
        if given not in await named(apis, [given]):
            organs = await by_name(apis, given)
            if field.name == "to_organ":  # a part of a name here may be the whole code of an organ that is not known
                organs = [one for one in organs if given in (one["name"]["zh"], one["name"]["en"])]
            elif len(organs) > 1:
                raise forms.Unfit(field.name, "organs_many")
            found[field.name] = organs[0]["code"] if len(organs) == 1 else given
    return found
