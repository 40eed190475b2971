"""The file format of ladders: what happens by and by as a limit comes near and passes, warnings first, then cards."""

from collections.abc import Mapping
from functools import cache, cached_property
from typing import Annotated, Literal

from msgspec import Meta, Struct

from services.statute import rules
from services.statute.data_file import Source, Text, Title, convert, parse, text_of
from services.statute.errors import BadData
from services.statute.office.choice import apart, choose

Level = Literal["warning", "yellow", "red"]
Supervised = Literal["answer", "committed", "step", "duty"]
Before = Annotated[int, Meta(ge=0, le=365, description="a number from 0 to 365")]
After = Annotated[int, Meta(ge=1, le=365, description="a number from 1 to 365")]
Within = Annotated[int, Meta(ge=1, le=365, description="a number of working days from 1 to 365")]


class _Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: its keys, and no other."""


class Rung(_Table, frozen=True, kw_only=True):
    """A rung: at the beginning of its day, if the limit has not been kept by then."""

    level: Level
    limits: Annotated[tuple[Supervised, ...], Meta(min_length=1)]
    """For which limits: ``answer``, the statutory one; ``committed``, the promise of an item; ``step``, each step;
    ``duty``, each duty of the organ."""
    before: Before | None = None
    """So many days before the last day; 0: on the day itself. Only a warning."""
    after: After | None = None
    """So many days after the last day. Only a card."""
    second: After | None = None
    """Instead of ``after``: so many working days after the second deadline that the card before it gave."""
    within: Within | None = None
    """The second deadline that a card gives: so many working days after it."""


class Ladder(_Table, frozen=True, kw_only=True, dict=True):
    """A ladder. Days are working days, but for an answer whose limit is not counted in these: then calendar days."""

    id: Text
    title: Title
    organs: tuple[Text, ...]
    """For which organs; ``"*"``: for any that no other file names."""
    statutes: tuple[Text, ...]
    """Under which statutes (or versions of one); ``"*"``: under any that no other file names."""
    rungs: tuple[Rung, ...]
    """In the order in which they come."""
    source: Source | None = None
    """The rule that it is in."""

    @cached_property
    def _by_limit(self) -> Mapping[Supervised, tuple[Rung, ...]]:
        limits = dict.fromkeys(limit for rung in self.rungs for limit in rung.limits)
        return {limit: tuple([rung for rung in self.rungs if limit in rung.limits]) for limit in limits}

    def of(self, limit: Supervised) -> tuple[Rung, ...]:
        """The rungs for a limit, in the file's order."""
        return self._by_limit.get(limit, ())

    @cached_property
    def has_cards(self) -> bool:
        """Whether there is anything but warnings for the answer's limit."""
        return any(rung.level != "warning" for rung in self.of("answer"))

    @cached_property
    def answer_warnings(self) -> tuple[int, ...]:
        """The days before the answer's last day on which a warning goes out, the furthest first."""
        days = {rung.before for rung in self.of("answer") if rung.level == "warning" and rung.before is not None}
        return tuple(sorted(days, reverse=True))


def read(file: str, text: str) -> Ladder:
    """The ladder in a file named after it. Raises :class:`BadData` that names file, key and reason."""
    ladder = convert(file, parse(file, text), Ladder)
    if f"{ladder.id}.toml" != file:
        raise BadData(file, "id", f"expected the file's name, got {ladder.id!r}")
    for place, rung in enumerate(ladder.rungs):
        at = f"rungs[{place}]"
        if rung.level == "warning":
            if rung.before is None:
                raise BadData(file, f"{at}.before", "is missing: a warning comes before the last day")
            for key in ("after", "second", "within"):
                if getattr(rung, key) is not None:
                    raise BadData(file, f"{at}.{key}", "is a card's; expected before alone")
            continue
        if rung.before is not None:
            raise BadData(file, f"{at}.before", "is a warning's; expected after or second")
        if (rung.after is None) == (rung.second is None):
            raise BadData(file, f"{at}.after", "expected either after or second")
        for limit in rung.limits:
            if rung.second is not None and not any(limit in r.limits and r.within for r in ladder.rungs[:place]):
                raise BadData(file, f"{at}.second", f"no card before it gives a second deadline for {limit}")
            if any(limit in r.limits and r.level == rung.level for r in ladder.rungs[:place]):
                raise BadData(file, f"{at}.level", f"a {rung.level} card for {limit} is there already")
    return ladder


@cache
def ladders() -> Mapping[str, Ladder]:
    """All ladders in force, by id. Raises :class:`BadData` for the first bad one."""
    files = rules.current().files("ladders")
    by_file = {name: read(name, text_of(name, file)) for name, file in files.items()}
    apart(by_file)
    return {each.id: each for each in by_file.values()}


@cache
def ladder_for(organ: str, laws: tuple[str, ...]) -> Ladder | None:
    """The ladder of an organ under a law: its version's id and its statute's."""
    return choose(ladders().values(), organ, laws)


for _cached in (ladders, ladder_for):
    rules.remembered(_cached.cache_clear)
