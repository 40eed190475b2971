"""The file format of procedures: the steps that an office takes a request through, who does them, and by when."""

from collections.abc import Mapping
from functools import cache, cached_property
from typing import Annotated, Literal

from msgspec import Meta, Struct

from services.statute import rules
from services.statute.data_file import Source, Text, Title, convert, parse, text_of
from services.statute.errors import BadData
from services.statute.office.choice import apart, choose

Days = Annotated[int, Meta(ge=0, le=366, description="a number of working days from 0 to 366")]
Codes = tuple[Text, ...]


class _Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: its keys, and no other."""


class StepLimit(_Table, frozen=True, kw_only=True, rename={"from_": "from"}):
    """By when a step has to be done."""

    days: Days
    """Working days."""
    from_: Literal["start", "due"]
    """``start``: counted from the day on which somebody was first given the step, the day after being the first;
    ``due``: so many working days before the last day for the answer, and no earlier than the step's start."""


class StepRule(_Table, frozen=True, kw_only=True):
    """A step."""

    code: Text
    """What ``assignment-opened`` calls it."""
    title: Title
    by: Literal["office", "unit"]
    """Who does it: the disclosure office itself, or the unit whose matter it is."""
    limit: StepLimit | None = None
    """Left out: none but a day that whoever assigns it sets."""
    after: Codes = ()
    """The steps that it may follow; left out: any."""


class Procedure(_Table, frozen=True, kw_only=True, dict=True):
    """How an office works."""

    id: Text
    title: Title
    organs: Codes
    """For the requests of which organs; ``"*"``: of any that no other file names."""
    statutes: Codes
    """Under which statutes (or versions of one); ``"*"``: under any that no other file names."""
    steps: Annotated[tuple[StepRule, ...], Meta(min_length=1)]
    source: Source | None = None
    """Where the limits come from."""

    @cached_property
    def by_code(self) -> Mapping[str, StepRule]:
        """The steps by their code."""
        return {step.code: step for step in self.steps}


def read(file: str, text: str) -> Procedure:
    """The procedure in a file named after it. Raises :class:`BadData` that names file, key and reason."""
    procedure = convert(file, parse(file, text), Procedure)
    if f"{procedure.id}.toml" != file:
        raise BadData(file, "id", f"expected the file's name, got {procedure.id!r}")
    codes = [step.code for step in procedure.steps]
    for place, step in enumerate(procedure.steps):
        if codes.index(step.code) != place:
            raise BadData(file, f"steps[{place}].code", f"{step.code!r} is there already; expected another")
        for each, before in enumerate(step.after):
            if before not in codes:
                raise BadData(file, f"steps[{place}].after[{each}]", f"expected one of {', '.join(codes)}")
    return procedure


@cache
def procedures() -> Mapping[str, Procedure]:
    """All procedures in force, by id. Raises :class:`BadData` for the first bad one."""
    files = rules.current().files("procedures")
    by_file = {name: read(name, text_of(name, file)) for name, file in files.items()}
    apart(by_file)
    return {each.id: each for each in by_file.values()}


@cache
def procedure_for(organ: str, laws: tuple[str, ...]) -> Procedure | None:
    """The procedure of an organ under a law: its version's id and its statute's."""
    return choose(procedures().values(), organ, laws)


for _cached in (procedures, procedure_for):
    rules.remembered(_cached.cache_clear)
