"""All data files of the law, read at once, so that a bad one is refused at start and not on the first case it meets."""

from services.statute.calendars import describe
from services.statute.profile import profiles


def check() -> tuple[str, ...]:
    """Read every profile and the calendar file it names; the ids of the profiles.

    Raises :class:`~services.statute.errors.BadData` (file, key, reason) and
    :class:`~services.statute.errors.UnknownCalendar`.
    """
    for profile in profiles().values():
        describe(profile.calendar)
    return tuple(profiles())
