"""The cases under Chinese law: 条例 of 2007 and 2019, 行政许可法, the windows for reconsideration and litigation."""

from collections.abc import Iterator

from tests.golden.case import (
    Case,
    answered,
    around,
    asked,
    clarified,
    confirmed,
    consulted,
    deferred,
    extended,
    fact,
    fee,
    got,
    transferred,
    withdrawn,
)
from tests.golden.days import CN, CN_JANUARY_2020, CN_MARCH_2019, Worked, calendar_days, d, months, rolled, working

A24 = "条例(2007) art 24(2): 15 working days, day 1 is the working day after the receipt"
A33 = "条例(2019) art 33(2): 20 working days, day 1 is the working day after the receipt"

RECEIVED_2008 = {
    "2008-05-01": "the first day in force, a holiday",
    "2008-05-04": "a Sunday worked",
    "2008-09-12": "two holidays ahead",
    "2009-01-23": "before Spring Festival; Saturday 24 January and Sunday 1 February worked",
    "2009-09-27": "a Sunday worked before eight days off",
    "2010-06-11": "a Saturday and a Sunday worked in one week",
    "2011-01-30": "a Sunday worked",
    "2011-12-31": "a Saturday worked by the notice for the next year",
    "2012-02-29": "a leap day",
    "2012-09-29": "a Saturday worked",
    "2012-12-21": "over New Year; Saturday 5 and Sunday 6 January worked",
    "2013-01-05": "a Saturday worked",
    "2013-02-08": "the eve of seven days off",
    "2013-02-09": "a holiday on a Saturday",
    "2013-04-27": "a Saturday worked",
    "2013-09-20": "a holiday on a Friday",
    "2013-12-31": "the last day of the year",
    "2014-01-30": "the eve of Spring Festival, itself worked that year",
    "2015-08-28": "over the single days off of 3 to 5 September 2015",
    "2015-09-05": "a single day off on a Saturday",
    "2015-09-06": "a Sunday worked for the single days off",
    "2016-02-29": "a leap day",
    "2016-09-17": "a holiday on a Saturday",
    "2017-01-22": "a Sunday worked",
    "2018-12-14": "over Saturday 29 December, worked by the notice for 2019",
    "2018-12-29": "that Saturday itself",
    "2018-12-30": "a Sunday off by the notice for the next year",
    "2019-04-12": "over Labour Day as the second notice of 2019 set it",
}
RECEIVED_2019 = {
    "2019-05-15": "the first day in force",
    "2019-09-27": "before Sunday 29 September, worked",
    "2019-09-29": "a Sunday worked",
    "2019-12-24": "over New Year and Spring Festival",
    "2020-01-19": "a Sunday worked, Spring Festival prolonged",
    "2020-02-29": "a leap day on a Saturday",
    "2020-04-26": "a Sunday worked",
    "2020-09-24": "eight days off ahead",
    "2021-02-10": "the eve of Spring Festival",
    "2021-09-18": "a Saturday worked",
    "2022-01-28": "a Saturday and a Sunday worked next",
    "2022-04-30": "a holiday on a Saturday",
    "2023-01-20": "the eve of Spring Festival",
    "2023-09-28": "the eve of eight days off",
    "2024-02-09": "the eve of Spring Festival, a day worked that year",
    "2024-02-29": "a leap day",
    "2024-09-14": "a Saturday worked",
    "2024-12-31": "the last day of the year",
    "2025-01-20": "before Spring Festival of eight days",
    "2025-01-26": "a Sunday worked",
    "2025-04-30": "the eve of Labour Day",
    "2026-02-13": "before a Saturday worked",
    "2026-02-14": "a Saturday worked",
    "2026-11-30": "due within the last year that is published",
}


