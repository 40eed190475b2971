"""Write ``due-dates.jsonl`` anew: ``python -m tests.golden.work``. README.md says how each line was worked."""

import json
from pathlib import Path

from tests.golden import cases_cn, cases_world

FILE = Path(__file__).with_name("due-dates.jsonl")


def text() -> str:
    """The file's content. Raises :class:`ValueError` for an id used twice."""
    lines = [case.line() for cases in (cases_cn, cases_world) for case in cases.cases()]
    twice = {x["id"] for x in lines if sum(y["id"] == x["id"] for y in lines) > 1}
    if twice:
        raise ValueError(f"used twice: {', '.join(sorted(twice))}")
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
