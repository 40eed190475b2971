"""What the dashboards are put together from: panels that always have a title, a description, a unit and a query."""

from collections.abc import Mapping, Sequence
from typing import Any

from grafana_foundation_sdk.builders import barchart, common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = models.DataSourceRef(type_val="prometheus", uid="${source}")
FULL, HALF, THIRD, QUARTER, SIXTH = 24, 12, 8, 6, 4

Panel = Any
"""The builders of panels share no type."""


def page(title: str, uid: str, since: str, variables: Sequence[Any], rows: Mapping[str, Sequence[Panel]]) -> Any:
    """A dashboard with its rows of panels."""
    made = (
        dashboard.Dashboard(title)
        .uid(uid)
        .tags(["shixian"])
        .refresh("30s")
        .time(since, "now")
        .timezone("browser")
        .readonly()
        .link(dashboard.DashboardLink("Shixian").type(models.DashboardLinkType.DASHBOARDS).tags(["shixian"]))
        .with_variable(dashboard.DatasourceVariable("source").label("Prometheus").type("prometheus"))
    )
    for variable in variables:
        made.with_variable(variable)
    for name, panels in rows.items():
        made.with_row(dashboard.Row(name))
        for panel in panels:
            made.with_panel(panel)
    return made.build()


def choice(name: str, label: str, query: str, *, many: bool = True) -> Any:
    """A variable with the values of a label."""
    found = (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query(query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_DESC)
    )
    return found.multi(True).include_all(True).all_value(".+") if many else found


def desk_url() -> Any:
    """Where the links to the desk lead."""
    return dashboard.TextBoxVariable("desk").label("Desk").default_value("http://127.0.0.1:8700")


def _query(expr: str, legend: str = "", *, now: bool = False, ref: str = "A") -> prometheus.Dataquery:
    made = prometheus.Dataquery().expr(expr).ref_id(ref).datasource(SOURCE).legend_format(legend or "__auto")
    if not now:
        return made.range()
    return made.instant().format(PromQueryFormat.TABLE if legend == "-" else PromQueryFormat.TIME_SERIES)


def levels(*steps: tuple[float | None, str]) -> dashboard.ThresholdsConfig:
    """From each value on, a colour."""
    found = [models.Threshold(value=value, color=color) for value, color in steps]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(found)


CALM = levels((None, "text"))
NONE_IS_GOOD = levels((None, "green"), (1, "red"))
FEW_ARE_GOOD = levels((None, "green"), (1, "orange"))
ONE_IS_GOOD = levels((None, "red"), (1, "green"))


def number(
    title: str,
    text: str,
    expr: str,
    *,
    unit: str = "short",
    colors: dashboard.ThresholdsConfig = CALM,
    width: int = SIXTH,
    legend: str = "",
) -> Panel:
    """One number (or one for each series), as of now."""
    return (
        stat.Panel()
        .title(title)
        .description(text)
        .datasource(SOURCE)
        .unit(unit)
        .thresholds(colors)
        .color_mode(common_models.BigValueColorMode.VALUE)
        .graph_mode(common_models.BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .span(width)
        .height(4)
        .with_target(_query(expr, legend, now=True))
    )


def course(
    title: str, text: str, queries: Mapping[str, str], *, unit: str = "short", width: int = HALF, stacked: bool = False
) -> Panel:
    """Lines over time: expressions by legend."""
    mode = common_models.StackingMode.NORMAL if stacked else common_models.StackingMode.NONE
    made = (
        timeseries.Panel()
        .title(title)
        .description(text)
        .datasource(SOURCE)
        .unit(unit)
        .min(0)
        .fill_opacity(10)
        .stacking(common.StackingConfig().mode(mode))
        .span(width)
        .height(8)
    )
    for place, (legend, expr) in enumerate(queries.items()):
        made.with_target(_query(expr, legend, ref=chr(65 + place)))
    return made


def bars(title: str, text: str, expr: str, label: str, *, width: int = THIRD) -> Panel:
    """A bar for each value of a label, as of now."""
    return (
        barchart.Panel()
        .title(title)
        .description(text)
        .datasource(SOURCE)
        .unit("short")
        .min(0)
        .orientation(common_models.VizOrientation.HORIZONTAL)
        .x_field(label)
        .span(width)
        .height(9)
        .with_target(_query(expr, "-", now=True))
        .with_transformation(_tidied({}, ["Time"]))
    )


def rows_of(
    title: str,
    text: str,
    columns: Mapping[str, str],
    *,
    links: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    width: int = FULL,
) -> Panel:
    """A table as of now: expressions by column title, joined by their labels; links by column."""
    made = table.Panel().title(title).description(text).datasource(SOURCE).span(width).height(9).filterable(True)
    names = {}
    for place, (column, expr) in enumerate(columns.items()):
        ref = chr(65 + place)
        made.with_target(_query(expr, "-", now=True, ref=ref))
        names["Value" if len(columns) == 1 else f"Value #{ref}"] = column
    if len(columns) > 1:
        made.with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
    made.with_transformation(_tidied(names, ["Time"]))
    for column, url in (links or {}).items():
        link = {"title": "open", "url": url, "targetBlank": True}
        made.override_by_name(column, [models.DynamicConfigValue(id_val="links", value=[link])])
    for column, unit in (units or {}).items():
        made.override_by_name(column, [models.DynamicConfigValue(id_val="unit", value=unit)])
    return made


def _tidied(names: Mapping[str, str], without: Sequence[str]) -> models.DataTransformerConfig:
    options = {"renameByName": dict(names), "excludeByName": dict.fromkeys(without, True)}
    return models.DataTransformerConfig(id_val="organize", options=options)
