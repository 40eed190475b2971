"""Entering a fact: a form, what it would do and what the law says against it, then one fact through intake's API."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery

from services.desk import forms
from services.desk.apis import AWAY, Apis
from services.desk.board import counted
from services.desk.form_page import Entry, amended, request_of, show, with_codes
from services.desk.login import led
from services.desk.pages import Desk
from services.desk.sessions import FORM_FIELD
from services.desk.taken import applied, page_of
from services.runtime.languages import Lang
from services.runtime.paths import part
from services.runtime.problems import ProblemError

REFUSED_CODES = frozenset({"extension-beyond-cap", "extension-too-often"})
"""What the law gives no effect beyond its own limit: nobody means to enter that."""
NOTES = frozenset({"receipt-unconfirmed", "receipt-confirmed-later", "receipt-confirmed-next-day"})
"""What the law only has to add: nobody needs to say that they have read it."""
_encoder = msgspec.json.Encoder(decimal_format="number", order="sorted")


class Recording(Controller):
    """The page that enters a request; of what comes later its own page takes the forms."""

    include_in_schema = False

    @get("/new")
    async def empty(
        self,
        request: Request[Any, Any, Any],
        desk: NamedDependency[Desk],
        lang: NamedDependency[Lang],
        organ: FromQuery[str] = "",
    ) -> Response[bytes]:
        """The form for a request that comes in here."""
        counts = await counted(desk.apis, {"organ": organ} if organ else {})
        today = counts["today"] if counts else ""
        filled = {**forms.defaults("request-received", {}, today), "organ": organ, "fact_id": forms.new_id()}
        return await show(request, desk, lang, Entry("request-received", ""), filled)

    @post("/new", status_code=200)
    async def received(
        self, request: Request[Any, Any, Any], desk: NamedDependency[Desk], lang: NamedDependency[Lang]
    ) -> Response[bytes]:
        """A request that comes in here, looked at or sent."""
        return await entered(request, desk, lang, "")


async def entered(request: Request[Any, Any, Any], desk: Desk, lang: Lang, subject: str) -> Response[bytes]:
    """A filled form: looked at until it is sent as it was looked at. Raises :class:`ProblemError`."""
    entry, form, stale = await _filled(request, desk, subject)
    found = None
    try:
        found = await request_of(desk.apis, entry.subject) if subject else None
    except ProblemError as error:
        if error.status not in AWAY:
            raise
        return await show(request, desk, lang, entry, form, refusal=stale or error)
    if stale is not None:
        return await show(request, desk, lang, entry, form, found=found, refusal=stale)
    try:
        is_correction = entry.name == forms.CORRECTION and found is not None
        form = await with_codes(desk.apis, amended(found, entry)[0] if is_correction and found else entry.name, form)
        fact = fact_of(entry, form, found)
        proposal = await desk.apis.send("tracker", "/v1/preview", _encoder.encode({"fact": fact}))
    except forms.Unfit as unfit:
        return await show(request, desk, lang, entry, form, found=found, unfit=(unfit.field, unfit.wanted), status=422)
    except ProblemError as error:
        return await show(request, desk, lang, entry, form, found=found, refusal=error)
    looked = await _looked_at(desk.apis, fact, proposal)
    if form.get("do") != "send" or not _may_go(form, looked):
        again = form.get("do") == "send" and not looked["refused"]
        return await show(request, desk, lang, entry, form, found=found, looked=looked, again=again)
    try:
        await desk.apis.send("intake", "/v1/events", _encoder.encode(fact), (202,))
    except ProblemError as error:
        return await show(request, desk, lang, entry, form, found=found, looked=looked, refusal=error)
    await applied(desk.apis, fact["id"])
    return led(page_of(entry.subject, entry.name, fact, lang))


async def _filled(
    request: Request[Any, Any, Any], desk: Desk, subject: str
) -> tuple[Entry, dict[str, str], ProblemError | None]:
    """What is entered, the form's fields, and why they may not be acted on: the form is of an earlier session. It is
    shown again then with what was typed, to be looked at and sent from a page of this one. Raises
    :class:`ProblemError` for what is no form of this desk."""
    form = {name: str(value) for name, value in (await request.form()).items() if isinstance(value, str)}
    stale = None
    try:
        desk.require_form(request, form.get(FORM_FIELD, ""))
    except ProblemError as error:
        stale = error
    name = form.get("record", "request-received")
    if (name not in forms.FORMS and name != forms.CORRECTION) or not forms.is_id(form.get("fact_id", "")):
        raise stale or ProblemError(400, "this is no form of this desk")
    entry = Entry(name, subject or form.get("subject", "").strip(), form.get("source", ""), form.get("id", ""))
    return entry, form, stale


async def _looked_at(apis: Apis, fact: Mapping[str, Any], proposal: Mapping[str, Any]) -> dict[str, Any]:
    """What the page says of a fact before it is sent."""
    remarks = [one for one in proposal["remarks"] if one["code"] not in NOTES]
    beyond = [one for one in proposal["remarks"] if one["code"] in REFUSED_CODES]
    return {
        "proposal": proposal,
        "notes": [one for one in proposal["remarks"] if one["code"] in NOTES],
        "objections": [one for one in remarks if _about(one, fact)],
        "others": [one for one in remarks if not _about(one, fact)],
        "refused": [one for one in (*proposal["rejected"], *beyond) if _about(one, fact)],
        "published": await published(apis, proposal),
        "digest": digest(fact),
    }


def _may_go(form: Mapping[str, str], looked: Mapping[str, Any]) -> bool:
    """Whether the fact may be sent: it has an effect, it was looked at as it is, and whoever enters it has read what is
    said against it."""
    proposal = looked["proposal"]
    doubts = bool(looked["objections"] or looked["others"] or proposal["rejected"])
    sure = (not doubts or "despite" in form) and (not proposal["moves_ended"] or "despite_ended" in form)
    return sure and not looked["refused"] and form.get("digest") == looked["digest"]


def fact_of(entry: Entry, form: Mapping[str, str], found: Mapping[str, Any] | None) -> dict[str, Any]:
    """The fact that a filled form says. Raises :class:`~services.desk.forms.Unfit` and :class:`ProblemError`."""
    if not entry.subject:
        raise forms.Unfit("subject", "is_needed")
    if entry.name == forms.CORRECTION:
        assert found is not None
        kind, old = amended(found, entry)
        data = forms.data_of(kind, form)
        own = {field.name for field in forms.FORMS[kind]}
        kept = {key: value for key, value in old.items() if key not in own and _says(value)}
        amends = {"source": entry.source, "id": entry.id}
        return forms.event(entry.name, entry.subject, {"amends": amends, "data": kept | data}, form["fact_id"])
    data = forms.data_of(entry.name, form)
    if entry.name == "fact-retracted":
        data["amends"] = {"source": entry.source, "id": entry.id}
    return forms.event(entry.name, entry.subject, data, form["fact_id"])


def _says(value: Any) -> bool:
    """Whether a field says anything; nought does."""
    return value is not None and value is not False and value != []


def digest(fact: Mapping[str, Any]) -> str:
    """What stands for a fact that was looked at: another one has to be looked at first."""
    return hashlib.sha256(_encoder.encode(fact)).hexdigest()[:32]


async def published(apis: Apis, proposal: Mapping[str, Any]) -> list[int] | None:
    """Those of the years that a fact moves whose figures are published; None where that can't be found out just now, or
    not by this reader: it is said so, and keeps nobody from entering what happened."""
    organ = proposal["after"]["organ"] or proposal["before"]["organ"]
    found = []
    for year in proposal["years"] if organ else []:
        try:
            answer = await apis.ask_if_there("stats", f"/v1/annual/{part(organ)}/{year}/publications")
        except ProblemError:
            return None
        if answer and answer["publications"]:
            found.append(year)
    return found


def _about(said: Mapping[str, Any], fact: Mapping[str, Any]) -> bool:
    ref = said.get("fact") or {}
    return (ref.get("source"), ref.get("id")) == (fact["source"], fact["id"])
