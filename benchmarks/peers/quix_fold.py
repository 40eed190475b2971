"""The annual count with Quix Streams, exactly once: ``quix_fold.py BOOTSTRAP TOPIC TOTAL MOVES STATE_DIR``."""

import os
import sys
import uuid
from typing import Any

from fold import moves, slim
from meter import Meter
from quixstreams import Application
from quixstreams.processing.context import ProcessingContext

bootstrap, topic, total, wanted, folder = sys.argv[1:6]
meter = Meter(int(total))
added = 0
cells: dict[str, int] = {}


def fold(event: dict[str, Any], state: Any) -> list[dict[str, Any]]:
    row = state.get("row")
    if row is not None and event["sequence"] <= row[0]:
        return []
    request = event["data"].get("request")
    state.set("row", [event["sequence"], slim(request)])
    return [{"cell": cell, "by": by} for cell, by in moves(row and row[1], request)]


def add(move: dict[str, Any], state: Any) -> int:
    count: int = (state.get("count") or 0) + move["by"]
    state.set("count", count)
    cells[move["cell"]] = count
    return count


def processed(of: str, _partition: int, _offset: int) -> None:
    """Quix calls this for each message."""
    global added
    if of == topic:
        meter.add(1)
    else:
        added += 1
    if meter.seen >= meter.total and added >= int(wanted):
        app.stop()


commit = ProcessingContext.commit_checkpoint


def commit_and_tell(self: Any, force: bool = False, *args: Any, **named: Any) -> Any:
    """The last transaction, forced by ``stop``, is what makes the count durable."""
    result = commit(self, force, *args, **named)
    if force and meter.seen >= meter.total and added >= int(wanted):
        meter.done(cells={cell: count for cell, count in cells.items() if count})
        os._exit(0)
    return result


ProcessingContext.commit_checkpoint = commit_and_tell
app = Application(
    broker_address=bootstrap,
    consumer_group=f"quix-{uuid.uuid4().hex[:8]}",
    auto_offset_reset="earliest",
    processing_guarantee="exactly-once",
    state_dir=folder,
    loglevel="WARNING",
    commit_interval=1.0,  # the default of 5 s would keep the moves back for as long: they are read when committed
    on_message_processed=processed,
)
events = app.dataframe(app.topic(topic, key_deserializer="str", value_deserializer="json"))
events.apply(fold, stateful=True, expand=True).group_by("cell", name="cells").apply(add, stateful=True)
app.run()
