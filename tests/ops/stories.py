"""A story for every alert and severity: first when it must not fire, then when it does."""

from collections.abc import Mapping, Sequence

from tests.ops.tools import Story

DAY = 86_400


def lag(service: str) -> str:
    return f'shixian_consumer_lag_seconds{{service="{service}",topic="t",partition="0"}}'


def untouched(limit: str, days: int) -> str:
    return f'shixian_requests_untouched_due_within{{organ="gz",limit="{limit}",days="{days}"}}'


def inside(what: str, days: int | None = None) -> str:
    more = "" if days is None else f',days="{days}"'
    return f'shixian_{what}{{organ="gz",unit=""{more}}}'


def within(what: str, days: int) -> str:
    which = 'kind="publication"' if what == "duties" else 'unit="u"'
    return f'shixian_{what}_due_within{{organ="gz",{which},days="{days}"}}'


CALLS = {s: f'shixian_http_requests_total{{service="intake",route="/v1/events",status="{s}"}}' for s in ("2xx", "5xx")}
PROVISIONAL = {'shixian_requests_provisional{organ="gz"}': "3x364"}
PUBLISHED = {'shixian_calendar_published_until_timestamp_seconds{calendar="CN"}': f"{100 * DAY}x500"}
SWEPT = 'shixian_tracker_last_sweep_timestamp_seconds{service="tracker",instance="a"}'
INTERVAL = 'shixian_tracker_sweep_interval_seconds{service="tracker",instance="a"}'
EVERY_5_S = dict.fromkeys((INTERVAL, INTERVAL.replace('"a"', '"b"')), "5x90")
FAILURES = 'shixian_tracker_sweep_failures_total{service="tracker",instance="a"}'
COUNTED = 'shixian_reference_%s_total{service="tracker",instance="%s"}'
LETTERS = 'shixian_dead_letters_total{service="tracker",topic="t",reason="field-invalid"}'
UP = {f'up{{job="shixian",service="{name}",instance="a"}}': "1x60" for name in ("intake", "tracker", "stats", "desk")}
TRACKER_UP = 'up{job="shixian",service="tracker",instance="a"}'
STARTED = 'process_start_time_seconds{job="shixian",service="tracker",instance="a"}'
SAME_RULES = {f'shixian_rules_info{{service="{name}",digest="aa"}}': "1x60" for name in ("intake", "tracker", "stats")}
OTHER_RULES = 'shixian_rules_info{service="tracker",digest="bb"}'

