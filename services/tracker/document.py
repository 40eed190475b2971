"""What the router can't say in the tracker's OpenAPI document: that a request's history is a path of its own."""

from typing import Any

REQUEST = "/v1/requests/{subject}"
HISTORY = REQUEST + "/history"
_OF_HISTORY = frozenset({"limit", "cursor", "latest"})


def with_history(document: dict[str, Any]) -> dict[str, Any]:
    """The document with :data:`HISTORY`. Request ids may hold slashes, so one handler serves both paths."""
    whole = document["paths"][REQUEST]["get"]
    parameters = whole.get("parameters", [])
    answer = {
        "description": 'Its case events in order. Where there are more, `Link` names the next page (`rel="next"`).',
        "headers": {"Link": {"schema": {"type": "string"}, "description": "The next page."}},
        "content": {"application/json": {"schema": {"type": "array", "items": {"type": "object"}}}},
    }
    history = {
        **whole,
        "operationId": f"{whole['operationId']}History",
        "summary": "History",
        "description": "The case events of a request, as they stand in the topic `shixian.cases`.",
        "parameters": [one for one in parameters if one["name"] == "subject" or one["name"] in _OF_HISTORY],
        "responses": {**whole["responses"], "200": answer},
    }
    one = {**whole, "parameters": [p for p in parameters if p["name"] not in _OF_HISTORY]}
    paths = {**document["paths"], REQUEST: {**document["paths"][REQUEST], "get": one}, HISTORY: {"get": history}}
    return {**document, "paths": dict(sorted(paths.items()))}
