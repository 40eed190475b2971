"""The cases under the other statutes."""

from collections.abc import Iterator

from tests.golden import days as known
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
    fee,
    got,
)
from tests.golden.days import Worked, calendar_days, d, months, rolled, working


def united_kingdom() -> Iterator[Case]:
    law = "FOIA 2000 s.10(1): the twentieth working day following the date of receipt"
    for day, why in {
        "2020-04-20": "the early May holiday moved to Friday 8 May 2020",
        "2020-12-11": "Christmas on Friday, Boxing Day observed on Monday; 4 January off in Scotland",
        "2021-03-01": "St Patrick's Day and Good Friday",
        "2021-12-20": "substitute days on 27 and 28 December; 3 and 4 January off",
        "2022-05-16": "the spring holiday moved to 2 June, and the Jubilee",
        "2022-09-05": "the State Funeral on 19 September",
        "2023-04-17": "the Coronation holiday",
        "2024-02-19": "18 March for St Patrick's Day on a Sunday; a leap day",
        "2024-03-28": "the eve of Good Friday",
        "2024-03-29": "received on Good Friday",
        "2024-07-06": "received on a Saturday; 12 July off in Northern Ireland, 5 August in Scotland",
        "2024-07-15": "5 August off in Scotland",
        "2024-11-11": "2 December off in Scotland for St Andrew's Day on a Saturday",
        "2024-12-24": "Christmas Eve; 2 January off in Scotland",
        "2025-06-30": "14 July off in Northern Ireland",
        "2025-07-14": "received on a day off in Northern Ireland; 4 August off in Scotland",
    }.items():
        end = working(known.UK, d(day), 20)
        yield Case(f"uk-{day}", "UK", [got(day, "email")], end, f"{law}; s.10(6): a bank holiday of any part; {why}")
    for day in ("2024-07-06", "2024-07-15", "2024-12-24"):
        end = working(known.ENG, d(day), 20)
        why = "England's holidays alone, to compare: not what s.10(6) says"
        yield Case(f"uk-as-england-{day}", "UK", [got(day, "email")], end, why, more={"calendar": "ENG"})
    yield from around(Case("uk-status", "UK", [got("2024-07-15")], working(known.UK, d("2024-07-15"), 20), law))
    start = d("2023-06-01")
    out = "FOIA 2000 s.10(2): disregarded from the day of the fees notice to the day of the fee, both included"
    for name, facts, due, why in (
        (
            "fee",
            fee("2023-06-08", "2023-06-22"),
            working(known.UK, start, 20, [("2023-06-08", "2023-06-22")]),
            out,
        ),
        (
            "fee-one-day",
            fee("2023-06-08", "2023-06-08"),
            working(known.UK, start, 20, [("2023-06-08", "2023-06-08")]),
            out,
        ),
        ("fee-waiting", fee("2023-06-08"), None, f"{out}; not yet paid"),
        (
            "clarified",
            [asked("2023-06-05", "2023-07-05"), clarified("2023-06-17")],
            working(known.UK, d("2023-06-17"), 20),
            "FOIA 2000 s.10(6)(b): counted from the further information, which came on a Saturday",
        ),
        (
            "clarified-twice",
            [
                asked("2023-06-05", "2023-07-05"),
                clarified("2023-06-12"),
                asked("2023-06-14", "2023-07-14"),
                clarified("2023-06-20"),
            ],
            working(known.UK, d("2023-06-20"), 20),
            "FOIA 2000 s.1(3): each time anew",
        ),
        (
            "extended",
            [extended("2023-06-29", 20)],
            working(known.UK, start, 40),
            "FOIA 2000 s.10(3), guidance: at most 20 more (not confirmed)",
        ),
        (
            "consulted",
            consulted("2023-06-05", "2023-06-15"),
            working(known.UK, start, 20),
            f"{law}; asking others stops nothing",
        ),
    ):
        yield Case(f"uk-{name}", "UK", [got("2023-06-01"), *facts], due, why)
    yield Case(
        "uk-fee-unpaid",
        "UK",
        [got("2023-06-01"), *fee("2023-06-08")],
        None,
        "FOIA 2000 s.9(2): three months beginning with the day of the notice, until 2023-09-07 (not confirmed)",
        as_of="2023-09-07",
        status="stopped",
    )
    yield Case(
        "uk-fee-lapsed",
        "UK",
        [got("2023-06-01"), *fee("2023-06-08")],
        None,
        "FOIA 2000 s.9(2): not paid within three months beginning with the day of the notice (not confirmed)",
        as_of="2023-09-08",
        status="closed",
        more={"any_due": True},
    )
    # The far bound of the published days.
    yield Case(
        "uk-beyond",
        "UK",
        [got("2027-12-20")],
        Worked(
            d("2028-01-21"),
            "20 working days: 21-24 and 29-31 December, 5-7 10-14 17-21 January; off 27 28 December, 3 4 January",
        ),
        f"{law}; the days of 2028 are not published yet",
        provisional=True,
    )


