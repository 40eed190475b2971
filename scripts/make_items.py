"""Write ``services/samples/gz-psb-items.jsonl``: 34 service items of the sample's bureau, all of them invented.

The bureau's report for 2013 says that it handled licence applications under 34 items; it names none. Names, limits and
special steps here are made up, and each event says so in its ``source``.
"""

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[1] / "services" / "samples" / "gz-psb-items.jsonl"
ORGAN = "gz-psb"
ITEMS = 34
SOURCE = "urn:shixian:sample:invented-items"
STEPS: tuple[tuple[str, str, str, int], ...] = (
    ("hearing", "听证", "hearing", 20),
    ("inspection", "现场检查", "inspection", 15),
    ("expert-review", "专家评审", "expert review", 30),
)


def _limit(amount: int) -> dict[str, Any]:
    return {"amount": amount, "unit": "working-day"}


def item(number: int) -> dict[str, Any]:
    """The registration of an item, from 1: every fifth has a statutory limit of its own, two of three special steps."""
    code = f"{ORGAN}-item-{number:02}"
    data: dict[str, Any] = {
        "code": code,
        "organ": ORGAN,
        "name": {"zh": f"示例办理事项{number:02}（虚构）", "en": f"Sample item {number:02} (invented)"},
        "statute": "CN-LICENSING",
    }
    own = 7 + number % 4 if number % 5 == 0 else 20
    if own != 20:
        data["limit"] = _limit(own)
    data["committed"] = _limit(max(1, own // 2 - number % 3))
    steps = [STEPS[(number + n) % 3] for n in range(number % 3)]
    if steps:
        data["special_steps"] = [
            {"code": code_, "name": {"zh": zh, "en": en}, "limit": _limit(days)} for code_, zh, en, days in steps
        ]
    return {
        "type": "org.shixian.item-registered.v1",
        "specversion": "1.0",
        "id": f"{code}/item-registered",
        "source": SOURCE,
        "subject": code,
        "time": "2013-01-01T00:00:00+08:00",
        "data": data,
    }


def text() -> str:
    """The file."""
    lines = [json.dumps(item(n), ensure_ascii=False, separators=(",", ":")) for n in range(1, ITEMS + 1)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
