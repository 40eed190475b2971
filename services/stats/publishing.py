"""Publishing a year, and what its publications look like from outside."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct
from msgspec.structs import replace

from services.events import days
from services.events.refusals import FieldError
from services.runtime.database import Conn
from services.runtime.problems import FieldProblem, ProblemError, field_problem
from services.stats import annual, publications
from services.stats.annual import Answer, Asked, Scope
from services.stats.forms.form import Form, UnknownForm, law_of, load
from services.stats.forms.items import with_items
from services.stats.organs import Organs
from services.stats.publications import Content, Publication
from services.stats.render import Place
from services.stats.report import PUBLISHED, Report, failures
from services.stats.revisions import Revision
from services.words import catalogue


class NewPublication(Struct, frozen=True, forbid_unknown_fields=True):
    """What to publish: the form, the day of publication, and why in spite of what speaks against it, if anything."""

    form: str
    published_on: date
    despite: Annotated[str, Meta(max_length=500)] = ""
    """A reason; it is frozen with the figures, and so are the codes of what it overrules."""


class Published(Struct, frozen=True):
    """A publication: ``content`` and the SHA-256 of its JSON text, which ``text`` is, to be checked by anybody."""

    content: Content
    digest: str
    intact: bool
    """Whether the content still agrees with the digest."""
    text: str
    revisions: list[Revision] = []
    """The numbers that are others now, and the facts behind the change."""


class Proposed(Struct, frozen=True):
    """A publication that a second person has to confirm, by sending the same."""

    account: str
    """Who proposed it, and can't confirm it."""
    proposed_at: datetime


class PublishedYear(Struct, frozen=True):
    """The publications of an organ's year, the first one first."""

    organ: str
    year: int
    publications: list[Published]
    proposed: Proposed | None = None
    """What waits for a second person, where the office wants four eyes."""
    four_eyes: bool = False
    """Whether it does (``SHIXIAN_FOUR_EYES``)."""


ObjectionCode = Literal["year-unfinished", "published-before-figures", "arithmetic"]


class Objection(NamedTuple):
    """What speaks against publishing: a code, where it lies, and what would be right."""

    code: ObjectionCode
    field: str
    problem: str
    expected: str


def objections(asked: Asked, report: Report, published_on: date, today: date) -> list[Objection]:
    """All that speaks against publishing a report on a day; ``today`` is the organ's."""
    against = []
    end = date(asked.year, 12, 31)
    if today <= end:
        against.append(
            Objection("year-unfinished", "path.year", f"is {asked.year}, which is not over", "a year that is")
        )
    if published_on < today:
        expected = f"{today}, the date of the figures, or a later day"
        against.append(Objection("published-before-figures", "data.published_on", f"is {published_on}", expected))
    for check in failures(asked.form, report):
        against.append(Objection("arithmetic", f"checks.{check.rule}", check.detail, "a rule of the form that holds"))
    return against


def _wrong(error: FieldError) -> ProblemError:
    named = field_problem(error, "data")
    detail = f"{named.field}: {named.problem}; expected {named.expected}"
    return ProblemError(400, detail, errors=[named])


def _refusal(against: Sequence[Objection]) -> ProblemError:
    codes = sorted({objection.code for objection in against})
    reasons = "; ".join(f"{o.field.removeprefix('checks.')}: {o.problem}" for o in against[:10])
    return ProblemError(
        409,
        f"not published ({', '.join(codes)}): {reasons}; with a reason under `despite` it is published all the same",
        kind=codes[0] if len(codes) == 1 else "not-publishable",
        errors=[
            FieldProblem(
                field=o.field,
                problem=f"{o.code}: {o.problem}",
                expected=o.expected,
                code=o.code,
                zh=catalogue.name("problem", o.code, "zh"),
            )
            for o in against[:100]
        ],
    )


