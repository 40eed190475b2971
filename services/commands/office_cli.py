"""The subcommands for the work inside an office: ``hand-over``, ``duties``. Each imports what it needs when it runs."""

from collections.abc import Callable, Iterable
from datetime import date
from typing import Annotated, Any

import typer

from services.commands.console import fail, progress, read_settings, url_of, use_rules, where_from
from services.commands.output import print_json

duties = typer.Typer(help="Duties of organs: limits besides those of requests.")
TrackerUrl = Annotated[str, typer.Option("--url", help="The tracker's address.")]
IntakeUrl = Annotated[str, typer.Option("--intake", help="Intake's address.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the facts, post nothing.")]


def _post(settings: Any, facts: list[Any], intake: str, dry_run: bool) -> None:
    """Post facts, or print them."""
    from services.commands import office, who
    from services.intake import client

    lines = office.lines(facts)
    if dry_run:
        for line in lines:
            print_json(line.decode())
        return
    address, named = url_of(settings, "intake", intake), where_from("intake", intake)
    with progress(len(lines), "posting") as advance:
        try:
            posted = client.post(address, lines, advance, trust_env=bool(intake), headers=lambda: who.headers(settings))
        except client.Refused as error:
            fail(str(error))
        except client.Unavailable as error:
            fail(f"{error}; run the same command again to go on. The address comes from {named}")
    typer.echo(f"{posted.accepted} facts accepted 已接收 {posted.accepted} 条事实")


def _today(settings: Any, zone: str) -> date:
    """The day that it is in a zone; this machine's where there is none."""
    from services.runtime.clock import SystemClock

    clock = SystemClock(settings.now)
    return clock.today(zone) if zone else clock.now().astimezone().date()


def _refuse_ahead(settings: Any, facts: list[Any], zone_of: Callable[[Any], str], what: str) -> None:
    """One line about facts that are still to come, in place of intake's line for each. ``zone_of``: that of a fact's
    organ."""
    from services.events.days import ahead

    for fact in facts:
        if wrong := ahead(fact, _today(settings, zone_of(fact))):
            day, last = wrong.values["day"], wrong.values["last"]
            fail(f"{what} {day}, which is still to come; expected a day up to {last}")


def hand_over(
    organ: Annotated[str, typer.Option(help="The organ whose unit is closed.")],
    unit: Annotated[str, typer.Option(help="The unit whose open steps are handed over.")],
    to: Annotated[str, typer.Option(help="The unit that gets them.")],
    on: Annotated[str, typer.Option(help="The day, YYYY-MM-DD; by default the organ's today.")] = "",
    reason: Annotated[str, typer.Option(help="Why, as the facts say it.")] = "the unit is closed 机构撤销",
    dry_run: DryRun = False,
    url: TrackerUrl = "",
    intake: IntakeUrl = "",
) -> None:
    """Hand all open steps of a unit over to another one; no step gains a day. Safe to repeat."""
    from services.commands import office, who
    from services.runtime.clock import day_of
    from services.runtime.failed import Failed

    if unit == to:
        fail(f"--to: expected another unit than {unit!r}")
    settings = read_settings()
    try:
        day = day_of(on) if on else None
    except ValueError:
        fail(f"--on: expected a date YYYY-MM-DD that exists, got {on!r}")
    tracker, headers = url_of(settings, "tracker", url), who.headers(settings)
    try:
        # Asked for first: a unit that the organ does not have would get the steps, and nobody there would see them.
        if to not in office.units(tracker, headers, organ):
            fail(f"--to: expected a unit of the organ {organ!r}, got {to!r}")
        assigned = office.pages(tracker, "/v1/assignments", "assignments", headers, organ=organ, unit=unit)
        steps = [step for step in assigned if step["organ"] == organ]
        zone = _zones(office.pages(tracker, "/v1/organs", "organs", headers, code=organ)).get(organ, "")
    except Failed as error:
        fail(str(error))
    if not steps:
        typer.echo(f"{unit} has no open step 没有未办结的环节")
        return
    typer.echo(f"{len(steps)} open steps of {unit} go to {to} {len(steps)}个环节转交{to}", err=True)
    facts = list(office.handed_over(steps, to, day or _today(settings, zone), reason))
    _refuse_ahead(settings, facts, lambda _: zone, "--on: the steps would be handed over on")
    _post(settings, facts, intake, dry_run)


def _zones(organs: Iterable[dict[str, Any]]) -> dict[str, str]:
    return {each["code"]: each["timezone"] for each in organs if each.get("timezone")}


@duties.command("open-year")
def open_year(
    year: Annotated[
        int, typer.Argument(help="The year that the duties are about; its annual report, say.", min=1950, max=2199)
    ],
    organ: Annotated[str, typer.Option(help="Only of this organ; by default of all that are registered.")] = "",
    dry_run: DryRun = False,
    url: TrackerUrl = "",
    intake: IntakeUrl = "",
) -> None:
    """Open the yearly duties of organs for a year, as their statutes have them. Safe to repeat."""
    from services.commands import office, who
    from services.runtime.failed import Failed

    use_rules()
    settings = read_settings()
    tracker, headers = url_of(settings, "tracker", url), who.headers(settings)
    try:
        organs = list(office.pages(tracker, "/v1/organs", "organs", headers, code=organ))
    except Failed as error:
        fail(str(error))
    facts = list(office.of_year(organs, year))
    if not facts:
        typer.echo(f"no yearly duty for {year} 没有{year}年的年度职责")
        return
    zones = _zones(organs)
    what = f"{year}: the duties of a year arise on its last day,"
    _refuse_ahead(settings, facts, lambda fact: zones.get(fact.data.organ, ""), what)
    _post(settings, facts, intake, dry_run)


@duties.command("list")
def list_(
    organ: Annotated[str, typer.Option(help="Only of this organ and those under it.")] = "",
    url: TrackerUrl = "",
) -> None:
    """Print the duties that are not done, the soonest due first, a line each: last day, organ, kind, duty, article."""
    from services.commands import office, who
    from services.runtime.failed import Failed

    settings = read_settings()
    tracker, headers = url_of(settings, "tracker", url), who.headers(settings)
    try:
        for each in office.pages(tracker, "/v1/duties", "duties", headers, organ=organ):
            late = "overdue 逾期" if each.get("overdue_from") else "open 未到期"
            columns = (each.get("due_on", "-"), late, each["organ"], each["kind"], each["duty"], each["article"])
            typer.echo("\t".join(columns))
    except Failed as error:
        fail(str(error))
