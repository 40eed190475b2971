"""What an office does in many cases at once: hand over a unit's open steps, open the duties of a year."""

from collections.abc import Iterator, Mapping
from datetime import date
from hashlib import sha256
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
LONGEST = 200
"""What an id and a code may have at most."""


def pages(url: str, path: str, what: str, headers: Mapping[str, str], **given: Any) -> Iterator[dict[str, Any]]:
    """Every item of a list of the tracker's. Raises :class:`Failed`."""
    cursor = ""
    with _client(url, headers) as client:
        while True:
            page = _got(client, url, path, {**given, "cursor": cursor, "limit": PAGE})
            yield from page[what]
            cursor = page.get("next") or ""
            if not cursor:
                return


def units(url: str, headers: Mapping[str, str], organ: str) -> set[str]:
    """The units that an organ itself has, without those of organs under it. Raises :class:`Failed`."""
    with _client(url, headers) as client:
        office = _got(client, url, "/v1/office", {"organ": organ})
    return {unit["code"] for unit in office["units"] if unit["organ"] == organ}


def _client(url: str, headers: Mapping[str, str]) -> httpx.Client:
    return httpx.Client(base_url=url, timeout=60.0, trust_env=False, headers=dict(headers))


def _got(client: httpx.Client, url: str, path: str, given: Mapping[str, Any]) -> dict[str, Any]:
    try:
        answer = client.get(path, params={name: value for name, value in given.items() if value})
    except httpx.HTTPError as error:
        raise Failed(f"the tracker at {url} does not answer ({reason_of(error)}); is `shixian up` running?") from None
    if answer.status_code != 200:
        raise Failed(f"the tracker answers {answer.status_code}: {_detail(answer)}")
    found: dict[str, Any] = answer.json()
    return found


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("detail", ""))
    except (ValueError, AttributeError):
        return answer.text[:200]


def handed_over(steps: list[dict[str, Any]], to: str, on: date, reason: str) -> Iterator[RequestFact]:
    """The facts that give each open step of a unit to another one: given back, and opened again on the same day.

    Their ids follow from the request and the assignment (whose code is unique within the request only), so the command
    can be run again. Who has the step later gets no day back.
    """
    for step in steps:
        subject = step["request"]
        named = {"specversion": "1.0", "source": SOURCE, "subject": subject}
        old = step["assignment"]
        day = max(on, date.fromisoformat(step["since"]))
        new = _short(f"{old}>{to}")
        returned = AssignmentReturnedData(assignment=old, returned_on=day, reason=reason)
        opened = AssignmentOpenedData(assignment=new, unit=to, step=step["step"], assigned_on=day, continues=old)
        yield AssignmentReturned(id=_id("return", subject, old), data=returned, **named)
        yield AssignmentOpened(id=_id("open", subject, new), data=opened, **named)


def _id(what: str, subject: str, assignment: str) -> str:
    """A subject may have a ``/`` as well: then only the digest says where it ends."""
    return _short(f"hand-over/{what}/{subject}/{assignment}", f"{subject}\n{assignment}" if "/" in subject else "")


def _short(text: str, apart: str = "") -> str:
    """The text; cut, and with a digest in the place of what is lost, where it is too long. ``apart``: what tells it
    from one that reads the same."""
    if len(text) <= LONGEST and not apart:
        return text
    digest = f"~{sha256((apart or text).encode()).hexdigest()[:16]}"
    return text[: LONGEST - len(digest)] + digest


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
