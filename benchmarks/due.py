"""How fast due dates are answered, beside what a user would call instead: ``make bench``.

The function measured is the one behind ``shixian due --jsonl`` (JSON in, JSON with the explanation out), on one core.
Beside it, in the same run, the same 20 working days by ``holidays`` and by ``numpy`` as scalar calls: a date in, a date
out, and no JSON, no facts, no explanation. Each round runs all of them; the median of three rounds counts.
"""

import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from importlib import import_module
from typing import Any

import holidays

from services.events.facts import ReceivedData
from services.statute.assessment import assess
from services.statute.calendars import shipped
from services.statute.state import Fact
from services.statute.timeline import read
from services.tracker.core import preview

ROUNDS = 3
CASES = int(os.environ.get("BENCH_CASES", "100000"))
FIRST, LAST = date(2019, 6, 3), date(2026, 6, 30)
DAYS = (LAST - FIRST).days
rng = random.Random(20190515)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def fact(name: str, **data: Any) -> dict[str, Any]:
    return {"type": name, "data": {k: v.isoformat() if isinstance(v, date) else v for k, v in data.items()}}


def received(day: date) -> dict[str, Any]:
    return fact("request-received", organ="any", channel="in-person", applicant="business", submitted_on=day)


def line(as_of: date, *facts: dict[str, Any]) -> bytes:
    return json.dumps({"statute": "CN", "facts": facts, "as_of": as_of.isoformat()}).encode()


def bare(day: date) -> bytes:
    """A request and nothing else, looked at on a day of its own: hardly two are alike."""
    return line(day + timedelta(days=rng.randrange(60)), received(day))


def of_one_day(day: date) -> bytes:
    """A request and nothing else; all are looked at on one day, as when a register is gone through."""
    return line(LAST, received(day))


def history(day: date) -> bytes:
    """A request with a consultation, an extension and an answer."""
    sent, closed = day + timedelta(days=rng.randrange(3, 9)), day + timedelta(days=rng.randrange(10, 18))
    told, done = day + timedelta(days=rng.randrange(18, 25)), day + timedelta(days=rng.randrange(30, 70))
    return line(
        done,
        received(day),
        fact("consultation-opened", consultation="c", party="third-party", sent_on=sent),
        fact("consultation-closed", consultation="c", closed_on=closed, reply="agreed"),
        fact("extension-granted", decided_on=told, notified_on=told, amount=rng.randrange(1, 21)),
        fact("answer-issued", outcome="granted", answered_on=done, service="posted"),
    )


def drain(items: Iterable[object]) -> None:
    for _ in items:
        pass


def answered(lines: list[bytes]) -> None:
    """The whole of ``shixian due --jsonl`` but reading and writing the file; an error ends the benchmark."""
    for found in preview.answers(lines):
        if found.startswith(b'{"error"'):
            raise SystemExit(found.decode())


def settled(day: date) -> date | None:
    """The due date of a bare request by the whole engine, from and to Python values."""
    data = ReceivedData(organ="any", channel="in-person", applicant="business", submitted_on=day)
    return assess(read([Fact("request-received", "", "1", data)]), "CN", shipped("CN"), day).state.due_on


def contenders(days: list[date]) -> dict[str, tuple[int, Callable[[], None]]]:
    """Name, number of calls a round, and the call of all of them."""
    ours = shipped("CN")
    theirs: Any = holidays.country_holidays("CN", years=range(2018, 2029))
    few = days[: max(1, len(days) // 20)]
    lines = {make: [make(day) for day in days] for make in (bare, of_one_day, history)}
    found: dict[str, tuple[int, Callable[[], None]]] = {
        "shixian due --jsonl, bare, all different": (len(days), lambda: answered(lines[bare])),
        "shixian due --jsonl, bare, on one day": (len(days), lambda: answered(lines[of_one_day])),
        "shixian due --jsonl, whole histories": (len(days), lambda: answered(lines[history])),
        "the engine's date, not explained": (len(days), lambda: drain(settled(day) for day in days)),
        "counting alone (Calendar.add)": (len(days), lambda: drain(ours.add(day, 20) for day in days)),
        "holidays get_nth_working_day": (
            len(few),
            lambda: drain(theirs.get_nth_working_day(day, 20) for day in few),
        ),
    }
    wrong = sum(ours.add(day, 20) != theirs.get_nth_working_day(day, 20) for day in few)
    say(f"holidays: {wrong} of {len(few)} dates differ from ours")
    try:
        np: Any = import_module("numpy")
    except ModuleNotFoundError:
        say("numpy is not installed: its row is left out (pip install numpy)")
        return found
    calendar = np.busdaycalendar(holidays=[d for d in ours.off if d.weekday() < 5])

    def offset(day: date) -> Any:
        return np.busday_offset(day, 20, roll="backward", busdaycal=calendar)

    wrong = sum(offset(day) != np.datetime64(ours.add(day, 20)) for day in days)
    say(f"numpy: {wrong} of {len(days)} dates differ from ours (it knows no weekend day that is worked)")
    found["numpy.busday_offset, scalar"] = len(days), lambda: drain(offset(day) for day in days)
    return found


def main() -> int:
    days = [FIRST + timedelta(days=rng.randrange(DAYS)) for _ in range(CASES)]
    runs = contenders(days)
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, (_, call) in runs.items():
            start = time.process_time()
            call()
            seconds[name].append(time.process_time() - start)
    rates = {name: count / statistics.median(seconds[name]) for name, (count, _) in runs.items()}
    peers = {name: rates[name] for name in rates if name.startswith(("holidays", "numpy"))}
    say(f"\n{CASES} cases, one core, process time, median of {ROUNDS} rounds")
    say(f"{'':42}{'a second':>12}" + "".join(f"{'x ' + name.split()[0].split('.')[0]:>12}" for name in peers))
    for name, rate in rates.items():
        say(f"{name:42}{rate:>12,.0f}" + "".join(f"{rate / peer:>12.2f}" for peer in peers.values()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
