"""Every line of the golden file against the engine: by the function, and as JSON lines as the command answers."""

import json
from collections import Counter
from datetime import date
from io import BytesIO
from typing import Any

import msgspec
import pytest

from services.events import facts as events
from services.events.envelope import type_of
from services.statute.calendar import Calendar
from services.statute.calendars import calendar_as_of, shipped
from services.statute.draft import read
from services.statute.due import due
from services.statute.lifecycle import derive, settle
from services.statute.profile import Profile, profile_for, statute_ids, versions
from services.statute.status import status
from services.statute.view import Fact, View
from services.tracker import preview
from tests.golden import work

LINES: list[dict[str, Any]] = [json.loads(line) for line in work.FILE.read_text("utf-8").splitlines()]
_DATA = {
    "request-received": events.ReceivedData,
    "receipt-confirmed": events.ConfirmedData,
    "clarification-requested": events.ClarificationRequestedData,
    "clarification-received": events.ClarificationReceivedData,
    "consultation-opened": events.ConsultationOpenedData,
    "consultation-closed": events.ConsultationClosedData,
    "extension-granted": events.ExtensionData,
    "volume-deferred": events.VolumeDeferredData,
    "fee-notified": events.FeeNotifiedData,
    "fee-paid": events.FeePaidData,
    "answer-issued": events.AnswerData,
    "request-withdrawn": events.WithdrawnData,
    "request-transferred": events.TransferredData,
    "review-filed": events.ReviewFiledData,
    "review-decided": events.ReviewDecidedData,
}
"""The contract's types: a fact of the file that they refuse is an error of the file."""
STATUTES = {"CN", "CN-2008", "CN-2019", "CN-LICENSING", "UK", "SCT", "US", "EU", "IE", "AU", "DE", "IN", "BR"}


def _facts(line: dict[str, Any]) -> list[Fact]:
    return [
        Fact(f["type"], "golden", f"{n}", msgspec.convert(f["data"], _DATA[f["type"]], strict=False))
        for n, f in enumerate(line["facts"], 1)
    ]


def _calendar(line: dict[str, Any]) -> Calendar:
    own: str = line.get("calendar") or versions(line["statute"])[-1].calendar
    return calendar_as_of(own, date.fromisoformat(line["calendar_as_of"])) if "calendar_as_of" in line else shipped(own)


def _view(line: dict[str, Any], as_of: date) -> View:
    draft, calendar = read(_facts(line)), _calendar(line)
    if "settings" not in line:
        return settle(draft, line["statute"], calendar, as_of)[0]
    assert draft.received is not None
    profile: Profile = profile_for(line["statute"], draft.received.data.submitted_on)
    changed = profile.with_settings(line["settings"], "golden")
    view = derive(draft, changed, calendar, as_of)
    if line["settings"].get("transition") == "pending-takes-new":
        assert view.statute_other, "no other version holds"
        return derive(draft, profile_for(view.statute_other, date.max), calendar, as_of)
    return view


def _expected(line: dict[str, Any]) -> date | None:
    return date.fromisoformat(line["due_on"]) if line["due_on"] else None


@pytest.mark.parametrize("line", LINES, ids=[line["id"] for line in LINES])
def test_due_date(line: dict[str, Any]) -> None:
    as_of = date.fromisoformat(line["as_of"])
    told = f"{line['id']} ({line['kind']}): {line['source']}"
    if "limit" in line:
        clocks = [c for c in _view(line, as_of).clocks if c.limit == line["limit"]]
        found = {c.due_on for c in clocks if c.about == line.get("about", c.about)}
        assert found == {_expected(line)}, told
        return
    if "settings" in line:
        view = _view(line, as_of)
        got = (view.due_on, status(view, as_of), view.provisional)
    else:
        answer = due(line["statute"], _facts(line), as_of, _calendar(line))
        got = (answer.due_on, answer.status, answer.provisional)
    if "any_due" in line:
        assert got[1] == line["status"], told
    else:
        assert got == (_expected(line), line["status"], line["provisional"]), told


def test_the_same_as_json_lines() -> None:
    plain = [x for x in LINES if not x.keys() & {"limit", "settings", "any_due", "calendar", "calendar_as_of"}]
    asked = [
        {
            "statute": x["statute"],
            "facts": [{"type": type_of(f["type"]), "data": f["data"]} for f in x["facts"]],
            "as_of": x["as_of"],
        }
        for x in plain
    ]
    text = b"".join(json.dumps(a).encode() + b"\n" for a in asked)
    answers = [json.loads(a) for a in preview.answers(BytesIO(text))]
    wrong = [
        (x["id"], a)
        for x, a in zip(plain, answers, strict=True)
        if "error" in a or (a["due_on"], a["status"], a["provisional"]) != (x["due_on"], x["status"], x["provisional"])
    ]
    assert not wrong
    assert all(a["explanation"] for a in answers)


def test_the_file_is_what_was_worked() -> None:
    assert work.FILE.read_text("utf-8") == work.text(), "run python -m tests.golden.work and look at what changed"


def test_the_file_covers_every_statute() -> None:
    count = Counter(line["statute"] for line in LINES)
    assert len(LINES) >= 200
    assert set(count) == STATUTES == set(statute_ids())
    assert all(n >= 8 for statute, n in count.items() if not statute.startswith("CN-20"))
    assert sum(line["kind"] == "official" for line in LINES) >= 8