async def publish(
    conn: Conn,
    asked: Asked,
    answer: Answer,
    offsets: Sequence[Place],
    wanted: NewPublication,
    today: date,
    proposer: str | None = None,
) -> tuple[Published | Proposed, bool]:
    """Freeze ``answer``; False where the same is the latest publication already. ``proposer``: the account that asks
    for it, where a second one has to ask for the same before it is published.

    Raises :class:`ProblemError` (400) for a day later than tomorrow, which nothing can have been published on, and
    (409) where something speaks against it (:func:`objections`) and no reason to publish all the same is given.
    """
    own = [check for check in answer.report.checks if check.rule != PUBLISHED]
    against = objections(asked, answer.report, wanted.published_on, today)
    reason = wanted.despite.strip()
    before = answer.published[-1] if answer.published else None
    report = replace(answer.report, checks=tuple(own))
    overruled = tuple(sorted({objection.code for objection in against}))
    made = publications.frozen(
        report, wanted.published_on, asked.reach, asked.organs, offsets, before, reason, overruled
    )
    if before is not None and publications.says_the_same(before, made):
        return to_published(before), False
    if (to_come := days.to_come("$.published_on", wanted.published_on, today)) is not None:
        raise _wrong(to_come)
    if against and not reason:
        raise _refusal(against)
    if proposer is not None:
        there = await publications.proposed(conn, asked.organ, asked.year, lock=True)
        if there is None or there.account == proposer or there.digest != publications.what_it_says(made):
            kept = await publications.propose(conn, made, proposer)
            return Proposed(kept.account, kept.proposed_at), True
    await publications.settle(conn, asked.organ, asked.year)
    await publications.insert(conn, made)
    return to_published(made), True


def to_published(publication: Publication, revised: Sequence[Revision] = ()) -> Published:
    """A publication for outsiders."""
    return Published(publication.content, publication.digest, publication.is_intact, publication.text, list(revised))


async def of_year(conn: Conn, organs: Organs, organ: str, year: int, *, four_eyes: bool = False) -> PublishedYear:
    """The publications of a year, each compared with the present numbers."""
    published = []
    for publication in await publications.of_year(conn, organ, year):
        reach, codes = _reach_of(publication, organs)
        try:
            form = _form_of(publication, organs)
        except UnknownForm:  # a form of a later version: its figures can be shown, but not compared
            published.append(to_published(publication))
            continue
        asked = Asked(
            organ,
            year,
            form,
            organs.today(organ).isoformat(),
            None,
            codes,
            reach,
            law_of(form, organs.statutes()).foreign,
        )
        present = (await annual.answer(conn, asked)).report
        published.append(to_published(publication, await annual.since(conn, publication, present, asked)))
    waiting = await publications.proposed(conn, organ, year)
    proposed = Proposed(waiting.account, waiting.proposed_at) if waiting and four_eyes else None
    return PublishedYear(organ, year, published, proposed, four_eyes)


def _reach_of(publication: Publication, organs: Organs) -> tuple[Scope, tuple[str, ...]]:
    """What a publication is about: the organ alone or with those under it, and their codes."""
    content = publication.content
    reach: Scope = "own" if content.reach == "own" else "tree"
    return reach, annual.organs_of(organs, content.organ, reach)


def _form_of(publication: Publication, organs: Organs) -> Form:
    """The form that it was filled in, with the columns of the organs' items. Raises :class:`UnknownForm`."""
    return with_items(load(publication.content.form), organs.items(_reach_of(publication, organs)[1]))


async def as_published(conn: Conn, organs: Organs, organ: str, year: int, number: int) -> tuple[Report, Form]:
    """A publication as a report, with its form, to be given out in any format. Raises :class:`ProblemError` (404)."""
    for publication in await publications.of_year(conn, organ, year):
        if publication.content.number == number:
            try:
                form = _form_of(publication, organs)
            except UnknownForm as error:
                raise ProblemError(404, f"publication {number} can't be laid out: {error}") from None
            return annual.thawed(publication, form), form
    raise ProblemError(404, f"{year} of {organ} has no publication {number}")
