"""A register as an office keeps it, invented: what happened is drawn first, then written as untidily as people write.

``python -m scripts.make_register`` writes ``services/samples/register-2025.csv``: 200 rows, with a few mistakes in them
that ``services/samples/README.md`` lists. The tests make larger ones and know from here what must come out.
"""

import csv
import io
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[1] / "services" / "samples" / "register-2025.csv"
ORGAN, YEAR = "sample-office", 2025
SOURCE = f"urn:shixian:register:{ORGAN}"
UPPER = ("序号", "登记编号", "申请情况", "", "", "补正", "", "", "延期", "", "答复情况", "", "", "备注")
LOWER = (
    "", "", "申请日期", "申请方式", "申请人类型", "补正通知日期", "补正期限", "补正日期",
    "延期批准日期", "延期告知日期",    "办理结果", "答复日期", "答复方式", "",
)  # fmt: skip
AT = {name: at for at, name in enumerate(LOWER) if name} | {"登记编号": 1}
CHANNELS = {
    "in-person": ("当面", "现场", "窗口"), "post": ("信函", "邮寄", "ＥＭＳ", "挂号信"), "fax": ("传真",),
    "email": ("电子邮件", "邮 件"), "online": ("网上", "网站", "在线平台", "online"),
}  # fmt: skip
APPLICANTS = {
    "natural-person": ("公民", "自然人", "个人"), "business": ("企业", "公司"), "legal-service": ("律师事务所", "律所"),
    "public-interest": ("社会公益组织",), "other-organisation": ("其他组织", "其他"),
}  # fmt: skip
OUTCOMES = {
    "granted": ("予以公开", "公开", "同意公开"), "already-published": ("已主动公开",), "granted-in-part": ("部分公开",),
    "refused-third-party": ("商业秘密", "个人隐私"),
    "refused-state-secret": ("不予公开（国家秘密）", "不予公开(国家秘密)"),
    "does-not-exist": ("信息不存在", "不存在", "本机关不掌握"), "not-this-organ": ("非本机关",), "petition": ("信访",),
}  # fmt: skip
SERVICES = {"posted": ("邮寄", "EMS"), "handed": ("当面领取", "自取"), "electronic": ("电子邮件", "网络")}
WITHDRAWN = ("撤回", "申请人撤回")
_DIGITS = str.maketrans("0123456789", "〇一二三四五六七八九")
_WIDE = str.maketrans("0123456789/.-", "０１２３４５６７８９／．－")


@dataclass
class Register:
    """A register, and what must come of it."""

    rows: list[list[str]] = field(default_factory=list)
    """The rows below the headers."""
    facts: list[dict[str, Any]] = field(default_factory=list)
    """What the good rows say, as ``(type, subject, data)`` and the id: CloudEvents without what all have."""
    planted: set[tuple[int, str, str]] = field(default_factory=set)
    """Each mistake: the row's number in the file, the column and the problem's code."""
    spoiled: dict[int, tuple[list[str], list[dict[str, Any]]]] = field(default_factory=dict)
    """The rows with mistakes by their number: how they were before, and what they would have said."""

    def csv(self, encoding: str = "utf-8") -> bytes:
        """The file: a title, headers over two rows, the rows."""
        out = io.StringIO(newline="")
        csv.writer(out).writerows([["政府信息公开申请登记表（2025年）"], UPPER, LOWER, *self.rows])
        return out.getvalue().encode(encoding)


def numeral(number: int) -> str:
    """A number below a hundred in Chinese numerals."""
    tens, ones = divmod(number, 10)
    head = "" if tens == 0 else "十" if tens == 1 else f"{'〇一二三四五六七八九'[tens]}十"
    return head + ("" if ones == 0 and tens else "〇一二三四五六七八九"[ones])


WRITINGS: tuple[Callable[[date], str], ...] = (
    lambda d: d.isoformat(),
    lambda d: f"{d.year}/{d.month}/{d.day}",
    lambda d: f"{d.year}年{d.month}月{d.day}日",
    lambda d: f" {d.year} 年 {d.month} 月 {d.day} 号",
    lambda d: f"{str(d.year).translate(_DIGITS)}年{numeral(d.month)}月{numeral(d.day)}日",
    lambda d: f"{d.month}.{d.day}" if d.year == YEAR else f"{d.year}.{d.month}.{d.day}",
    lambda d: f"{d.month}月{d.day}日" if d.year == YEAR else f"{d:%Y%m%d}",
    lambda d: f"{d.year}.{d.month:02}.{d.day:02}".translate(_WIDE),
    lambda d: str((d - date(1899, 12, 30)).days),
    lambda d: f"{d.isoformat()} 09:30",
)
MISTAKES: tuple[tuple[str, str, str], ...] = (
    ("申请日期", "2025-02-30", "no-such-day"),
    ("申请日期", "去年底", "no-date"),
    ("申请日期", "25/3/1", "no-date"),
    ("申请日期", "", "missing"),
    ("申请日期", "2205-01-01", "out-of-range"),
    ("申请方式", "口头", "no-code"),
    ("申请方式", "", "missing"),
    ("申请人类型", "群众", "no-code"),
    ("申请人类型", "#REF!", "error"),
    ("答复日期", "2019-01-01", "before"),
    ("答复日期", "13月1日", "no-such-day"),
    ("办理结果", "详见附件", "no-code"),
    ("补正期限", "尽快", "no-date"),
    ("补正通知日期", "", "missing"),
    ("延期告知日期", "", "missing"),
    ("登记编号", "", "missing"),
    ("登记编号", "TWICE", "twice"),
    ("#15", "多出的一格", "too-many"),
)


