"""Events to bytes and back, with every refusal naming the field and what was expected."""

from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, get_args
from zoneinfo import available_timezones

import msgspec

from services.events import extensions, plain
from services.events import facts as f
from services.events.cases import CaseEvent
from services.events.envelope import Event
from services.events.facts import Data, Fact, RequestFact
from services.events.office_facts import ItemRegistered, UnitRegistered
from services.events.refusals import FieldError, Refused, Values, explain
from services.events.vocabulary import DECIMAL_MEASURES, DECIMALS, FIRST_DAY, LAST_DAY, MOST

_encoder = msgspec.json.Encoder(decimal_format="number")


def exact(text: str) -> Decimal:
    """A number with decimals in a correction's free data, kept as it was written."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError("number out of range") from None
    if abs(number.adjusted()) > 30:
        raise ValueError("number out of range")
    return number


_facts: msgspec.json.Decoder[Fact] = msgspec.json.Decoder(Fact, float_hook=exact)
_case_events: msgspec.json.Decoder[CaseEvent] = msgspec.json.Decoder(CaseEvent, float_hook=exact)

FACT_TYPES: dict[str, type[Event]] = {str(c.__struct_config__.tag): c for c in get_args(Fact)}
CASE_TYPES: dict[str, type[Event]] = {str(c.__struct_config__.tag): c for c in get_args(CaseEvent)}


def type_name(event: type[Event] | Event) -> str:
    """The CloudEvents ``type`` of an event or of its class."""
    return str(event.__struct_config__.tag)


def encode(event: Event, kept: bytes = b"") -> bytes:
    """An event as CloudEvents structured JSON; decimals as exact JSON numbers.

    ``kept``: the extension attributes that :func:`decode_with_extensions` found, put back byte for byte.
    """
    plain = _encoder.encode(event)
    return plain[:-1] + kept + b"}" if kept else plain


def decode_fact(raw: bytes | msgspec.Raw) -> Fact:
    """A fact from structured JSON, whole and checked, without its extension attributes. Raises :class:`Refused`."""
    return decode_with_extensions(raw)[0]


def decode_with_extensions(raw: bytes | msgspec.Raw) -> tuple[Fact, bytes]:
    """A fact, whole and checked, and its extension attributes as they stand in the text. Raises :class:`Refused`."""
    kept = b""
    try:
        try:
            fact = plain.decode(_facts, raw)
        except msgspec.ValidationError as error:
            if not extensions.may_be(error):
                raise
            raw, kept = extensions.parted(raw)
            fact = plain.decode(_facts, raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(explain(error, raw, FACT_TYPES)) from None
    check(fact)
    return fact, kept


def decode_case_event(raw: bytes | msgspec.Raw) -> CaseEvent:
    """A case event from the log. Raises :class:`Refused`."""
    try:
        return plain.decode(_case_events, raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(explain(error, raw, CASE_TYPES)) from None


def replace_data(fact: RequestFact, data: dict[str, Any]) -> RequestFact:
    """``fact`` with the whole of its data replaced, as a correction asks. Raises :class:`Refused`."""
    shape = fact.__class__.__annotations__["data"]
    try:
        new = plain.convert(data, shape)
    except msgspec.ValidationError as error:
        wrong = explain(error, b"", {}, shape)
        raise Refused(msgspec.structs.replace(wrong, field=wrong.field.replace("$", "$.data.data", 1))) from None
    corrected = msgspec.structs.replace(fact, data=new)
    check(corrected)
    return corrected


@cache
def zones() -> frozenset[str]:
    """IANA's zones and their other names. What stands beside them in its files is none: ``Factory`` is for clocks that
    nobody has set yet, ``localtime`` and ``posixrules`` are what the machine's owner chose, ``right/`` counts leaps."""
    files = {"Factory", "localtime", "posixrules", "Etc/Unknown"}
    return frozenset(
        name for name in available_timezones() - files if not name.startswith(("right/", "posix/", "SystemV/"))
    )


@cache
def _date_fields(shape: type[Data]) -> tuple[str, ...]:
    return tuple(
        i.name
        for i in msgspec.structs.fields(shape)
        if "date" in str(i.type) and "datetime.datetime" not in str(i.type)
    )


def _subject(fact: Fact) -> str | None:
    """What the subject must be, where the data say it."""
    match fact:
        case f.OrganRegistered() | UnitRegistered() | ItemRegistered():
            return fact.data.code
        case f.CalendarPublished():
            return fact.data.calendar
        case f.TallyRecorded():
            return fact.data.organ
        case _:
            return None


def day_out_of_range(field: str, day: date) -> FieldError:
    """The refusal of a day that no calendar can have."""
    expected = f"a date from {FIRST_DAY} to {LAST_DAY}"
    return FieldError(field, f"is {day}", expected, "date-out-of-range", _range(day))


def _range(value: date) -> Values:
    return {"value": str(value), "first": str(FIRST_DAY), "last": str(LAST_DAY)}


