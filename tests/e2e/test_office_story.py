"""From the counter to the card and back, on the real parts: who has it, since when, until when, what becomes of it."""

import csv
import io
import json
from typing import Any

import httpx

from tests.e2e.conftest import System
from tests.support import ORGAN, answered, eventually, raw, received

BUREAU = "story-psb"
REQUEST = "story/1"


def post(system: System, *facts: dict[str, Any]) -> None:
    """Post facts; intake has them in the log when it answers."""
    answer = httpx.post(
        f"{system.intake}/v1/events",
        content=json.dumps(facts),
        headers={"content-type": "application/cloudevents-batch+json"},
        trust_env=False,
        timeout=60,
    )
    assert answer.status_code == 202, answer.text


def get(url: str, **given: Any) -> Any:
    return httpx.get(url, params=given, trust_env=False, timeout=60).raise_for_status().json()


def given(number: int, unit: str, step: str, on: str) -> dict[str, Any]:
    data = {"assignment": f"{REQUEST}/{number}", "unit": unit, "step": step, "assigned_on": on}
    return raw("assignment-opened", REQUEST, data)


def did(number: int, what: str, on: str, **more: str) -> dict[str, Any]:
    return raw(f"assignment-{what}", REQUEST, {"assignment": f"{REQUEST}/{number}", f"{what}_on": on, **more})


def test_from_the_counter_to_the_card_and_back(system: System) -> None:
    post(system, raw("organ-registered", BUREAU, {**ORGAN, "code": BUREAU}))
    post(
        system,
        *(
            raw(
                "unit-registered",
                f"{BUREAU}-{u}",
                {"code": f"{BUREAU}-{u}", "organ": BUREAU, "name": {"zh": u, "en": u}},
            )
            for u in ("exit", "records", "legal")
        ),
    )
    exit_, records, legal = (f"{BUREAU}-{u}" for u in ("exit", "records", "legal"))
    post(
        system,
        received(REQUEST, "2025-03-03", "in-person", BUREAU),
        given(1, exit_, "opinion", "2025-03-04"),
        did(1, "returned", "2025-03-05", reason="the records are another unit's"),
        given(2, records, "opinion", "2025-03-06"),
        did(2, "accepted", "2025-03-06"),
    )

    def shown() -> Any:
        return get(f"{system.tracker}/v1/requests/{REQUEST}")

    # Nobody did it: by now there are both cards, and the unit that had it on those days has them.
    cards = eventually(lambda: (len(found := shown()["cards"]) == 2 and found) or None, 60)
    assert [(c["card"], c["on"], c["unit"]) for c in cards] == [
        ("yellow", "2025-03-12", records),
        ("red", "2025-03-17", records),
    ]
    assert [s["request"] for s in get(f"{system.tracker}/v1/assignments", unit=records)["assignments"]] == [REQUEST]

    # It had been done, two days late: the red card is withdrawn, the yellow one stays.
    post(
        system,
        did(2, "completed", "2025-03-13"),
        given(3, legal, "legal-review", "2025-03-14"),
        did(3, "completed", "2025-03-19"),
        raw("extension-granted", REQUEST, {"decided_on": "2025-03-27", "notified_on": "2025-03-28", "amount": 10}),
        answered(REQUEST, "2025-04-10"),
    )
    found = eventually(lambda: ((one := shown())["status"] == "answered" and one) or None, 60)
    assert (found["due_on"], found["timeliness"]) == ("2025-04-15", "in-time")
    assert [c["card"] for c in found["cards"]] == ["yellow"]
    # What was entered late was judged on the day of its entry; each word that the next fact took back is in the log.
    history = get(f"{system.tracker}/v1/requests/{REQUEST}/history")
    named = [(e["type"].split(".")[2], e["data"]["card"]["about"]) for e in history if "card" in e["data"]]
    opinion = [name for name, about in named if about == f"{REQUEST}/1"]
    assert opinion == ["card-issued", "card-issued", "card-withdrawn"]
    others = [name for name, about in named if about != f"{REQUEST}/1"]
    assert others.count("card-issued") == others.count("card-withdrawn")

    ledger = get(f"{system.tracker}/v1/requests/{REQUEST}/days")
    assert sum(u["days"] for u in ledger["used"]) == sum(p["days"] for p in ledger["parts"]) == ledger["elapsed"] == 27
    assert {u.get("unit", ""): u["days"] for u in ledger["used"] if u["who"] == "unit"} == {
        exit_: 1,
        records: 5,
        legal: 3,
    }

    def settled() -> Any:
        found = {u["unit"]: u for u in get(f"{system.stats}/v1/units/{BUREAU}/2025")["units"]}
        return found if found[legal]["completed"] and not found[records]["red"] else None

    units = eventually(settled, 60)
    assert (units[exit_]["received"], units[exit_]["returned"], units[exit_]["late"]) == (1, 1, 0)
    mine = units[records]
    assert (mine["received"], mine["completed"], mine["days_average"], mine["late"], mine["yellow"]) == (
        1,
        1,
        5.0,
        1,
        1,
    )
    assert units[legal]["days_longest"] == 3
    behind = get(f"{system.stats}/v1/units/{BUREAU}/2025/cells/yellow", unit=records)
    assert (behind["number"], [r["request"] for r in behind["requests"]]) == (1, [REQUEST])
    before = get(f"{system.stats}/v1/units/{BUREAU}/2025", as_of="2025-01-01")
    assert all(u["received"] == 0 for u in before["units"])
    text = httpx.get(f"{system.stats}/v1/units/{BUREAU}/2025.csv", trust_env=False, timeout=60).text
    lines = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert len(lines) == 1 + len(units) and lines[0][1] in ("收到", "Received")
    sheet = httpx.get(f"{system.stats}/v1/units/{BUREAU}/2025.xlsx", trust_env=False, timeout=60)
    assert sheet.status_code == 200 and sheet.content[:2] == b"PK"


