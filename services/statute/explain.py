"""Why a due date is what it is: one account for the API, the pages, the exports and the command line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from services.statute import clock as clocks
from services.statute import words
from services.statute.account import Line, account, reason_in_chinese
from services.statute.calendar import Calendar
from services.statute.calendars import calendar_ids, shipped, superseded
from services.statute.draft import Draft
from services.statute.lifecycle import cut, receipt, settle
from services.statute.profile import Limit, Profile, profiles
from services.statute.run import Run, Step, limit_clock
from services.statute.settings import KNOWN
from services.statute.view import Timer, View
from services.statute.walk import walk

_DAY = timedelta(days=1)
_LONGEST = timedelta(days=60)
"""No notice moves a date by more than this."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """A calendar as it was until the end of the day before ``on``, when ``notice`` replaced it."""

    calendar: Calendar
    on: date
    notice: str


@cache
def shipped_changes(calendar_id: str) -> tuple[Earlier, ...]:
    """What stood in a calendar that ships before its later notices. Raises ``UnknownCalendar``."""
    now = shipped(calendar_id)
    return tuple(
        Earlier(now.with_notices([notice], f"{now.version}, before {by}"), on, by)
        for notice, on, by in superseded(calendar_id)
    )


def explain(
    draft: Draft,
    statute: str,
    calendar: Calendar,
    today: date,
    *,
    changes: Sequence[Earlier] | None = None,
    each_day: bool = False,
    settled: tuple[View, Profile] | None = None,
) -> list[Line]:
    """The account of all time limits of the request, the answer's first, at ``today``.

    ``changes`` are former states of the calendar (left out: those that ship with it); one that would have given
    another date than the calendar gives now is told.
    ``settled`` is what :func:`~services.statute.lifecycle.settle` gave for the same, where that was asked already.
    Raises :class:`~services.statute.errors.StatuteError`.
    """
    view, profile = settled or settle(draft, statute, calendar, today)
    lines = [_version(view, profile)]
    received_on = receipt(draft, profile)
    if received_on is None:
        return [*lines, *(_flag(text) for text in view.flags)]
    run = walk(draft, profile, calendar, received_on, today)
    if run.end:
        cut(run, run.end[0])
    lines += [_receipt(run), *_segments(run, today, each_day), *_steps(run), *_due(view, run)]
    if changes is None:
        changes = shipped_changes(calendar.id) if calendar.id in calendar_ids() else ()
    lines += [line for change in changes for line in _change(run, view, change, today)]
    lines += _other(view)
    parties = {f.data.consultation: f.data.party for f in reversed(draft.moves) if f.name == "consultation-opened"}
    for timer in view.clocks[1:]:
        lines += _timer(timer, run, each_day, parties)
    lines.append(_calendar(view, calendar))
    return [*lines, *_settings(run), *(_flag(text) for text in view.flags)]


def _version(view: View, profile: Profile) -> Line:
    en = f"{profile.title['en']} ({profile.id}), {profile.source}"
    return Line("statute", profile.in_force_from, None, f"{profile.title['zh']}（{profile.id}）", en, profile.source)


def _receipt(run: Run) -> Line:
    draft, profile, day = run.draft, run.profile, run.received_on
    assert draft.received is not None
    channel = draft.received.data.channel
    names = {
        "submitted_on": ("提交之日", "the day of submission"),
        "received_on": ("收到之日", "the day of receipt"),
        "confirmed_on": ("确认之日", "the day of confirmation"),
    }
    data = draft.received.data
    given = {"confirmed_on": data.confirmed_on or draft.confirmed_on, "received_on": data.received_on}
    field = next(n for n in profile.receipt[channel] if given.get(n) or n == "submitted_on")
    zh, en = names[field]
    text = f"received: {en} holds for the channel {channel}"
    zh = f"收到申请：以{zh}为准（{words.CHANNELS[channel]}）"
    return Line("receipt", day, day, zh, text, profile.receipt_article)


def _segments(run: Run, today: date, each_day: bool) -> list[Line]:
    """The days of the limit as it is counted now, and why an earlier count was given up."""
    lines = []
    for step in run.steps:
        if step.start is not None:
            zh = f"{reason_in_chinese(step.about)}；自{step.resumed_on}起重新计算全部期限"
            en = f"stopped for the {step.about}; the whole limit is counted anew from {step.resumed_on}"
            lines.append(Line("restart", step.on, step.resumed_on, zh, en, _basis(step.article, step.confirmed)))
    lines.append(_rule(run.profile, run.profile.answer, run.event, run.clock.start, "answer"))
    due = run.due()
    if due is not None:
        return lines + account(run.clock, run.calendar, due, "answer", each_day)
    still = clocks.union(run.clock.excluded)[-1]
    lines += account(run.clock, run.calendar, max(still.first, run.clock.start + _DAY) - _DAY, "answer", each_day)
    zh, en = f"{reason_in_chinese(still.reason)}，期限停止计算", f"the clock stands still: {still.reason}"
    return [*lines, Line("stopped", still.first, None, zh, en, still.article)]


def _rule(profile: Profile, limit: Limit, event: date, zero: date, name: str) -> Line:
    zh_unit, en_unit = words.UNITS[limit.unit]
    rule = limit.start or profile.says("start-day")
    zh_start, en_start = words.STARTS[rule]
    what, en_what = words.LIMITS[name]
    text = f"{en_what}: {limit.amount} {en_unit} from {event}, {en_start}"
    article = _basis(limit.article, limit.confirmed)
    zh = f"{what}：自{event}{zh_start}，{limit.amount}{zh_unit}"
    return Line("limit", zero + _DAY, None, zh, text, article, limit=name)


def _basis(article: str, confirmed: bool) -> str:
    return article if confirmed else f"{article}（未核对原文 / unconfirmed）"


def _steps(run: Run) -> list[Line]:
    lines = []
    for step in run.steps:
        if step.kind == "extend":
            zh_unit, en_unit = words.UNITS[run.profile.answer.unit if step.about else run.profile.extension.unit]
            zh, en = f"延长{step.amount}{zh_unit}", f"extended by {step.amount} {en_unit}"
            lines.append(_step("extension", step, None, zh, en))
        elif step.kind == "defer":
            lines.append(_step("deferral", step, step.until, f"延迟至{step.until}", f"put off to {step.until}"))
    return lines


def _step(kind: str, step: Step, until: date | None, zh: str, en: str) -> Line:
    return Line(kind, step.on, until, zh, en, _basis(step.article, step.confirmed), step.amount)


def _due(view: View, run: Run) -> list[Line]:
    lines = []
    if view.due_on is not None:
        unsure = ("（暂定：该年度放假安排尚未公布）", " (provisional: the calendar is not published that far)")
        zh, en = unsure if view.provisional else ("", "")
        article = run.profile.answer.article
        lines.append(Line("due", view.due_on, view.due_on, f"期限最后一日{zh}", f"the last day{en}", article))
    if view.overdue_from is not None:
        zh, en = "自该日零时起逾期", "overdue from the beginning of this day"
        silence = run.profile.silence
        if silence != "none" and not view.answered_on:
            en += f"; silence is a {silence.replace('-', ' ')}"
            zh += "；视为拒绝" if silence == "deemed-refusal" else "；视为同意"
        lines.append(Line("overdue", view.overdue_from, view.closed_on, zh, en))
    return [*lines, *_end(view, run)]


def _end(view: View, run: Run) -> list[Line]:
    if view.closed_on is None or run.end is None:
        return []
    if view.closing == "answered" and run.end[3] is not None:
        service = run.end[3].data.service
        zh, en = words.ANSWERED[run.profile.answering[service]]
        zh, en, article = (
            f"已答复（{words.SERVICES[service]}）：以{zh}为准",
            f"answered ({service}): {en} counts",
            run.profile.answering_article,
        )
    else:
        ways = {"withdrawn": "已撤回", "transferred": "已转办"}
        zh, article = ways.get(view.closing, "视为放弃，不再处理"), ""
        en = view.closing if view.closing != "abandoned" else f"closed by the clock: {view.outcome}"
    return [Line("end", view.closed_on, view.closed_on, zh, en, article, view.working_days or 0)]


def _change(run: Run, view: View, change: Earlier, today: date) -> list[Line]:
    """The date under a former calendar, if the notice that replaced it came while the limit ran and moved the date."""
    if not run.received_on < change.on or (view.due_on is not None and change.on > view.due_on + _LONGEST):
        return []
    before = walk(run.draft, run.profile, change.calendar, run.received_on, today)
    if before.end:
        cut(before, before.end[0])
    was = before.due()
    if (
        was is None
        or view.due_on is None
        or was == view.due_on
        or not run.received_on < change.on <= max(was, view.due_on)
    ):
        return []
    zh = f"{change.on}前最后一日为{was}；按{change.notice}为{view.due_on}"
    en = f"before {change.on} the last day was {was}; by the notice of that day ({change.notice}) it is {view.due_on}"
    return [Line("calendar-change", was, view.due_on, zh, en, change.notice)]


def _other(view: View) -> list[Line]:
    if not view.statute_other:
        return []
    other = profiles()[view.statute_other]
    zh = f"跨越新旧法的申请：按{other.id}，最后一日为{view.due_on_other}（适用哪个版本，法律未明确）"
    en = f"pending when the law changed: under {other.id} the last day is {view.due_on_other} (not settled)"
    return [Line("other-version", view.due_on_other, view.due_on_other, zh, en, other.answer.article)]


def _timer(timer: Timer, run: Run, each_day: bool, parties: Mapping[str, str]) -> list[Line]:
    """One of the other limits: its rule and its days in short; day by day where asked."""
    if timer.due_on is None:
        return []
    limit = _limit_of(timer, run, parties)
    lines = []
    if limit is not None:
        clock = limit_clock(limit, timer.start, run.profile, run.calendar)
        lines.append(_rule(run.profile, limit, timer.start, clock.start, timer.limit))
        if each_day:
            lines += account(clock, run.calendar, timer.due_on, timer.limit, each_day)
    zh, en = words.LIMITS[timer.limit]
    about = f" {timer.about}" if timer.about else ""
    zh, en = f"{zh}{words.OPENINGS.get(timer.about, about)}：最后一日", f"{en}{about}: the last day"
    if timer.done_on is not None:
        zh, en = f"{zh}（{timer.done_on}已了）", f"{en} (done on {timer.done_on})"
    if timer.silence:
        en += f"; silence is a {timer.silence.replace('-', ' ')}"
        zh += "；逾期视为同意" if timer.silence == "deemed-consent" else "；逾期视为拒绝"
    return [*lines, Line("due", timer.due_on, timer.due_on, zh, en, timer.article, limit=timer.limit)]


def _limit_of(timer: Timer, run: Run, parties: Mapping[str, str]) -> Limit | None:
    profile = run.profile
    match timer.limit:
        case "clarification-notice":
            return profile.clarification.notice
        case "fee-payment":
            return profile.fee.limit
        case "consultation":
            return profile.consultation[parties[timer.about]].limit
        case "reconsideration" | "litigation":
            return next(r.limit for r in profile.remedies if r.kind == timer.limit and r.limit.article == timer.article)
    return None


def _calendar(view: View, calendar: Calendar) -> Line:
    first, last = calendar.published_from, calendar.published_through
    en = f"calendar {view.calendar}; published from {first.year} to {last.year}"
    return Line("calendar", None, last, f"日历 {view.calendar}；已公布{first.year}年至{last.year}年", en)


def _settings(run: Run) -> list[Line]:
    """How unclear points were read, as far as they bear on this request."""
    names = ["start-day"]
    data = run.draft.received.data if run.draft.received else None
    if data is not None and data.channel == "email":
        names.append("email-receipt")
    kinds = {fact.name for fact in run.draft.moves}
    if "consultation-opened" in kinds:
        names += ["excluded-boundary", "exclusion-cap"]
    if "clarification-requested" in kinds and run.profile.clarification.effect != "none":
        names += ["clarification-rounds", "late-clarification-notice", "late-correction"]
    if "extension-granted" in kinds:
        names.append("extension-cap")
    lines = []
    for name in names:
        one, known = run.profile.settings[name], KNOWN[name]
        sure = ("", "") if one.confirmed else ("（未确认）", " (unconfirmed)")
        zh, en = f"{known.zh}：{one.value}{sure[0]}", f"{known.en}: {known.allowed[one.value]}{sure[1]}"
        lines.append(Line("setting", None, None, zh, en, f"{name} = {one.value}; {one.source}"))
    return lines


def _flag(text: str) -> Line:
    return Line("flag", None, None, text, text)
