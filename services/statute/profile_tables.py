"""The tables of a statute's file: each a shape that reads it, checks it and describes it."""

from datetime import date
from fnmatch import fnmatchcase
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from services.statute.data_file import Confirmed, Text, Title

Count = Annotated[int, Meta(ge=0, le=3660, description="a number")]
Amount = Annotated[int, Meta(ge=1, le=3660, description="a number")]
Unit = Literal["working-day", "calendar-day", "week", "working-week", "month"]
"""``week`` is seven calendar days, ``working-week`` five working days; a month ends on the day of the same number as
the day that it is counted from, or on the month's last day where there is none."""
Start = Literal["next-day", "same-day", "next-working-day"]
Roll = Literal["none", "next-working-day"]
Effect = Literal["none", "exclude", "suspend", "restart", "extend"]
Silence = Literal["none", "deemed-refusal", "deemed-consent"]
After = Literal["answer", "silence", "reconsideration"]
ReviewKind = Literal["reconsideration", "litigation-direct", "litigation-after-reconsideration", "complaint"]
ReceiptDate = Literal["submitted_on", "received_on", "confirmed_on"]
ReceiptDates = Annotated[tuple[ReceiptDate, ...], Meta(min_length=1)]
Answered = Literal["day-posted", "day-sent", "day-signed", "day-received", "day-decided"]
LAPSED = {"clarification": "clarification-lapsed", "fee": "fee-lapsed"}
"""The outcome with which the clock closes a request, by what was not done in time."""


class StatuteTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: its keys, and no other."""


class InForce(StatuteTable, frozen=True, kw_only=True, rename={"from_": "from"}):
    """The days of receipt that the version holds for, both ends included."""

    from_: date
    through: date = date.max


class Limit(StatuteTable, frozen=True, kw_only=True):
    """So many units from an event."""

    amount: Amount
    unit: Unit
    article: Text
    roll: Roll = "none"
    """What becomes of a last day that is no working day."""
    start: Start | None = None
    """Which day is day 1; left out: as the setting ``start-day`` says."""
    confirmed: Confirmed = True


class Answer(Limit, frozen=True, kw_only=True):
    """The limit for the answer."""

    silence: Silence = "none"
    """What it means in law that no answer comes in time."""


class Extension(StatuteTable, frozen=True, kw_only=True):
    """How far the answer's limit can be extended."""

    cap: Count
    """The most that can be added, in ``unit``; 0: none."""
    count: Count
    """How many extensions there can be."""
    notify: Literal["inside-limit", "any-time"]
    """``inside-limit``: the applicant has to be notified within the limit, a later notice cures nothing."""
    article: Text
    counts_from: Literal["budget", "expiry"] = "budget"
    """``budget``: added to the limit's own units; ``expiry``: counted from the last day of the limit before it."""
    unit: Unit | None = None
    """Left out: the answer's."""
    confirmed: Confirmed = True


class Pause(StatuteTable, frozen=True, kw_only=True, tag_field="effect"):
    """What asking someone (the applicant, a third party, another organ, for a fee) does to the answer's clock."""

    effect: ClassVar[Effect]
    extend_by: ClassVar[int] = 0

    article: Text
    limit: Limit | None = None
    """The asked one's own limit; for a clarification it is the date in the notice."""
    notice: Limit | None = None
    """How soon after the receipt the asking has to happen."""
    silence: Silence = "none"
    """What it means that no reply comes within ``limit``."""
    lapse: bool = False
    """Whether the clock closes the request if no reply comes in time."""
    confirmed: Confirmed = True


class Nothing(Pause, frozen=True, kw_only=True, tag="none"):
    """The clock runs on."""

    effect: ClassVar[Effect] = "none"


class Exclude(Pause, frozen=True, kw_only=True, tag="exclude"):
    """The days until the reply don't count; the setting ``exclusion-cap`` can bound them."""

    effect: ClassVar[Effect] = "exclude"


class Suspend(Pause, frozen=True, kw_only=True, tag="suspend"):
    """The days until the reply don't count, without any bound."""

    effect: ClassVar[Effect] = "suspend"


class Restart(Pause, frozen=True, kw_only=True, tag="restart"):
    """The clock stands still, and the whole limit is counted anew from the reply."""

    effect: ClassVar[Effect] = "restart"


class Extend(Pause, frozen=True, kw_only=True, tag="extend"):
    """The limit grows once by a fixed number of its units."""

    effect: ClassVar[Effect] = "extend"
    extend_by: Amount  # type: ignore[misc]  # a number of the file's here, 0 for all other effects


