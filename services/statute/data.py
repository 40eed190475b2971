"""All data files of the law, read at once, so that a bad one is refused at start and not on the first case it meets."""

from pathlib import Path

from services.statute import rules
from services.statute.calendars import calendar_ids, describe, file_of, shipped, superseded
from services.statute.office.ladder import ladders
from services.statute.office.procedure import procedures
from services.statute.versions import profiles


def use(folder: str) -> None:
    """Put the files of an office's folder (empty: none but those that ship) in force, all of them read and checked.

    Raises what :func:`check` does, and :class:`~services.statute.errors.BadData` for what can't be such a folder.
    """
    if folder:
        rules.use(rules.opened(Path(folder).expanduser()))
    check()


def check() -> tuple[str, ...]:
    """Read every statute, calendar, procedure and ladder in force; the ids of the statutes' versions.

    Raises :class:`~services.statute.errors.BadData` (file, key, reason) and
    :class:`~services.statute.errors.UnknownCalendar`.
    """
    for profile in profiles().values():
        describe(profile.calendar)
    procedures()
    ladders()
    own = rules.current().own("calendars")
    for calendar_id in calendar_ids():
        superseded(calendar_id)
        if file_of(calendar_id) in own:
            shipped(calendar_id)  # worked out day by day, which takes a moment: of those that ship the tests do it
    return tuple(profiles())