def cn_2008() -> Iterator[Case]:
    for day, why in RECEIVED_2008.items():
        yield Case(f"cn-2008-{day}", "CN", [got(day)], working(CN, d(day), 15), f"{A24}; {why}")
    plain = Case("cn-2008-status", "CN", [got("2013-03-01")], working(CN, d("2013-03-01"), 15), A24)
    yield from around(plain)
    # Receipt by channel (国办公开办函〔2015〕207号 一).
    for channel, facts, start, why in (
        ("post", [got("2016-03-01", "post", received_on="2016-03-04")], "2016-03-04", "signed for"),
        ("letter", [got("2016-03-01", "post"), confirmed("2016-03-08")], "2016-03-08", "ordinary letter: confirmed"),
        ("email", [got("2016-03-01", "email", received_on="2016-03-02")], "2016-03-02", "the mail system's day"),
        (
            "email-confirmed",
            [got("2016-03-01", "email"), confirmed("2016-03-09")],
            "2016-03-01",
            "confirming moves nothing",
        ),
        ("fax", [got("2016-03-01", "fax"), confirmed("2016-03-03")], "2016-03-03", "both sides confirmed"),
        ("online", [got("2016-03-01", "online", confirmed_on="2016-03-07")], "2016-03-07", "both sides confirmed"),
        ("other", [got("2016-03-01", "other"), confirmed("2016-03-07")], "2016-03-07", "both sides confirmed"),
        ("saturday", [got("2016-03-05", "post", received_on="2016-03-12")], "2016-03-12", "signed for on a Saturday"),
    ):
        source = f"国办公开办函〔2015〕207号 一: {why}; {A24}"
        yield Case(f"cn-2008-by-{channel}", "CN", facts, working(CN, d(start), 15), source)
    # Extensions (art 24(2): once, at most 15, told within the limit). The limit ends on 2013-03-22.
    march, ext = d("2013-03-01"), "条例(2007) art 24(2): at most 15 working days more, told within the limit"
    for name, facts, amount, why in (
        ("full", [extended("2013-03-20", 15)], 30, "in time"),
        ("five", [extended("2013-03-20", 5)], 20, "in time, 5 days"),
        ("last-day", [extended("2013-03-22", 15)], 30, "told on the last day"),
        ("late", [extended("2013-03-25", 15)], 15, "told a working day after the limit: cures nothing"),
        ("weekend-late", [extended("2013-03-23", 15)], 15, "told on the Saturday after the limit: cures nothing"),
        ("over-cap", [extended("2013-03-20", 20)], 30, "20 granted, 15 count"),
        ("second", [extended("2013-03-15", 10), extended("2013-03-25", 5)], 25, "the second has no effect"),
    ):
        yield Case(
            f"cn-2008-extended-{name}", "CN", [got("2013-03-01"), *facts], working(CN, march, amount), f"{ext}; {why}"
        )
    # Consultations (art 24(3): third parties only).
    out = "条例(2007) art 24(3): third parties' time is left out, from the day after the letter to the reply"
    for name, facts, gaps, why in (
        ("plain", consulted("2013-03-06", "2013-03-20"), [("2013-03-07", "2013-03-20")], "one"),
        ("same-day", consulted("2013-03-06", "2013-03-06"), [], "asked and answered on one day"),
        (
            "on-receipt",
            consulted("2013-03-01", "2013-03-08"),
            [("2013-03-02", "2013-03-08")],
            "asked on the day of receipt",
        ),
        ("weekend", consulted("2013-03-08", "2013-03-10"), [("2013-03-09", "2013-03-10")], "over a weekend only"),
        (
            "last-day",
            consulted("2013-03-22", "2013-03-29"),
            [("2013-03-23", "2013-03-29")],
            "asked on the last day: nothing is left to move",
        ),
        (
            "overlap",
            [*consulted("2013-03-06", "2013-03-20"), *consulted("2013-03-13", "2013-03-27", key="c2")],
            [("2013-03-07", "2013-03-27")],
            "two at one time leave out each day once",
        ),
        (
            "nested",
            [*consulted("2013-03-06", "2013-03-27"), *consulted("2013-03-13", "2013-03-15", key="c2")],
            [("2013-03-07", "2013-03-27")],
            "one within the other",
        ),
        (
            "apart",
            [*consulted("2013-03-04", "2013-03-06"), *consulted("2013-03-11", "2013-03-13", key="c2")],
            [("2013-03-05", "2013-03-06"), ("2013-03-12", "2013-03-13")],
            "two, one after the other",
        ),
        (
            "other-organ",
            consulted("2013-03-06", "2013-03-20", "other-organ"),
            [],
            "another organ's time counts in 2007's text",
        ),
    ):
        yield Case(
            f"cn-2008-asked-{name}",
            "CN",
            [got("2013-03-01"), *facts],
            working(CN, march, 15, gaps),
            f"{out}; {why}",
            as_of="2013-03-29" if name != "other-organ" else "",
        )
    yield Case(
        "cn-2008-asked-waiting", "CN", [got("2013-03-01"), *consulted("2013-03-06")], None, f"{out}; no reply yet"
    )
    yield Case(
        "cn-2008-asked-late",
        "CN",
        [got("2013-03-01"), *consulted("2013-03-25", "2013-04-10")],
        working(CN, march, 15),
        f"{out}; asked after the limit: the breach stays",
    )
    yield Case(
        "cn-2008-asked-spring-festival",
        "CN",
        [got("2013-02-01"), *consulted("2013-02-05", "2013-02-18")],
        working(CN, d("2013-02-01"), 15, [("2013-02-06", "2013-02-18")]),
        f"{out}; over Spring Festival",
    )
    yield Case(
        "cn-2008-asked-and-extended",
        "CN",
        [got("2013-03-01"), *consulted("2013-03-06", "2013-03-20"), extended("2013-03-28", 15)],
        working(CN, march, 30, [("2013-03-07", "2013-03-20")]),
        f"{out}; {ext}",
    )
    # What has no effect under the text of 2007.
    for name, facts in (
        ("clarification", [asked("2013-03-05", "2013-03-15"), clarified("2013-03-12")]),
        ("fee", fee("2013-03-05", "2013-03-12")),
        ("volume", [deferred("2013-03-05", "2013-04-30")]),
    ):
        yield Case(
            f"cn-2008-no-{name}",
            "CN",
            [got("2013-03-01"), *facts],
            working(CN, march, 15),
            f"{A24}; the text of 2007 knows no such effect ({name})",
        )


