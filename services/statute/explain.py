"""Why a due date is what it is: one account for the API, the pages, the exports and the command line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from services.statute import clock as clocks
from services.statute import rules
from services.statute.account import NO_BASIS, Basis, Line, account, cited
from services.statute.answer_clock import AnswerClock, Step, limit_clock
from services.statute.assessment import Assessment
from services.statute.calendar import Calendar
from services.statute.calendars import calendar_ids, shipped, superseded
from services.statute.data_file import in_both
from services.statute.moves import walk
from services.statute.office.duties import explained
from services.statute.office.explain import of_item
from services.statute.profile import Profile
from services.statute.profile_tables import Limit
from services.statute.readings import bearing
from services.statute.settings import KNOWN
from services.statute.state import Deadline, RequestState
from services.statute.versions import profiles
from services.words.catalogue import name, names, said
from services.words.remark import Remark

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


rules.remembered(shipped_changes.cache_clear)


def explain(
    assessed: Assessment,
    calendar: Calendar,
    today: date,
    *,
    changes: Sequence[Earlier] | None = None,
    each_day: bool = False,
) -> list[Line]:
    """The account of all time limits of the request, the answer's first, at ``today``.

    ``changes`` are former states of the calendar (left out: those that ship with it); one that would have given
    another date than the calendar gives now is mentioned.
    """
    view, profile, run = assessed.state, assessed.profile, assessed.run
    lines = [_version(profile)]
    if run is None:
        return [*lines, *(remarked(each) for each in view.remarks)]
    lines += [_receipt(run), *_segments(run, today, each_day), *_steps(run), *_due(view, run)]
    if changes is None:
        changes = shipped_changes(calendar.id) if calendar.id in calendar_ids() else ()
    lines += [line for change in changes for line in _change(run, view, change, today)]
    lines += of_item(assessed)
    lines += explained(view.duties, profile)
    lines += _other(view)
    parties = {
        f.data.consultation: f.data.party for f in reversed(run.timeline.moves) if f.name == "consultation-opened"
    }
    for timer in view.clocks[1:]:
        lines += _timer(timer, run, each_day, parties)
    lines.append(_calendar(view, calendar))
    return [*lines, *_settings(run), *(remarked(each) for each in view.remarks)]


def _version(profile: Profile) -> Line:
    source = in_both(profile.source)
    zh, en = f"{profile.title.zh}（{profile.id}）", f"{profile.title.en} ({profile.id}), {source.en}"
    return Line("statute", profile.in_force.from_, None, zh, en, basis=Basis(source.zh, source.en))


def _receipt(run: AnswerClock) -> Line:
    timeline, profile, day = run.timeline, run.profile, run.received_on
    assert timeline.received is not None
    channel = timeline.received.data.channel
    data = timeline.received.data
    given = {"confirmed_on": data.confirmed_on or timeline.confirmed_on, "received_on": data.received_on}
    rule = profile.receipt_rule(channel, data.mail)
    field = next(n for n in rule if given.get(n) or n == "submitted_on")
    zh, en = _both("receipt-date", field)
    text = f"received: {en} holds for the channel {channel}"
    zh = f"收到申请：以{zh}为准（{name('channel', channel, 'zh')}）"
    return Line("receipt", day, day, zh, text, cited(profile.receipt.article))


def _segments(run: AnswerClock, today: date, each_day: bool) -> list[Line]:
    """The days of the limit as it is counted now, and why an earlier count was given up."""
    lines = []
    for step in run.steps:
        if step.start is not None:
            assert step.about is not None
            why = said(step.about)
            zh = f"{why.zh}；自{step.resumed_on}起重新计算全部期限"
            en = f"stopped for the {why.en}; the whole limit is counted anew from {step.resumed_on}"
            lines.append(Line("restart", step.on, step.resumed_on, zh, en, cited(step.article, step.confirmed)))
    lines.append(_rule(run.profile, run.profile.answer, run.event, run.clock.start, "answer"))
    due = run.due(run.end.on if run.end else today)
    if due is not None:
        return lines + account(run.clock, run.calendar, due, "answer", each_day)
    still = clocks.union(run.clock.excluded)[-1]
    lines += account(run.clock, run.calendar, max(still.first, run.clock.start + _DAY) - _DAY, "answer", each_day)
    assert still.reason is not None
    why = said(still.reason)
    days = max(0, (today - still.first).days + 1)
    zh, en = f"{why.zh}，期限停止计算（已{days}日）", f"the clock stands still: {why.en} ({days} days by now)"
    return [*lines, Line("stopped", still.first, None, zh, en, cited(still.article))]


def _rule(profile: Profile, limit: Limit, event: date, zero: date, which: str) -> Line:
    zh_unit, en_unit = _both("unit", limit.unit)
    zh_start, en_start = _both("start", limit.start or profile.says("start-day"))
    what, en_what = _both("limit-of", which)
    text = f"{en_what}: {limit.amount} {en_unit} from {event}, {en_start}"
    zh = f"{what}：自{event}{zh_start}，{limit.amount}{zh_unit}"
    return Line("limit", zero + _DAY, None, zh, text, cited(limit.article, limit.confirmed), limit=which)


def _both(group: str, code: str) -> tuple[str, str]:
    return name(group, code, "zh"), name(group, code, "en")


def _steps(run: AnswerClock) -> list[Line]:
    lines = []
    for step in run.steps:
        if step.kind == "extend":
            zh_unit, en_unit = _both("unit", run.profile.answer.unit if step.about else run.profile.extension_unit)
            zh, en = f"延长{step.amount}{zh_unit}", f"extended by {step.amount} {en_unit}"
            lines.append(_step("extension", step, None, zh, en))
        elif step.kind == "defer":
            lines.append(_step("deferral", step, step.until, f"延迟至{step.until}", f"put off to {step.until}"))
        elif step.kind == "agree":
            zh, en = f"与申请人商定至{step.until}", f"agreed with the applicant until {step.until}"
            lines.append(_step("agreement", step, step.until, zh, en))
    return lines


def _step(kind: str, step: Step, until: date | None, zh: str, en: str) -> Line:
    return Line(kind, step.on, until, zh, en, cited(step.article, step.confirmed), step.amount)


def _order(view: RequestState, run: AnswerClock) -> list[Line]:
    """The limit of a new answer that a review ordered, which stands in place of the law's own."""
    if not view.ordered_by:
        return []
    review = next(r for r in view.reviews if r.review == view.ordered_by)
    assert review.answer_within is not None
    amount, unit = review.answer_within
    zh_unit, en_unit = _both("unit", unit)
    start = view.clocks[0].start
    zh = f"{review.review}责令重新答复：自{start}起{amount}{zh_unit}"
    en = f"{review.review} orders a new answer: {amount} {en_unit} from {start}"
    if review.delivered_on is None:
        zh, en = (
            f"{zh}（决定送达之日未录入，以作出之日计）",
            f"{en} (the decision's receipt is not entered; from its making)",
        )
    lines = [Line("order", start, view.due_on, zh, en)]
    if view.reanswered_on is not None:
        outcome = name("outcome", view.reanswer_outcome, "zh"), name("outcome", view.reanswer_outcome, "en")
        zh, en = (
            f"已重新答复：{outcome[0]}（统计仍计第一次答复）",
            f"answered anew: {outcome[1]} (counted with the first answer)",
        )
        lines.append(Line("new-answer", view.reanswered_on, view.reanswered_on, zh, en))
    return lines