def scotland() -> Iterator[Case]:
    law = "FOISA 2002 s.10(1): 20 working days after the receipt; s.73: bank holidays in Scotland"
    for day, why in {
        "2021-12-20": "3 and 4 January 2022 off",
        "2022-07-15": "1 August off",
        "2023-03-20": "Good Friday off, Easter Monday worked",
        "2024-03-01": "18 March worked (St Patrick's Day is Northern Ireland's)",
        "2024-03-15": "Easter Monday worked",
        "2024-07-06": "a Saturday; 12 July worked",
        "2024-07-15": "5 August off",
        "2024-08-12": "26 August worked (England's summer holiday)",
        "2024-11-11": "2 December off",
        "2024-12-24": "1 and 2 January off",
    }.items():
        yield Case(f"sct-{day}", "SCT", [got(day, "email")], working(known.SCT, d(day), 20), f"{law}; {why}")
    start = d("2023-06-01")
    yield Case(
        "sct-clarified",
        "SCT",
        [got("2023-06-01"), asked("2023-06-05", "2023-07-05"), clarified("2023-06-12")],
        working(known.SCT, d("2023-06-12"), 20),
        "FOISA 2002 s.10(1)(b): from the further information (not confirmed)",
    )
    yield Case(
        "sct-extended",
        "SCT",
        [got("2023-06-01"), extended("2023-06-20", 20)],
        working(known.SCT, start, 20),
        f"{law}; the Act knows no extension",
    )
    yield Case(
        "sct-review",
        "SCT",
        [got("2024-07-01"), answered("2024-07-24")],
        working(known.SCT, d("2024-07-24"), 40),
        "FOISA 2002 s.20(5): a review can be required within 40 working days (not confirmed)",
        more={"limit": "reconsideration"},
    )


