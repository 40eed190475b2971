"""The sample that ships: one organ's year 2013 as facts, JSON lines. ``README.md`` beside it says what is invented."""

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

ORGAN = "gz-psb"
YEAR = 2013


def path() -> Traversable:
    """The sample's file."""
    return files("services.samples") / "gz-psb-2013.jsonl"


def items() -> Iterator[bytes]:
    """The bureau's service items, all invented, as CloudEvents in structured JSON."""
    with (files("services.samples") / "gz-psb-items.jsonl").open("rb") as file:
        for line in file:
            yield line.rstrip(b"\n")


def sample() -> Iterator[bytes]:
    """The sample's facts as CloudEvents in structured JSON, in the order of their instants."""
    with path().open("rb") as file:
        for line in file:
            yield line.rstrip(b"\n")