EFFECTS = (Nothing, Exclude, Suspend, Restart, Extend)
Asking = Nothing | Exclude | Suspend | Restart | Extend
AskingOthers = Nothing | Exclude | Suspend | Extend
"""Asking others can't start the limit anew."""


class Consultation(StatuteTable, frozen=True, kw_only=True, rename="kebab"):
    """What asking others does, by whom is asked."""

    third_party: AskingOthers
    other_organ: AskingOthers


class Receipt(StatuteTable, frozen=True, kw_only=True, rename={"in_person": "in-person", "at_latest": "at-latest"}):
    """For each channel the dates that can be the day of receipt: the first one that the facts give is it."""

    in_person: ReceiptDates
    post: ReceiptDates
    fax: ReceiptDates
    online: ReceiptDates
    other: ReceiptDates
    article: Text
    ordinary: ReceiptDates | None = None
    """A letter that nobody signed for; left out: as ``post``."""
    email: ReceiptDates | None = None
    """Left out where the setting ``email-receipt`` says it."""
    at_latest: Amount | None = None
    """So many calendar days after the submission the limit starts at the latest, whoever has the request by then."""


class Volume(StatuteTable, frozen=True, kw_only=True):
    effect: Literal["none", "defer"]
    """``defer``: the organ may put the answer off because of an abnormal volume."""
    article: Text


class Agreed(StatuteTable, frozen=True, kw_only=True):
    """A last day agreed with the applicant, where the statute knows that."""

    article: Text
    confirmed: Confirmed = True


class Temporary(StatuteTable, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Temporary law: an answer given from the one day through the other has so many units instead."""

    from_: date
    through: date
    amount: Amount
    article: Text
    confirmed: Confirmed = True


class Change(StatuteTable, frozen=True, kw_only=True, rename={"from_": "from"}):
    """What a document that came later says, laid over the file for requests of the days from which it holds."""

    from_: date
    set: dict[str, Any]
    """Tables and keys of the file itself."""


class Answering(StatuteTable, frozen=True, kw_only=True):
    """Which day ``answered_on`` has to be, for each way of service."""

    posted: Answered
    handed: Answered
    electronic: Answered
    article: Text


class Remedy(Limit, frozen=True, kw_only=True, rename={"from_": "from", "except_": "except"}):
    """A window that opens when the organ has answered, has stayed silent, or a reconsideration was decided."""

    kind: Literal["reconsideration", "litigation"]
    after: Annotated[tuple[After, ...], Meta(min_length=1)]
    from_: date = date.min
    through: date = date.max
    """It opens for events of these days, both ends included."""
    except_: tuple[Text, ...] = ()
    """Outcomes that open no such window; ``refused-*`` stands for all that begin so."""

    def opens_for(self, outcome: str) -> bool:
        """Whether an answer of that outcome opens it."""
        return not any(fnmatchcase(outcome, each) for each in self.except_)


class DutyRule(StatuteTable, frozen=True, kw_only=True, rename={"from_": "from"}):
    """A limit that the organ has besides the answer's: so many units from an event, or up to a day of the year."""

    kind: Text
    title: Title
    article: Text
    confirmed: Confirmed = True
    amount: Amount | None = None
    unit: Unit | None = None
    roll: Roll = "none"
    start: Start | None = None
    by: Annotated[str, Meta(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$", description="a day MM-DD")] | None = (
        None
    )
    """In the place of ``amount``: the first such day after the event, itself the last one."""
    yearly: bool = False
    """Whether there is one each year, for the year before; the event is the year's last day."""
    reviews: tuple[ReviewKind, ...] = ()
    """The reviews that open it, from the day on which the organ is served."""
    from_: date = date.min
    through: date = date.max
    """It holds for events of these days, both ends included."""

    @property
    def month_and_day(self) -> tuple[int, int]:
        """``by`` in numbers."""
        month, day = (self.by or "").split("-")
        return int(month), int(day)


class Warnings(StatuteTable, frozen=True, kw_only=True):
    """In files of an earlier release; a ladder says it now (:mod:`services.statute.office.ladder`)."""

    ladder: tuple[Annotated[int, Meta(ge=0, le=365, description="a number from 0 to 365")], ...]
    """Units before the due date at which a warning goes out; the furthest first once it is read."""

    def __post_init__(self) -> None:
        force_setattr(self, "ladder", tuple(sorted(set(self.ladder), reverse=True)))
