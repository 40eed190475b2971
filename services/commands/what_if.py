"""How a file's requests would have fared under another statute: the same facts decided twice, and the differences."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from services.commands import offline
from services.commands.reporting import Facts
from services.events.case_data import RequestSummary
from services.events.cases import CaseEvent
from services.events.facts import FactCorrected, OrganRegistered, RequestReceived
from services.runtime.failed import Failed
from services.stats.kinds import COUNTED_STATES
from services.statute.errors import StatuteError
from services.statute.versions import profile_for


class Standing(Struct, frozen=True):
    """How a request stands under one statute."""

    statute: str
    state: str
    due_on: date | None
    closed_on: date | None
    timeliness: str | None
    overdue_from: date | None
    working_days: int | None


class Difference(Struct, frozen=True):
    """A request that stands otherwise."""

    request: str
    as_is: Standing
    what_if: Standing


class Year(Struct, frozen=True):
    """The requests that an organ received in one year, under one statute."""

    organ: str
    year: int
    received: int
    ended: int
    in_time: int
    late: int
    """Ended late."""
    open: int
    overdue: int
    """Not ended, and beyond the limit."""
    share_in_time: float | None
    """Of what was in time, late, or not ended and beyond the limit."""
    median_days: int | None


class WhatIf(Struct, frozen=True):
    """Both answers, year by year, and the requests that differ."""

    statute: str
    as_is: list[Year]
    what_if: list[Year]
    changed: list[Difference]


def compare(lines: Iterable[bytes], statute: str, now: datetime, organ: str = "", year: int = 0) -> WhatIf:
    """The facts of a JSON-lines file by ``now``, as they are and under ``statute``. Raises :class:`Failed`."""
    try:
        facts = list(offline.read_facts(lines))
    except offline.BadLine as error:
        raise Failed(str(error)) from None
    _known(statute, now.date())
    before, after = _requests(facts, now), _requests(under(facts, statute), now)
    chosen = [
        subject
        for subject, request in before.items()
        if _counts(request) and (not organ or request.organ == organ) and (not year or _year(request) == year)
    ]
    if not chosen:
        raise Failed("no request in these facts was received by that organ in that year")
    changed = [
        Difference(subject, _standing(before[subject]), _standing(after[subject]))
        for subject in sorted(chosen)
        if subject in after and _fate(before[subject]) != _fate(after[subject])
    ]
    return WhatIf(statute, _years(before, chosen), _years(after, chosen), changed)


def _known(statute: str, day: date) -> None:
    try:
        profile_for(statute, day)
    except StatuteError as error:
        raise Failed(f"--statute: {error}") from None


def under(facts: Facts, statute: str) -> list[Any]:
    """The facts with every request held to ``statute``, whatever its organ's or its own says."""
    held: list[Any] = []
    for fact in facts:
        match fact:
            case OrganRegistered() | RequestReceived():
                held.append(replace(fact, data=replace(fact.data, statute=statute)))
            case FactCorrected() if "statute" in fact.data.data or "submitted_on" in fact.data.data:
                held.append(replace(fact, data=replace(fact.data, data={**fact.data.data, "statute": statute})))
            case _:
                held.append(fact)
    return held


def _requests(facts: Facts, now: datetime) -> dict[str, RequestSummary]:
    """Each request as it stands after its last event."""
    try:
        events: Sequence[CaseEvent] = offline.run(facts, now)[1]
    except offline.BadLine as error:
        raise Failed(str(error)) from None
    return {event.subject: event.data.request for event in events if event.data.request is not None}


def _counts(request: RequestSummary) -> bool:
    return request.received_on is not None and request.state in COUNTED_STATES


def _year(request: RequestSummary) -> int:
    assert request.received_on is not None
    return request.received_on.year


def _fate(request: RequestSummary) -> tuple[Any, ...]:
    """What makes two standings different; the statute's name alone does not."""
    return (request.state, request.due_on, request.closed_on, request.timeliness, request.overdue_from)


def _standing(request: RequestSummary) -> Standing:
    return Standing(
        request.statute,
        request.state,
        request.due_on,
        request.closed_on,
        request.timeliness,
        request.overdue_from,
        request.working_days,
    )


def _years(requests: dict[str, RequestSummary], chosen: Iterable[str]) -> list[Year]:
    groups: dict[tuple[str, int], list[RequestSummary]] = {}
    for subject in chosen:
        request = requests.get(subject)
        if request is not None and _counts(request):
            groups.setdefault((request.organ, _year(request)), []).append(request)
    return [_summed(organ, year, own) for (organ, year), own in sorted(groups.items())]


def _summed(organ: str, year: int, requests: Sequence[RequestSummary]) -> Year:
    ended = [r for r in requests if r.closed_on is not None]
    in_time = sum(r.timeliness == "in-time" for r in ended)
    late = sum(r.timeliness == "late" for r in ended)
    overdue = sum(r.closed_on is None and r.overdue_from is not None for r in requests)
    base = in_time + late + overdue
    days = sorted(r.working_days for r in ended if r.working_days is not None)
    return Year(
        organ,
        year,
        len(requests),
        len(ended),
        in_time,
        late,
        len(requests) - len(ended),
        overdue,
        round(in_time / base, 4) if base else None,
        days[(len(days) - 1) // 2] if days else None,
    )


def as_json(compared: WhatIf) -> str:
    """The comparison for programs."""
    return msgspec.json.format(msgspec.json.encode(compared), indent=2).decode()


_SHOWN = 20


def show(compared: WhatIf, console: Console) -> None:
    """The comparison for a terminal: both answers beside one another, then the first requests that differ."""
    table = Table(title=f"现行与 {compared.statute} 对照  As it is, and under {compared.statute}", title_style="bold")
    for head in ("机关 Organ", "年度 Year"):
        table.add_column(head)
    for head in (
        "收到 Received",
        "按期 In time",
        "逾期 Late",
        "未结 Open",
        "超期 Overdue",
        "按期率 Share",
        "天数 Days",
    ):
        table.add_column(head, justify="right")
    other = {(y.organ, y.year): y for y in compared.what_if}
    for year in compared.as_is:
        then = other.get((year.organ, year.year))
        pairs = [
            _pair(getattr(year, name), getattr(then, name) if then else None)
            for name in ("received", "in_time", "late", "open", "overdue")
        ]
        shares = [f"{y.share_in_time:.1%}" if y and y.share_in_time is not None else "—" for y in (year, then)]
        days = _pair(year.median_days, then.median_days if then else None)
        table.add_row(year.organ, str(year.year), *pairs, _pair(*shares), days)
    console.print(table)
    for difference in compared.changed[:_SHOWN]:
        console.print(f"{difference.request}: {_said(difference.as_is)} → {_said(difference.what_if)}")
    if len(compared.changed) > _SHOWN:
        console.print(f"... {len(compared.changed)} requests differ; --format json names all")


def _pair(one: object, other: object) -> str:
    first, second = ("—" if value is None else str(value) for value in (one, other))
    return first if first == second else f"{first} → {second}"


def _said(standing: Standing) -> str:
    due = f"due {standing.due_on}" if standing.due_on else "no due date"
    return f"{due}, {standing.timeliness or standing.state}"
