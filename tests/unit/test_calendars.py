"""The calendars that ship: their days against lists written by hand, their traps, their coverage, and bad files."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest

from services.statute.calendar import FIRST, LAST, Calendar, Notice
from services.statute.calendar_file import LIMIT
from services.statute.calendars import calendar_as_of, calendar_ids, describe, from_data, inline, shipped, superseded
from services.statute.errors import BadData, OutOfRange, UnknownCalendar
from services.statute.versions import profiles
from tests.golden import days as by_hand

DAY = timedelta(days=1)
HAND: list[tuple[str, by_hand.Days, list[int]]] = [
    ("CN", by_hand.CN, list(range(2008, 2028))),
    ("ENG", by_hand.ENG, list(range(2020, 2027))),
    ("SCT", by_hand.SCT, list(range(2020, 2026))),
    ("UK", by_hand.UK, list(range(2020, 2026))),
    ("US", by_hand.US, [2010, 2011, 2016, 2017, *range(2020, 2026)]),
    ("US-DC", by_hand.US_DC, [2010, 2011, 2016, 2017, *range(2020, 2026)]),
    ("EU", by_hand.EU, [2014, 2019, 2023]),
    ("IE", by_hand.IE, [2016, *range(2021, 2026)]),
    ("AU", by_hand.AU, list(range(2022, 2026))),
    ("AU-NSW", by_hand.AU_NSW, [2018]),
    ("DE", by_hand.DE, [2020, 2023, 2024, 2025]),
    ("DE-BE", by_hand.DE_BE, [2023, 2024]),
    ("BR", by_hand.BR, [2023, 2024, 2025]),
]


def on(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize(("calendar_id", "days", "years"), HAND, ids=[h[0] for h in HAND])
def test_a_calendar_has_the_days_written_down_by_hand(calendar_id: str, days: by_hand.Days, years: list[int]) -> None:
    calendar = shipped(calendar_id)
    wrong = []
    for year in years:
        day = date(year, 1, 1)
        while day.year == year:
            if calendar.is_working(day) != days.works(day):
                wrong.append((day, calendar.why_off(day)))
            day += DAY
    assert not wrong


@pytest.mark.parametrize(
    ("day", "works"),
    [
        ("2018-12-29", True),  # a Saturday, by the notice for the next year
        ("2018-12-31", False),
        ("2019-04-28", True),  # by the second notice of 2019
        ("2019-05-03", False),
        ("2019-05-05", True),
        ("2020-01-19", True),
        ("2020-01-31", False),  # by the second notice of 2020
        ("2020-02-01", False),
        ("2020-02-03", True),  # a Monday that other data lists as a make-up day
        ("2015-09-03", False),
        ("2015-09-04", False),
        ("2015-09-05", False),
        ("2015-09-06", True),
        ("2024-03-08", True),  # half a day for some is no holiday
        ("2024-05-04", False),
    ],
)
def test_chinas_traps(day: str, works: bool) -> None:
    assert shipped("CN").is_working(on(day)) is works


def test_no_make_up_day_is_a_weekday() -> None:
    # A weekday listed as worked would be an override of a day off, not a make-up day; the base has none.
    assert all(day.weekday() > 4 for day in shipped("CN").on)


@pytest.mark.parametrize(
    ("day", "uk", "england", "scotland"),
    [
        ("2024-01-02", False, True, False),
        ("2024-03-18", False, True, True),
        ("2024-04-01", False, False, True),
        ("2024-07-12", False, True, True),
        ("2024-08-05", False, True, False),
        ("2024-08-26", False, False, True),
        ("2024-12-02", False, True, False),
        ("2024-12-26", False, False, False),
    ],
)
def test_one_nations_holidays_are_not_all_nations(day: str, uk: bool, england: bool, scotland: bool) -> None:
    assert [shipped(c).is_working(on(day)) for c in ("UK", "ENG", "SCT")] == [uk, england, scotland]


def test_inauguration_day_is_left_out_around_washington_only() -> None:
    assert shipped("US").is_working(on("2021-01-20"))
    assert not shipped("US-DC").is_working(on("2021-01-20"))
    assert shipped("US-DC").is_working(on("2024-04-16")), "a holiday of the District is no federal one"


def test_a_variant_differs_from_its_country() -> None:
    assert shipped("DE").is_working(on("2024-03-08"))
    assert shipped("DE-BE").why_off(on("2024-03-08")) == "Women's Day"
    assert shipped("CN-XZ").off == shipped("CN").off
    assert describe("DE-BE").title.en.endswith("Berlin")


def test_the_day_off_says_why() -> None:
    calendar = shipped("UK")
    assert calendar.why_off(on("2024-07-12")) == "Battle of the Boyne"
    assert calendar.why_off(on("2024-07-13")) == "Saturday"
    assert calendar.why_off(on("2024-07-15")) is None
    assert "观" not in (shipped("CN").why_off(on("2024-02-12")) or ""), "the language is the file's, not the machine's"
    fridays = inline({"weekend": ["friday"]})
    assert fridays.why_off(on("2024-07-12")) == "Friday"


@pytest.mark.parametrize("calendar_id", calendar_ids())
def test_every_calendar_is_described(calendar_id: str) -> None:
    told = describe(calendar_id)
    assert told.title.zh
    assert told.title.en
    assert told.source
    assert shipped(calendar_id).id == calendar_id


def test_every_profile_names_a_calendar_that_ships() -> None:
    assert {p.calendar for p in profiles().values()} <= set(calendar_ids())


def test_an_unknown_calendar_is_refused() -> None:
    for call in (shipped, describe, superseded, lambda c: calendar_as_of(c, on("2020-01-01"))):
        with pytest.raises(UnknownCalendar, match="'CN-superseded' is unknown; known are AU"):
            call("CN-superseded")


# Coverage.


def test_a_date_beyond_the_published_year_is_provisional() -> None:
    calendar = shipped("CN")
    assert not calendar.is_provisional(on("2026-12-28"))
    assert calendar.is_provisional(on("2027-01-04"))
    notice = Notice(2027, frozenset({on("2027-01-01")}), frozenset(), "for 2027", on("2026-11-05"))
    published = calendar.with_notices([notice], "x")
    assert not published.is_provisional(on("2027-12-28"))
    assert published.is_working(on("2027-02-08")), "a notice replaces its year whole"


def test_a_year_published_with_a_gap_before_it() -> None:
    calendar = shipped("EU")
    assert not calendar.is_provisional(on("2023-11-14"), on("2023-10-20"))
    assert calendar.is_provisional(on("2023-01-20"), on("2022-12-28")), "reaches back into a year that isn't published"
    assert calendar.is_provisional(on("2023-01-20")), "without the start, 90 days are assumed"
    assert not calendar.is_provisional(on("2023-05-20"))
    assert calendar.is_provisional(on("2024-01-09"), on("2023-12-18"))
    gap = shipped("CN").with_notices([Notice(2028, frozenset(), frozenset(), "x", on("2026-11-05"))], "x")
    assert gap.is_published(2028)
    assert gap.is_provisional(on("2028-01-05"))


def test_coverage_ends_somewhere_instead_of_being_taken_for_ever() -> None:
    for calendar_id in calendar_ids():
        calendar = shipped(calendar_id)
        assert calendar.published_through.year <= LIMIT
        assert calendar.is_provisional(date(LIMIT + 1, 6, 1))
        assert calendar.is_provisional(calendar.published_from - DAY)


# Notices.


def test_a_notice_can_shift_days_of_the_year_before() -> None:
    calendar = inline({}).with_notices(
        [
            Notice(2018, frozenset({on("2018-05-01")}), frozenset(), "for 2018", on("2017-12-01")),
            Notice(2019, frozenset({on("2018-12-31")}), frozenset({on("2018-12-29")}), "for 2019", on("2018-12-06")),
        ],
        "x",
    )
    assert calendar.is_working(on("2018-12-29"))
    assert calendar.why_off(on("2018-12-31")) == "for 2019"
    # The year before is published anew: what the next year's notice set in it stays.
    again = calendar.with_notices([Notice(2018, frozenset(), frozenset(), "2018 anew", on("2019-01-02"))], "y")
    assert again.is_working(on("2018-05-01"))
    assert again.is_working(on("2018-12-29"))
    # The next year is published anew without them: they go with the notice that set them.
    without = calendar.with_notices([Notice(2019, frozenset(), frozenset(), "2019 anew", on("2019-03-22"))], "z")
    assert not without.is_working(on("2018-12-29"))
    assert without.is_working(on("2018-12-31"))


def test_the_base_keeps_what_the_next_years_notice_shifted() -> None:
    base = shipped("CN")
    anew = base.with_notices([Notice(2018, frozenset({on("2018-05-01")}), frozenset(), "x", on("2018-02-01"))], "x")
    assert anew.is_working(on("2018-12-29"))
    assert not anew.is_working(on("2018-12-31"))


def test_of_two_notices_for_a_year_the_later_holds_in_any_order() -> None:
    first = Notice(2019, frozenset({on("2019-05-01")}), frozenset(), "first", on("2018-12-06"))
    second = Notice(2019, frozenset({on("2019-05-02")}), frozenset(), "second", on("2019-03-22"))
    same_day = Notice(2019, frozenset({on("2019-05-03")}), frozenset(), "third", on("2019-03-22"), order=1)
    for order in ([first, second], [second, first]):
        calendar = inline({}).with_notices(order, "x")
        assert calendar.is_working(on("2019-05-01"))
        assert not calendar.is_working(on("2019-05-02"))
    assert not inline({}).with_notices([same_day, second, first], "x").is_working(on("2019-05-03"))


# What was known on a day.


@pytest.mark.parametrize(
    ("known", "due"),
    [
        ("2020-01-10", "2020-02-12"),
        ("2020-01-26", "2020-02-12"),
        ("2020-01-27", "2020-02-14"),
        ("2024-01-01", "2020-02-14"),
    ],
)
def test_a_request_of_10_january_2020_before_and_after_the_second_notice(known: str, due: str) -> None:
    assert calendar_as_of("CN", on(known)).add(on("2020-01-10"), 20) == on(due)


def test_labour_day_2019_before_and_after_the_second_notice() -> None:
    before, after = calendar_as_of("CN", on("2019-03-21")), calendar_as_of("CN", on("2019-03-22"))
    assert [before.is_working(on(d)) for d in ("2019-04-28", "2019-05-01", "2019-05-02", "2019-05-05")] == [
        False,
        False,
        True,
        False,
    ]
    assert [after.is_working(on(d)) for d in ("2019-04-28", "2019-05-01", "2019-05-02", "2019-05-05")] == [
        True,
        False,
        False,
        True,
    ]
    assert before.is_working(on("2018-12-29"))
    assert "as of 2019-03-21" in before.version


def test_september_2015_before_and_after_its_notice() -> None:
    assert calendar_as_of("CN", on("2015-05-12")).is_working(on("2015-09-03"))
    assert not calendar_as_of("CN", on("2015-05-13")).is_working(on("2015-09-03"))


def test_before_a_year_was_published_its_days_are_provisional_and_unshifted() -> None:
    calendar = calendar_as_of("CN", on("2019-11-20"))
    assert calendar.is_provisional(on("2020-01-02"))
    assert not calendar.is_provisional(on("2019-12-28"))
    assert not calendar.is_working(on("2020-01-19")), "the Sunday is not worked yet"
    assert not calendar.is_working(on("2020-01-27")), "the fixed holiday is known"
    assert not calendar_as_of("CN", on("2018-12-03")).is_working(on("2018-12-29"))


def test_a_variant_was_published_with_its_country() -> None:
    assert calendar_as_of("CN-XZ", on("2020-01-20")).add(on("2020-01-10"), 20) == on("2020-02-12")


def test_the_notices_that_were_replaced_name_what_replaced_them() -> None:
    found = {notice.year: (notice.notice, replaced_on, by) for notice, replaced_on, by in superseded("CN")}
    assert found[2020] == ("国办发明电〔2019〕16号", on("2020-01-27"), "国办发明电〔2020〕1号")
    assert found[2019] == ("国办发明电〔2018〕15号", on("2019-03-22"), "国办发明电〔2019〕3号")
    assert superseded("UK") == ()


# Counting at the edges.


def test_counting_at_the_first_and_the_last_day() -> None:
    calendar = inline({})
    assert calendar.is_working(FIRST) is (FIRST.weekday() < 5)
    assert calendar.is_working(LAST) is (LAST.weekday() < 5)
    assert calendar.add(FIRST, 0) == FIRST
    with pytest.raises(OutOfRange):
        calendar.add(FIRST, -1)
    with pytest.raises(OutOfRange):
        calendar.add(LAST, 1)
    with pytest.raises(OutOfRange):
        calendar.is_working(LAST + DAY)


# Bad files.

GOOD: dict[str, Any] = {
    "id": "X",
    "title": {"zh": "某", "en": "Some"},
    "source": "a test",
    "weekend": ["saturday", "sunday"],
    "published_from": 2020,
    "published_through": 2021,
}


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"weekends": []}, "weekends"),
        ({"title": None}, "title"),
        ({"weekend": ["sabbath"]}, "weekend[0]"),
        ({"weekend": "sunday"}, "weekend"),
        ({"published_from": 2023}, "published_through"),
        ({"published_through": 2101}, "published_through"),
        ({"published_through": True}, "published_through"),
        ({"base": [{"country": "XX"}]}, "base[0]"),
        ({"base": [{"country": "GB", "subdivisions": ["XXX"]}]}, "base[0]"),
        ({"base": [{"country": "GB", "categories": ["imaginary"]}]}, "base[0]"),
        ({"base": [{"subdivision": "ENG"}]}, "base[0].subdivision"),
        ({"yearly": [{"name": "x", "month": 2, "day": 30}]}, "yearly[0]"),
        ({"yearly": [{"name": "x", "month": 2}]}, "yearly[0]"),
        ({"yearly": [{"name": "x", "month": 2, "day": 1, "easter": 1}]}, "yearly[0]"),
        ({"days_off": {"2020-02-30": "x"}}, "days_off.2020-02-30"),
        ({"days_off": {"20200201": "x"}}, "days_off.20200201"),
        ({"days_off": {"2020-02-01": 1}}, "days_off.2020-02-01"),
        ({"working_days": {"1900-02-01": "x"}}, "working_days.1900-02-01"),
        ({"notices": [{"year": 2020, "days": []}]}, "notices[0].days"),
        (
            {"notices": [{"year": 2020, "notice": "n", "published_on": on("2019-11-01"), "days_off": ["x"]}]},
            "notices[0].days_off[0]",
        ),
    ],
)
def test_a_bad_calendar_file_is_refused_with_file_key_and_reason(change: Mapping[str, Any], key: str) -> None:
    from_data("X.toml", GOOD)
    data = {k: v for k, v in {**GOOD, **change}.items() if v is not None}
    with pytest.raises(BadData) as refused:
        from_data("X.toml", data)
    assert refused.value.file == "X.toml"
    assert refused.value.key == key
    assert refused.value.reason


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"holidays": []}, "holidays"),
        ({"days_off": "2020-01-01"}, "days_off"),
        ({"days_off": ["2020-13-01"]}, "days_off[0]"),
        ({"working_days": [20200101]}, "working_days[0]"),
        ({"days_off": ["3020-01-01"]}, "days_off"),
        ({"weekend": ["Sunday"]}, "weekend[0]"),
        ({"weekend": [7]}, "weekend[0]"),
        ({"weekend": [["sunday"]]}, "weekend[0]"),
        ({"days_off": ["2020-W01-1"]}, "days_off[0]"),
        (
            {"weekend": ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]},
            "weekend",
        ),
    ],
)
def test_a_bad_inline_calendar_is_refused(given: dict[str, Any], key: str) -> None:
    with pytest.raises(BadData) as refused:
        inline(given)
    assert refused.value.key == key


def test_an_inline_calendar_is_what_it_says() -> None:
    calendar: Calendar = inline({"days_off": ["2030-01-01"], "working_days": ["2030-01-05"]})
    assert calendar.add(on("2029-12-31"), 4) == on("2030-01-05")
    assert not calendar.is_provisional(on("2030-01-05"))
