"""The tree of organs: which organs' numbers make up the report of one. Pure."""

from collections.abc import Mapping


def children(organ: str, parents: Mapping[str, str | None]) -> list[str]:
    """The organs right under ``organ``, by code; ``parents`` gives each organ's parent."""
    return sorted(code for code, parent in parents.items() if parent == organ and code != organ)


def below(organ: str, parents: Mapping[str, str | None]) -> list[str]:
    """``organ`` and all organs under it, by code; organs registered as one another's parents are taken once."""
    under: dict[str, list[str]] = {}
    for code, parent in parents.items():
        if parent is not None:
            under.setdefault(parent, []).append(code)
    found, left = {organ}, [organ]
    while left:
        for code in under.get(left.pop(), ()):
            if code not in found:
                found.add(code)
                left.append(code)
    return sorted(found)