def united_states() -> Iterator[Case]:
    law = "5 U.S.C. 552(a)(6)(A)(i): 20 days without Saturdays, Sundays and legal public holidays"
    for day, why in {
        "2010-06-18": "Independence Day on a Sunday, observed on Monday 5 July",
        "2010-12-10": "Christmas on a Saturday, observed on Friday; New Year's Day observed on Friday 31 December",
        "2017-01-05": "Martin Luther King Day; Inauguration Day is not among the days of 6103(a)",
        "2017-10-27": "Veterans Day on a Saturday, observed on Friday 10 November",
        "2020-06-15": "Juneteenth is not yet a holiday; 4 July on a Saturday, observed on Friday",
        "2021-06-01": "the first Juneteenth, observed on Friday 18 June",
        "2021-12-10": "Christmas and New Year's Day observed on Fridays of December",
        "2022-06-06": "Juneteenth on a Sunday, observed on Monday 20 June",
        "2022-12-12": "Christmas on a Sunday, observed on Monday; New Year's Day on Monday 2 January",
        "2023-01-16": "received on a holiday",
        "2023-11-01": "Veterans Day on a Saturday, observed on Friday 10 November",
        "2024-02-01": "Washington's Birthday; a leap day",
        "2024-11-09": "received on a Saturday before Veterans Day",
        "2025-06-19": "received on Juneteenth",
        "2025-11-25": "Thanksgiving; the Friday after it is worked",
    }.items():
        yield Case(f"us-{day}", "US", [got(day, "online")], working(known.US, d(day), 20), f"{law}; {why}")
    for day in ("2017-01-05", "2021-01-11"):
        yield Case(
            f"us-dc-{day}",
            "US",
            [got(day)],
            working(known.US_DC, d(day), 20),
            f"{law}; with Inauguration Day as 6103(c) has it around Washington (not confirmed)",
            more={"calendar": "US-DC"},
        )
    yield Case(
        "us-2021-01-11",
        "US",
        [got("2021-01-11")],
        working(known.US, d("2021-01-11"), 20),
        f"{law}; Inauguration Day worked",
    )
    for day in ("2024-03-04", "2024-11-09", "2025-01-17"):
        yield Case(
            f"us-interior-{day}",
            "US",
            [got(day)],
            working(known.US, d(day) - known.DAY, 20),
            "the Department of the Interior counts 20 workdays including the date of receipt",
            more={"settings": {"start-day": "same-day"}},
        )
    start, day = d("2024-03-04"), "2024-03-04"
    for name, facts, due, why in (
        (
            "component",
            [got("2024-03-04", "post", received_on="2024-03-11")],
            working(known.US, d("2024-03-11"), 20),
            "from the receipt by the proper component",
        ),
        (
            "extended",
            [got(day), extended("2024-03-25", 10)],
            working(known.US, start, 30),
            "552(a)(6)(B)(i): unusual circumstances, 10 more",
        ),
        (
            "over-cap",
            [got(day), extended("2024-03-25", 20)],
            working(known.US, start, 30),
            "552(a)(6)(B)(i): 20 granted, 10 count",
        ),
        (
            "extended-late",
            [got(day), extended("2024-04-02", 10)],
            working(known.US, start, 20),
            "552(a)(6)(B)(i): notice after the limit cures nothing",
        ),
        (
            "tolled",
            [got(day), asked("2024-03-11", "2024-04-11"), clarified("2024-03-21")],
            working(known.US, start, 20, [("2024-03-12", "2024-03-21")]),
            "552(a)(6)(A)(ii)(I): one request for information tolls the limit",
        ),
        (
            "tolled-twice",
            [
                got(day),
                asked("2024-03-11", "2024-04-11"),
                clarified("2024-03-14"),
                asked("2024-03-18", "2024-04-18"),
                clarified("2024-03-22"),
            ],
            working(known.US, start, 20, [("2024-03-12", "2024-03-14")]),
            "552(a)(6)(A)(ii)(I): one request only; the second tolls nothing",
        ),
        (
            "fee",
            [got(day), *fee("2024-03-11", "2024-03-19")],
            working(known.US, start, 20, [("2024-03-12", "2024-03-19")]),
            "552(a)(6)(A)(ii)(II): clarifying the fee tolls the limit",
        ),
        (
            "fee-after-question",
            [got(day), asked("2024-03-11", "2024-04-11"), clarified("2024-03-14"), *fee("2024-03-18", "2024-03-20")],
            working(known.US, start, 20, [("2024-03-12", "2024-03-14"), ("2024-03-19", "2024-03-20")]),
            "552(a)(6)(A)(ii): one question, and the fee besides",
        ),
        (
            "tolled-open",
            [got(day), asked("2024-03-11", "2024-04-11")],
            None,
            "552(a)(6)(A)(ii)(I): waiting for the requester",
        ),
        (
            "consulted",
            [got(day), *consulted("2024-03-11", "2024-03-21", "other-organ")],
            working(known.US, start, 20),
            "consulting another agency tolls nothing",
        ),
    ):
        yield Case(f"us-{name}", "US", facts, due, f"{law}; {why}")
    yield Case(
        "us-appeal",
        "US",
        [got(day), answered("2024-03-25")],
        calendar_days(d("2024-03-25"), 90),
        "552(a)(6)(A)(i)(III): at least 90 days for the appeal (not confirmed)",
        more={"limit": "reconsideration"},
    )


