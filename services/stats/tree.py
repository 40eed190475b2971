"""The tree of organs: which organs' numbers make up the report of one. Pure."""

from collections.abc import Mapping

from services.events.registrations import below

__all__ = ["below", "children"]


def children(organ: str, parents: Mapping[str, str | None]) -> list[str]:
    """The organs right under ``organ``, by code; ``parents`` gives each organ's parent."""
    return sorted(code for code, parent in parents.items() if parent == organ and code != organ)
