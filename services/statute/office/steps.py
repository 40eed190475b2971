"""The steps of a request: who was given which, who has it now, since when and until when; from the facts alone. Pure.

A step is a chain of assignments. A unit that gives it back leaves it with the office, until somebody is given it again;
the chain goes on then, and its limit with it: who has it later gets no day back. Where several chains of one step lie
with the office, an assignment says which it goes on with, or goes on with the one left last. Units that are asked at
one time have chains of their own. The same facts make the same steps in whatever order they came.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from msgspec import Struct, field

from services.statute.calendar import Calendar
from services.statute.errors import OutOfRange
from services.statute.office.procedure import Procedure
from services.statute.state import Fact, Holding, Step
from services.words.remark import Remark, remark

_DAY = timedelta(days=1)
OPENED, ACCEPTED = "assignment-opened", "assignment-accepted"
RETURNED, COMPLETED = "assignment-returned", "assignment-completed"
_WHEN = {ACCEPTED: "accepted_on", RETURNED: "returned_on", COMPLETED: "completed_on"}


class Work(Struct, frozen=True):
    """What the facts about assignments amount to."""

    steps: tuple[Step, ...] = ()
    """In the order in which they were opened."""
    remarks: tuple[Remark, ...] = ()


class Bounds(Struct, frozen=True):
    """What the steps depend on besides their facts."""

    today: date
    due_on: date | None = None
    """The last day for the answer; of a clock that stands still, the latest that it can be. None: it is not known."""
    ended_on: date | None = None


class _Given(Struct):
    """One assignment, with what came of it."""

    fact: Fact
    accepted_on: date | None = None
    left_on: date | None = None
    how: str = ""

    @property
    def place(self) -> tuple[date, bool, str]:
        """Their order; of one day those first that were given back on it, since others may be given them then."""
        on: date = self.fact.data.assigned_on
        return on, not (self.how == "returned" and self.left_on == on), self.fact.data.assignment


class _Chain(Struct):
    given: list[_Given] = field(default_factory=list)

    @property
    def left(self) -> Any:
        """The data of the assignment that it was given by last."""
        return self.given[-1].fact.data

    @property
    def open_to(self) -> date | None:
        """The day from which another unit can be given it; None while somebody has it, or when it is done."""
        last = self.given[-1]
        return last.left_on if last.how == "returned" else None


def steps(facts: Sequence[Fact], procedure: Procedure | None, calendar: Calendar, bounds: Bounds) -> Work:
    """The steps that ``facts``, those about assignments in their legal order, make."""
    if not facts:
        return Work()
    remarks: list[Remark] = []
    given = _given(facts, bounds.ended_on, remarks)
    made, before = [], ""
    for chain in _chains(given, remarks):
        code = chain.given[0].fact.data.step
        if procedure is not None:
            _in_order(chain, code, before, procedure, remarks)
        made.append(_step(chain, code, procedure, calendar, bounds, remarks))
        before = code
    return Work(tuple(made), tuple(remarks))


def _given(facts: Iterable[Fact], ended_on: date | None, remarks: list[Remark]) -> list[_Given]:
    opened: dict[str, _Given] = {}
    others: list[Fact] = []
    for fact in facts:
        if fact.name != OPENED:
            others.append(fact)
            continue
        name, on = fact.data.assignment, fact.data.assigned_on
        if ended_on is not None and on > ended_on:
            remarks.append(remark("assignment-after-end", fact, assignment=name, on=on, ended_on=ended_on))
        elif name in opened:
            remarks.append(remark("assignment-opened-again", fact, assignment=name))
        else:
            opened[name] = _Given(fact)
    for fact in others:
        one = opened.get(fact.data.assignment)
        if one is None:
            remarks.append(remark("assignment-not-opened", fact, what=fact.name, assignment=fact.data.assignment))
        else:
            _took(one, fact, remarks)
    if ended_on is not None:
        for one in opened.values():
            if one.left_on is None or one.left_on > ended_on:
                one.left_on, one.how = ended_on, "ended"
            if one.accepted_on is not None and one.accepted_on > ended_on:
                one.accepted_on = None
    return sorted(opened.values(), key=lambda one: one.place)


def _took(one: _Given, fact: Fact, remarks: list[Remark]) -> None:
    """What a unit did with its assignment; facts come in their legal order, so the first end of it holds."""
    on: date = getattr(fact.data, _WHEN[fact.name])
    name, assigned_on = fact.data.assignment, one.fact.data.assigned_on
    if one.left_on is not None:
        values = {"what": fact.name, "on": on, "assignment": name, "left_on": one.left_on}
        remarks.append(remark("assignment-closed-already", fact, **values))
        return
    if on < assigned_on:
        remarks.append(remark("assignment-before-itself", fact, what=fact.name, on=on, assigned_on=assigned_on))
        on = assigned_on
    if fact.name == ACCEPTED:
        one.accepted_on = one.accepted_on or on
    else:
        one.left_on, one.how = on, "returned" if fact.name == RETURNED else "completed"


def _chains(given: Sequence[_Given], remarks: list[Remark]) -> list[_Chain]:
    chains: list[_Chain] = []
    returned: dict[str, list[_Chain]] = {}
    by_name = {one.fact.data.assignment: one for one in given}
    named = {(one.fact.data.step, one.fact.data.continues) for one in given if _can_continue(one, by_name)}
    for one in _in_turn(given):
        step, on = one.fact.data.step, one.fact.data.assigned_on
        waiting = returned.setdefault(step, [])
        chain = _continued(one, [c for c in waiting if c.open_to is not None and c.open_to <= on], named)
        if chain is None:
            if one.fact.data.continues is not None:
                remarks.append(remark("step-not-continued", one.fact, assignment=one.fact.data.continues))
            chain = _Chain()
            chains.append(chain)
        else:
            waiting.remove(chain)
        chain.given.append(one)
        if one.how == "returned":
            waiting.append(chain)
    return chains


def _can_continue(one: _Given, by_name: Mapping[str, _Given]) -> bool:
    """Whether an assignment names one that it can go on with: no other step waits for what never will."""
    data, before = one.fact.data, by_name.get(one.fact.data.continues or "")
    return (
        before is not None
        and before.fact.data.step == data.step
        and before.how == "returned"
        and before.left_on is not None
        and before.left_on <= data.assigned_on
    )


def _continued(one: _Given, waiting: list[_Chain], named: set[tuple[str, str]]) -> _Chain | None:
    """Which of the chains that wait the assignment goes on with: the one that it names; without a name the one left
    last, unless another assignment names that."""
    data = one.fact.data
    if data.continues is not None:
        return next((c for c in waiting if c.left.assignment == data.continues), None)
    free = [c for c in waiting if (data.step, c.left.assignment) not in named]
    return max(free, key=lambda c: c.open_to or date.min, default=None)


def _in_turn(given: Sequence[_Given]) -> list[_Given]:
    """In their order, but none before the one that it says to go on with: of one day their names would decide."""
    by_name = {one.fact.data.assignment: one for one in given}
    placed: dict[str, _Given] = {}
    for one in given:
        line: dict[str, _Given] = {}
        following: _Given | None = one
        while following is not None and (name := following.fact.data.assignment) not in placed | line:
            line[name] = following
            before = by_name.get(following.fact.data.continues or "")
            is_older = before is not None and before.fact.data.assigned_on <= following.fact.data.assigned_on
            following = before if is_older else None
        placed |= dict(reversed(line.items()))
    return list(placed.values())


def _in_order(chain: _Chain, code: str, before: str, procedure: Procedure, remarks: list[Remark]) -> None:
    rule, fact = procedure.by_code.get(code), chain.given[0].fact
    if rule is None:
        remarks.append(remark("step-unknown", fact, step=code, procedure=procedure.id))
    elif before and before != code and rule.after and before not in rule.after:
        remarks.append(remark("step-out-of-order", fact, step=code, before=before, procedure=procedure.id))


def _step(
    chain: _Chain,
    code: str,
    procedure: Procedure | None,
    calendar: Calendar,
    bounds: Bounds,
    remarks: list[Remark],
) -> Step:
    first, last = chain.given[0], chain.given[-1]
    started_on: date = first.fact.data.assigned_on
    due = _set_day(chain, _limit(first.fact, code, started_on, procedure, calendar, bounds, remarks), remarks)
    done = last.left_on if last.how in ("completed", "ended") else None
    if last.how == "returned" and bounds.ended_on is not None:
        done = bounds.ended_on
    state = last.how or ("accepted" if last.accepted_on else "assigned")
    if done is not None and state == "returned":
        state = "ended"
    late_by = bounds.today if done is None else done
    late = due + _DAY if due is not None and late_by > due else None
    holdings = tuple([_holding(one, calendar) for one in chain.given])
    return Step(
        about=first.fact.data.assignment,
        step=code,
        state=state,
        assignment=last.fact.data.assignment,
        started_on=started_on,
        since=last.left_on or last.fact.data.assigned_on,
        unit="" if last.left_on else last.fact.data.unit,
        due_on=due,
        done_on=done,
        overdue_from=late,
        overdue_at=holder(holdings, late) if late else "",
        holdings=holdings,
    )


def _limit(
    fact: Fact,
    code: str,
    started_on: date,
    procedure: Procedure | None,
    calendar: Calendar,
    bounds: Bounds,
    remarks: list[Remark],
) -> date | None:
    """The last day by the procedure's limit, if it has one for the step."""
    rule = procedure.by_code.get(code) if procedure else None
    if rule is None or rule.limit is None:
        return None
    try:
        if rule.limit.from_ == "start":
            return calendar.add(started_on, rule.limit.days)
        if bounds.due_on is None:
            return None
        return max(started_on, calendar.add(bounds.due_on, -rule.limit.days))
    except OutOfRange:
        remarks.append(remark("step-not-counted", fact, step=code))
        return None


