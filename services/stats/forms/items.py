"""A form whose tables have a column for each service item of an organ. Pure."""

from collections.abc import Iterable

from msgspec.structs import replace

from services.events.office_facts import ItemData
from services.stats.forms.shape import Column, Filter, Form, FormTable


def with_items(form: Form, items: Iterable[ItemData]) -> Form:
    """The form with the columns of the items that are under its law, by their codes; others have no table for them."""
    if not any(table.columns_from == "items" for table in form.tables):
        return form
    own = sorted((item for item in items if item.statute in form.statutes), key=lambda item: item.code)
    return replace(form, tables=tuple([_with(table, own) for table in form.tables]))


def _with(table: FormTable, items: Iterable[ItemData]) -> FormTable:
    if table.columns_from != "items":
        return table
    taken = {column.id for column in table.columns}
    added = [Column(item.code, item.name, Filter(item=(item.code,))) for item in items if item.code not in taken]
    return replace(table, columns=(*added, *table.columns), columns_from=None)
