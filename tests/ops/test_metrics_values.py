"""What the collectors say, at the moments that count."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from services.runtime.clock import ManualClock
from services.runtime.health import Health
from services.runtime.metrics import LagAge
from services.runtime.metrics_health import HealthCollector
from services.runtime.metrics_tables import REASONS, DeadLetterCollector, DeadLetters
from services.stats.metrics import YearCollector
from services.stats.organs import Organs
from services.stats.snapshot import Snapshot as YearSnapshot
from services.stats.snapshot import Unanswered
from services.tracker import metrics as tracker_metrics
from services.tracker.core.case import Case
from services.tracker.core.decide import decide, tick
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.view import look
from services.tracker.snapshot import Limits, Snapshot, awaited, counted, limits
from tests.support import ORGAN, fact
from tests.unit.test_stats_metrics import known

MIDNIGHT = datetime(2026, 3, 9, 16, 0, tzinfo=UTC)  # of 10 March in Guangzhou


class TestLagAge:
    def test_without_lag_it_is_nothing_whatever_was_before(self) -> None:
        age = LagAge()
        assert age.seconds(100, position=5, end=5, written_at=None) == 0
        assert age.seconds(200, position=5, end=9, written_at=7) == 0  # seen this moment
        assert age.seconds(230, position=9, end=9, written_at=225) == 0

    def test_it_counts_from_when_the_end_was_first_seen_beyond_the_position(self) -> None:
        age = LagAge()
        age.seconds(100, 5, 5, None)
        age.seconds(110, 5, 8, None)
        assert age.seconds(130, 5, 12, None) == 20
        assert age.seconds(140, 8, 12, None) == 10  # what was seen at 110 is done; the next was seen at 130
        assert age.seconds(150, 12, 12, None) == 0

    def test_a_backlog_from_before_the_start_is_as_old_as_the_last_record_applied(self) -> None:
        age = LagAge()
        assert age.seconds(1000, 5, 9000, None) == 0  # nothing known yet
        assert age.seconds(1010, 505, 9000, written_at=400) == 610

    def test_a_quiet_time_is_no_lag(self) -> None:
        age = LagAge()
        age.seconds(100, 5, 5, written_at=1)
        assert age.seconds(90_000, 5, 6, written_at=1) == 0


def scraped(collector: Any) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(collector)
    return registry


def year(moment: datetime, *items: Unanswered) -> CollectorRegistry:
    organs = Organs(known(("gz", "Asia/Shanghai")), ManualClock(moment))
    return scraped(YearCollector(lambda: YearSnapshot(moment, unanswered=items), organs))


@pytest.mark.parametrize(
    ("moment", "due", "overdue"),
    [
        (MIDNIGHT - timedelta(seconds=1), {"0": 0, "1": 1, "3": 1}, 0),  # the day before the last
        (MIDNIGHT, {"0": 1, "1": 1, "3": 1}, 0),  # the last day, from its first second
        (MIDNIGHT + timedelta(days=1, seconds=-1), {"0": 1, "1": 1, "3": 1}, 0),  # to its last
        (MIDNIGHT + timedelta(days=1), {"0": 0, "1": 0, "3": 0}, 1),  # then overdue, and due no more
    ],
)
def test_due_and_overdue_part_the_time_without_gap_or_overlap(
    moment: datetime, due: dict[str, int], overdue: int
) -> None:
    registry = year(moment, Unanswered("gz", "open", date(2026, 3, 10), None, 1, False, "R"))
    for days, number in due.items():
        assert registry.get_sample_value("shixian_requests_due_within", {"organ": "gz", "days": days}) == number
    assert registry.get_sample_value("shixian_requests_overdue", {"organ": "gz"}) == overdue


def test_the_oldest_overdue_request_is_named_with_its_age() -> None:
    registry = year(
        MIDNIGHT,
        Unanswered("gz", "open", date(2026, 3, 8), None, 2, False, "B"),
        Unanswered("gz", "stopped", None, date(2026, 3, 3), 1, False, "A-old"),
        Unanswered("gz", "open", date(2026, 3, 20), None, 1, True, "C"),
    )
    assert registry.get_sample_value("shixian_requests_oldest_overdue_info", {"organ": "gz", "request": "A-old"}) == 1
    assert registry.get_sample_value("shixian_requests_oldest_overdue_age_seconds", {"organ": "gz"}) == 7 * 86_400
    assert registry.get_sample_value("shixian_requests_provisional", {"organ": "gz"}) == 1
    info = next(m for m in registry.collect() if m.name == "shixian_requests_oldest_overdue_info")
    assert len(info.samples) == 1


def test_an_organ_without_overdue_requests_has_age_0_and_names_none() -> None:
    registry = year(MIDNIGHT)
    assert registry.get_sample_value("shixian_requests_oldest_overdue_age_seconds", {"organ": "gz"}) == 0
    assert [m.samples for m in registry.collect() if m.name == "shixian_requests_oldest_overdue_info"] == [[]]


def case(*facts: Any, today: date) -> tuple[Case, ReferenceData]:
    world = ReferenceData([fact("organ-registered", "gz-psb", ORGAN)])
    case = Case(subject="R")
    now = datetime.combine(today, datetime.min.time(), UTC)
    for one in facts:
        case, _ = decide(case, one, world, now, {})
    case, _, _ = tick(case, world, now)
    assert look(case, world, today).view == case.view
    return case, world


def received() -> Any:
    data = {"organ": "gz-psb", "channel": "in-person", "applicant": "business", "submitted_on": "2024-03-04"}
    return fact("request-received", "R", data)


def test_a_request_is_untouched_until_anything_but_its_receipt_is_known() -> None:
    alone, _ = case(received(), today=date(2024, 3, 5))
    found = limits(alone)
    assert found.untouched
    assert dict(found.running)["clarification-notice"] == date(2024, 3, 13)  # seven working days
    assert found.due_on == date(2024, 4, 1)
    opened = fact("consultation-opened", "R", {"consultation": "c1", "party": "third-party", "sent_on": "2024-03-06"})
    asked, _ = case(received(), opened, today=date(2024, 3, 7))
    assert not limits(asked).untouched
    assert "consultation" in dict(limits(asked).running)


def test_limits_are_counted_ahead_and_overdue_in_the_zone_of_the_organ() -> None:
    _, world = case(received(), today=date(2024, 3, 5))
    due = date(2024, 3, 13)
    known_cases = [
        Limits(1, "gz-psb", True, True, date(2024, 4, 1), (("clarification-notice", due), ("consultation", due))),
        Limits(1, "gz-psb", False, False, date(2024, 3, 14), (("consultation", date(2024, 3, 12)),)),
    ]
    running, due_on, untouched = counted(known_cases)
    assert due_on == {("gz-psb", date(2024, 4, 1)): 1}  # the other one's clock stands still
    snapshot = Snapshot(running, due_on, untouched, {"fact": 2}, 3, DeadLetters({}))
    clock = ManualClock(datetime(2024, 3, 12, 16, 0, tzinfo=UTC))  # 13 March has just begun in Guangzhou
    registry = scraped(tracker_metrics.CaseCollector(lambda: snapshot, world, clock))

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"shixian_{name}", labels)

    at = {"organ": "gz-psb", "limit": "consultation"}
    assert value("limits_due_within", days="0", **at) == 1
    assert value("limits_overdue", **at) == 1
    assert value("requests_untouched_due_within", organ="gz-psb", limit="clarification-notice", days="0") == 1
    assert value("requests_untouched_due_within", organ="gz-psb", limit="answer", days="14") == 0
    assert value("limits_overdue", organ="gz-psb", limit="clarification-notice") is None  # a window, nothing is late
    assert value("cases_waiting", waiting_for="fact") == 2
    assert value("cases_waiting", waiting_for="organ-registered") == 0
    assert value("tracker_outbox_events") == 3
    clock.set(datetime(2024, 3, 13, 16, 0, tzinfo=UTC))
    assert value("limits_overdue", **at) == 2


@pytest.mark.parametrize(
    ("today", "within"),
    [
        # Due on Monday 26 February 2024; Spring Festival is from 10 to 17 February, Sunday 18 is a working day.
        (date(2024, 2, 8), {"0": 0, "3": 0, "5": 0, "10": 1}),  # 8 working days: Sunday 4th was one as well, 9th is one
        (date(2024, 2, 20), {"0": 0, "3": 0, "5": 1, "10": 1}),
        (date(2024, 2, 21), {"0": 0, "3": 1, "5": 1, "10": 1}),
        (date(2024, 2, 25), {"0": 0, "1": 1, "3": 1}),
        (date(2024, 2, 26), {"0": 1, "1": 1, "3": 1}),
        (date(2024, 2, 27), {"0": 0, "1": 0, "3": 0}),
    ],
)
def test_what_is_due_is_counted_in_working_days_of_the_organs_calendar(today: date, within: dict[str, int]) -> None:
    world = ReferenceData([fact("organ-registered", "gz-psb", ORGAN)])
    snapshot = Snapshot({}, {("gz-psb", date(2024, 2, 26)): 1}, {}, {}, 0, DeadLetters({}))
    clock = ManualClock(datetime(today.year, today.month, today.day, 4, 0, tzinfo=UTC))
    registry = scraped(tracker_metrics.CaseCollector(lambda: snapshot, world, clock))
    found = {
        days: registry.get_sample_value("shixian_requests_due_soon", {"organ": "gz-psb", "working_days": days})
        for days in within
    }
    assert found == within


@pytest.mark.parametrize(
    ("state", "text", "known_as"),
    [
        ("waiting", "organ-registered gz-edu", "organ-registered"),
        ("waiting", "request-received", "request-received"),
        ("unconfirmed", "", "receipt-confirmed"),
        ("waiting", "calendar 'XX' is unknown; known are ...", "other"),
    ],
)
def test_what_is_waited_for_is_one_of_a_few_words(state: str, text: str, known_as: str) -> None:
    assert awaited(state, text) == known_as


def test_the_calendar_ends_where_its_publication_does_and_an_unknown_one_long_ago() -> None:
    strange = ORGAN | {"code": "far", "calendar": "ATLANTIS"}
    world = ReferenceData([fact("organ-registered", "gz-psb", ORGAN)])
    world.organs["far"] = fact("organ-registered", "far", strange).data
    registry = scraped(tracker_metrics.CaseCollector(lambda: None, world, ManualClock(MIDNIGHT)))
    through = world.calendar("CN").published_through
    end = datetime.combine(through + timedelta(days=1), datetime.min.time(), UTC).timestamp()
    name = "shixian_calendar_published_until_timestamp_seconds"
    assert registry.get_sample_value(name, {"calendar": "CN"}) == end
    assert registry.get_sample_value(name, {"calendar": "ATLANTIS"}) == 0


def test_a_breach_is_noticed_late_by_the_time_since_it_could_be_known() -> None:
    on_time, _ = case(received(), today=date(2024, 3, 5))
    world = ReferenceData([fact("organ-registered", "gz-psb", ORGAN)])
    now = datetime(2024, 4, 1, 16, 0, 40, tzinfo=UTC)  # 40 s into 2 April in Guangzhou
    after, events, _ = tick(on_time, world, now)
    registry = CollectorRegistry()
    own = tracker_metrics.metrics(registry)
    own.detected(events, {"R": after}, now)
    assert registry.get_sample_value("shixian_overdue_detection_delay_seconds_count") == 1
    assert registry.get_sample_value("shixian_overdue_detection_delay_seconds_sum") == 40


def test_every_code_of_dead_letters_is_there_from_the_start() -> None:
    registry = scraped(DeadLetterCollector("t", lambda: DeadLetters({("t", "field-invalid"): 2})))
    counts = {r: registry.get_sample_value("shixian_dead_letters_total", {"topic": "t", "reason": r}) for r in REASONS}
    assert counts == dict.fromkeys(REASONS, 0) | {"field-invalid": 2}


def test_a_part_that_is_away_shows_and_the_service_is_not_ready() -> None:
    health = Health()
    health.part("kafka").ok()
    health.part("database").away("gone")
    registry = scraped(HealthCollector(health))
    assert registry.get_sample_value("shixian_part_ok", {"part": "kafka"}) == 1
    assert registry.get_sample_value("shixian_part_ok", {"part": "database"}) == 0
    assert registry.get_sample_value("shixian_ready") == 0
