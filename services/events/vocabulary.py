"""The words that facts and case events are made of: codes that a field may hold, and the shapes of small values.

Codes are the contract with outsiders: a code is added, never renamed. What a code means in law, and where it stands
in a printed form, is said in the statute profiles and the forms, not here.
"""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

PLAIN = r"^[^\x00-\x1f\x7f]+\Z"
"""No control character: PostgreSQL can't store NUL in text, and a line break in a code is a mistake everywhere.
``\\Z``, since Python's ``$`` would let a last line break through. It stands in the schemas alone: what holds texts
against it is :mod:`services.events.plain`, by which all that comes from outside is decoded."""
_schema = {"pattern": PLAIN}

Text = Annotated[
    str,
    Meta(min_length=1, max_length=500, description="plain text without control characters", extra_json_schema=_schema),
]
Code = Annotated[
    str,
    Meta(min_length=1, max_length=200, description="an identifier of 1 to 200 characters", extra_json_schema=_schema),
]
Days = Annotated[int, Meta(ge=1, le=3660, description="a number of the limit's units, 1 to 3660")]
Year = Annotated[int, Meta(ge=1950, le=2199, description="a calendar year")]

FIRST_DAY = date(1950, 1, 1)
LAST_DAY = date(2199, 12, 31)
MOST = Decimal(10) ** 15
"""Counts and amounts stay below this; more is a mistake of the sender."""
DECIMALS = 6

Channel = Literal["in-person", "post", "fax", "email", "online", "other"]
Applicant = Literal[
    "natural-person", "business", "research-institution", "public-interest", "legal-service", "other-organisation"
]
Outcome = Literal[
    "granted",
    "already-published",
    "granted-in-part",
    "refused-state-secret",
    "refused-other-law",
    "refused-security-stability",
    "refused-third-party",
    "refused-internal-affairs",
    "refused-deliberative",
    "refused-enforcement-file",
    "refused-registry-enquiry",
    "refused",
    "does-not-exist",
    "not-this-organ",
    "needs-creation",
    "unclear",
    "petition",
    "repeat",
    "published-material",
    "vexatious-volume",
    "reconfirmation",
    "clarification-lapsed",
    "fee-lapsed",
    "other",
]
Mail = Literal["signed", "ordinary"]
FollowReason = Literal["transferred", "re-filed", "split", "joined"]
Service = Literal["posted", "handed", "electronic"]
Party = Literal["third-party", "other-organ"]
Reply = Literal["agreed", "objected", "none"]
ReviewKind = Literal["reconsideration", "litigation-direct", "litigation-after-reconsideration", "complaint"]
ReviewResult = Literal["upheld", "corrected", "other"]
Measure = Literal[
    "proactive-published",
    "proactive-published-full-text",
    "normative-documents-new",
    "catalogue-items",
    "enquiries-online",
    "enquiries-in-person",
    "page-views",
    "regulations-issued",
    "regulations-repealed",
    "regulations-in-force",
    "normative-documents-issued",
    "normative-documents-repealed",
    "normative-documents-in-force",
    "licensing-decisions",
    "penalty-decisions",
    "coercion-decisions",
    "fees-collected",
]
DECIMAL_MEASURES: frozenset[str] = frozenset({"fees-collected"})
"""Measures that may have decimals; all others count whole things."""
LEVELS: frozenset[str] = frozenset({"regulations-in-force", "normative-documents-in-force"})
"""Measures of a level: the latest value in the year counts, not the sum."""

CHANNELS: tuple[str, ...] = get_args(Channel)
APPLICANTS: tuple[str, ...] = get_args(Applicant)
OUTCOMES: tuple[str, ...] = get_args(Outcome)
MEASURES: tuple[str, ...] = get_args(Measure)

State = Literal["waiting", "unconfirmed", "open", "stopped", "answered", "closed", "retracted"]
"""``waiting``: facts came, but not the request itself (or its organ is unknown); ``unconfirmed``: submitted, not yet
received in law; ``open``: the answer clock runs; ``stopped``: it stands still; ``answered``; ``closed`` without an
answer; ``retracted``: the request was posted by mistake and counts nowhere."""
Timeliness = Literal["in-time", "late"]


class Within(Struct, frozen=True, forbid_unknown_fields=True):
    """A limit that a decision names."""

    amount: Days
    unit: Literal["working-day", "calendar-day", "week", "working-week", "month"]


class Label(Struct, frozen=True, forbid_unknown_fields=True):
    """A name in Chinese and in English."""

    zh: Text
    en: Text


class Ref(Struct, frozen=True, forbid_unknown_fields=True, order=True):
    """Names an event for ever: CloudEvents 1.0 ``source`` + ``id``."""

    source: Code
    id: Code
