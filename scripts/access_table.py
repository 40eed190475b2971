"""Write the tables of docs/access.md, from the table of routes. ``python -m scripts.access_table``."""

from pathlib import Path

from services.access.principal import ROLES, SCOPES
from services.access.routes import COMMON, NEEDS, roles_with

PAGE = Path(__file__).parents[1] / "docs/access.md"
_DOORS = {"open": "open", "anyone": "any principal", "audit:write": "the desk itself"}
_ORGANS = {"path.organ": "in the path", "query.organ": "in the query, else filtered"}


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |".replace("  ", " ") for cells in [head, ["---"] * len(head), *rows])


def routes() -> str:
    """Every route with what it needs, who has that, and whether it stands in the audit trail."""
    rows = []
    for service, needs in (("every one", COMMON), *NEEDS.items()):
        for (method, path), need in needs.items():
            scope = _DOORS.get(need.scope, f"`{need.scope}`")
            roles = "" if need.scope in _DOORS else ", ".join(roles_with(need))
            audit = f"`{need.audit}`" if need.audit else ""
            rows.append([service, f"`{method} {path}`", scope, roles, _ORGANS.get(need.organ, ""), audit])
    return _table(["service", "route", "needs", "roles that have it", "organ", "in the audit trail as"], rows)


def roles() -> str:
    """What each role may do."""
    rows = [
        [f"`{role}`", "everything" if "admin" in scopes else ", ".join(f"`{s}`" for s in SCOPES if s in scopes)]
        for role, scopes in ROLES.items()
    ]
    return _table(["role", "scopes"], rows)


def page(text: str) -> str:
    """The page with its tables made anew. Raises ``ValueError`` where a table's marks are missing."""
    for name, table in (("roles", roles()), ("routes", routes())):
        begin, end = f"<!-- {name}: written by make docs -->", f"<!-- {name}: end -->"
        before, rest = text[: text.index(begin)], text[text.index(end) :]
        text = f"{before}{begin}\n\n{table}\n\n{rest}"
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