def _set_day(chain: _Chain, due: date | None, remarks: list[Remark]) -> date | None:
    """The last day with what was set by hand: at first any day, later none that is later than what stands."""
    for place, one in enumerate(chain.given):
        by_hand: date | None = one.fact.data.due_on
        if by_hand is None:
            continue
        if place and due is not None and by_hand > due:
            remarks.append(remark("step-gains-no-day", one.fact, due_on=by_hand, stands=due))
        else:
            due = by_hand
    return due


def _holding(one: _Given, calendar: Calendar) -> Holding:
    data = one.fact.data
    return Holding(
        assignment=data.assignment,
        unit=data.unit,
        assigned_on=data.assigned_on,
        accepted_on=one.accepted_on,
        left_on=one.left_on,
        how=one.how,
        working_days=None if one.left_on is None else _counted(calendar, data.assigned_on, one.left_on),
        due_on=data.due_on,
    )


def _counted(calendar: Calendar, after: date, through: date) -> int | None:
    try:
        return max(0, calendar.count(after, through))
    except OutOfRange:
        return None


def holder(holdings: Iterable[Holding], day: date) -> str:
    """Who has the step as ``day`` begins; empty: the office."""
    for one in holdings:
        if one.assigned_on < day and (one.left_on is None or one.left_on >= day):
            return one.unit
    return ""