def _due(view: RequestState, run: AnswerClock) -> list[Line]:
    lines = _order(view, run)
    unsure = ("（暂定：尚未公布的放假安排可能变动该日）", " (provisional: a notice still to come can move it)")
    if view.latest_due_on is not None:
        can_move = clocks.depends_on_calendar(run.clock) and run.calendar.is_provisional(view.latest_due_on, run.event)
        zh, en = unsure if can_move else ("", "")
        zh, en = (
            f"至迟的期限最后一日（对方在其期限最后一日回复的）{zh}",
            f"the last day at the latest, if the reply takes its whole limit{en}",
        )
        lines.append(Line("latest", view.latest_due_on, view.latest_due_on, zh, en))
    lines += _temporary(view, run)
    if view.due_on is not None:
        zh, en = unsure if view.provisional else ("", "")
        basis = cited(run.profile.answer.article)
        lines.append(Line("due", view.due_on, view.due_on, f"期限最后一日{zh}", f"the last day{en}", basis))
    for day in (view.breached_from, view.overdue_from):
        if day is None:
            continue
        zh, en = "自该日零时起逾期", "overdue from the beginning of this day"
        silence = run.profile.answer.silence
        if silence != "none" and not view.answered_on:
            silent_zh, silent_en = _both("silence", silence)
            zh, en = f"{zh}；{silent_zh}", f"{en}; silence is {silent_en}"
        lines.append(Line("overdue", day, _until(view, day), zh, en))
    return [*lines, *_end(view, run)]


