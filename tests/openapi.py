"""Requests made from an OpenAPI document by schemathesis, which nobody here wrote."""

from collections.abc import Collection, Mapping
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings


def require_nothing_broken(
    examples: int, checks: Mapping[str, Any], expected: Collection[str], *, app: Any = None, url: str = ""
) -> None:
    """Try each operation of the document so often, of an application or at an address; none may answer with 5xx or as
    the document does not say. ``expected``: operations that the document must have, as in ``GET /v1/requests``."""
    import schemathesis  # takes two seconds, and every worker collects this file
    from schemathesis.core.failures import FailureGroup

    config = schemathesis.Config.from_dict({"checks": dict(checks)})
    path = "/schema/openapi.json"
    document = schemathesis.openapi
    made = (
        document.from_asgi(path, app, config=config)
        if app is not None
        else document.from_url(url + path, config=config)
    )
    operations: list[Any] = list(made.get_all_operations())
    found = [one.ok() for one in operations]
    missing = set(expected) - {one.label for one in found}
    assert not missing, (missing, [one.label for one in found])
    wrong: list[str] = []
    for operation in found:

        @settings(
            max_examples=examples,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
            deadline=None,
            phases=(Phase.explicit, Phase.generate),
        )
        @given(case=operation.as_strategy())
        def tried(case: Any) -> None:
            case.call_and_validate()

        try:
            tried()
        except FailureGroup as error:
            wrong += [f"{operation.label}: {one}" for one in error.exceptions]
    assert not wrong, "\n\n".join(wrong)
