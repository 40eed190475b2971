"""Requests that wait for someone, in Prometheus's terms, from the snapshot that the board counts them in."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

from services.tracker.metrics_office import gauge
from services.tracker.snapshot import Snapshot


def collected(snapshot: Snapshot) -> Iterator[Metric]:
    """The families; series of what there is, so that organs without any add none."""
    stopped: Counter[tuple[str, ...]] = Counter()
    for (organ, code), count in snapshot.stopped.items():
        stopped[organ, code.removeprefix("stopped-")] += count
    text = "Requests whose clock stands still, by what is waited for; left out where there are none."
    yield gauge("shixian_requests_stopped", text, ("organ", "waiting_for"), stopped)
    reviewed: Counter[tuple[str, ...]] = Counter()
    for (organ, kind, _), count in snapshot.reviewed.items():
        reviewed[organ, kind] += count
    text = (
        "Requests of which a review is pending, by the kind of the one filed first; left out where there are none. "
        "Their clocks may stand still as well."
    )
    yield gauge("shixian_requests_in_review", text, ("organ", "kind"), reviewed)
    unconfirmed = {(organ,): count for organ, count in snapshot.unconfirmed.items()}
    text = "Requests whose receipt is not confirmed, so that no clock runs yet; left out where there are none."
    yield gauge("shixian_requests_unconfirmed", text, ("organ",), unconfirmed)
