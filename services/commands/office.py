"""What an office does in many cases at once: hand over a unit's open steps, open the duties of a year."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import httpx

from services.events.codec import encode
from services.events.facts import RequestFact
from services.events.office_facts import (
    AssignmentOpened,
    AssignmentOpenedData,
    AssignmentReturned,
    AssignmentReturnedData,
    DutyOpened,
    DutyOpenedData,
)
from services.runtime.failed import Failed, reason_of
from services.statute.errors import StatuteError
from services.statute.versions import profile_for

SOURCE = "urn:shixian:command"
PAGE = 500


def pages(url: str, path: str, what: str, headers: Mapping[str, str], **given: Any) -> Iterator[dict[str, Any]]:
    """Every item of a list of the tracker's. Raises :class:`Failed`."""
    cursor = ""
    with httpx.Client(base_url=url, timeout=60.0, trust_env=False, headers=dict(headers)) as client:
        while True:
            asked = {name: value for name, value in {**given, "cursor": cursor, "limit": PAGE}.items() if value}
            try:
                answer = client.get(path, params=asked)
            except httpx.HTTPError as error:
                raise Failed(
                    f"the tracker at {url} does not answer ({reason_of(error)}); is `shixian up` running?"
                ) from None
            if answer.status_code != 200:
                raise Failed(f"the tracker answers {answer.status_code}: {_detail(answer)}")
            page = answer.json()
            yield from page[what]
            cursor = page.get("next") or ""
            if not cursor:
                return


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("detail", ""))
    except (ValueError, AttributeError):
        return answer.text[:200]


def handed_over(steps: list[dict[str, Any]], to: str, on: date, reason: str) -> Iterator[RequestFact]:
    """The facts that give each open step of a unit to another one: given back, and opened again on the same day.

    Their ids follow from the assignment, so the command can be run again. Who has the step later gets no day back.
    """
    for step in steps:
        named = {"specversion": "1.0", "source": SOURCE, "subject": step["request"]}
        old = step["assignment"]
        day = max(on, date.fromisoformat(step["since"]))
        new = f"{old}>{to}"[-200:]
        returned = AssignmentReturnedData(assignment=old, returned_on=day, reason=reason)
        opened = AssignmentOpenedData(assignment=new, unit=to, step=step["step"], assigned_on=day, continues=old)
        yield AssignmentReturned(id=f"hand-over/{old}"[-200:], data=returned, **named)
        yield AssignmentOpened(id=f"hand-over/{new}"[-200:], data=opened, **named)


def of_year(organs: list[dict[str, Any]], year: int) -> Iterator[RequestFact]:
    """The yearly duties of organs (each with ``code`` and ``statute``) for a year, by the law in force on its last day;
    an organ without a law of that day has none."""
    last = date(year, 12, 31)
    for organ in organs:
        try:
            profile = profile_for(organ["statute"], last)
        except StatuteError:
            continue
        for rule in profile.duties:
            if not rule.yearly or not rule.from_ <= last <= rule.through:
                continue
            duty = f"{organ['code']}/{rule.kind}/{year}"
            data = DutyOpenedData(duty=duty, organ=organ["code"], kind=rule.kind, event_on=last, about=str(year))
            yield DutyOpened(specversion="1.0", source=SOURCE, subject=duty, id=duty, data=data)


def lines(facts: list[RequestFact]) -> list[bytes]:
    """Facts as intake takes them."""
    return [encode(fact) for fact in facts]