def european_union() -> Iterator[Case]:
    law = "Regulation 1049/2001 art 7(1): 15 working days from registration"
    for day, why in {
        "2014-04-04": "Easter: Thursday, Friday and Monday off",
        "2014-04-28": "1 and 9 May off, 8 May worked",
        "2014-05-26": "Ascension and the Friday after, Whit Monday",
        "2014-07-14": "the Belgian national day",
        "2014-10-27": "1 and 2 November on a weekend",
        "2023-03-27": "Easter",
        "2023-05-12": "Ascension and the Friday after, Whit Monday",
        "2023-10-20": "1 and 2 November off",
        "2023-06-30": "over the Belgian national day",
    }.items():
        provisional = False
        yield Case(
            f"eu-{day}",
            "EU",
            [got(day, "email")],
            working(known.EU, d(day), 15),
            f"{law}; the year's list; {why}",
            provisional=provisional,
        )
    yield Case(
        "eu-2014-12-12",
        "EU",
        [got("2014-12-12")],
        working(known.EU, d("2014-12-12"), 15),
        f"{law}; over the year's end; the list of 2014 names Friday 2 January 2015 too; 2015 is not published here",
        provisional=True,
    )
    yield Case(
        "eu-2024-03-18",
        "EU",
        [got("2024-03-18")],
        working(known.EU, d("2024-03-18"), 15),
        f"{law}; Easter 2024 by the pattern of the lists",
        provisional=True,
    )
    registered = [got("2019-10-24", "email"), confirmed("2019-10-25")]
    letter = "letter of DG GROW, GestDem 2019/6092: registered on 25 October 2019"
    yield Case(
        "eu-6092",
        "EU",
        registered,
        working(known.EU, d("2019-10-25"), 15),
        f"{letter}, the limit expires on 18 November",
        official=True,
        provisional=True,
    )
    yield Case(
        "eu-6092-extended",
        "EU",
        [*registered, extended("2019-11-18", 15)],
        working(known.EU, d("2019-10-25"), 30),
        f"{letter}, extended on its last day, the new limit expires on 9 December",
        official=True,
        provisional=True,
    )
    six = "letters in GestDem 2018/6115: the limit ended on 11 December 2018"
    yield Case(
        "eu-6115-extended",
        "EU",
        [got("2018-11-20"), extended("2018-12-11", 15)],
        working(known.EU, d("2018-11-20"), 30),
        f"{six}; the Commission's extended limit was 11 January 2019 (told here in time)",
        official=True,
        provisional=True,
    )
    yield Case(
        "eu-6115-late",
        "EU",
        [got("2018-11-20"), extended("2018-12-12", 15)],
        working(known.EU, d("2018-11-20"), 15),
        f"{six}; the notice of 12 December came a day late, and art 7(3) asks for it in advance",
        provisional=True,
    )
    yield Case(
        "eu-confirmatory",
        "EU",
        [got("2023-09-04"), answered("2023-09-20")],
        working(known.EU, d("2023-09-20"), 15),
        "Regulation 1049/2001 art 7(2): 15 working days for the confirmatory application (not confirmed)",
        more={"limit": "reconsideration"},
    )
    yield Case(
        "eu-clarified",
        "EU",
        [got("2023-09-04"), asked("2023-09-06", "2023-09-30"), clarified("2023-09-14")],
        working(known.EU, d("2023-09-14"), 15),
        "Regulation 1049/2001 art 6(2): anew once it is precise (not confirmed)",
    )


def ireland() -> Iterator[Case]:
    law = "FOI Act 2014 s.13(1): 4 weeks of 5 weekdays without public holidays"
    for day, why in {
        "2016-03-01": "St Patrick's Day and Easter Monday",
        "2021-12-13": "Christmas and St Stephen's Day on a weekend move nothing; the limit ends in January",
        "2022-03-01": "17 March and the single day of 18 March 2022",
        "2023-01-20": "the first St Brigid's Day; Good Friday is no public holiday",
        "2023-03-24": "Good Friday worked, Easter Monday off",
        "2024-01-15": "St Brigid's Day",
        "2024-03-04": "St Patrick's Day on a Sunday moves nothing",
        "2024-10-12": "a Saturday; the October holiday",
        "2025-04-18": "Good Friday, a day worked",
    }.items():
        if day == "2021-12-13":
            due = Worked(
                d("2022-01-10"),
                "20 weekdays: 14-17 20-24 27-31 December, 3-7 and 10 January; a holiday on a Saturday moves nothing",
            )
        else:
            due = working(known.IE, d(day), 20)
        yield Case(f"ie-{day}", "IE", [got(day, "post")], due, f"{law}; {why}")
    start = d("2024-03-04")
    for name, facts, due, why in (
        ("extended", [extended("2024-03-25", 4)], working(known.IE, start, 40), "s.14: 4 weeks more"),
        ("extended-two", [extended("2024-03-25", 2)], working(known.IE, start, 30), "s.14: 2 weeks more"),
        (
            "extended-late",
            [extended("2024-04-04", 4)],
            working(known.IE, start, 20),
            "s.14: after the limit it cures nothing",
        ),
        ("over-cap", [extended("2024-03-25", 6)], working(known.IE, start, 40), "s.14: 6 weeks granted, 4 count"),
        (
            "deposit",
            fee("2024-03-11", "2024-03-22"),
            working(known.IE, start, 20, [("2024-03-12", "2024-03-22")]),
            "s.27: while a deposit is asked for (not confirmed)",
        ),
    ):
        yield Case(f"ie-{name}", "IE", [got("2024-03-04"), *facts], due, f"{law}; {why}")
    yield Case(
        "ie-review",
        "IE",
        [got("2024-05-01"), answered("2024-05-20")],
        working(known.IE, d("2024-05-20"), 20),
        "FOI Act 2014 s.21: 4 weeks for the internal review (not confirmed)",
        more={"limit": "reconsideration"},
    )


