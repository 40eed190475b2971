"""What the law part refuses, each with its reason as a code and values."""

from services.words.catalogue import sentence
from services.words.remark import Remark, remark


class StatuteError(ValueError):
    """The base of every refusal of the law part; its text is the English wording of its remark."""

    def __init__(self, code: str, **values: object) -> None:
        self.remark: Remark = remark(code, **values)
        super().__init__(sentence(code, self.remark.values, "en"))


class UnknownCalendar(StatuteError):
    """No calendar has this id; it is never replaced by another."""

    def __init__(self, calendar: str, known: tuple[str, ...]) -> None:
        super().__init__("unknown-calendar", calendar=calendar, known=", ".join(known))


class UnknownStatute(StatuteError):
    """No statute, and no version of one, has this id."""

    def __init__(self, statute: str, known: tuple[str, ...]) -> None:
        super().__init__("unknown-statute", statute=statute, known=", ".join(known))


class NoVersion(StatuteError):
    """None of the versions of a statute that is known was in force on the day."""


class NoRequest(StatuteError):
    """The facts don't say that a request was received."""

    def __init__(self) -> None:
        super().__init__("no-request")


class BadData(StatuteError):
    """A data file is not what it must be: names the file, the key and the reason."""

    def __init__(self, file: str, key: str, reason: str) -> None:
        super().__init__("bad-data", file=file, key=key, reason=reason)
        self.file, self.key, self.reason = file, key, reason


class OutOfRange(StatuteError):
    """A date is outside the days that calendars hold."""