STORIES: Mapping[str, Sequence[Story]] = {
    "office": [
        Story("StepDueSoon", "warning", {within("assignments", 3): "4x60", within("assignments", 1): "0x60"}, ["50m"]),
        Story("StepDueSoon", "warning", {within("assignments", 1): "0x10 2x60"}, ["10m", "19m"], ["25m"]),
        Story("StepOverdue", "critical", {inside("assignments_overdue"): "0x10 1x60 0x9"}, ["19m"], ["25m"], ["75m"]),
        Story("AssignmentNotAccepted", "warning", {inside("assignments_unaccepted", 1): "3x60"}, ["50m"]),
        Story("AssignmentNotAccepted", "warning", {inside("assignments_unaccepted", 3): "0x9 3x60"}, ["9m"], ["25m"]),
        Story("DutyDueSoon", "warning", {within("duties", 7): "1x60"}, ["50m"]),
        Story("DutyDueSoon", "warning", {within("duties", 5): "0x9 1x60"}, ["9m"], ["25m"]),
        Story(
            "DutyOverdue",
            "critical",
            {'shixian_duties_overdue{organ="gz",kind="publication"}': "0x9 1x60"},
            ["9m"],
            ["25m"],
        ),
    ],
    "requests": [
        # Today is within 3 days; an organ without such requests shows 0, and what is due in 10 days is not meant.
        Story(
            "RequestDueSoon",
            "warning",
            {
                'shixian_requests_due_soon{organ="gz",working_days="3"}': "0x9 1x30 0x30",
                'shixian_requests_due_soon{organ="gz",working_days="10"}': "5x80",
            },
            ["5m", "10m", "19m"],
            ["21m", "40m"],
            ["45m"],
        ),
        # Two minutes are left for history that is being posted to settle.
        Story("RequestOverdue", "critical", {'shixian_requests_overdue{organ="gz"}': "0x5 1 0x9"}, ["5m", "6m", "12m"]),
        Story(
            "RequestOverdue",
            "critical",
            {'shixian_requests_overdue{organ="gz"}': "0x5 2x20 0x9"},
            ["5m", "7m"],
            ["9m", "26m"],
            ["28m"],
        ),
        Story(
            "RequestUntouched",
            "warning",
            {untouched("answer", 7): "0x9 1x40", untouched("answer", 14): "9x60"},
            ["9m", "20m"],
            ["26m"],
        ),
        Story("RequestUntouched", "critical", {untouched("answer", 7): "1x60"}, ["20m", "50m"]),
        Story("RequestUntouched", "critical", {untouched("answer", 3): "1x60"}, ["14m"], ["16m"]),
        # The answer's limit being near is another matter.
        Story("ClarificationNoticeDue", "warning", {untouched("answer", 3): "1x60"}, ["30m"]),
        Story("ClarificationNoticeDue", "warning", {untouched("clarification-notice", 3): "1x60"}, ["14m"], ["16m"]),
        Story("ClarificationNoticeDue", "critical", {untouched("clarification-notice", 3): "1x60"}, ["30m"]),
        Story("ClarificationNoticeDue", "critical", {untouched("clarification-notice", 1): "1x60"}, ["14m"], ["16m"]),
        Story(
            "ConsultationDueSoon",
            "warning",
            {'shixian_limits_due_within{organ="gz",limit="fee-payment",days="3"}': "1x60"},
            ["30m"],
        ),
        Story(
            "ConsultationDueSoon",
            "warning",
            {'shixian_limits_due_within{organ="gz",limit="consultation",days="3"}': "1x60"},
            ["9m"],
            ["11m"],
        ),
        Story(
            "ConsultationOverdue",
            "critical",
            {'shixian_limits_overdue{organ="gz",limit="fee-payment"}': "1x60"},
            ["30m"],
        ),
        Story(
            "ConsultationOverdue",
            "critical",
            {'shixian_limits_overdue{organ="gz",limit="consultation"}': "0x10 1x60 0x9"},
            ["10m", "19m"],
            ["25m"],
            ["75m"],
        ),
        # An applicant may take a day to confirm; an organ that nobody registers is a mistake.
        Story("CasesWaiting", "warning", {'shixian_cases_waiting{waiting_for="receipt-confirmed"}': "4x200"}, ["3h"]),
        Story(
            "CasesWaiting",
            "warning",
            {'shixian_cases_waiting{waiting_for="organ-registered"}': "0x9 1x200"},
            ["30m", "65m"],
            ["72m"],
        ),
        Story(
            "AttentionWaiting",
            "warning",
            {'shixian_attention_oldest_timestamp_seconds{kind="contradicting"}': "0x120"},
            ["71h"],
            ["75h"],
            every="1h",
        ),
        Story(
            "AttentionWaiting",
            "warning",
            {'shixian_attention_oldest_timestamp_seconds{kind="without-effect"}': "0x120"},
            ["100h"],
            every="1h",
        ),
    ],
    "calendars": [
        Story("CalendarNotPublished", "warning", PUBLISHED, ["10d", "54d"], ["56d"], every="6h"),
        Story("CalendarNotPublished", "critical", PUBLISHED, ["56d", "85d"], ["87d"], every="6h"),
        # Before December a provisional date is the normal course of things: the notice comes in November.
        Story("ProvisionalDueDates", "warning", PROVISIONAL, ["100d", "330d"], ["336d"], every="1d"),
        Story("ProvisionalDueDates", "critical", PROVISIONAL, ["336d", "352d"], ["356d"], every="1d"),
        Story(
            "ProvisionalDueDates",
            "critical",
            {'shixian_requests_provisional{organ="gz"}': "0x364"},
            ["356d"],
            every="1d",
        ),
    ],
    "reference": [
        # A process that starts counts all of the topic again; what was there before is no news.
        Story(
            "ReferenceWithoutEffect",
            "warning",
            {COUNTED % ("rejected", "a"): "4x150 0x2 3 4x200", COUNTED % ("unreadable", "a"): "1x150 0x2 1x200"},
            ["1h", "153m", "155m", "275m", "300m"],
        ),
        Story(
            "ReferenceWithoutEffect",
            "warning",
            {COUNTED % ("rejected", name): "0x130 1x250" for name in "ab"} | {COUNTED % ("unreadable", "a"): "0x400"},
            ["130m"],
            ["132m", "240m"],
            ["260m"],
        ),
        Story(
            "ReferenceWithoutEffect",
            "warning",
            {COUNTED % ("rejected", "a"): "0x400", COUNTED % ("unreadable", "a"): "2x130 3x250"},
            ["130m"],
            ["132m"],
            ["260m"],
        ),
    ],
    "intake": [
        # One failure among few calls says nothing; nor do refusals (4xx).
        Story("IntakeErrors", "critical", {CALLS["2xx"]: "0x60 1x200", CALLS["5xx"]: "0x60 1x200"}, ["1h", "70m"]),
        Story("IntakeErrors", "critical", {CALLS["2xx"]: "0+60x300", CALLS["5xx"]: "0x300"}, ["30m", "4h"]),
        Story(
            "IntakeErrors",
            "critical",
            {CALLS["2xx"]: "0+60x300", CALLS["5xx"]: "0x60 0+6x60 360x180"},
            ["1h"],
            ["80m", "115m"],
            ["4h"],
        ),
        Story(
            "IntakeErrors",
            "warning",
            {CALLS["2xx"]: "0+600x200", CALLS["5xx"]: "0x12 0+2x188"},
            ["60m"],
            ["15h"],
            every="10m",
        ),
    ],
    "tracker": [
        # A moment of lag is what batches are for.
        Story("TrackerLagging", "warning", {lag("tracker"): "0x5 90 0x20"}, ["5m", "6m", "10m"]),
        Story("TrackerLagging", "warning", {lag("stats"): "900x20"}, ["15m"]),
        Story("TrackerLagging", "warning", {lag("tracker"): "0x5 90x10 0x20"}, ["7m"], ["9m", "16m"], ["20m"]),
        Story("TrackerLagging", "critical", {lag("tracker"): "90x30"}, ["20m"]),
        Story("TrackerLagging", "critical", {lag("tracker"): "700x30"}, ["1m"], ["3m"]),
        # Lag with progress is slow, not stuck; no progress without lag is idle.
        Story(
            "TrackerStuck",
            "critical",
            {
                'shixian_consumer_lag_records{service="tracker",partition="0"}': "50x40",
                'shixian_consumer_batches_total{service="tracker"}': "0+1x40",
            },
            ["12m", "30m"],
        ),
        Story(
            "TrackerStuck",
            "critical",
            {
                'shixian_consumer_lag_records{service="tracker",partition="0"}': "0x40",
                'shixian_consumer_batches_total{service="tracker"}': "7x40",
            },
            ["12m", "30m"],
        ),
        Story(
            "TrackerStuck",
            "critical",
            {
                'shixian_consumer_lag_records{service="tracker",partition="0"}': "0x10 50x40",
                'shixian_consumer_batches_total{service="tracker"}': "0+1x10 10x40",
            },
            ["12m", "18m"],
            ["23m"],
        ),
        # A sweep that is a minute old is none to worry about; one replica that stops is, whatever the others do.
        Story("SweepStale", "warning", EVERY_5_S | {SWEPT: "0+60x60"}, ["5m", "30m"]),
        Story(
            "SweepStale",
            "warning",
            EVERY_5_S | {SWEPT: "0+60x10 600x60", SWEPT.replace('"a"', '"b"'): "0+60x90"},
            ["12m"],
            ["15m"],
        ),
        Story("SweepStale", "critical", EVERY_5_S | {SWEPT: "0+60x10 600x60"}, ["15m", "20m"], ["22m"]),
        # Rounds that are to be ten minutes apart are not late after two, nor a process that has not begun to sweep.
        Story(
            "SweepStale",
            "warning",
            {INTERVAL: "600x90", SWEPT: "0x9 600x9 1200x9 1800x60"},
            ["9m", "19m", "41m"],
            ["44m"],
        ),
        Story("SweepStale", "warning", {TRACKER_UP: "1x60", INTERVAL: "_x60", SWEPT: "_x60"}, ["4m", "50m"]),
        # Old failures are no news, nor is a process that begins to count anew; a case is tried again each hour.
        Story("SweepFailing", "warning", {FAILURES: "3x60 0x180"}, ["10m", "3h"]),
        Story("SweepFailing", "warning", {FAILURES: "0x10 1x60 2x200"}, ["10m"], ["12m", "130m"], ["200m"]),
        Story(
            "OutboxGrowing",
            "warning",
            {'shixian_tracker_outbox_events{service="tracker"}': "0x5 5000 0x20"},
            ["6m", "11m"],
        ),
        Story(
            "OutboxGrowing",
            "warning",
            {'shixian_tracker_outbox_events{service="tracker"}': "0x5 5000x20"},
            ["9m"],
            ["12m"],
        ),
        Story("OutboxGrowing", "critical", {'shixian_tracker_outbox_events{service="tracker"}': "5000x20"}, ["15m"]),
        Story(
            "OutboxGrowing",
            "critical",
            {'shixian_tracker_outbox_events{service="tracker"}': "50000x20"},
            ["4m"],
            ["6m"],
        ),
        # Old letters are no news, and each replica counts the same ones.
        Story("DeadLettersArriving", "warning", {LETTERS: "7x200"}, ["10m", "2h"]),
        Story("DeadLettersArriving", "warning", {LETTERS: "0x10 1x200"}, ["10m"], ["12m", "60m"], ["90m"]),
        Story("DeadLettersArriving", "critical", {LETTERS: "0x10 60x200"}, ["30m"]),
        Story("DeadLettersArriving", "critical", {LETTERS: "0x10 600x200"}, ["10m"], ["12m"]),
    ],
    "stats": [
        Story("StatsBehind", "warning", {lag("stats"): "0x5 90 0x20", lag("tracker"): "900x30"}, ["6m", "20m"]),
        Story("StatsBehind", "warning", {lag("stats"): "90x20"}, ["1m"], ["4m"]),
        Story(
            "StatsBehind",
            "warning",
            {'shixian_stats_snapshot_timestamp_seconds{service="stats"}': "0+60x10 600x30"},
            ["9m", "12m"],
            ["16m"],
        ),
        Story("StatsBehind", "critical", {lag("stats"): "90x20"}, ["15m"]),
        Story("StatsBehind", "critical", {lag("stats"): "900x20"}, ["1m"], ["4m"]),
        Story(
            "AuditDifference",
            "critical",
            {'shixian_stats_audit_differences{service="stats"}': "0x60 2x60 0x60"},
            ["30m", "60m"],
            ["62m"],
            ["125m"],
        ),
    ],
    "services": [
        Story("ServiceDown", "critical", UP, ["10m", "50m"]),
        # One missed scrape is none; one replica of two is a warning and no more.
        Story("ServiceDown", "critical", UP | {TRACKER_UP: "1x10 0 1x30"}, ["11m", "12m"]),
        Story(
            "ServiceDown",
            "critical",
            UP | {TRACKER_UP: "1x10 0x30", TRACKER_UP.replace('"a"', '"b"'): "1x60"},
            ["15m", "30m"],
        ),
        Story(
            "ServiceDown",
            "warning",
            UP | {TRACKER_UP: "1x10 0x30 1x9", TRACKER_UP.replace('"a"', '"b"'): "1x60"},
            ["10m", "11m"],
            ["13m"],
            ["45m"],
        ),
        Story("ServiceDown", "critical", UP | {TRACKER_UP: "1x10 0x30"}, ["10m", "11m"], ["13m"]),
        # A target that vanished from the configuration is down as well.
        Story("ServiceDown", "critical", {k: v for k, v in UP.items() if k != TRACKER_UP}, ["0m"], ["2m"]),
        Story("ServiceNotReady", "warning", {'shixian_ready{service="stats"}': "1x5 0 1x30"}, ["6m", "8m"]),
        Story(
            "ServiceNotReady",
            "warning",
            {
                'shixian_ready{service="stats",instance="a"}': "0x30",
                'shixian_ready{service="stats",instance="b"}': "1x30",
            },
            ["20m"],
        ),
        # The service works, and one of its replicas never does; a start takes its time.
        Story(
            "ReplicaNotReady",
            "warning",
            {
                'shixian_ready{service="stats",instance="a"}': "0x30 1x30",
                'shixian_ready{service="stats",instance="b"}': "1x60",
            },
            ["9m"],
            ["12m", "30m"],
            ["32m"],
        ),
        Story(
            "ReplicaNotReady",
            "warning",
            {
                'shixian_ready{service="stats",instance="a"}': "1x9 0x8 1x40",
                'shixian_ready{service="stats",instance="b"}': "1x18 0x8 1x40",
            },
            ["17m", "26m"],
        ),
        Story("ServiceNotReady", "warning", {'shixian_ready{service="stats"}': "1x5 0x30"}, ["6m"], ["9m"]),
        Story("ServiceNotReady", "critical", {'shixian_ready{service="stats"}': "1x5 0x30"}, ["9m", "15m"], ["17m"]),
        # A release and a hand that starts it again are no loop; what the watchdog ends again and again is, though it is
        # hardly ever down when it is looked at.
        Story("ServiceRestarting", "warning", UP | {STARTED: "0x20 1200x20 2400x9 3000x60"}, ["30m", "55m", "90m"]),
        Story(
            "ServiceRestarting",
            "warning",
            {TRACKER_UP: "1x7 0 1x7 0 1x7 0 1x7 0 1x90", STARTED: "1x7 _ 9x7 _ 18x7 _ 27x7 _ 36x90"},
            ["8m", "31m"],
            ["37m", "60m"],
            ["100m"],
        ),
        Story("ServiceRestarting", "critical", {STARTED: "1x7 _ 9x7 _ 18x7 _ 27x7 _ 36x90"}, ["40m"]),
        Story("ServiceRestarting", "critical", {STARTED: "0+60x30 1800x90"}, ["8m"], ["15m", "60m"], ["95m"]),
        Story(
            "DatabasePoolExhausted",
            "warning",
            {
                'shixian_database_connections{service="stats",instance="a",state="in-use"}': "2x10 8x30",
                'shixian_database_connections_limit{service="stats",instance="a"}': "8x60",
            },
            ["10m", "14m"],
            ["17m"],
        ),
        Story("RulesDiffer", "warning", SAME_RULES, ["10m", "50m"]),
        # A release that is rolled out takes a moment.
        Story("RulesDiffer", "warning", SAME_RULES | {OTHER_RULES: "_x10 1x3 _x40"}, ["10m", "30m"]),
        Story("RulesDiffer", "warning", SAME_RULES | {OTHER_RULES: "_x10 1x50"}, ["10m", "14m"], ["17m"]),
    ],
}