def cn_change() -> Iterator[Case]:
    """2019-05-15: the change of law. No transitional article, so by default the version of the day of receipt."""
    why = "art 56 only; 立法法 art 104: received before 2019-05-15, the 15 working days hold"
    yield Case("cn-change-eve", "CN", [got("2019-05-14")], working(CN, d("2019-05-14"), 15), why)
    yield Case(
        "cn-change-eve-forced-new",
        "CN-2019",
        [got("2019-05-14")],
        working(CN, d("2019-05-14"), 20),
        "the newer version named with the request",
    )
    yield Case(
        "cn-change-eve-takes-new",
        "CN",
        [got("2019-05-14")],
        working(CN, d("2019-05-14"), 20),
        "法〔2004〕96号: procedure by the new law, read so by the setting",
        as_of="2019-05-20",
        more={"settings": {"transition": "pending-takes-new"}},
    )
    yield Case("cn-change-day", "CN", [got("2019-05-15")], working(CN, d("2019-05-15"), 20), A33, as_of="2019-05-31")
    yield Case(
        "cn-change-post",
        "CN",
        [got("2019-05-13", "post", received_on="2019-05-15")],
        working(CN, d("2019-05-15"), 20),
        "posted under the old law, signed for under the new: the day of receipt decides",
        as_of="2019-05-20",
    )
    yield Case(
        "cn-change-online",
        "CN",
        [got("2019-05-14", "online"), confirmed("2019-05-16")],
        working(CN, d("2019-05-16"), 20),
        "sent under the old law, confirmed under the new: the day of receipt decides",
    )
    yield Case(
        "cn-change-forced-old",
        "CN-2008",
        [got("2019-05-20")],
        working(CN, d("2019-05-20"), 15),
        "the older version named with the request",
    )
    yield Case(
        "cn-change-breached",
        "CN",
        [got("2019-04-12")],
        working(CN, d("2019-04-12"), 15),
        f"{A24}; over before the change, so it stays so",
        as_of="2019-05-20",
    )


