"""The living sample: an invented bureau with some sixty requests around a day, in every state, as facts.

Nothing of it is about a real organ, person or case: the organs' names say so, and each event does in its ``source``.
The days count from the day that the sample is made for, in working days of China's calendar. The ids name that day, so
that making it again for the same day gives the same facts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from services.events.envelope import type_of
from services.statute.calendar import Calendar
from services.statute.calendars import shipped

CITY, BUREAU, BRANCH = "sample-city", "sample-bureau", "sample-bureau-north"
SOURCE = "urn:shixian:sample:invented"
ZONE = ZoneInfo("Asia/Shanghai")
LIMIT = 20
"""Working days for an answer (2019 regulations, art. 33), and at most again for an extension."""
UNITS = {
    "sample-reception": ("依申请公开受理科（虚构）", "Reception (invented)"),
    "sample-planning": ("规划科（虚构）", "Planning (invented)"),
    "sample-housing": ("住房保障科（虚构）", "Housing (invented)"),
    "sample-legal": ("法制科（虚构）", "Legal (invented)"),
}
ITEM = "sample-permit"
_CHANNELS = ("online", "post", "email", "in-person", "fax")
_APPLICANTS = ("natural-person", "natural-person", "business", "natural-person", "legal-service", "public-interest")


def living(today: date) -> list[bytes]:
    """The sample for a day, as CloudEvents in structured JSON, in the order in which they are to be posted."""
    made = _Sample(today, shipped("CN"))
    return [msgspec.json.encode(fact) for fact in (*_references(), *made.facts())]


def on(now: datetime) -> date:
    """The bureau's date at an instant."""
    return now.astimezone(ZONE).date()


def _event(name: str, subject: str, data: Mapping[str, Any], id_: str) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "type": type_of(name),
        "source": SOURCE,
        "id": id_,
        "subject": subject,
        "data": {key: value for key, value in data.items() if value is not None},
    }


def _references() -> Iterator[dict[str, Any]]:
    data: dict[str, Any]
    names = {
        CITY: ("样例市人民政府（虚构）", "Sample City (invented)", None),
        BUREAU: ("样例市住房和规划局（虚构）", "Sample Bureau of Housing and Planning (invented)", CITY),
        BRANCH: ("样例市住房和规划局北区分局（虚构）", "Sample Bureau, North Branch (invented)", BUREAU),
    }
    law = {"timezone": ZONE.key, "calendar": "CN", "statute": "CN"}
    for code, (zh, en, parent) in names.items():
        data = {"code": code, "name": {"zh": zh, "en": en}, "parent": parent, **law}
        yield _event("organ-registered", code, data, f"{code}/organ-registered")
    for code, (zh, en) in UNITS.items():
        data = {"code": code, "organ": BUREAU, "name": {"zh": zh, "en": en}}
        yield _event("unit-registered", code, data, f"{code}/unit-registered")
    inspection = {"code": "inspection", "name": {"zh": "现场查勘", "en": "inspection"}}
    data = {
        "code": ITEM,
        "organ": BUREAU,
        "name": {"zh": "示例许可事项（虚构）", "en": "Sample permit (invented)"},
        "statute": "CN-LICENSING",
        "committed": {"amount": 10, "unit": "working-day"},
        "special_steps": [{**inspection, "limit": {"amount": 15, "unit": "working-day"}}],
    }
    yield _event("item-registered", ITEM, data, f"{ITEM}/item-registered")