def australia() -> Iterator[Case]:
    law = "FOI Act 1982 s.15(5)(b): 30 days after the receipt; Acts Interpretation Act 1901 s.36(2) for the last day"
    for day, why in {
        "2022-12-01": "ends on Saturday 31 December; Monday and Tuesday off before it",
        "2023-03-10": "ends on Easter Sunday",
        "2024-01-30": "over a leap day",
        "2024-02-10": "ends on Canberra Day",
        "2024-02-28": "ends on Good Friday; Tuesday after Easter is next",
        "2024-05-11": "ends on the King's Birthday",
        "2024-11-25": "ends on Christmas Day",
    }.items():
        due = rolled(known.AU, calendar_days(d(day), 30))
        if day == "2022-12-01":
            due = Worked(d("2023-01-03"), "30 days: Sat 2022-12-31; 1 January Sunday, 2 January off: Tue 2023-01-03")
        yield Case(f"au-{day}", "AU", [got(day, "email")], due, f"{law}; {why}")
    oaic = "OAIC decision RQ24/04915 of 20 November 2024: request of 11 September 2024"
    begun = [got("2024-09-11", "email")]
    yield Case("au-04915", "AU", begun, calendar_days(d("2024-09-11"), 30), oaic, official=True)
    yield Case(
        "au-04915-agreed",
        "AU",
        [*begun, extended("2024-10-01", 30)],
        rolled(known.AU, calendar_days(d("2024-09-11"), 60)),
        f"{oaic}; 30 days by agreement end on Sunday 10 November, so the act may be done on Monday",
        official=True,
    )
    yield Case(
        "au-04915-commissioner",
        "AU",
        [*begun, extended("2024-10-01", 30), deferred("2024-11-11", "2024-12-10")],
        Worked(d("2024-12-10"), "30 days more, from the Sunday and not from the Monday"),
        f"{oaic}; asked on 11 November and granted to 10 December: the Monday made the period no longer",
        official=True,
    )
    yield Case(
        "au-oaic-2018",
        "AU",
        [got("2018-02-09", "email")],
        rolled(known.AU_NSW, calendar_days(d("2018-02-09"), 30)),
        "OAIC's acknowledgement: received on 9 February 2018, ends on Sunday 11 March, due on Monday 12 March (Sydney)",
        official=True,
        more={"calendar": "AU-NSW"},
    )
    yield Case(
        "au-oaic-2018-canberra",
        "AU",
        [got("2018-02-09", "email")],
        Worked(d("2018-03-13"), "30 days: Sun 2018-03-11; Monday 12 March is Canberra Day: Tue 2018-03-13"),
        f"{law}; the same request at an agency in Canberra",
    )
    yield Case(
        "au-04579",
        "AU",
        [got("2024-09-22")],
        calendar_days(d("2024-09-22"), 30),
        "OAIC decision RQ24/04579: request of 22 September 2024, due on 22 October 2024",
        official=True,
    )
    yield Case(
        "au-05436",
        "AU",
        [got("2024-09-05"), extended("2024-09-30", 30)],
        rolled(known.AU, calendar_days(d("2024-09-05"), 60)),
        "OAIC decision RQ24/05436: request of 5 September 2024, due on 4 November 2024 (30 and 30 days)",
        official=True,
    )
    start, day = d("2024-06-03"), "2024-06-03"
    for name, facts, due, why in (
        ("agreed", [extended("2024-06-20", 14)], calendar_days(start, 44), "s.15AA: 14 days by agreement"),
        (
            "agreed-in-parts",
            [extended("2024-06-20", 14), extended("2024-07-10", 16)],
            calendar_days(start, 60),
            "s.15AA: 14 and 16 days, 30 in all",
        ),
        (
            "over-cap",
            [extended("2024-06-20", 20), extended("2024-07-10", 20)],
            calendar_days(start, 60),
            "s.15AA: 40 days agreed, 30 count",
        ),
        (
            "third-party",
            consulted("2024-06-10", "2024-06-28"),
            calendar_days(start, 60),
            "s.15(6): 30 days more for a consultation (not confirmed)",
        ),
        (
            "third-parties",
            [*consulted("2024-06-10", "2024-06-28"), *consulted("2024-06-12", "2024-06-28", key="c2")],
            calendar_days(start, 60),
            "s.15(6): 30 days more once, however many are consulted (not confirmed)",
        ),
        (
            "charge",
            fee("2024-06-10", "2024-06-24"),
            calendar_days(start, 30, [("2024-06-11", "2024-06-24")]),
            "s.31: the time of the charge is disregarded",
        ),
        (
            "refined",
            [asked("2024-06-10", "2024-06-24"), clarified("2024-06-20")],
            calendar_days(start, 30, [("2024-06-11", "2024-06-20")]),
            "s.24AB: the request consultation is disregarded (not confirmed)",
        ),
    ):
        yield Case(f"au-{name}", "AU", [got(day), *facts], rolled(known.AU, due), f"{law}; {why}")