def cn_2019() -> Iterator[Case]:
    for day, why in RECEIVED_2019.items():
        yield Case(f"cn-2019-{day}", "CN", [got(day)], working(CN, d(day), 20), f"{A33}; {why}")
    for day in ("2026-12-03", "2026-12-10", "2026-12-31"):
        due = working(CN, d(day), 20)
        yield Case(
            f"cn-2019-{day}",
            "CN",
            [got(day)],
            due,
            f"{A33}; 2027 is not yet published beyond its fixed days",
            provisional=due.on.year > 2026,
        )
    yield from around(Case("cn-2019-status", "CN", [got("2024-04-22")], working(CN, d("2024-04-22"), 20), A33))
    # Mid-year changes of the calendar.
    yield Case(
        "cn-2020-after-notice",
        "CN",
        [got("2020-01-10")],
        working(CN, d("2020-01-10"), 20),
        f"{A33}; 国办发明电〔2020〕1号, Spring Festival to 2 February",
    )
    yield Case(
        "cn-2020-before-notice",
        "CN",
        [got("2020-01-10")],
        working(CN_JANUARY_2020, d("2020-01-10"), 20),
        f"{A33}; by 国办发明电〔2019〕16号 as it stood on 20 January",
        as_of="2020-01-20",
        more={"calendar_as_of": "2020-01-20"},
    )
    yield Case(
        "cn-2019-before-notice",
        "CN",
        [got("2019-04-12")],
        working(CN_MARCH_2019, d("2019-04-12"), 15),
        f"{A24}; by 国办发明电〔2018〕15号, before Labour Day was prolonged on 22 March",
        more={"calendar_as_of": "2019-03-21"},
    )
    # A reported dispute over an internet request: from which of its days does the limit run?
    dispute = "reported dispute: submitted online 2021-11-24, receipt 2021-12-02, answered 2021-12-28"
    yield Case(
        "cn-dispute-receipt",
        "CN",
        [got("2021-11-24", "online"), confirmed("2021-12-02"), answered("2021-12-28")],
        working(CN, d("2021-12-02"), 20),
        f"{dispute}; art 31(3): from the day both sides confirmed, in time",
        status="answered",
        official=True,
    )
    yield Case(
        "cn-dispute-submission",
        "CN",
        [got("2021-11-24", "in-person"), answered("2021-12-28")],
        working(CN, d("2021-11-24"), 20),
        f"{dispute}; counted from the submission it was late",
        status="answered",
        official=True,
    )
    # Receipt by channel (art 31).
    for channel, facts, start, why in (
        ("person-saturday", [got("2023-03-04")], "2023-03-04", "in person, on a Saturday"),
        ("post", [got("2023-03-01", "post", received_on="2023-03-06")], "2023-03-06", "signed for"),
        ("letter", [got("2023-03-01", "post"), confirmed("2023-03-09")], "2023-03-09", "ordinary letter: confirmed"),
        ("fax", [got("2023-03-01", "fax"), confirmed("2023-03-03")], "2023-03-03", "both sides confirmed"),
        ("online", [got("2023-03-01", "online", confirmed_on="2023-03-07")], "2023-03-07", "both sides confirmed"),
        (
            "email",
            [got("2023-03-01", "email", received_on="2023-03-01"), confirmed("2023-03-06")],
            "2023-03-06",
            "internet: both sides confirmed, not the mail system's day",
        ),
        ("other", [got("2023-03-01", "other"), confirmed("2023-03-06")], "2023-03-06", "both sides confirmed"),
    ):
        yield Case(f"cn-2019-by-{channel}", "CN", facts, working(CN, d(start), 20), f"条例(2019) art 31: {why}; {A33}")
    for channel in ("online", "fax", "email"):
        yield Case(
            f"cn-2019-unconfirmed-{channel}",
            "CN",
            [got("2023-03-01", channel)],
            None,
            "条例(2019) art 31(3): not received before both sides have confirmed",
            as_of="2023-03-10",
            status="unconfirmed",
        )
    yield from _cn_2019_moves()