@dataclass
class _Sample:
    """The facts as they are made."""

    today: date
    calendar: Calendar
    made: list[dict[str, Any]] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)

    def day(self, offset: int) -> date:
        """So many working days from the day (or from the last working day before it); before it where negative."""
        day = self.today
        while not self.calendar.is_working(day):
            day -= timedelta(days=1)
        step = timedelta(days=1 if offset > 0 else -1)
        for _ in range(abs(offset)):
            day += step
            while not self.calendar.is_working(day):
                day += step
        return day

    def say(self, name: str, subject: str, **data: Any) -> None:
        """One fact; a working day's offset where a date is wanted."""
        given = {
            key: self.day(value) if _is_day(key) and isinstance(value, int) else value for key, value in data.items()
        }
        number = self._numbers[subject] = self._numbers.get(subject, 0) + 1
        self.made.append(_event(name, subject, given, f"{subject}/{number}"))

    def request(self, received: int, *, organ: str = BUREAU, **more: Any) -> str:
        """A request received on that day, its channel and kind of applicant by turns."""
        place = sum(subject.startswith("样例-") for subject in self._numbers) + 1
        subject = f"样例-{self.today:%Y%m%d}-{place:02d}"
        channel = more.pop("channel", _CHANNELS[place % len(_CHANNELS)])
        data = {"organ": organ, "channel": channel, "applicant": _APPLICANTS[place % len(_APPLICANTS)], **more}
        data["submitted_on"] = received - 1 if channel == "post" else received
        if channel == "post":
            data |= {"received_on": received, "mail": "signed"}
        elif channel != "in-person" and not more.get("_unconfirmed"):
            data |= {"confirmed_on": received}
        data.pop("_unconfirmed", None)
        self.say("request-received", subject, **data)
        return subject

    def due(self, offset: int, **more: Any) -> str:
        """A request whose last day is that one, if nothing moves it."""
        return self.request(offset - LIMIT, **more)

    def step(self, subject: str, step: str, unit: str, assigned: int, accepted: int | None = None, **more: Any) -> None:
        """A step of the procedure given to a unit."""
        name = f"{subject}/{step}"
        self.say("assignment-opened", subject, assignment=name, unit=unit, step=step, assigned_on=assigned)
        if accepted is not None:
            self.say("assignment-accepted", subject, assignment=name, accepted_on=accepted)
        if "completed" in more:
            self.say("assignment-completed", subject, assignment=name, completed_on=more["completed"])
        if "returned" in more:
            reason = "不属本科室职责（虚构）"
            self.say("assignment-returned", subject, assignment=name, returned_on=more["returned"], reason=reason)

    def answer(
        self, subject: str, on_: int, outcome: str = "granted", service: str = "electronic", **more: Any
    ) -> None:
        self.say("answer-issued", subject, outcome=outcome, answered_on=on_, service=service, **more)

    def facts(self) -> list[dict[str, Any]]:
        """All facts about requests."""
        self.running()
        self.inside()
        self.waiting()
        self.ended()
        self.odd()
        self.last_year()
        self.owed()
        return self.made

    def running(self) -> None:
        """Overdue, due today, this week, and later."""
        for offset in (-9, -4, -1, 0, 0, 1, 2, 2, 3, 4, 5, 7, 9, 12, 15, 16, 18, 19):
            self.due(offset)
        self.due(-2, organ=BRANCH)
        self.due(3, organ=BRANCH)
        for received in (-30, -31):
            extended = self.request(received)
            self.say(
                "extension-granted",
                extended,
                decided_on=-12,
                notified_on=-12,
                amount=20,
                reason="需查找历史档案（虚构）",
            )

    def inside(self) -> None:
        """Steps of the units: given, accepted, returned, late; a service item with a special step."""
        for unit, assigned, accepted in (
            ("sample-planning", -1, None),
            ("sample-planning", -3, -2),
            ("sample-housing", -8, -7),
            ("sample-housing", -5, -5),
        ):
            subject = self.request(assigned - 2, channel="online")
            self.step(subject, "register", "sample-reception", assigned - 2, assigned - 2, completed=assigned - 1)
            self.step(subject, "opinion", unit, assigned, accepted)
        returned = self.request(-4, channel="online")
        self.step(returned, "opinion", "sample-planning", -3, returned=-2)
        reviewed = self.request(-12, channel="online")
        self.step(reviewed, "opinion", "sample-housing", -10, -9, completed=-4)
        self.step(reviewed, "legal-review", "sample-legal", -4, -3)
        permit = self.request(-8, channel="in-person", item=ITEM)
        self.say("special-step-opened", permit, step="inspection", opened_on=-3)
        self.request(-9, channel="in-person", item=ITEM)

    def waiting(self) -> None:
        """For the applicant, a third party, another organ, a payment."""
        for asked, until in ((-2, 5), (-6, 1), (-1, 7)):
            unclear = self.request(asked - 3)
            self.say("clarification-requested", unclear, requested_on=asked, respond_by=until)
        clear = self.request(-9)
        self.say("clarification-requested", clear, requested_on=-6, respond_by=1)
        self.say("clarification-received", clear, received_on=-2)
        for party, sent in (("third-party", -4), ("third-party", -11), ("other-organ", -2)):
            asked_of = self.request(sent - 3)
            self.say("consultation-opened", asked_of, consultation="1", party=party, sent_on=sent, reached_on=sent + 1)
        replied = self.request(-13)
        self.say("consultation-opened", replied, consultation="1", party="third-party", sent_on=-10)
        self.say("consultation-closed", replied, consultation="1", closed_on=-5, reply="objected")
        self.say("fee-notified", self.request(-6), notified_on=-3, amount=120)

    def ended(self) -> None:
        """Answered in time and late, withdrawn, transferred, lapsed, reviewed."""
        for received, answered, outcome in (
            (-24, -6, "granted"),
            (-22, -5, "granted-in-part"),
            (-21, -4, "does-not-exist"),
            (-20, -3, "refused-third-party"),
            (-18, -2, "not-this-organ"),
            (-15, -1, "already-published"),
            (-12, 0, "granted"),
        ):
            self.answer(self.request(received), answered, outcome)
        for received, answered in ((-30, -7), (-28, -5)):
            self.answer(self.request(received), answered, "granted", "posted")
        self.say("request-withdrawn", self.request(-8), withdrawn_on=-3)
        lapsed = self.request(-20)
        self.say("clarification-requested", lapsed, requested_on=-17, respond_by=-6)
        contested = self.request(-40)
        self.answer(contested, -22, "refused-other-law", "posted", delivered_on=-20)
        review = f"{contested}/复议"
        asked = {"review": review, "organ": BUREAU, "kind": "reconsideration"}
        self.say("review-filed", contested, **asked, filed_on=-9, served_on=-6)
        ordered = self.request(-60)
        self.answer(ordered, -42, "refused-internal-affairs", "posted")
        review = f"{ordered}/复议"
        self.say("review-filed", ordered, review=review, organ=BUREAU, kind="reconsideration", filed_on=-35)
        within = {"amount": 15, "unit": "working-day"}
        self.say(
            "review-decided",
            ordered,
            review=review,
            decided_on=-10,
            result="corrected",
            delivered_on=-8,
            answer_within=within,
        )

    def owed(self) -> None:
        """Other duties of the bureau: one near its last day, and one behind it."""
        for number, made in enumerate((-17, -23), 1):
            duty = f"主动公开-{self.today:%Y%m%d}-{number}"
            self.say("duty-opened", duty, duty=duty, organ=BUREAU, kind="publication", event_on=made)

    def odd(self) -> None:
        """What needs a person: unconfirmed, transferred, contradicting, without effect, waiting, retracted."""
        for received in (-1, -2, -9):
            self.request(received, channel="online", _unconfirmed=True)
        gone = self.request(-5, channel="in-person")
        self.say("request-transferred", gone, transferred_on=-3, to_organ=BRANCH)
        come = self.request(-6, organ=BRANCH, channel="in-person")
        self.say("request-transferred", come, transferred_on=-4, to_organ=BUREAU)
        late = self.request(-25)
        self.say("extension-granted", late, decided_on=-3, notified_on=-3, amount=20)
        twice = self.request(-5, channel="in-person")
        double = {"channel": "in-person", "applicant": "business", "submitted_on": -4}
        self.say("request-received", twice, organ=BRANCH, **double)
        wrong = self.request(-3, channel="in-person")
        amends = {"source": SOURCE, "id": f"{wrong}/1"}
        self.say("fact-retracted", wrong, amends=amends, reason="重复登记（虚构）")
        self.say("receipt-confirmed", f"样例-{self.today:%Y%m%d}-未登记", confirmed_on=-1)

    def last_year(self) -> None:
        """A dozen requests of the year before, all ended, so that there is a year to publish."""
        year = self.today.year - 1
        for place in range(1, 13):
            subject = f"样例-{year}-{place:02d}"
            received = date(year, place if place < 12 else 11, 10)
            data = {
                "organ": BUREAU,
                "channel": "in-person",
                "applicant": _APPLICANTS[place % 6],
                "submitted_on": received,
            }
            self.say("request-received", subject, **data)
            outcome = ("granted", "granted-in-part", "refused-deliberative", "does-not-exist")[place % 4]
            self.answer_on(subject, received + timedelta(days=12 + place), outcome)

    def answer_on(self, subject: str, day: date, outcome: str) -> None:
        self.say("answer-issued", subject, outcome=outcome, answered_on=day, service="posted")


def _is_day(name: str) -> bool:
    return name.endswith("_on") or name in ("respond_by", "until")
