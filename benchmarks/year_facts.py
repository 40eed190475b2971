"""A bureau's year as facts: licences of many kinds and a few requests for disclosure, made from their numbers alone.

Request ``n`` is the same however often it is asked for, so a month's facts are made again where a run was stopped.
Everything is invented but the size: 2,200,046 requests, 46 of them for disclosure.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import msgspec

from services.events.envelope import type_of
from services.statute.calendars import shipped

REQUESTS, DISCLOSURE = 2_200_046, 46
ORGAN, SOURCE, YEAR = "bureau", "urn:shixian:bench:invented-year", 2023
OVER = 55
"""So many days before the year's end the last request comes: the year's return has them all decided."""
CHANNELS = ("in-person", "online", "online", "post")


def fact(name: str, subject: str, place: int, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "type": type_of(name),
        "source": SOURCE,
        "id": f"{subject}/{place}",
        "subject": subject,
        "data": {k: v.isoformat() if isinstance(v, date) else v for k, v in data.items()},
    }


def organ() -> dict[str, Any]:
    """The bureau's registration."""
    data = {"code": ORGAN, "name": {"zh": "示例局", "en": "Sample bureau"}, "timezone": "Asia/Shanghai"}
    return fact("organ-registered", ORGAN, 0, {**data, "calendar": "CN", "statute": "CN"})


@dataclass(frozen=True)
class Year:
    """The year of a bureau ``share`` times smaller than the one above."""

    share: int = 1

    @property
    def requests(self) -> int:
        return REQUESTS // self.share

    @cached_property
    def days(self) -> tuple[date, ...]:
        """The days on which requests come: the working days up to :data:`OVER` days before the end."""
        calendar, first = shipped("CN"), date(YEAR, 1, 1)
        last = (date(YEAR, 12, 31) - first).days - OVER
        return tuple(d for d in (first + timedelta(days=n) for n in range(last + 1)) if calendar.is_working(d))

    def is_disclosure(self, number: int) -> bool:
        return number < DISCLOSURE

    def history(self, number: int) -> list[tuple[date, dict[str, Any]]]:
        """The facts of one request, each with its day, in their order."""
        rng = random.Random(f"year/{number}")
        step = self.requests // DISCLOSURE
        came = self.days[(number * step if self.is_disclosure(number) else number) * len(self.days) // self.requests]
        subject = f"x{number}" if self.is_disclosure(number) else f"l{number}"
        statute = {} if self.is_disclosure(number) else {"statute": "CN-LICENSING"}
        data = {"organ": ORGAN, "channel": rng.choice(CHANNELS), "applicant": "business", "submitted_on": came}
        found = [(came, "request-received", {**data, "received_on": came, **statute})]
        day = came
        if rng.random() < 0.25:
            asked, answered = day + timedelta(days=2), day + timedelta(days=rng.randint(4, 9))
            found.append(
                (asked, "clarification-requested", {"requested_on": asked, "respond_by": asked + timedelta(15)})
            )
            found.append((answered, "clarification-received", {"received_on": answered}))
            day = answered
        sent, closed = day + timedelta(days=1), day + timedelta(days=rng.randint(3, 9))
        found.append((sent, "consultation-opened", {"consultation": "c", "party": "other-organ", "sent_on": sent}))
        found.append((closed, "consultation-closed", {"consultation": "c", "closed_on": closed, "reply": "agreed"}))
        day = closed
        if rng.random() < 0.1:
            told = day + timedelta(days=2)
            found.append((told, "extension-granted", {"decided_on": told, "notified_on": told, "amount": 5}))
            day = told
        done = day + timedelta(days=rng.randint(2, 30))
        refused = "refused-other-law" if self.is_disclosure(number) else "refused"
        outcome = refused if rng.random() < 0.05 else "granted"
        found.append((done, "answer-issued", {"outcome": outcome, "answered_on": done, "service": "handed"}))
        delivered = done + timedelta(days=1)
        found.append((delivered, "answer-delivered", {"delivered_on": delivered}))
        return [(on, fact(name, subject, place, data)) for place, (on, name, data) in enumerate(found)]

    def month(self, month: int) -> Iterator[tuple[int, bytes]]:
        """The month's facts as JSON with the number of their request, a request's own in their order."""
        # What runs longest: 9 + 9 + 2 + 30 + 1 days.
        first = date(YEAR, month, 1) - timedelta(days=60)
        for number in range(self.requests):
            if number >= DISCLOSURE:
                came = self.days[number * len(self.days) // self.requests]
                if came < first or (came.year, came.month) > (YEAR, month):
                    continue
            for on, each in self.history(number):
                if (on.year, on.month) == (YEAR, month):
                    yield number, msgspec.json.encode(each)
