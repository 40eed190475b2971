"""What the router can't say in the tracker's OpenAPI document: a request's history, which is a path of its own, and the
bodies that the handlers read by themselves."""

from typing import Any

import msgspec

from services.tracker.api_rehearsal import Expected
from services.tracker.core.preview import Question

REQUEST = "/v1/requests/{subject}"
HISTORY = REQUEST + "/history"
_OF_HISTORY = frozenset({"limit", "cursor", "latest"})
_REFS = "#/components/schemas/{name}"
_RECEIVED = {
    "organ": "gz-psb",
    "channel": "online",
    "applicant": "natural-person",
    "submitted_on": "2025-01-20",
    "confirmed_on": "2025-01-20",
}
_CASE = {"statute": "CN", "as_of": "2025-02-10", "facts": [{"type": "request-received", "data": _RECEIVED}]}
_NOTICE = {
    "type": "org.shixian.calendar-published.v1",
    "specversion": "1.0",
    "id": "cn-2027",
    "source": "urn:example:calendars",
    "subject": "CN",
    "data": {
        "calendar": "CN",
        "year": 2027,
        "days_off": ["2027-01-01"],
        "working_days": [],
        "notice": "https://www.gov.cn/",
        "published_on": "2026-11-04",
    },
}
BODIES: dict[str, tuple[Any, dict[str, Any]]] = {
    "/v1/preview": (Question, {"case": _CASE}),
    "/v1/rehearsal": (Expected, {"notice": {"fact": _NOTICE}}),
}
"""What is read, and examples of it, by path."""


def whole(document: dict[str, Any]) -> dict[str, Any]:
    """The document with what the router left out."""
    return _with_history(_with_bodies(document))


def _with_bodies(document: dict[str, Any]) -> dict[str, Any]:
    schemas, parts = msgspec.json.schema_components([shape for shape, _ in BODIES.values()], ref_template=_REFS)
    paths = dict(document["paths"])
    for (path, (_, examples)), schema in zip(BODIES.items(), schemas, strict=True):
        named = {name: {"summary": name, "value": value} for name, value in examples.items()}
        body = {"required": True, "content": {"application/json": {"schema": schema, "examples": named}}}
        paths[path] = {**paths[path], "post": {**paths[path]["post"], "requestBody": body}}
    components = document["components"]
    merged = {**components, "schemas": {**components["schemas"], **parts}}
    return {**document, "paths": paths, "components": merged}


def _with_history(document: dict[str, Any]) -> dict[str, Any]:
    """Request ids may hold slashes, so one handler serves both paths."""
    request = document["paths"][REQUEST]["get"]
    parameters = request.get("parameters", [])
    answer = {
        "description": 'Its case events in order. Where there are more, `Link` names the next page (`rel="next"`).',
        "headers": {"Link": {"schema": {"type": "string"}, "description": "The next page."}},
        "content": {"application/json": {"schema": {"type": "array", "items": {"type": "object"}}}},
    }
    history = {
        **request,
        "operationId": f"{request['operationId']}History",
        "summary": "History",
        "description": "The case events of a request, as they stand in the topic `shixian.cases`.",
        "parameters": [one for one in parameters if one["name"] == "subject" or one["name"] in _OF_HISTORY],
        "responses": {**request["responses"], "200": answer},
    }
    one = {**request, "parameters": [p for p in parameters if p["name"] not in _OF_HISTORY]}
    paths = {**document["paths"], REQUEST: {**document["paths"][REQUEST], "get": one}, HISTORY: {"get": history}}
    return {**document, "paths": dict(sorted(paths.items()))}
