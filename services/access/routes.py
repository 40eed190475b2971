"""The one table of all routes: what a caller needs, where the organ stands, and what the audit trail calls it.

A route that is not in it does not start: the default is deny. docs/access.md is made from it.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct

from services.access.principal import ROLES, SCOPES, Scope

Door = Literal["open", "anyone"]
"""``open``: to everyone, without a principal; ``anyone``: to every principal, whatever its scopes."""


FORM = ("application/x-www-form-urlencoded",)
EVENTS = ("application/cloudevents+json", "application/cloudevents-batch+json", "application/json")


class Need(Struct, frozen=True):
    """What one route with one method needs."""

    scope: Scope | Door | Literal["audit:write"]
    organ: str = ""
    """The parameter that names the organ (``path.organ``, ``query.organ``): another organ's is refused before the
    handler is asked. Where a handler finds the organ itself, it filters itself."""
    audit: str = ""
    """What the audit trail calls a call of it; empty: it is not written there."""
    takes: tuple[str, ...] = ("application/json",)
    """The types of a body, where the call changes something: none of them can be sent by a form on any page. A form of
    our own (:data:`FORM`) carries a token against forgery."""


class Undeclared(RuntimeError):
    """A route without an entry in the table."""


Needs = Mapping[tuple[str, str], Need]
"""By method and path template."""

COMMON: dict[tuple[str, str], Need] = {
    ("GET", "/healthz"): Need("open"),
    ("GET", "/readyz"): Need("open"),
    ("GET", "/metrics"): Need("metrics:read"),
    ("GET", "/schema"): Need("anyone"),
    ("GET", "/schema/openapi.json"): Need("anyone"),
    ("GET", "/schema/openapi.yaml"): Need("anyone"),
    ("GET", "/schema/openapi.yml"): Need("anyone"),
    # A page and its assets, the same for everybody; the document that it shows is asked for with a token.
    ("GET", "/schema/try"): Need("open"),
    ("GET", "/schema/try/{file}"): Need("open"),
}

_ANNUAL = "/v1/annual/{organ}/{year}"

NEEDS: dict[str, dict[tuple[str, str], Need]] = {
    "intake": {
        ("GET", "/"): Need("anyone"),
        ("POST", "/v1/events"): Need("facts:write", audit="facts-posted", takes=EVENTS),
        ("POST", "/v1/imports"): Need("facts:write", audit="facts-posted"),
        ("POST", "/v1/audit-records"): Need("audit:write"),
        ("GET", "/v1/lock-outs"): Need("audit:write"),
        ("GET", "/v1/audit-trail"): Need("audit:read", audit="audit-trail-read"),
    },
    "tracker": {
        ("GET", "/"): Need("open"),
        ("GET", "/requests"): Need("open"),
        ("GET", "/requests/{subject}"): Need("open"),
        ("GET", "/v1/organs"): Need("anyone"),
        ("GET", "/v1/requests"): Need("requests:read", organ="query.organ"),
        ("GET", "/v1/requests/{subject}"): Need("requests:read", audit="request-read"),
        ("GET", "/v1/counts"): Need("requests:read", organ="query.organ"),
        ("GET", "/v1/office"): Need("requests:read", organ="query.organ"),
        ("GET", "/v1/rejections"): Need("requests:read", organ="query.organ"),
        ("GET", "/v1/deadlines.ics"): Need("requests:read", organ="query.organ", audit="deadlines-exported"),
        ("GET", "/v1/attention"): Need("requests:read", organ="query.organ"),
        ("GET", "/v1/assignments"): Need("requests:read", organ="query.organ"),
        ("GET", "/v1/duties"): Need("requests:read", organ="query.organ"),
        ("GET", "/v1/facts"): Need("requests:read"),
        ("POST", "/v1/preview"): Need("requests:read"),
        # It names every organ's requests, and what it rehearses is an admin's to publish.
        ("POST", "/v1/rehearsal"): Need("admin"),
    },
    "stats": {
        ("GET", "/"): Need("open"),
        ("GET", "/v1/annual"): Need("reports:read"),
        ("GET", "/v1/forms"): Need("anyone"),
        ("GET", "/v1/forms/{form}"): Need("anyone"),
        ("GET", "/v1/annual/{organ}"): Need("reports:read", organ="path.organ"),
        ("GET", _ANNUAL): Need("reports:read", organ="path.organ", audit="report-exported"),
        ("GET", f"{_ANNUAL}/sheet"): Need("reports:read", organ="path.organ"),
        ("GET", f"{_ANNUAL}/organs"): Need("reports:read", organ="path.organ"),
        ("GET", f"{_ANNUAL}/same-day"): Need("reports:read", organ="path.organ"),
        ("GET", f"{_ANNUAL}/cells/{{table}}/{{row}}/{{column}}"): Need(
            "reports:read", organ="path.organ", audit="cell-read"
        ),
        ("GET", f"{_ANNUAL}/publications"): Need("reports:read", organ="path.organ"),
        ("GET", f"{_ANNUAL}/publications/{{number}}"): Need("reports:read", organ="path.organ"),
        ("GET", "/v1/units/{organ}/{year}"): Need("reports:read", organ="path.organ", audit="report-exported"),
        ("GET", "/v1/units/{organ}/{year}/cells/{measure}"): Need(
            "reports:read", organ="path.organ", audit="cell-read"
        ),
        ("POST", f"{_ANNUAL}/publications"): Need("reports:publish", organ="path.organ", audit="report-published"),
    },
    # Pages show what the APIs give for the reader's own principal, so that a page needs nothing but a person.
    "desk": {
        ("GET", "/"): Need("anyone"),
        ("GET", "/requests/{subject}"): Need("anyone"),
        ("POST", "/requests/{subject}"): Need("anyone", takes=FORM),
        ("GET", "/register"): Need("anyone"),
        ("POST", "/register"): Need("anyone", takes=("multipart/form-data",)),
        ("GET", "/new"): Need("anyone"),
        ("POST", "/new"): Need("anyone", takes=FORM),
        ("GET", "/attention"): Need("anyone"),
        ("GET", "/duties"): Need("anyone"),
        ("GET", "/annual"): Need("anyone"),
        ("GET", "/annual/{organ}"): Need("anyone"),
        ("GET", "/annual/{organ}/{year}"): Need("anyone"),
        ("GET", "/annual/{organ}/{year}/organs"): Need("anyone"),
        ("GET", "/annual/{organ}/{year}/publications/{number}"): Need("anyone"),
        ("POST", "/annual/{organ}/{year}/publications"): Need("anyone", takes=FORM),
        ("GET", "/annual/{organ}/{year}/cells/{table}/{row}/{column}"): Need("anyone"),
        ("GET", "/audit-trail"): Need("anyone"),
        ("GET", "/login"): Need("open"),
        ("POST", "/login"): Need("open", takes=FORM),
        ("GET", "/login/provider"): Need("open"),
        ("GET", "/login/answer"): Need("open"),
        ("POST", "/logout"): Need("anyone", takes=FORM),
        ("GET", "/static/desk.css"): Need("open"),
        ("GET", "/static/desk.js"): Need("open"),
        ("GET", "/static/icon.svg"): Need("open"),
    },
}
"""By service."""


def needs_of(service: str) -> Needs:
    """What the routes of a service need, those that every service has included."""
    return COMMON | NEEDS.get(service, {})


def require_declared(service: str, routes: Iterable[tuple[str, str]], needs: Needs) -> None:
    """Every route must have its entry. Raises :class:`Undeclared` that names those without."""
    missing = sorted(f"{method} {path}" for method, path in routes if (method, path) not in needs)
    if missing:
        raise Undeclared(f"{service}: no scope is declared in services/access/routes.py for {', '.join(missing)}")


def roles_with(need: Need) -> list[str]:
    """The roles of persons that may call a route."""
    if need.scope in ("open", "anyone"):
        return list(ROLES)
    return [
        role for role, scopes in ROLES.items() if need.scope in scopes or ("admin" in scopes and need.scope in SCOPES)
    ]