def _cn_2019_moves() -> Iterator[Case]:
    day, start = "2023-03-01", d("2023-03-01")
    twenty = working(CN, start, 20)  # 2023-03-29
    # Clarification (art 30): told within 7 working days (until 2023-03-10), restarts in full.
    again = "条例(2019) art 30: the limit counts anew from the corrected request"
    for name, facts, due, why in (
        (
            "plain",
            [asked("2023-03-06", "2023-03-20"), clarified("2023-03-15")],
            working(CN, d("2023-03-15"), 20),
            "in time",
        ),
        (
            "saturday",
            [asked("2023-03-06", "2023-03-20"), clarified("2023-03-18")],
            working(CN, d("2023-03-18"), 20),
            "corrected on a Saturday",
        ),
        (
            "last-day",
            [asked("2023-03-10", "2023-03-20"), clarified("2023-03-20")],
            working(CN, d("2023-03-20"), 20),
            "asked and corrected on the last days",
        ),
        (
            "late-notice",
            [asked("2023-03-13", "2023-03-20"), clarified("2023-03-15")],
            working(CN, d("2023-03-15"), 20),
            "asked on working day 8: keeps its effect by the setting",
        ),
        (
            "second",
            [
                asked("2023-03-06", "2023-03-20"),
                clarified("2023-03-10"),
                asked("2023-03-14", "2023-03-28"),
                clarified("2023-03-20"),
            ],
            working(CN, d("2023-03-10"), 20),
            "一次性: the second notice has no effect",
        ),
        (
            "after-limit",
            [asked("2023-03-30", "2023-04-10"), clarified("2023-04-06")],
            twenty,
            "asked after the limit: the breach stays",
        ),
        (
            "then-asked",
            [asked("2023-03-06", "2023-03-20"), clarified("2023-03-15"), *consulted("2023-03-20", "2023-04-03")],
            working(CN, d("2023-03-15"), 20, [("2023-03-21", "2023-04-03")]),
            "then a third party, left out of the new limit",
        ),
        (
            "then-extended",
            [asked("2023-03-06", "2023-03-20"), clarified("2023-03-15"), extended("2023-04-10", 20)],
            working(CN, d("2023-03-15"), 40),
            "then an extension within the new limit",
        ),
    ):
        yield Case(f"cn-2019-clarified-{name}", "CN", [got(day), *facts], due, f"{again}; {why}")
    yield Case(
        "cn-2019-clarified-loses-effect",
        "CN",
        [got(day), asked("2023-03-13", "2023-03-20"), clarified("2023-03-15")],
        twenty,
        "art 30 read strictly by the setting: a notice after 7 working days stops nothing",
        more={"settings": {"late-clarification-notice": "loses-effect"}},
    )
    yield Case(
        "cn-2019-clarified-waiting",
        "CN",
        [got(day), asked("2023-03-06", "2023-03-20")],
        None,
        f"{again}; waiting for the applicant",
        as_of="2023-03-20",
    )
    closing = {"any_due": True}
    yield Case(
        "cn-2019-clarified-lapsed",
        "CN",
        [got(day), asked("2023-03-06", "2023-03-20")],
        None,
        "条例(2019) art 30: not corrected in time, abandoned",
        as_of="2023-03-21",
        status="closed",
        more=closing,
    )
    yield Case(
        "cn-2019-clarified-too-late",
        "CN",
        [got(day), asked("2023-03-06", "2023-03-20"), clarified("2023-03-22")],
        None,
        "条例(2019) art 30: corrected after the date in the notice, abandoned",
        status="closed",
        more=closing,
    )
    # Consultations (art 33(3): third parties and other organs).
    out = "条例(2019) art 33(3): the time for asking is left out, from the day after the letter to the reply"
    for name, facts, gaps, why in (
        ("third", consulted("2023-03-06", "2023-03-20"), [("2023-03-07", "2023-03-20")], "a third party"),
        (
            "organ",
            consulted("2023-03-06", "2023-03-20", "other-organ"),
            [("2023-03-07", "2023-03-20")],
            "another organ",
        ),
        (
            "both",
            [*consulted("2023-03-06", "2023-03-20"), *consulted("2023-03-13", "2023-03-27", "other-organ", "c2")],
            [("2023-03-07", "2023-03-27")],
            "both at one time leave out each day once",
        ),
        (
            "touching",
            [*consulted("2023-03-06", "2023-03-10"), *consulted("2023-03-10", "2023-03-15", key="c2")],
            [("2023-03-07", "2023-03-15")],
            "one begins as the other ends",
        ),
        (
            "holiday",
            consulted("2023-03-28", "2023-04-06"),
            [("2023-03-29", "2023-04-06")],
            "over Tomb-Sweeping Day; one day is left",
        ),
        (
            "three",
            [
                *consulted("2023-03-02", "2023-03-03"),
                *consulted("2023-03-06", "2023-03-08", key="c2"),
                *consulted("2023-03-07", "2023-03-09", "other-organ", "c3"),
            ],
            [("2023-03-03", "2023-03-03"), ("2023-03-07", "2023-03-09")],
            "three, two of them overlapping",
        ),
    ):
        yield Case(f"cn-2019-asked-{name}", "CN", [got(day), *facts], working(CN, start, 20, gaps), f"{out}; {why}")
    yield Case("cn-2019-asked-waiting", "CN", [got(day), *consulted("2023-03-06")], None, f"{out}; no reply yet")
    silent = working(CN, d("2023-03-06"), 15)  # the other organ's own limit: 2023-03-27
    yield Case(
        "cn-2019-asked-organ-silent",
        "CN",
        [got(day), *consulted("2023-03-06", party="other-organ", reached_on="2023-03-06")],
        working(CN, start, 20, [("2023-03-07", silent.on.isoformat())]),
        "条例(2019) art 34: another organ's silence for 15 working days is consent, so the asking ends with them",
        as_of="2023-03-30",
    )
    yield Case(
        "cn-2019-asked-capped",
        "CN",
        [got(day), *consulted("2023-03-06", "2023-04-14", reached_on="2023-03-06")],
        working(CN, start, 20, [("2023-03-07", silent.on.isoformat())]),
        "art 33(3) read by the setting: left out no longer than the third party's own 15 working days",
        more={"settings": {"exclusion-cap": "limit"}},
    )
    for value, gap in (("both-excluded", ("2023-03-06", "2023-03-20")), ("both-count", ("2023-03-07", "2023-03-19"))):
        yield Case(
            f"cn-2019-asked-{value}",
            "CN",
            [got(day), *consulted("2023-03-06", "2023-03-20")],
            working(CN, start, 20, [gap]),
            f"art 33(3) leaves the first and last day open; read by the setting as {value}",
            more={"settings": {"excluded-boundary": value}},
        )
    # Extensions (art 33(2): once, at most 20).
    ext = "条例(2019) art 33(2): at most 20 working days more, told within the limit"
    for name, facts, due, why in (
        ("full", [extended("2023-03-20", 20)], working(CN, start, 40), "in time"),
        ("ten", [extended("2023-03-20", 10)], working(CN, start, 30), "10 days"),
        ("last-day", [extended("2023-03-29", 20)], working(CN, start, 40), "told on the last day"),
        ("late", [extended("2023-03-30", 20)], twenty, "told a day late: cures nothing"),
        ("over-cap", [extended("2023-03-20", 30)], working(CN, start, 40), "30 granted, 20 count"),
        (
            "second",
            [extended("2023-03-15", 10), extended("2023-03-20", 10)],
            working(CN, start, 30),
            "the second has no effect",
        ),
        (
            "asked",
            [*consulted("2023-03-06", "2023-03-20"), extended("2023-04-10", 20)],
            working(CN, start, 40, [("2023-03-07", "2023-03-20")]),
            "told within the limit that a consultation moved",
        ),
        (
            "asked-in-extension",
            [extended("2023-03-20", 20), *consulted("2023-04-06", "2023-04-14")],
            working(CN, start, 40, [("2023-04-07", "2023-04-14")]),
            "a consultation in the extended time",
        ),
    ):
        yield Case(f"cn-2019-extended-{name}", "CN", [got(day), *facts], due, f"{ext}; {why}")
    # Abnormal volume (art 35): a reasonable date, told within the limit.
    vol = "条例(2019) art 35: put off to a reasonable date that the applicant is told"
    june = Worked(d("2023-06-30"), "the date in the notice")
    yield Case("cn-2019-volume", "CN", [got(day), deferred("2023-03-15", "2023-06-30")], june, vol)
    yield Case(
        "cn-2019-volume-late",
        "CN",
        [got(day), deferred("2023-03-30", "2023-06-30")],
        twenty,
        f"{vol}; told after the limit: cures nothing",
    )
    yield Case(
        "cn-2019-volume-earlier",
        "CN",
        [got(day), deferred("2023-03-15", "2023-03-20")],
        twenty,
        f"{vol}; a date before the limit's end shortens nothing",
    )
    # Fees (国办函〔2020〕109号 art 6): 20 working days to pay, then the limit anew from the day after.
    pay = "国办函〔2020〕109号 art 6 (not confirmed): the limit counts anew from the day after payment"
    yield Case(
        "cn-2019-fee-paid", "CN", [got(day), *fee("2023-03-10", "2023-03-22")], working(CN, d("2023-03-22"), 20), pay
    )
    yield Case(
        "cn-2019-fee-paid-sunday",
        "CN",
        [got(day), *fee("2023-03-10", "2023-03-26")],
        working(CN, d("2023-03-26"), 20),
        f"{pay}; paid on a Sunday",
    )
    yield Case(
        "cn-2019-fee-last-day",
        "CN",
        [got(day), *fee("2023-03-10", "2023-04-10")],
        working(CN, d("2023-04-10"), 20),
        f"{pay}; paid on the 20th working day",
    )
    yield Case(
        "cn-2019-fee-waiting",
        "CN",
        [got(day), *fee("2023-03-10")],
        None,
        f"{pay}; waiting for payment",
        as_of="2023-04-10",
    )
    yield Case(
        "cn-2019-fee-lapsed",
        "CN",
        [got(day), *fee("2023-03-10")],
        None,
        "国办函〔2020〕109号 art 6 (not confirmed): not paid within 20 working days (until 2023-04-10), abandoned",
        as_of="2023-04-11",
        status="closed",
        more=closing,
    )
    # Ends.
    for name, end, status in (
        ("answered", answered("2023-03-20"), "answered"),
        ("answered-last-day", answered("2023-03-29"), "answered"),
        ("answered-late", answered("2023-04-03"), "answered"),
        ("withdrawn", withdrawn("2023-03-10"), "closed"),
        ("transferred", transferred("2023-03-10"), "closed"),
    ):
        yield Case(
            f"cn-2019-{name}",
            "CN",
            [got(day), end],
            twenty,
            f"{A33}; the end of a request moves no date",
            status=status,
        )


