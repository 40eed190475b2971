"""What is said of a cell that can't be taken, in Chinese and English."""

from collections.abc import Mapping

WHAT: Mapping[str, tuple[str, str]] = {
    "missing": ("为空", "is empty"),
    "no-date": ("不是日期", "is no date"),
    "no-year": ("日期没有年份", "is a date without a year"),
    "no-such-day": ("没有这一天", "is a day that does not exist"),
    "out-of-range": ("日期超出范围", "is a date out of range"),
    "two-days": ("可能是 {first}，也可能是 {second}", "may be {first} as well as {second}"),
    "before": ("早于“{earlier}”", "is before {earlier}"),
    "no-code": ("没有对应的代码", "has no meaning in the map"),
    "no-number": ("不是数字", "is no number"),
    "no-whole": ("不是整数", "is no whole number"),
    "no-yes": ("不是“是”或“否”", "is neither yes nor no"),
    "error": ("是公式错误", "is the error of a formula"),
    "no-value": ("是没有计算结果的公式", "is a formula without a value"),
    "twice": ("编号重复", "is a number that another row has"),
    "unread": ("没有与之对应的事项", "goes with nothing that the row says"),
    "too-many": ("超出表头的列", "stands beyond the last header"),
    "day-to-come": ("晚于明天", "is later than tomorrow"),
    "day-before-law": ("早于该法规及其前身施行之日", "is before the statute and its predecessors were in force"),
    "organ-foreign": ("是“{organ}”，此账户不得代其登记", "is {organ}, for which this account may not speak"),
    "refused": ("不合要求：{problem}", "{problem}"),
}
EXPECTED: Mapping[str, tuple[str, str]] = {
    "missing": ("一个值", "a value"),
    "no-date": ("日期，如 2025-03-01、2025年3月1日", "a date such as 2025-03-01 or 2025年3月1日"),
    "no-year": ("写明年份，或用 --set year=2025 给出", "the year with it, or --set year=2025"),
    "no-such-day": ("历法中有的日期", "a day of the calendar"),
    "out-of-range": ("1950-01-01 至 2199-12-31 的日期", "a date from 1950-01-01 to 2199-12-31"),
    "two-days": (
        "写作 {first.month}月{first.day}日 或 {second.month}月{second.day}日，或设为文本格式",
        "{first.month}月{first.day}日 or {second.month}月{second.day}日, or the date as text",
    ),
    "before": ("{other} 或以后", "{other} or later"),
    "no-code": ("{known} 之一", "one of {known}"),
    "no-number": ("数字", "a number"),
    "no-whole": ("整数", "a whole number"),
    "no-yes": ("“是”或“否”", "是 or 否"),
    "error": ("一个值", "a value"),
    "no-value": (
        "一个值：在电子表格程序中打开并保存后再导入",
        "a value: open the file in the spreadsheet program, save it, and import that",
    ),
    "twice": ("每行一个编号（此号已见于第 {row} 行）", "a number of its own (row {row} has this one)"),
    "unread": ("空单元格，或补上相应的内容", "an empty cell, or what it goes with"),
    "too-many": ("空单元格", "an empty cell"),
    "day-to-come": ("已经发生之日，最晚 {last}", "a day on which it happened, up to {last}"),
    "day-before-law": ("{first} 或以后", "a day from {first} on"),
    "organ-foreign": ("此账户的机关之一：{organs}", "an organ of this account: {organs}"),
    "refused": ("{expected}", "{expected}"),
}


def said(table: Mapping[str, tuple[str, str]], code: str, values: Mapping[str, object]) -> tuple[str, str]:
    """The sentence for ``code`` in Chinese and in English."""
    zh, en = table[code]
    return zh.format(**values), en.format(**values)
