"""Every scenario that ships against the engine, by the function and as JSON lines as the command answers."""

import json
from collections import Counter
from datetime import date
from io import BytesIO

import msgspec
import pytest

from services.commands.check import in_force
from services.events.envelope import type_of
from services.statute.versions import statute_ids
from services.tracker.core import preview
from services.tracker.core.scenarios import Scenario, differences, read

FILES = in_force()
SCENARIOS: list[Scenario] = [one for file in FILES for one in read(file.name, file.read_text("utf-8"))]
STATUTES = {"CN", "CN-2008", "CN-2019", "CN-LICENSING", "UK", "SCT", "US", "EU", "IE", "AU", "DE", "IN", "BR"}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[s.name for s in SCENARIOS])
def test_scenario(scenario: Scenario) -> None:
    assert not differences(scenario), f"{scenario.name} ({scenario.kind}): {scenario.source}"


def test_the_same_as_json_lines() -> None:
    plain = [
        s for s in SCENARIOS if s.expected.due_on is not None and not (s.settings or s.calendar or s.expected.clocks)
    ]
    asked = [
        {
            "statute": s.statute,
            "facts": [{"type": type_of(f.type), "data": f.data} for f in s.facts],
            "as_of": s.as_of,
            "known_on": s.known_on,
            "item": s.item,
        }
        for s in plain
    ]
    text = b"".join(msgspec.json.encode(a) + b"\n" for a in asked)
    answers = [json.loads(a) for a in preview.answers(BytesIO(text))]
    assert len(plain) >= 300
    wrong = [
        (s.name, a)
        for s, a in zip(plain, answers, strict=True)
        if "error" in a
        or (a["due_on"] or False) != (s.expected.due_on.isoformat() if isinstance(s.expected.due_on, date) else False)
        or (s.expected.status and a["status"] not in s.expected.status)
        or s.expected.provisional not in (None, a["provisional"])
    ]
    assert not wrong
    assert all(a["explanation"] for a in answers)


def test_the_scenarios_cover_every_statute() -> None:
    count = Counter(s.statute for s in SCENARIOS)
    assert len(SCENARIOS) >= 373
    assert len({s.name for s in SCENARIOS}) == len(SCENARIOS), "each has a name of its own"
    assert set(count) == STATUTES == set(statute_ids())
    assert all(n >= 8 for statute, n in count.items() if not statute.startswith("CN-20"))
    assert sum(s.kind == "official" for s in SCENARIOS) >= 8
