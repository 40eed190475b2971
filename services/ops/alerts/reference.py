"""The reference topic: organs, units, items and calendars that were written to it and have no effect."""

from services.ops.config import Config
from services.ops.rule import OPERATORS, Rule, alert

_COUNTED = ("rejected", "unreadable")
_SETTLED = "15m"
"""Every process counts from the topic's beginning: for so long after a start its number may be lower than it was."""


def _all(offset: str = "") -> str:
    """How many such records there are in the topic; of all readers the one that has read the most."""
    each = (f"max(max_over_time(shixian_reference_{what}_total[{_SETTLED}]{offset}))" for what in _COUNTED)
    return f"({' + '.join(each)})"


def rules(config: Config) -> list[Rule]:
    """The rules of this subject."""
    window = config.reference_window
    return [
        alert(
            config,
            "ReferenceWithoutEffect",
            f"{_all()}\n- {_all(f' offset {window}')} > 0",
            severity="warning",
            audience=OPERATORS,
            symptom="reference",
            summary="An organ, a unit, an item or a calendar was written to the log and has no effect.",
            description=f"{{{{ $value }}}} records of the reference topic in {window} can't be read, or name "
            "what there is not.",
            chinese=(
                "写入日志的机关、单位、事项或日历没有生效。",
                f"{window} 内参考主题中有 {{{{ $value }}}} 条记录无法读取，或引用了不存在的内容。",
            ),
            for_="0s",
        )
    ]