def make(count: int, seed: int, mistakes: int) -> Register:
    """``count`` rows, ``mistakes`` of them with one or two mistakes each."""
    rng, made = random.Random(seed), Register()
    wrong = set(rng.sample(range(1, count), mistakes))
    for index in range(count):
        row, facts = _entry(rng, index)
        number = len(made.rows) + 4
        before = list(row)
        planted = _spoil(rng, row, made) if index in wrong else set()
        made.rows.append(row)
        made.planted |= {(number, column, code) for column, code in planted}
        if planted:
            made.spoiled[number] = (before, facts)
        else:
            made.facts += facts
        _untidy(rng, made)
    made.rows.append(["合计", "", f"{count} 件"])
    return made


def _untidy(rng: random.Random, made: Register) -> None:
    """What stands between the rows of a register that was printed and pasted together."""
    drawn = rng.random()
    if drawn < 0.01:
        made.rows.append([""] * len(UPPER))
    elif drawn < 0.02:
        made.rows += [list(UPPER), list(LOWER)]
    elif drawn < 0.03:
        made.rows.append(["小计", "", "本页"])


def _entry(rng: random.Random, index: int) -> tuple[list[str], list[dict[str, Any]]]:
    day = date(YEAR, 1, 2) + timedelta(rng.randrange(350))
    number = f"〔{YEAR}〕第{index + 1}号"
    row = [str(index + 1), rng.choice((number, f"〔{YEAR}〕 第{index + 1}号 ", number)), *[""] * 12]
    facts: list[dict[str, Any]] = []

    def write(column: str, value: str) -> None:
        row[AT[column]] = rng.choice((value, f" {value}", f"{value}　", value))

    def dated(column: str, on: date) -> str:
        write(column, rng.choice(WRITINGS)(on))
        return on.isoformat()

    def coded(column: str, words: Mapping[str, tuple[str, ...]]) -> str:
        code = rng.choice(list(words))
        write(column, rng.choice(words[code]))
        return code

    def happened(name: str, **data: Any) -> None:
        plain = f"〔{YEAR}〕第{index + 1}号"
        facts.append({"id": f"{plain}/{name}", "type": name, "subject": f"{ORGAN}/{plain}", "data": data})

    channel, applicant = coded("申请方式", CHANNELS), coded("申请人类型", APPLICANTS)
    happened("request-received", organ=ORGAN, channel=channel, applicant=applicant, submitted_on=dated("申请日期", day))
    if rng.random() < 0.25:
        asked, by, came = day + timedelta(3), day + timedelta(13), day + timedelta(9)
        happened("clarification-requested", requested_on=dated("补正通知日期", asked), respond_by=dated("补正期限", by))
        if rng.random() < 0.7:
            happened("clarification-received", received_on=dated("补正日期", came))
        else:
            write("补正日期", "／")
    if rng.random() < 0.2:
        decided, notified = day + timedelta(15), day + timedelta(16)
        happened(
            "extension-granted",
            decided_on=dated("延期批准日期", decided),
            notified_on=dated("延期告知日期", notified),
            amount=20,
        )
    end, drawn = day + timedelta(rng.randrange(10, 40)), rng.random()
    if drawn < 0.1:
        write("办理结果", rng.choice(WITHDRAWN))
        happened("request-withdrawn", withdrawn_on=dated("答复日期", end))
    elif drawn < 0.9:
        outcome, service = coded("办理结果", OUTCOMES), coded("答复方式", SERVICES)
        happened("answer-issued", outcome=outcome, answered_on=dated("答复日期", end), service=service)
    else:
        write("答复日期", rng.choice(("-", "", "无")))
    return row, facts


def _spoil(rng: random.Random, row: list[str], made: Register) -> set[tuple[str, str]]:
    """Put one or two mistakes into a row; which they are."""
    found: set[tuple[str, str]] = set()
    for column, value, code in rng.sample(MISTAKES, 2):
        if column in {c for c, _ in found} or not _can(row, column, code, found):
            continue
        if column == "#15":
            row += [value]
        elif value == "TWICE":
            row[AT[column]] = made.rows[0][AT[column]]
        else:
            row[AT[column]] = value
        found.add((column, code))
    if not found:
        row[AT["申请方式"]] = "托人转交"
        found.add(("申请方式", "no-code"))
    return found


def _can(row: list[str], column: str, code: str, found: set[tuple[str, str]]) -> bool:
    """Whether the mistake is one in this row, beside those that it has already."""
    others = {c for c, _ in found}
    if column == "答复日期" and code == "before":
        return row[AT[column]] not in ("", "-", "无") and row[AT["办理结果"]] != "" and "申请日期" not in others
    if column == "申请日期":
        return ("答复日期", "before") not in found
    if column in ("补正期限", "补正通知日期", "延期告知日期"):
        return row[AT[column]] != "" and not {"补正期限", "补正通知日期"} & others
    if column in ("答复日期", "办理结果"):
        return row[AT["答复方式"]] != ""
    return True


def lines() -> bytes:
    """The sample register."""
    return make(200, 2025, 12).csv()


if __name__ == "__main__":
    FILE.write_bytes(lines())
