"""What follows when the work inside an office changes: the difference of two views, in the case events' names. Pure."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from msgspec.structs import replace

from services.statute.state import Decision, Duty, Holding, Reached, RequestState, Step


def office_changes(old: RequestState, new: RequestState, today: date, seen: date) -> list[Decision]:
    """The decisions about steps and rungs that lead from ``old``, as it stood on ``seen``, to ``new``, in the order in
    which they take effect."""
    if old.steps == new.steps and old.rungs == new.rungs and old.duties == new.duties:
        return []
    before, after = {s.about: s for s in old.steps}, {s.about: s for s in new.steps}
    decided = [
        Decision("step-withdrawn", today, {"step": step_now(was)})
        for about, was in before.items()
        if about not in after
    ]
    for about, step in after.items():
        decided += _changed(before.get(about), step, today)
    return [*decided, *_duties(old, new, today), *_rungs(old, new, today, seen)]


def _changed(was: Step | None, now: Step, today: date) -> Iterator[Decision]:
    if was == now:
        return
    step = step_now(now)
    yield from _passed(was, now, step, today)
    due, late = (was.due_on, was.overdue_from) if was else (None, None)
    if now.due_on != due:
        values: dict[str, Any] = {"step": step}
        if due is not None:
            values["old_due_on"] = due
        yield Decision("step-due-set", today if was else now.started_on, values)
    if now.overdue_from is not None and now.overdue_from != late:
        yield Decision("step-overdue", now.overdue_from, {"step": step})
    elif late is not None and now.overdue_from is None:
        yield Decision("step-overdue-withdrawn", today, {"step": step})
    if (on := _done_on(was, now)) is not None:
        yield Decision("step-done", on, {"step": step})


def _passed(was: Step | None, now: Step, step: dict[str, Any], today: date) -> Iterator[Decision]:
    """Who was given the step, took it or gave it back."""
    before = {h.assignment: h for h in was.holdings} if was else {}
    after = {h.assignment: h for h in now.holdings}
    for name, gone in before.items():
        if name not in after:
            yield Decision("step-withdrawn", today, {"step": step_now(was or now), "holding": holding_now(gone)})
    for name, one in after.items():
        if before.get(name) == one:
            continue
        values = {"step": step, "holding": holding_now(one)}
        if was is None and name == now.about:
            yield Decision("step-opened", one.assigned_on, values)
        elif name in before:
            yield Decision("step-passed", max(filter(None, (one.left_on, one.accepted_on, one.assigned_on))), values)
        else:
            yield Decision("step-passed", one.assigned_on, values)


def _done_on(was: Step | Duty | None, now: Step | Duty) -> date | None:
    """The day on which it was done or ended, where that is new."""
    return now.done_on if was is None or (was.done_on, was.state) != (now.done_on, now.state) else None


def _duties(old: RequestState, new: RequestState, today: date) -> Iterator[Decision]:
    """What became of the duties."""
    before, after = {d.duty: d for d in old.duties}, {d.duty: d for d in new.duties}
    for key, gone in before.items():
        if key not in after:
            yield Decision("duty-withdrawn", today, {"duty": duty_now(gone)})
    for key, now in after.items():
        if (was := before.get(key)) is None:
            yield from _opened(now, today)
        elif was != now:
            yield from _moved(was, now, today)


def _opened(now: Duty, today: date) -> Iterator[Decision]:
    """A duty that was not there."""
    duty = {"duty": duty_now(now)}
    yield Decision("duty-due-set", min(now.event_on, today), duty)
    if now.overdue_from is not None:
        yield Decision("duty-overdue", now.overdue_from, duty)
    if now.done_on is not None:
        yield Decision("duty-ended", now.done_on, duty)


def _moved(was: Duty, now: Duty, today: date) -> Iterator[Decision]:
    """A duty that is another one now."""
    duty = {"duty": duty_now(now)}
    if was.done_on is not None and now.done_on is None:
        yield Decision("duty-reopened", today, duty)
    only_ended = now.done_on is not None and was.due_on == now.due_on
    if not only_ended and _named(was) != _named(now):
        yield Decision("duty-due-set", today, duty | ({} if was.due_on is None else {"old_due_on": was.due_on}))
    if was.overdue_from is not None and now.overdue_from is None:
        yield Decision("duty-overdue-withdrawn", today, duty)
    if now.overdue_from is not None and was.overdue_from != now.overdue_from:
        yield Decision("duty-overdue", now.overdue_from, duty)
    if (on := _done_on(was, now)) is not None:
        yield Decision("duty-ended", on, duty)


def _named(duty: Duty) -> tuple[object, ...]:
    """What of a duty no other decision announces."""
    return duty.due_on, duty.provisional, duty.organ, duty.kind, duty.event_on, duty.statute, duty.article, duty.about


def _rungs(old: RequestState, new: RequestState, today: date, seen: date) -> Iterator[Decision]:
    before, after = {_apart(rung) for rung in old.rungs}, {_apart(rung) for rung in new.rungs}
    last_days, ends = _last_days(old), _ends(old)
    for rung in old.rungs:
        if rung.level != "warning" and rung not in after:
            yield Decision("card-withdrawn", today, {"card": card_now(rung, _alone(old))})
    for rung in new.rungs:
        if _apart(rung) in before:
            continue
        if rung.level != "warning":
            yield Decision("card-issued", rung.on, {"card": card_now(rung, _alone(new))})
        elif rung.on > min(seen, ends.get((rung.limit, rung.about)) or seen) or rung.due_on != last_days.get(
            (rung.limit, rung.about)
        ):
            values = {"limit": rung.limit, "about": rung.about or None, "due_on": rung.due_on, "days_left": rung.left}
            if (organ := _alone(new)) is not None:
                values["organ"] = organ
            yield Decision("deadline-approaching", rung.on, values)


def _apart(rung: Reached) -> Reached:
    """A rung as it is told from others: a card is a unit's, a warning stays the same whoever has the step."""
    return replace(rung, unit="") if rung.level == "warning" and rung.unit else rung