def refuse_set(fact: Fact, *names: str) -> None:
    """Refuse attributes that the log alone sets. Raises :class:`Refused`."""
    for name in names:
        if getattr(fact, name) is not None:
            wanted = "an event without it: the log sets it"
            raise Refused(FieldError(f"$.{name}", "is set by the sender", wanted, "set-by-log"))


def check(fact: Fact) -> None:
    """What types can't say: subjects that fit and that an address can hold, dates within reason, real time zones, exact
    amounts.

    Raises :class:`Refused`.
    """
    if fact.subject in (".", ".."):
        wanted = "an identifier that can stand in a web address"
        raise Refused(FieldError("$.subject", f"is {fact.subject!r}", wanted, "subject-not-addressable"))
    subject = _subject(fact)
    if subject is not None and fact.subject != subject:
        wanted = f"{subject!r}, as in the data"
        raise Refused(FieldError("$.subject", f"is {fact.subject!r}", wanted, "subject-differs", {"expected": subject}))
    if fact.time is not None and not FIRST_DAY.year < fact.time.year < LAST_DAY.year:
        wanted = f"an instant between {FIRST_DAY} and {LAST_DAY}"
        raise Refused(FieldError("$.time", f"is {fact.time}", wanted, "date-out-of-range", _range(fact.time)))
    for name in _date_fields(fact.data.__class__):
        value = getattr(fact.data, name)
        for day in value if isinstance(value, tuple) else (value,):
            if isinstance(day, date) and not FIRST_DAY <= day <= LAST_DAY:
                raise Refused(day_out_of_range(f"$.data.{name}", day))
    _check_data(fact)


def _check_data(fact: Fact) -> None:
    """What the types of a fact's own data can't say."""
    match fact:
        case f.TallyRecorded():
            _check_amount("count", fact.data.count, whole=fact.data.measure not in DECIMAL_MEASURES)
        case f.FeeNotified():
            _check_amount("amount", fact.data.amount, whole=False)
        case f.RequestReceived() if fact.data.mail is not None and fact.data.channel != "post":
            problem = f"is {fact.data.mail!r} for the channel {fact.data.channel!r}"
            raise Refused(
                FieldError("$.data.mail", problem, "nothing, except for the channel 'post'", "mail-not-by-post")
            )
        case f.OrganRegistered() if fact.data.timezone not in zones():
            raise Refused(
                FieldError(
                    "$.data.timezone",
                    f"is {fact.data.timezone!r}",
                    "an IANA time zone, e.g. Asia/Shanghai",
                    "timezone-unknown",
                    {"value": fact.data.timezone},
                )
            )
        case UnitRegistered() if fact.data.parent == fact.data.code:
            raise Refused(FieldError("$.data.parent", "is the unit itself", "another unit, or none", "parent-itself"))
        case ItemRegistered():
            codes = [step.code for step in fact.data.special_steps]
            if twice := next((code for place, code in enumerate(codes) if code in codes[:place]), None):
                problem = f"{twice!r} is there twice"
                raise Refused(
                    FieldError("$.data.special_steps", problem, "each step once", "listed-twice", {"value": twice})
                )
        case f.CalendarPublished():
            both = set(fact.data.days_off) & set(fact.data.working_days)
            if both:
                raise Refused(
                    FieldError(
                        "$.data.working_days",
                        f"{min(both)} is in both lists",
                        "each day in one list",
                        "day-in-both-lists",
                        {"value": str(min(both))},
                    )
                )
        case f.FactCorrected() | f.FactRetracted():
            if fact.data.amends == fact.ref:
                wrong = FieldError(
                    "$.data.amends", "is the event itself", "another event's source and id", "amends-itself"
                )
                raise Refused(wrong)
            _check_text(fact.data, "$.data")
        case _:
            pass


def _check_text(value: object, path: str, depth: int = 0) -> None:
    """No NUL inside free data: the database can't store it."""
    if depth > 8:
        raise Refused(FieldError(path, "is nested too deeply", "at most 8 levels", "nested-too-deep"))
    if isinstance(value, str) and "\x00" in value:
        raise Refused(FieldError(path, "holds a NUL character", "plain text", "nul-character"))
    if isinstance(value, f.CorrectedData):
        _check_text(value.data, f"{path}.data", depth)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key, path, depth + 1)
            _check_text(item, f"{path}.{key}", depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check_text(item, path, depth + 1)


def _check_amount(name: str, amount: Decimal, *, whole: bool) -> None:
    places = 0 if whole else DECIMALS
    wanted = (
        f"a number from 0 to {MOST:f} with at most {places} decimals"
        if places
        else f"a whole number from 0 to {MOST:f}"
    )
    # The exponent first: of a number too small for the arithmetic itself, normalize() makes a plain 0.
    if (
        not (amount.is_finite() and abs(amount.adjusted()) <= 30 and 0 <= amount <= MOST)
        or -int(amount.normalize().as_tuple().exponent) > places
    ):
        given = str(amount)[:60]
        raise Refused(FieldError(f"$.data.{name}", f"is {given}", wanted, "amount-out-of-range", {"value": given}))
