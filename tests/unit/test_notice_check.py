"""A calendar's notice: what looks wrong is said, what drops days has to be confirmed, what was accepted stays so."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from services.events.facts import CalendarPublished
from services.events.registrations import JUDGED_FROM, as_recorded, checking
from services.intake.notices import KnownNotices
from services.statute.calendar import Notice
from services.statute.calendars import calendar_ids, shipped
from services.statute.notice_check import Findings, check, check_data
from services.tracker.core.reference_data import ReferenceData
from tests.support import fact

LAW = sorted(day for day in shipped("CN").off if day.year == 2027)
NEW_YEAR_EVE, GOLDEN_WEEK = date(2026, 12, 31), date(2027, 10, 1)


def days(*texts: str) -> list[date]:
    return [date.fromisoformat(f"2027-{text}") if len(text) == 5 else date.fromisoformat(text) for text in texts]


def found(
    off: Sequence[date] = (), on: Sequence[date] = (), earlier: Sequence[Notice] = (), published: str = "2026-11-04"
) -> Findings:
    listed = [*LAW, *off]
    notice = Notice(2027, frozenset(listed), frozenset(on), "n", date.fromisoformat(published), 9)
    return check("CN", notice, listed, on, earlier)


def codes(findings: Findings) -> list[str]:
    return [each.code for each in findings.remarks]


@pytest.mark.parametrize("year", range(2008, 2027))
def test_the_notices_of_all_years_raise_nothing(year: int) -> None:
    calendar = shipped("CN")
    off, on = ([d for d in given if calendar.belongs.get(d, d.year) == year] for given in (calendar.off, calendar.on))
    notice = Notice(year, frozenset(off), frozenset(on), "n", date(year - 1, 12, 1))
    findings = check("CN", notice, off, on, ())
    assert (codes(findings), findings.needs_confirming, findings.refusal(None)) == ([], False, None)


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        (found(), []),
        (found(days("02-13", "02-14", "2026-12-29")), []),
        (found(on=days("01-13")), ["notice-works-weekday"]),
        (found(days("02-11", "02-12", "02-13", "02-14"), days("02-15")), []),  # a Monday after a longer holiday
        (found(days("10-01")), ["notice-day-twice"]),
        (found(days("2026-12-28")), ["notice-outside-year"]),
        (found(days("2028-01-03")), ["notice-outside-year"]),
        (found(published="2028-01-01"), ["notice-after-year"]),
        (found(on=days("01-09")), ["notice-fewer-holidays"]),
        (found(days("02-11"), on=days("01-09")), []),  # a weekend day worked for a weekday off
    ],
)
def test_what_looks_wrong_is_said(findings: Findings, expected: list[str]) -> None:
    assert codes(findings) == expected


def test_days_that_the_law_has_or_an_earlier_notice_had_must_be_confirmed() -> None:
    first = Notice(2027, frozenset([*LAW, NEW_YEAR_EVE]), frozenset(), "first", date(2026, 11, 1), 1)
    without = [day for day in LAW if day != GOLDEN_WEEK]
    listed = Notice(2027, frozenset(without), frozenset(), "second", date(2026, 11, 20), 2)
    findings = check("CN", listed, without, (), [first])
    assert (findings.lacking, findings.dropped) == ((GOLDEN_WEEK,), (NEW_YEAR_EVE,))
    told = findings.refusal(None)
    assert told is not None
    assert "2027-10-01" in told and "2026-12-31" in told and "first" in told
    assert findings.refusal(findings.digest) is None
    assert "another notice" in str(findings.refusal("0" * 16))
    again = check("CN", listed, without, (), [])
    assert again.digest != findings.digest, "over another year so far it drops other days"
    older = Notice(2027, frozenset(), frozenset(), "old", date(2026, 10, 1), 3)
    late = check("CN", older, (), (), [first])
    assert (codes(late), late.needs_confirming) == (["notice-superseded"], False), "it changes nothing"


def posted(off: Sequence[date], id: str = "n1", published: str = "2026-11-04", **more: Any) -> CalendarPublished:
    stamped = {"recordedtime": more.pop("recordedtime")} if "recordedtime" in more else {}
    data = {"calendar": "CN", "year": 2027, "days_off": [str(d) for d in off], "working_days": [], "notice": id}
    data |= {"published_on": published, **more}
    made: CalendarPublished = fact("calendar-published", "CN", data, id=id, **stamped)
    return made


def test_intake_and_the_tracker_judge_alike_and_only_once() -> None:
    intake, tracker = KnownNotices(checking(["CN"], calendar_ids())), ReferenceData()
    whole, short = posted(LAW), posted(LAW[1:], "n2", "2026-11-05")

    def log(*facts: CalendarPublished) -> None:
        for each in facts:
            offset = tracker.known
            intake.learn(each, offset)
            tracker.learn(each, offset)

    told: dict[int, Any] = {}
    assert [intake.judging(told)(each) is None for each in (whole, short)] == [True, False]
    both = intake.judging(told)
    confirmed = posted(LAW[1:], "n2", "2026-11-05", confirms=check_data(short.data, ()).digest)
    assert both(whole) is None
    assert both(confirmed) is None, "the days of the law are lacking whatever came before"

    # Past intake: without effect, and said so; what intake had taken counts, whatever a reader makes of it now.
    log(whole, short)
    assert [r.id for r in tracker.rejected(9)] == ["n2"]
    assert not tracker.calendar("CN").is_working(LAW[0])
    stamped = posted(LAW[1:], "n3", "2026-11-06", recordedtime="2027-01-01T00:00:00Z")
    log(stamped)
    assert tracker.calendar("CN").is_working(LAW[0])
    assert len(tracker.rejected(9)) == 1

    # A repetition is the same notice; the same name with other days is another.
    log(posted(LAW, "n4", "2026-11-07"))
    assert intake.judging(told)(stamped) is None
    assert intake.judging(told)(posted(LAW[2:], "n3", "2026-11-08")) is not None

    # Whoever reads it all from the beginning comes to the same.
    replayed = ReferenceData()
    for offset, each in enumerate([whole, short, stamped, posted(LAW, "n4", "2026-11-07")]):
        replayed.learn(each, offset)
    assert (replayed.calendar("CN").title, len(replayed.rejected(9))) == (tracker.calendar("CN").title, 1)


def test_a_notice_that_comes_again_counts_once_for_intake_and_the_tracker() -> None:
    intake, tracker = KnownNotices(checking(["CN"], calendar_ids())), ReferenceData()
    first, later = posted(LAW), posted([*LAW, NEW_YEAR_EVE], "n2")
    for offset, each in enumerate([first, later, first, posted(LAW[1:], recordedtime="2027-01-01T00:00:00Z")]):
        intake.learn(each, offset)
        tracker.learn(each, offset)
    assert not tracker.calendar("CN").is_working(NEW_YEAR_EVE), "of one day the notice read last would win"
    assert not tracker.calendar("CN").is_working(LAW[0]), "the first of a name is the one that counts"
    assert len(tracker.changes("CN")) - len(ReferenceData([first]).changes("CN")) == 1
    assert [n.order for n in intake._notices.of("CN")] == [0, 1]


def test_what_was_in_the_log_before_is_never_judged() -> None:
    short, millisecond = posted(LAW[1:]), timedelta(milliseconds=1)
    for written, counts in ((JUDGED_FROM - millisecond, True), (JUDGED_FROM, False)):
        read = as_recorded(short, round(written.timestamp() * 1000))
        assert isinstance(read, CalendarPublished)
        world = ReferenceData()
        world.learn(read, 0)
        assert world.calendar("CN").is_working(LAW[0]) is counts
    for odd in (-1, 10**18):  # no date at all: whoever writes to the log by itself sets any time
        assert as_recorded(short, odd) is short
    assert as_recorded(
        msgspec.structs.replace(short, recordedtime=datetime(2020, 1, 1, tzinfo=UTC)), 0
    ).recordedtime == (datetime(2020, 1, 1, tzinfo=UTC))


def test_what_is_only_supposed_changes_nothing() -> None:
    world = ReferenceData()
    world.learn(posted(LAW), 0)
    supposed = world.as_known().supposing(posted(LAW[1:], "n2", "2026-11-05"))
    assert (supposed.calendar("CN").is_working(LAW[0]), world.calendar("CN").is_working(LAW[0])) == (True, False)
    world.learn(posted([*LAW, NEW_YEAR_EVE], "n3", "2026-11-06"), 1)
    assert not world.calendar("CN").is_working(NEW_YEAR_EVE), "what was supposed is not found in its place"
