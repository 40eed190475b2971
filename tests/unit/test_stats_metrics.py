"""The metrics of a snapshot: the day of the scrape decides what is overdue."""

from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any, cast

from prometheus_client import CollectorRegistry

from services.events.facts import OrganData
from services.events.vocabulary import Label
from services.runtime.clock import ManualClock
from services.runtime.reference import KnownOrgan, Reference
from services.stats.metrics import YearCollector
from services.stats.organs import Organs
from services.stats.snapshot import Position, Snapshot, Unanswered

MOMENT = datetime(2013, 3, 22, 15, 59, 59, tzinfo=UTC)  # one second to midnight in Guangzhou


def known(*organs: tuple[str, str]) -> Reference:
    """A reference topic that names organs with their zones."""
    data = {
        code: KnownOrgan(OrganData(code=code, name=Label(code, code), timezone=zone, calendar="CN", statute="CN"), 0)
        for code, zone in organs
    }
    return cast(Reference, SimpleNamespace(organs=data))


class Scraped:
    def __init__(self, snapshot: Snapshot | None, *organs: tuple[str, str]) -> None:
        self.clock = ManualClock(MOMENT)
        self.registry = CollectorRegistry()
        YearCollector(lambda: snapshot, Organs(known(*organs), self.clock)).register(self.registry)

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


def unanswered(organ: str = "gz", state: str = "open", overdue_from: date | None = None, count: int = 1) -> Unanswered:
    return Unanswered(organ, state, date(2013, 3, 22), overdue_from, count)


def snapshot(**given: Any) -> Snapshot:
    return Snapshot(MOMENT, **given)


def test_nothing_is_said_before_the_tables_were_read() -> None:
    assert list(Scraped(None, ("gz", "Asia/Shanghai")).registry.collect()) == []


def test_a_request_is_overdue_from_midnight_of_its_organ_on() -> None:
    shown = Scraped(
        snapshot(unanswered=(unanswered(), unanswered("london"))), ("gz", "Asia/Shanghai"), ("london", "Europe/London")
    )
    assert shown.value("shixian_requests_overdue", organ="gz") == 0
    shown.clock.set(datetime(2013, 3, 22, 16, 0, tzinfo=UTC))
    assert shown.value("shixian_requests_overdue", organ="gz") == 1
    assert shown.value("shixian_requests_overdue", organ="london") == 0
    shown.clock.set(datetime(2013, 3, 23, 0, 0, tzinfo=UTC))
    assert shown.value("shixian_requests_overdue", organ="london") == 1


def test_a_stopped_request_is_overdue_only_if_it_was_before() -> None:
    missed = unanswered(state="stopped", overdue_from=date(2013, 3, 10), count=2)
    shown = Scraped(snapshot(unanswered=(unanswered(state="stopped", count=5), missed)), ("gz", "Asia/Shanghai"))
    shown.clock.set(datetime(2013, 6, 1, tzinfo=UTC))
    assert shown.value("shixian_requests_overdue", organ="gz") == 2
    assert shown.value("shixian_requests_open", organ="gz", state="stopped") == 7
    assert shown.value("shixian_requests_open", organ="gz", state="open") == 0


def test_a_limit_that_a_review_ordered_is_not_missed_before_it_ends() -> None:
    """The status is that of the limit that runs; the breach before it stays counted with the year."""
    later = Unanswered("gz", "open", date(2013, 5, 1), date(2013, 3, 10), 1)
    shown = Scraped(snapshot(unanswered=(later,)), ("gz", "Asia/Shanghai"))
    assert shown.value("shixian_requests_overdue", organ="gz") == 0
    shown.clock.set(datetime(2013, 5, 2, tzinfo=UTC))
    assert shown.value("shixian_requests_overdue", organ="gz") == 1


def test_an_organ_without_requests_shows_zero_and_an_unknown_one_counts_by_utc() -> None:
    shown = Scraped(snapshot(unanswered=(unanswered("stranger"),)), ("gz", "Asia/Shanghai"))
    assert shown.value("shixian_requests_open", organ="gz", state="open") == 0
    assert shown.value("shixian_requests_overdue", organ="gz") == 0
    assert shown.value("shixian_requests_open", organ="stranger", state="open") == 1
    shown.clock.set(datetime(2013, 3, 22, 23, 59, tzinfo=UTC))
    assert shown.value("shixian_requests_overdue", organ="stranger") == 0


def test_answers_and_ends_without_one_are_told_apart() -> None:
    ended = (("gz", 2013, "granted", "in-time", 4), ("gz", 2013, "other", "", 2), ("gz", 2013, "fee-lapsed", "", 1))
    shown = Scraped(snapshot(ended=ended, received=(("gz", 2013, "post", 9),)))
    answered = {"organ": "gz", "year": "2013", "outcome": "granted", "timeliness": "in-time"}
    assert shown.value("shixian_requests_answered_total", **answered) == 4
    assert shown.value("shixian_requests_closed_total", organ="gz", year="2013", outcome="other") == 2
    assert shown.value("shixian_requests_closed_total", organ="gz", year="2013", outcome="fee-lapsed") == 1
    assert shown.value("shixian_requests_received_total", organ="gz", year="2013", channel="post") == 9
    assert shown.value("shixian_requests_answered_total", **(answered | {"outcome": "other"})) is None


def test_the_folds_position_stands_beside_the_numbers() -> None:
    shown = Scraped(snapshot(positions=(Position("cases", 3, 17, 16, MOMENT),)))
    assert shown.value("shixian_stats_fold_next_offset", topic="cases", partition="3") == 17
    assert shown.value("shixian_stats_last_event_timestamp_seconds", topic="cases", partition="3") == MOMENT.timestamp()
    assert shown.value("shixian_stats_snapshot_timestamp_seconds") == MOMENT.timestamp()