def licensing() -> Iterator[Case]:
    law = "行政许可法 art 42(1), 82: 20 working days from acceptance"
    for day in ("2013-02-08", "2019-09-27", "2024-04-30", "2025-01-24"):
        yield Case(f"licensing-{day}", "CN-LICENSING", [got(day)], working(CN, d(day), 20), law)
    start = d("2024-03-01")
    for name, facts, due, why in (
        (
            "accepted",
            [got("2024-03-01", received_on="2024-03-06")],
            working(CN, d("2024-03-06"), 20),
            "accepted five days after it was handed in",
        ),
        ("extended", [got("2024-03-01"), extended("2024-03-20", 10)], working(CN, start, 30), "art 42(1): 10 more"),
        (
            "over-cap",
            [got("2024-03-01"), extended("2024-03-20", 15)],
            working(CN, start, 30),
            "art 42(1): 15 granted, 10 count",
        ),
        (
            "completed",
            [got("2024-03-01"), asked("2024-03-05", "2024-03-20"), clarified("2024-03-12")],
            working(CN, d("2024-03-12"), 20),
            "art 32: told within 5 working days, counted from the completed papers",
        ),
        (
            "told-late",
            [got("2024-03-01"), asked("2024-03-11", "2024-03-20"), clarified("2024-03-15")],
            working(CN, start, 20),
            "art 32(1)(4): told on working day 6, so accepted on the day of receipt",
        ),
        (
            "hearing",
            [got("2024-03-01"), *consulted("2024-03-11", "2024-03-25")],
            working(CN, start, 20, [("2024-03-12", "2024-03-25")]),
            "art 45: a hearing's time is left out",
        ),
    ):
        yield Case(f"licensing-{name}", "CN-LICENSING", facts, due, f"{law}; {why}")