def _ends(view: RequestState) -> dict[tuple[str, str], date | None]:
    """The days on which what is warned of besides the answer had ended: nobody was warned after them."""
    steps = {("step", each.about): each.done_on for each in view.steps}
    duties = {("duty", each.duty): each.done_on for each in view.duties}
    return {**steps, **duties, ("committed", ""): view.closed_on}


def _last_days(view: RequestState) -> dict[tuple[str, str], date | None]:
    """The last days of what is warned of besides the answer."""
    steps = {("step", each.about): each.due_on for each in view.steps}
    duties = {("duty", each.duty): each.due_on for each in view.duties}
    return {**steps, **duties, ("committed", ""): view.committed_due_on}


def _alone(view: RequestState) -> str | None:
    """The organ of a subject that is no request: there is no summary of one to name it."""
    return view.organ if view.submitted_on is None else None


def step_now(step: Step) -> dict[str, Any]:
    """A step as a case event carries it."""
    names = ("about", "step", "state", "assignment", "started_on", "since", "unit", "due_on", "done_on")
    return _some(step, (*names, "overdue_from", "overdue_at"))


def holding_now(one: Holding) -> dict[str, Any]:
    """A holding as a case event carries it."""
    names = ("assignment", "unit", "assigned_on", "accepted_on", "left_on", "how", "working_days", "due_on")
    return _some(one, names)


def duty_now(duty: Duty) -> dict[str, Any]:
    """A duty as a case event carries it."""
    names = ("duty", "organ", "kind", "event_on", "statute", "article", "state", "due_on", "done_on", "overdue_from")
    return _some(duty, (*names, "about")) | ({"provisional": True} if duty.provisional else {})


def card_now(rung: Reached, organ: str | None = None) -> dict[str, Any]:
    """A card as a case event carries it."""
    values = _some(rung, ("limit", "on", "due_on", "about", "step", "unit", "answer_by"))
    return {"card": rung.level, **values} | ({"organ": organ} if organ else {})


def _some(value: object, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: given for name in names if (given := getattr(value, name)) is not None and given != ""}