def germany() -> Iterator[Case]:
    law = (
        "IFG § 7 Abs. 5: one month; BGB § 188: the day of the same number, or the month's last; § 193 for the last day"
    )
    for day, why in {
        "2023-01-31": "no 31 February",
        "2023-01-30": "no 30 February",
        "2023-01-29": "no 29 February 2023",
        "2023-02-28": "28 March, not the 31st (BGH NJW 1984, 1358)",
        "2024-01-31": "29 February of a leap year",
        "2024-01-29": "29 February of a leap year",
        "2024-02-29": "received on a leap day: Good Friday rolls over Easter",
        "2024-03-31": "no 31 April; received on Easter Sunday",
        "2024-04-01": "1 May rolls",
        "2024-05-31": "no 31 June: Sunday 30 June rolls",
        "2024-09-03": "3 October rolls",
        "2024-11-25": "Christmas rolls over both days",
        "2024-11-30": "30 December",
        "2025-03-21": "Easter Monday rolls",
        "2025-04-09": "plain",
        "2020-12-31": "Sunday 31 January 2021 rolls",
    }.items():
        if day == "2020-12-31":
            due = Worked(d("2021-02-01"), "1 month: Sun 2021-01-31, no working day: Mon 2021-02-01")
        else:
            due = rolled(known.DE, months(d(day), 1))
        yield Case(f"de-{day}", "DE", [got(day, "email")], due, f"{law}; {why}")
    for day, calendar, days in (("2024-02-08", "DE", known.DE), ("2024-02-08", "DE-BE", known.DE_BE)):
        yield Case(
            f"de-{day}-{calendar}",
            "DE",
            [got(day)],
            rolled(days, months(d(day), 1)),
            f"{law}; 8 March is a holiday in Berlin only",
            more={"calendar": calendar},
        )
    yield Case(
        "de-third-party",
        "DE",
        [got("2024-04-10"), *consulted("2024-04-15")],
        None,
        "IFG § 8: a third party is heard (that the month stands still is not confirmed)",
    )
    yield Case(
        "de-extended",
        "DE",
        [got("2024-04-10"), extended("2024-04-20", 10)],
        rolled(known.DE, months(d("2024-04-10"), 1)),
        f"{law}; the Act knows no extension",
    )
    yield Case(
        "de-objection",
        "DE",
        [got("2024-01-02"), answered("2024-01-31")],
        rolled(known.DE, months(d("2024-01-31"), 1)),
        "VwGO § 70: one month for the objection (not confirmed)",
        more={"limit": "reconsideration"},
    )


