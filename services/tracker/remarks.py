"""The remarks on a request in Chinese. They are stored in English, as the law finds them; pages say them anew."""

import re
from functools import cache

from services.events.meanings import FACTS

_CHINESE = {
    "the request was already received; the first one counts": "该申请此前已收到，以第一次为准",
    "consultation {key} was already opened; the first opening counts": "征求意见 {key} 此前已开始，以第一次为准",
    "consultation {key} was already closed; the first closing counts": "征求意见 {key} 此前已结束，以第一次为准",
    "consultation {key} was closed, but its opening is not known": "征求意见 {key} 已结束，但未见其开始",
    "consultation {key} was closed on {day}, before it was opened on {other}": (
        "征求意见 {key} 于 {day} 结束，早于其开始之日 {other}"
    ),
    "review {key} was already filed; the first filing counts": "案件 {key} 此前已提起，以第一次为准",
    "review {key} was already decided; the first decision counts": "案件 {key} 此前已有结果，以第一次为准",
    "review {key} was decided, but its filing is not known": "案件 {key} 已有结果，但未见其提起",
    "not yet confirmed; counted from the submission on {day} the limit would end on {other}": (
        "尚未确认收到；若自提交之日 {day} 起算，期限最后一日为 {other}"
    ),
    "submitted on {day}, confirmed on {other}, {number} days later; "
    "counted from the submission the limit would end on {due}": (
        "{day} 提交，{other} 确认收到，相隔 {number} 日；若自提交之日起算，期限最后一日为 {due}"
    ),
    "received on {day}, before the submission on {other}": "收到日 {day} 早于提交日 {other}",
    "a corrected request came, but no notice that counts asked for it": "收到补正，但没有有效的补正告知",
    "a fee was paid, but no notice that counts asked for it": "已缴费，但没有有效的缴费通知",
    "a fee was already asked and not paid; the first notice counts": "此前已通知缴费而尚未缴纳，以第一次通知为准",
    "the date to respond by, {day}, is before the notice on {other}": "补正期限 {day} 早于告知之日 {other}",
    "clarification notice number {number}; {most} allowed": "第 {number} 次告知补正；允许 {most} 次",
    "clarification notice on {day}, after its limit of {due}": "{day} 告知补正，已过告知期限 {due}",
    "corrected on {day}, after the date in the notice, {due}": "{day} 补正，已过告知书所定期限 {due}",
    "paid on {day}, after the limit of {due}": "{day} 缴费，已过缴费期限 {due}",
    "extension number {number}; {most} allowed": "第 {number} 次延长；允许 {most} 次",
    "extension of {number} is beyond the cap of {most}; {counted} counts": (
        "延长 {number}，超过上限 {most}；计入 {counted}"
    ),
    "deferral to {day}; {key} knows no deferral for volume": "延迟至 {day}；{key} 没有因数量延迟答复的规定",
    "deferral to {day} is not later than the limit of {due}": "延迟至 {day}，不晚于现有期限 {due}",
    "amends itself through other amendments": "经由其他更正又更正自身",
    "{what} on {day}, after the limit of {due}; it cures nothing": "{what}：{day}，已过期限 {due}，不能补救",
    "{what} on {day}, before the receipt on {other}": "{what}：{day}，早于收到日 {other}",
    "{what} on {day}: the request had ended on {other}": "{what}：{day}，申请已于 {other} 办结",
}
_WHAT = {
    "clarification notice": "告知补正",
    "fee notice": "通知缴费",
    "extension notified": "告知延长",
    "deferral notified": "告知延迟答复",
    "answered": "已答复",
    "withdrawn": "已撤回",
    "transferred": "已转办",
    "abandoned": "视为放弃",
    "came": "收到",
} | {name: chinese for name, (_, chinese) in FACTS.items()}
_OPENED = re.compile(r"consultation (.+) opened")


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Each English text as a pattern, with the name of the fact before it or none; those that say more come first."""
    what = "|".join([_OPENED.pattern.replace("(", "(?:"), *map(re.escape, _WHAT)])

    def pattern(text: str) -> re.Pattern[str]:
        quoted = re.escape(text).replace(r"\{what\}", f"(?P<what>{what})")
        return re.compile(r"(?:(?P<fact>.+?): )?" + re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", quoted))

    return tuple((pattern(text), chinese) for text, chinese in _CHINESE.items())


def chinese(remark: str) -> str:
    """A remark in Chinese; one that is not known here stays as it is."""
    for pattern, text in _patterns():
        if found := pattern.fullmatch(remark):
            values = found.groupdict()
            if (what := values.get("what")) is not None:
                opened = _OPENED.fullmatch(what)
                values["what"] = f"开始征求意见 {opened[1]}" if opened else _WHAT.get(what, what)
            said = text.format_map(values)
            return f"{values['fact']}：{said}" if values["fact"] else said
    return remark