def windows() -> Iterator[Case]:
    """The windows after an answer or silence: calendar days and months; a last day that is no working day rolls."""
    sixty = "行政复议法 art 20: 60 days from knowledge; the last day rolls (民事诉讼法 art 85)"
    for day, why in (
        ("2024-03-01", "ends on a working day"),
        ("2024-08-02", "ends on National Day"),
        ("2024-07-16", "ends on a Saturday worked"),
        ("2024-02-07", "ends on a Sunday worked"),
        ("2024-06-14", "ends on a Tuesday"),
        ("2024-12-06", "ends within the days off of Spring Festival"),
        ("2023-12-31", "over the leap day"),
    ):
        start = f"{d(day).year}-01-02" if day != "2023-12-31" else "2023-12-01"
        due = rolled(CN, calendar_days(d(day), 60))
        facts = [got(start), answered(day)]
        yield Case(
            f"window-reconsideration-{day}", "CN", facts, due, f"{sixty}; {why}", more={"limit": "reconsideration"}
        )
    six = "行政诉讼法 art 46: six months; the month's last day where it has no such day"
    for day in ("2024-08-31", "2023-08-31", "2024-03-01", "2024-04-01", "2024-08-30"):
        due = rolled(CN, months(d(day), 6))
        yield Case(
            f"window-litigation-{day}",
            "CN",
            [got(f"{day[:4]}-02-21"), answered(day)],
            due,
            six,
            more={"limit": "litigation"},
        )
    three = "行政诉讼法 (1989) art 39 (not confirmed): three months, until 2015-04-30"
    for day in ("2013-11-29", "2013-11-30", "2014-01-31"):
        due = rolled(CN, months(d(day), 3))
        yield Case(
            f"window-litigation-{day}",
            "CN",
            [got("2013-11-08"), answered(day)],
            due,
            three,
            more={"limit": "litigation"},
        )
    silence = working(CN, d("2024-03-01"), 20)
    facts = [got("2024-03-01")]
    yield Case(
        "window-silence-reconsideration",
        "CN",
        facts,
        rolled(CN, calendar_days(silence.on, 60)),
        f"{sixty}; from the end of the limit on {silence.on}",
        as_of="2024-04-10",
        more={"limit": "reconsideration"},
    )
    yield Case(
        "window-silence-litigation",
        "CN",
        facts,
        rolled(CN, months(silence.on, 6)),
        f"行诉解释 art 66: six months from the end of the limit on {silence.on}",
        as_of="2024-04-10",
        more={"limit": "litigation"},
    )
    for decided in ("2024-05-20", "2024-09-18", "2024-05-31"):
        review = {"review": "r1", "organ": "above", "kind": "reconsideration", "filed_on": "2024-03-25"}
        facts = [
            got("2024-02-21"),
            answered("2024-03-15"),
            fact("review-filed", **review),
            fact("review-decided", review="r1", decided_on=decided, result="upheld"),
        ]
        due = rolled(CN, calendar_days(d(decided), 15))
        yield Case(
            f"window-after-reconsideration-{decided}",
            "CN",
            facts,
            due,
            "行政诉讼法 art 45: 15 days after the decision",
            more={"limit": "litigation", "about": "r1"},
        )


def cases() -> Iterator[Case]:
    for part in (cn_2008, cn_change, cn_2019, licensing, windows):
        yield from part()
