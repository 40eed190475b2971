"""Which of several files of an office holds for a request: the one that names its organ or its law most exactly."""

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Protocol, TypeVar

from services.statute.errors import BadData

ANY = "*"


class Chosen(Protocol):
    """What says for whom it is."""

    @property
    def id(self) -> str: ...
    @property
    def organs(self) -> tuple[str, ...]: ...
    @property
    def statutes(self) -> tuple[str, ...]: ...


C = TypeVar("C", bound=Chosen)


def choose(files: Iterable[C], organ: str, laws: tuple[str, ...]) -> C | None:
    """The file for a request of ``organ`` under a law (its version's id and its statute's); None where none is.

    One that names the organ goes before one for all organs; among those, one that names the law before one for all.
    """
    best, chosen = (0, 0), None
    for file in files:
        fit = _fit(file.organs, (organ,)), _fit(file.statutes, laws)
        if all(fit) and fit > best:
            best, chosen = fit, file
    return chosen


def _fit(named: tuple[str, ...], asked: tuple[str, ...]) -> int:
    """0: not for it; 1: for any; more: for it by name, the sooner in ``asked`` the more."""
    places = [len(asked) - place for place, each in enumerate(asked) if each in named]
    return 1 + max(places) if places else int(ANY in named)


def apart(files: Mapping[str, C]) -> None:
    """Raises :class:`BadData` where two files are for the same organ and the same law."""
    for (_, one), (name, other) in combinations(files.items(), 2):
        organs, statutes = set(one.organs) & set(other.organs), set(one.statutes) & set(other.statutes)
        if organs and statutes:
            both = f"organ {min(organs)!r} and statute {min(statutes)!r}"
            raise BadData(name, "organs", f"{both} have {one.id!r} already; expected one file for each")
