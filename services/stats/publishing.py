"""Publishing a year, and what its publications look like from outside."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from services.runtime.database import Conn
from services.runtime.problems import ProblemError
from services.stats import annual, publications
from services.stats.annual import Answer, Asked, Scope
from services.stats.forms.form import UnknownForm, law_of, load
from services.stats.organs import Organs
from services.stats.publications import Content, Publication
from services.stats.render import Place
from services.stats.report import failures
from services.stats.revisions import Revision


class NewPublication(Struct, frozen=True, forbid_unknown_fields=True):
    """What to publish: the form, the day of publication, and why in spite of rules that fail, if any do."""

    form: str
    published_on: date
    despite: Annotated[str, Meta(max_length=500)] = ""


class Published(Struct, frozen=True):
    """A publication: ``content`` and the SHA-256 of its JSON text, which ``text`` is, to be checked by anybody."""

    content: Content
    digest: str
    intact: bool
    """Whether the content still agrees with the digest."""
    text: str
    revisions: list[Revision] = []
    """The numbers that are others now, and the facts behind the change."""


class PublishedYear(Struct, frozen=True):
    """The publications of an organ's year, the first one first."""

    organ: str
    year: int
    publications: list[Published]


async def publish(
    conn: Conn, asked: Asked, answer: Answer, offsets: Sequence[Place], wanted: NewPublication
) -> tuple[Published, bool]:
    """Freeze ``answer``; False where the same is the latest publication already.

    Raises :class:`ProblemError` (409) where a rule of the form fails and no reason to publish is given.
    """
    own = [check for check in answer.report.checks if check.rule != "published"]
    failed = failures(asked.form, answer.report)
    if failed and not wanted.despite:
        detail = "; ".join(f"{check.rule}: {check.detail}" for check in failed[:10])
        raise ProblemError(409, f"the report does not add up: {detail}", kind="arithmetic")
    before = answer.published[-1] if answer.published else None
    report = replace(answer.report, checks=tuple(own))
    made = publications.frozen(report, wanted.published_on, asked.reach, asked.organs, offsets, before, wanted.despite)
    if before is not None and publications.says_the_same(before, made):
        return told(before), False
    await publications.insert(conn, made)
    return told(made), True


def told(publication: Publication, revised: Sequence[Revision] = ()) -> Published:
    """A publication for outsiders."""
    return Published(publication.content, publication.digest, publication.is_intact, publication.text, list(revised))


async def of_year(conn: Conn, organs: Organs, organ: str, year: int) -> PublishedYear:
    """The publications of a year, each compared with the present numbers."""
    found = []
    for publication in await publications.of_year(conn, organ, year):
        content = publication.content
        try:
            form = load(content.form)
        except UnknownForm:  # a form of a later version: its figures can be shown, but not compared
            found.append(told(publication))
            continue
        reach: Scope = "own" if content.reach == "own" else "tree"
        codes = annual.organs_of(organs, organ, reach)
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
        found.append(told(publication, await annual.since(conn, publication, present, asked)))
    return PublishedYear(organ, year, found)