def _temporary(view: RequestState, run: AnswerClock) -> list[Line]:
    """The temporary law that gives an answer more time than the plain limit."""
    plain, due = run.due(), view.due_on
    if plain is None or due is None or due <= plain or view.ordered_by:
        return []
    zh_unit, en_unit = _both("unit", run.profile.answer.unit)
    lines = []
    for law in run.profile.temporary:
        if due <= law.through:
            zh = f"临时法：{law.from_}至{law.through}作出答复的，期限为{law.amount}{zh_unit}"
            en = f"temporary law: {law.amount} {en_unit} for an answer from {law.from_} through {law.through}"
            lines.append(Line("temporary", law.from_, law.through, zh, en, cited(law.article, law.confirmed)))
    return lines


def _until(view: RequestState, overdue_from: date) -> date | None:
    """The end of a breach: the answer that came late, the first one or the one that was ordered."""
    return next((on for on in (view.closed_on, view.reanswered_on) if on is not None and on >= overdue_from), None)


def _end(view: RequestState, run: AnswerClock) -> list[Line]:
    if view.closed_on is None or run.end is None:
        return []
    basis = NO_BASIS
    if view.closing == "answered" and run.end.fact is not None:
        service = run.end.fact.data.service
        zh, en = _both("answered", run.profile.answered_by[service])
        zh, en = f"已答复（{name('service', service, 'zh')}）：以{zh}为准", f"answered ({service}): {en} counts"
        basis = cited(run.profile.answering.article)
    elif view.closing == "abandoned":
        zh, en = _both("outcome", view.outcome)
        zh, en = f"视为放弃，不再处理（{zh}）", f"closed by the clock: {en}"
    else:
        zh, en = _both("ending", view.closing)
    return [Line("end", view.closed_on, view.closed_on, zh, en, basis, view.working_days or 0)]


def _change(run: AnswerClock, view: RequestState, change: Earlier, today: date) -> list[Line]:
    """The date under a former calendar, if the notice that replaced it came while the limit ran and moved the date."""
    if not run.received_on < change.on or (view.due_on is not None and change.on > view.due_on + _LONGEST):
        return []
    before = walk(run.timeline, run.profile, change.calendar, run.received_on, today)
    if before.end:
        before.cut(before.end.on)
    # No notice moves the limit into one that a review orders.
    was, now = before.due(), view.own_due_on if view.ordered_by else view.due_on
    if was is None or now is None or was == now or not run.received_on < change.on <= max(was, now):
        return []
    zh = f"{change.on}前最后一日为{was}；按{change.notice}为{now}"
    en = f"before {change.on} the last day was {was}; by the notice of that day ({change.notice}) it is {now}"
    return [Line("calendar-change", was, now, zh, en, cited(change.notice))]


