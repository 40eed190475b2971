"""What is added to a service's OpenAPI document: who may call what, and the answers that every route can give.

The handlers say what they themselves answer. What stands before them (the guard, the limits, the web shell) answers
too, and a client that is made from the document has to know it.
"""

from collections.abc import Mapping
from typing import Any

from services.access.routes import Need, Needs

BEARER = "bearer"
PROBLEM = "application/problem+json"
RETRY = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}}
EVERYWHERE = {
    "400": "A part of the path, of the query or of the headers is not what it should be.",
    "401": "The token is missing, or identifies nobody; never given where there are no accounts.",
    "403": "The caller may not do this, or not for this organ; or a page of a foreign origin asks.",
    "421": "The `Host` is no name of this installation.",
    "429": "The caller makes more calls than one may.",
    "500": "A failure of the service itself, which it has logged.",
    "503": "The service, or what it needs, is away or too busy.",
}
"""What every route can answer, by status."""
CHANGING = {"413": "The body is too large.", "415": "The content type is none that this route takes."}
"""What every route that changes something can answer besides."""
METHODS = frozenset({"get", "put", "post", "delete", "patch"})


def whole(document: Mapping[str, Any], needs: Needs, schemas: Mapping[str, Any]) -> dict[str, Any]:
    """The document with ``schemas`` among its components, with the bearer token as a security scheme, and with each
    operation's scope and common answers."""
    components = document.get("components", {})
    merged = {
        **components,
        "schemas": {**components.get("schemas", {}), **schemas},
        "securitySchemes": {
            BEARER: {
                "type": "http",
                "scheme": "bearer",
                "description": "A token of `shixian token create`, or a JWT of the installation's OpenID provider. "
                "Without accounts none is needed.",
            }
        },
    }
    paths = document.get("paths", {})
    answers = [answer for item in paths.values() for one in item.values() for answer in one["responses"].values()]
    problem: Mapping[str, Any] = next((a["content"] for a in answers if PROBLEM in a.get("content", {})), {})
    paths = {path: _item(path, item, needs, problem) for path, item in paths.items()}
    return {**document, "components": merged, "paths": paths}


def _item(path: str, item: Mapping[str, Any], needs: Needs, problem: Mapping[str, Any]) -> dict[str, Any]:
    return {
        method: _operation(operation, needs.get((method.upper(), path)), problem) if method in METHODS else operation
        for method, operation in item.items()
    }


def _operation(operation: Mapping[str, Any], need: Need | None, problem: Mapping[str, Any]) -> dict[str, Any]:
    """An operation with what stands before its handler; one that is open has no caller to be refused."""
    if need is None or need.scope == "open":
        return dict(operation)
    # Where a handler declares no 400, Litestar documents one of its own, which we never give.
    declared = operation.get("responses", {}).items()
    answers = {status: one for status, one in declared if status != "400" or PROBLEM in one.get("content", {})}
    common = EVERYWHERE | (CHANGING if "requestBody" in operation else {})
    for status, description in common.items():
        response = answers.get(status) or {"description": description, "content": problem}
        waits = {"headers": {**RETRY, **response.get("headers", {})}} if status in ("429", "503") else {}
        answers[status] = {**response, **waits}
    scope = {} if need.scope == "anyone" else {"x-scope": need.scope}
    # The empty alternative: where there are no accounts, nobody has to say who they are.
    return {**operation, **scope, "security": [{BEARER: []}, {}], "responses": dict(sorted(answers.items()))}
