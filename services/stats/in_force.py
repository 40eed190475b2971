"""The data files in force for whoever needs all of them, forms included: an office's folder over what ships."""

from services.stats.forms import form
from services.statute import data


def use(folder: str) -> None:
    """Put the files of ``folder`` (empty: none but those that ship) in force, all of them read and checked.

    Raises :class:`~services.statute.errors.BadData` (file, key, reason) and
    :class:`~services.statute.errors.UnknownCalendar`.
    """
    data.use(folder)
    for form_id in form.form_ids():
        form.load(form_id)
