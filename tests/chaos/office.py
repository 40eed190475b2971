"""The work inside an office, made up: who was given which step, duties, special steps; cards follow from lateness."""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from tests.support import raw

STEPS = ("register", "opinion", "legal-review", "sign", "no-such-step")
UNITS = 3
Step = tuple[str, dict[str, Any]]


def item_of(organ: str) -> str:
    """The service item that each organ has."""
    return f"{organ}-item"


def registered(organ: str, source: str) -> list[dict[str, Any]]:
    """An organ's units and its item, as it registers them behind itself."""
    units = [
        raw(
            "unit-registered",
            f"{organ}-u{number}",
            {"code": f"{organ}-u{number}", "organ": organ, "name": {"zh": f"单位{number}", "en": f"Unit {number}"}},
            id=f"{organ}-u{number}",
            source=source,
        )
        for number in range(UNITS)
    ]
    item = {
        "code": item_of(organ),
        "organ": organ,
        "name": {"zh": "事项", "en": "Item"},
        "statute": "CN-LICENSING",
        "committed": {"amount": 8, "unit": "working-day"},
        "special_steps": [
            {"code": "hearing", "name": {"zh": "听证", "en": "Hearing"}, "limit": {"amount": 10, "unit": "working-day"}}
        ],
    }
    return [*units, raw("item-registered", item_of(organ), item, id=item_of(organ), source=source)]


def steps(rng: random.Random, organ: str, subject: str, day: date, *, item: bool) -> Iterator[Step]:
    """What happens inside the office to a request submitted on ``day``; contract names with their data."""

    def later(least: int, most: int) -> date:
        return day + timedelta(days=rng.randint(least, most))

    if item and rng.random() < 0.4:
        opened = later(1, 12)
        yield "special-step-opened", {"step": "hearing", "opened_on": opened}
        if rng.random() < 0.7:
            yield "special-step-closed", {"step": "hearing", "closed_on": opened + timedelta(days=rng.randint(0, 20))}
    if rng.random() < 0.35:
        for number in range(rng.randint(1, 4)):
            yield from _assignment(rng, organ, f"{subject}/a{number}", later(0, 25))
    if rng.random() < 0.08:
        duty = f"{subject}/d"
        event = later(0, 40)
        data = {"duty": duty, "organ": organ, "kind": rng.choice(("publication", "no-such-duty")), "event_on": event}
        yield "duty-opened", data
        if rng.random() < 0.6:
            yield "duty-done", {"duty": duty, "done_on": event + timedelta(days=rng.randint(1, 45))}


def _assignment(rng: random.Random, organ: str, name: str, on: date) -> Iterator[Step]:
    unit = f"{organ}-u{rng.randrange(UNITS)}"
    data = {"assignment": name, "unit": unit, "step": rng.choice(STEPS), "assigned_on": on}
    if rng.random() < 0.2:
        data["due_on"] = on + timedelta(days=rng.randint(1, 15))
    yield "assignment-opened", data
    if rng.random() < 0.5:
        yield "assignment-accepted", {"assignment": name, "accepted_on": on + timedelta(days=rng.randint(0, 4))}
    ended = rng.random()
    gone = on + timedelta(days=rng.randint(0, 20))
    if ended < 0.55:
        yield "assignment-completed", {"assignment": name, "completed_on": gone}
    elif ended < 0.75:
        yield "assignment-returned", {"assignment": name, "returned_on": gone, "reason": "another unit's"}


def duty(rng: random.Random, organ: str, number: int, last_day: date) -> Iterator[Step]:
    """A duty that belongs to no request: its subject is its own id."""
    event = last_day - timedelta(days=rng.randint(0, 1200))
    kind = rng.choice(("publication", "annual-report"))
    yield "duty-opened", {"duty": f"{organ}/duty/{number}", "organ": organ, "kind": kind, "event_on": event}
    if rng.random() < 0.6:
        done = min(event + timedelta(days=rng.randint(1, 120)), last_day)
        yield "duty-done", {"duty": f"{organ}/duty/{number}", "done_on": done}