def test_a_closed_unit_hands_over_and_a_year_opens_its_duties(system: System) -> None:
    exit_, records = f"{BUREAU}-exit", f"{BUREAU}-records"
    subjects = [f"story/h{n}" for n in range(3)]
    for subject in subjects:
        data = {"assignment": f"{subject}/1", "unit": exit_, "step": "opinion", "assigned_on": "2025-03-04"}
        post(system, received(subject, "2025-03-03", "in-person", BUREAU), raw("assignment-opened", subject, data))

    def of(unit: str) -> list[str]:
        return [s["request"] for s in get(f"{system.tracker}/v1/assignments", unit=unit)["assignments"]]

    eventually(lambda: sorted(of(exit_)) == subjects or None, 60)
    said = system.shixian("hand-over", "--organ", BUREAU, "--unit", exit_, "--to", records, "--on", "2025-03-20")
    assert "6 facts accepted" in said
    eventually(lambda: (not of(exit_) and sorted(of(records)) == subjects) or None, 60)
    dues = {s["due_on"] for s in get(f"{system.tracker}/v1/assignments", unit=records)["assignments"]}
    assert dues == {"2025-03-11"}
    assert "no open step" in system.shixian("hand-over", "--organ", BUREAU, "--unit", exit_, "--to", records)

    assert "1 facts accepted" in system.shixian("duties", "open-year", "2024", "--organ", BUREAU)
    duty = eventually(lambda: get(f"{system.tracker}/v1/duties", organ=BUREAU)["duties"] or None, 60)[0]
    assert (duty["kind"], duty["due_on"]) == ("annual-report", "2025-01-31")
    eventually(lambda: "overdue" in system.shixian("duties", "list", "--organ", BUREAU) or None, 60)
    done = {"duty": duty["duty"], "done_on": "2025-01-20"}
    post(system, raw("duty-done", duty["duty"], done))
    eventually(lambda: not get(f"{system.tracker}/v1/duties", organ=BUREAU)["duties"] or None, 60)