def india() -> Iterator[Case]:
    law = "RTI Act 2005 s.7(1): 30 days of the receipt; the last day is not rolled (not confirmed)"
    for day, why in {
        "2023-01-31": "over February",
        "2024-01-31": "over a leap day",
        "2024-07-16": "ends on Independence Day",
        "2024-09-02": "ends on Gandhi's birthday",
        "2024-11-02": "received on a Saturday",
        "2025-01-18": "received on a Saturday, ends on a Monday",
    }.items():
        yield Case(f"in-{day}", "IN", [got(day, "post")], calendar_days(d(day), 30), f"{law}; {why}")
    start, day = d("2024-02-01"), "2024-02-01"
    fees = "s.7(3)(a): from the despatch of the fee's intimation to its payment is left out"
    for name, facts, due, why in (
        ("fee", fee("2024-02-05", "2024-02-20"), calendar_days(start, 30, [("2024-02-06", "2024-02-20")]), fees),
        (
            "fee-next-day",
            fee("2024-02-05", "2024-02-06"),
            calendar_days(start, 30, [("2024-02-06", "2024-02-06")]),
            fees,
        ),
        ("fee-waiting", fee("2024-02-05"), None, fees),
        (
            "third-party",
            consulted("2024-02-05", "2024-02-14"),
            calendar_days(start, 40),
            "s.11(3): 40 days with a third party",
        ),
        (
            "third-party-silent",
            consulted("2024-02-05"),
            calendar_days(start, 40),
            "s.11(3): 40 days with a third party, its answer or not",
        ),
        (
            "third-party-fee",
            [*consulted("2024-02-05", "2024-02-14"), *fee("2024-02-10", "2024-02-15")],
            calendar_days(start, 40, [("2024-02-11", "2024-02-15")]),
            f"s.11(3): 40 days; {fees}",
        ),
        ("extended", [extended("2024-02-20", 10)], calendar_days(start, 30), "the Act knows no extension"),
    ):
        yield Case(f"in-{name}", "IN", [got(day), *facts], due, f"{law}; {why}")
    yield Case(
        "in-overdue",
        "IN",
        [got(day)],
        calendar_days(start, 30),
        f"{law}; s.7(2): silence is refusal",
        as_of="2024-03-03",
    )
    yield Case(
        "in-appeal",
        "IN",
        [got(day), answered("2024-02-20")],
        calendar_days(d("2024-02-20"), 30),
        "RTI Act 2005 s.19(1): 30 days for the first appeal (not confirmed)",
        more={"limit": "reconsideration"},
    )


def brazil() -> Iterator[Case]:
    law = "Lei 12.527/2011 art 11 § 1º: 20 days, calendar days whose last one rolls (not confirmed)"
    for day, why in {
        "2023-03-18": "ends on Good Friday",
        "2023-08-18": "ends on 7 September",
        "2024-02-10": "received on a Saturday; over a leap day",
        "2024-03-09": "ends on Good Friday",
        "2024-04-11": "ends on 1 May",
        "2024-10-26": "ends on Friday 15 November",
        "2024-10-31": "ends on 20 November, a holiday since 2024",
        "2023-10-31": "ends on 20 November, not yet a holiday in 2023",
        "2024-12-05": "ends on Christmas Day",
    }.items():
        yield Case(
            f"br-{day}", "BR", [got(day, "online")], rolled(known.BR, calendar_days(d(day), 20)), f"{law}; {why}"
        )
    start, day = d("2024-06-03"), "2024-06-03"
    for name, facts, amount, why in (
        ("extended", [extended("2024-06-20", 10)], 30, "§ 2º: 10 days more"),
        ("extended-last-day", [extended("2024-06-24", 10)], 30, "§ 2º: told on the rolled last day"),
        ("extended-late", [extended("2024-06-25", 10)], 20, "§ 2º: after the limit it cures nothing"),
        ("over-cap", [extended("2024-06-20", 15)], 30, "§ 2º: 15 granted, 10 count"),
        ("second", [extended("2024-06-18", 5), extended("2024-06-20", 5)], 25, "§ 2º: once"),
    ):
        yield Case(
            f"br-{name}", "BR", [got(day), *facts], rolled(known.BR, calendar_days(start, amount)), f"{law}; {why}"
        )
    yield Case(
        "br-appeal",
        "BR",
        [got(day), answered("2024-06-11")],
        rolled(known.BR, calendar_days(d("2024-06-11"), 10)),
        "Lei 12.527/2011 art 15: 10 days for the appeal (not confirmed)",
        more={"limit": "reconsideration"},
    )


def cases() -> Iterator[Case]:
    for part in (united_kingdom, scotland, united_states, european_union, ireland, australia, germany, india, brazil):
        yield from part()
