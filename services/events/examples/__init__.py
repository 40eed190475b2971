"""One example of each event type, ``facts/<name>.json`` and ``cases/<name>.json``, as it goes over the wire."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def example(family: str, name: str) -> dict[str, Any]:
    """The example of a type by its family (``facts`` or ``cases``) and its short name."""
    event: dict[str, Any] = json.loads((FOLDER / family / f"{name}.json").read_text("utf-8"))
    return event
