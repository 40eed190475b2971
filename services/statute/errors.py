"""What the law part refuses, each with its reason."""


class StatuteError(ValueError):
    """The base of every refusal of the law part."""


class UnknownCalendar(StatuteError):
    """No calendar has this id; it is never replaced by another."""


class UnknownStatute(StatuteError):
    """No statute, and no version of one, has this id."""


class NoVersion(UnknownStatute):
    """None of the versions of a statute that is known was in force on the day."""


class BadData(StatuteError):
    """A data file is not what it must be: names the file, the key and the reason."""

    def __init__(self, file: str, key: str, reason: str) -> None:
        super().__init__(f"{file}: {key}: {reason}")
        self.file, self.key, self.reason = file, key, reason


class OutOfRange(StatuteError):
    """A date is outside the days that calendars hold."""