def _other(view: RequestState) -> list[Line]:
    if not view.statute_other or view.due_on_other is None or view.ordered_by:
        return []
    other = profiles()[view.statute_other]
    zh = f"跨越新旧法的申请：按{other.id}，最后一日为{view.due_on_other}（适用哪个版本，法律未明确）"
    en = f"pending when the law changed: under {other.id} the last day is {view.due_on_other} (not settled)"
    return [Line("other-version", view.due_on_other, view.due_on_other, zh, en, cited(other.answer.article))]


def _timer(timer: Deadline, run: AnswerClock, each_day: bool, parties: Mapping[str, str]) -> list[Line]:
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
    zh, en = _both("limit-of", timer.limit)
    about_zh, about_en = _about(timer)
    zh, en = f"{zh}{about_zh}：最后一日", f"{en}{about_en}: the last day"
    if timer.earliest:
        zh, en = f"{zh}（最早；送达之日未录入）", f"{en} at the earliest (the delivery is not entered)"
    if timer.done_on is not None:
        zh, en = f"{zh}（{timer.done_on}已了）", f"{en} (done on {timer.done_on})"
    if timer.silence:
        silent_zh, silent_en = _both("silence", timer.silence)
        zh, en = f"{zh}；逾期{silent_zh}", f"{en}; silence is {silent_en}"
    return [*lines, Line("due", timer.due_on, timer.due_on, zh, en, cited(timer.article), limit=timer.limit)]


def _about(timer: Deadline) -> tuple[str, str]:
    """Which limit it is, where there can be several of the kind."""
    match timer.limit:
        case "consultation":
            return f"（{timer.about}）", f" {timer.about}"
        case "clarification-reply" | "fee-payment" | "volume-deferral" | "date-agreed":
            return f"（{timer.start}告知）", f" (notified on {timer.start})"
        case "reconsideration" | "litigation" if timer.about in names()["opening"]:
            return f"（{name('opening', timer.about, 'zh')}）", f" ({name('opening', timer.about, 'en')})"
        case _:
            return (f"（{timer.about}）", f" ({timer.about})") if timer.about else ("", "")


def _limit_of(timer: Deadline, run: AnswerClock, parties: Mapping[str, str]) -> Limit | None:
    profile = run.profile
    match timer.limit:
        case "clarification-notice":
            return profile.clarification.notice
        case "fee-payment":
            return profile.fee.limit
        case "consultation":
            return profile.consulting[parties[timer.about]].limit
        case "reconsideration" | "litigation":
            return next(r for r in profile.remedies if r.kind == timer.limit and r.article == timer.article)
    return None


def _calendar(view: RequestState, calendar: Calendar) -> Line:
    first, last = calendar.published_from, calendar.published_through
    en = f"calendar {view.calendar}; published from {first.year} to {last.year}"
    return Line("calendar", None, last, f"日历 {view.calendar}；已公布{first.year}年至{last.year}年", en)


def _settings(run: AnswerClock) -> list[Line]:
    """How unclear points were read, as far as they bear on this request."""
    asked = bearing(run.timeline, run.profile)
    lines = []
    for setting in asked:
        one, known = run.profile.read_as[setting], KNOWN[setting]
        does = known.allowed[one.value]
        sure = ("", "") if one.confirmed else ("（未确认）", " (unconfirmed)")
        zh, en = f"{known.zh}：{does.zh}{sure[0]}", f"{known.en}: {does.en}{sure[1]}"
        source = in_both(one.source)
        lines.append(Line("setting", None, None, zh, en, Basis(source.zh, source.en)))
    return lines


def remarked(subject: Remark) -> Line:
    """A remark as a line of an account."""
    words = said(subject)
    before = f"{subject.fact.source} {subject.fact.id}" if subject.fact else ""
    zh, en = (f"{before}：{words.zh}", f"{before}: {words.en}") if before else (words.zh, words.en)
    return Line("flag", None, None, zh, en)
