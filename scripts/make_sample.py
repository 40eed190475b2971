"""Make the sample: facts of one year of one organ whose totals are those of a real report.

The totals are the ones that the Guangzhou Public Security Bureau printed in its annual report on open government
information for 2013 (tables 1 to 4). Everything about a single request is invented: its dates, who asked, which kind
of refusal it met, and how the year's other counts spread over its months. The events say so in their ``source``.

``python scripts/make_sample.py`` writes ``services/samples/gz-psb-2013.jsonl``; the seed is fixed, so it always writes
the same.
"""

import random
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import msgspec

from services.events import facts as f
from services.events.codec import decode_fact, encode
from services.events.facts import Fact
from services.events.vocabulary import Label, Measure
from services.statute.calendars import shipped

SEED = 2013
SOURCE = "urn:shixian:sample:invented-dates"
ORGAN = "gz-psb"
ZONE = ZoneInfo("Asia/Shanghai")
CHINA = shipped("CN")
TARGET = Path(__file__).parents[1] / "services" / "samples" / "gz-psb-2013.jsonl"

CHANNELS = ["email"] * 10 + ["online"] * 17 + ["post"] * 19
OUTCOMES = (
    ["granted"] * 14
    + ["already-published"] * 3
    + ["granted-in-part"] * 7
    + ["refused-state-secret"] * 2
    + ["refused-security-stability"] * 3
    + ["refused-third-party"] * 2
    + ["refused-internal-affairs"]
    + ["refused-deliberative"]
    + ["refused-enforcement-file"] * 3
    + ["refused-registry-enquiry"]
    + ["not-this-organ"] * 7
    + ["unclear"] * 2
)
APPLICANTS = ["natural-person"] * 38 + ["business"] * 5 + ["legal-service"] * 2 + ["research-institution"]
LIMIT = 15
"""Working days for an answer, and again for an extension (2007 regulations, art. 24)."""
EXTENDED = 4
TALLIES = {
    "proactive-published": 5022,
    "normative-documents-new": 52,
    "enquiries-online": 512,
    "enquiries-in-person": 12,
    "page-views": 800_000,
}


class Writer:
    """Collects facts; each has a name of its own and the instant at which it happened in law."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.facts: list[Fact] = []

    def add(self, shape: type[Any], subject: str, name: str, on: date, /, **data: Any) -> None:
        """One fact, at some minute of the office's day ``on``."""
        minute = time(9 + self.rng.randrange(8), self.rng.randrange(60))
        instant = datetime.combine(on, minute, ZONE)
        data_type = next(i.type for i in msgspec.structs.fields(shape) if i.name == "data")
        self.facts.append(
            shape(
                specversion="1.0",
                id=f"{subject}/{name}",
                source=SOURCE,
                subject=subject,
                time=instant,
                data=data_type(**data),
            )
        )


def make() -> list[Fact]:
    """The facts in the order of their instants."""
    rng = random.Random(SEED)
    out = Writer(rng)
    requests = _requests(out, rng)
    _reviews(out, requests)
    _tallies(out, rng)
    organ = f.OrganRegistered(
        specversion="1.0",
        id=f"{ORGAN}/organ-registered",
        source=SOURCE,
        subject=ORGAN,
        time=datetime(2013, 1, 1, tzinfo=ZONE),
        data=f.OrganData(
            code=ORGAN,
            name=Label(zh="广州市公安局", en="Guangzhou Public Security Bureau"),
            timezone="Asia/Shanghai",
            calendar="CN",
            statute="CN",
        ),
    )
    return [organ, *sorted(out.facts, key=lambda x: (x.time or organ.time, x.id))]


def _requests(out: Writer, rng: random.Random) -> list[tuple[str, str, date]]:
    """The requests and their answers: id, outcome and day of the answer of each, in the order of receipt."""
    channels, outcomes, applicants = (rng.sample(x, len(x)) for x in (CHANNELS, OUTCOMES, APPLICANTS))
    days = sorted(date(2013, 1, 9) + timedelta(days=rng.randrange(325)) for _ in channels)
    longer = set(rng.sample(range(35), EXTENDED))
    found = []
    for place, (channel, outcome, applicant, day) in enumerate(zip(channels, outcomes, applicants, days, strict=True)):
        subject = f"{ORGAN}-2013-{place + 1:03}"
        received_on = _receive(out, rng, subject, channel, applicant, day)
        taken = rng.randint(4, LIMIT)
        if place in longer:
            notified_on = CHINA.add(received_on, rng.randint(9, LIMIT - 1))
            out.add(
                f.ExtensionGranted,
                subject,
                "extension-granted",
                notified_on,
                decided_on=CHINA.add(notified_on, -1),
                notified_on=notified_on,
                amount=LIMIT,
            )
            taken = rng.randint(LIMIT + 2, 2 * LIMIT - 3)
        elif outcome == "refused-third-party":
            sent_on, closed_on = CHINA.add(received_on, 2), CHINA.add(received_on, 7)
            out.add(
                f.ConsultationOpened,
                subject,
                "consultation-opened",
                sent_on,
                consultation="1",
                party="third-party",
                sent_on=sent_on,
            )
            out.add(
                f.ConsultationClosed,
                subject,
                "consultation-closed",
                closed_on,
                consultation="1",
                closed_on=closed_on,
                reply="objected",
            )
            taken = max(taken, 9)
        answered_on = CHINA.add(received_on, taken)
        if channel == "online" and place not in longer:
            # The law of 2007 counts from the submission, whenever the office confirms it (guiding case 26).
            answered_on = min(answered_on, CHINA.add(day, LIMIT))
        service = "posted" if channel == "post" else "electronic"
        out.add(
            f.AnswerIssued,
            subject,
            "answer-issued",
            answered_on,
            outcome=outcome,
            answered_on=answered_on,
            service=service,
        )
        found.append((subject, outcome, answered_on))
    return found


