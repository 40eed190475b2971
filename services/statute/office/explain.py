"""Why the promised date is what it is, for the one account of a request's dates. Pure."""

from collections.abc import Iterator
from datetime import timedelta

from services.statute.account import Basis, Line, cited
from services.statute.answer_clock import AnswerClock
from services.statute.assessment import Assessment
from services.statute.office.items import SPECIAL_ARTICLE, Item, committed_clock, leaves_out_special
from services.words.catalogue import name

_DAY = timedelta(days=1)


def of_item(assessed: Assessment) -> list[Line]:
    """What the request's service item adds: its promise and its special steps."""
    item = assessed.timeline.item
    if assessed.run is None or item is None:
        return []
    special = _special(item) if leaves_out_special(assessed.profile) else ()
    return [*_promised(assessed, assessed.run, item), *special]


def _special(item: Item) -> Iterator[Line]:
    """Which steps of the item don't count, and how long they may take at most."""
    for code, step in item.special.items():
        zh, en = (
            f"特殊环节“{step.zh}”（{code}）：自开始次日起至结束之日不计入期限",
            f"special step {step.en} ({code}): ",
        )
        en += "the days after its beginning through its end do not count"
        if step.limit is not None:
            zh += f"，最长{step.limit.amount}{name('unit', step.limit.unit, 'zh')}"
            en += f", at most {step.limit.amount} {name('unit', step.limit.unit, 'en')}"
        yield Line("special-step", None, None, zh, en, cited(SPECIAL_ARTICLE, False), limit="special-step")


def _promised(assessed: Assessment, run: AnswerClock, item: Item) -> list[Line]:
    """The promise of the request's item: its limit, its last day, and how the answer kept it."""
    if item.committed is None:
        return []
    state = assessed.state
    amount, unit = item.committed.amount, item.committed.unit
    basis = Basis(f"办理事项{item.code}", f"item {item.code}")
    zh = f"承诺时限：{amount}{name('unit', unit, 'zh')}；停止、重新计算与法定期限相同，延长不改变承诺时限"
    en = f"committed limit: {amount} {name('unit', unit, 'en')}; it stops and restarts like the statutory one"
    en += ", and no extension moves it"
    clock = committed_clock(run, item, run.calendar) or run.clock
    lines = [Line("limit", clock.start + _DAY, None, zh, en, basis, limit="committed")]
    due = state.committed_due_on
    if due is None:
        zh, en = (
            "期限停止计算，承诺的最后一日尚不能确定",
            "the clock stands still; the last day promised is not known yet",
        )
        return [*lines, Line("stopped", None, None, zh, en, limit="committed")]
    lines.append(Line("due", due, due, "承诺时限最后一日", "the last day promised", basis, limit="committed"))
    if state.committed_timeliness == "late":
        zh, en = "答复超过承诺时限", "answered after the last day promised"
        lines.append(Line("overdue", due + _DAY, state.closed_on, zh, en, limit="committed"))
    return lines