def _working(day: date) -> date:
    return day if CHINA.is_working(day) else CHINA.add(day, 1)


def _receive(out: Writer, rng: random.Random, subject: str, channel: str, applicant: str, day: date) -> date:
    """The request's fact; returns the day of receipt in law: signed for, in the mailbox, or confirmed."""
    match channel:
        case "post":
            received_on = _working(day)
            dates = {"submitted_on": received_on - timedelta(days=rng.randint(1, 5)), "received_on": received_on}
        case "online":
            received_on = _working(day)
            dates = {"submitted_on": day, "confirmed_on": received_on}
        case _:
            received_on = day
            dates = {"submitted_on": day, "received_on": received_on}
    out.add(
        f.RequestReceived,
        subject,
        "request-received",
        received_on,
        organ=ORGAN,
        channel=channel,
        applicant=applicant,
        **dates,
    )
    return received_on


def _reviews(out: Writer, requests: list[tuple[str, str, date]]) -> None:
    """One reconsideration (followed by a lawsuit) and two direct lawsuits, all against refusals."""
    refused = [(subject, day) for subject, outcome, day in requests if outcome.startswith("refused-")]
    (first, first_day), (second, second_day), (third, third_day) = refused[0], refused[4], refused[-2]
    plan = [
        (first, "reconsideration", first_day + timedelta(days=24), first_day + timedelta(days=80), "upheld"),
        (first, "litigation-after-reconsideration", first_day + timedelta(days=92), None, ""),
        (second, "litigation-direct", second_day + timedelta(days=40), second_day + timedelta(days=125), "upheld"),
        (third, "litigation-direct", third_day + timedelta(days=15), None, ""),
    ]
    for number, (subject, kind, filed, decided, result) in enumerate(plan, start=1):
        filed_on, decided_on = _working(filed), decided and _working(decided)
        review = f"{ORGAN}-2013-review-{number}"
        out.add(
            f.ReviewFiled,
            subject,
            f"review-filed-{number}",
            filed_on,
            review=review,
            organ=ORGAN,
            kind=kind,
            filed_on=filed_on,
        )
        if decided_on is not None:
            out.add(
                f.ReviewDecided,
                subject,
                f"review-decided-{number}",
                decided_on,
                review=review,
                decided_on=decided_on,
                result=result,
            )


def _tallies(out: Writer, rng: random.Random) -> None:
    """What was counted outside requests, month by month; everything published was published in full text."""
    month_ends = [date(2013, month + 1, 1) - timedelta(days=1) for month in range(1, 12)] + [date(2013, 12, 31)]
    for measure, total in TALLIES.items():
        for on, count in zip(month_ends, _spread(rng, total, len(month_ends)), strict=True):
            _tally(out, measure, on, count)
            if measure == "proactive-published":
                _tally(out, "proactive-published-full-text", on, count)
    _tally(out, "catalogue-items", month_ends[-1], len(CHANNELS))


def _tally(out: Writer, measure: str, on: date, count: int) -> None:
    assert measure in get_args(Measure)
    out.add(
        f.TallyRecorded, ORGAN, f"tally/{measure}/{on}", on, organ=ORGAN, on=on, measure=measure, count=Decimal(count)
    )


def _spread(rng: random.Random, total: int, places: int) -> list[int]:
    """``total`` parted at random, but about evenly."""
    weights = [rng.randint(80, 120) for _ in range(places)]
    marks = [total * sum(weights[:i]) // sum(weights) for i in range(places + 1)]
    return [b - a for a, b in pairwise(marks)]


def lines() -> Iterator[bytes]:
    """The file's lines, each checked as intake would check it."""
    for fact in make():
        line = encode(fact)
        decode_fact(line)
        yield line + b"\n"


if __name__ == "__main__":
    TARGET.write_bytes(b"".join(lines()))
