"""How a request stands on a day: the one place that says so, for the services, the pages and the command line alike."""

from datetime import date
from typing import Literal, get_args

from services.statute.state import RequestState

Status = Literal["waiting", "unconfirmed", "open", "due-today", "overdue", "stopped", "answered", "closed", "retracted"]
STATUSES: tuple[str, ...] = get_args(Status)


def status(view: RequestState, today: date) -> Status:
    """The status at ``today`` of the organ's zone. A request without an end is overdue from the day after its limit;
    the statuses part the time of a request without gap or overlap."""
    match view.state:
        case "open" if view.due_on is not None and today > view.due_on:
            return "overdue"
        case "open" if view.due_on == today:
            return "due-today"
        case "waiting" | "unconfirmed" | "open" | "stopped" | "answered" | "closed" | "retracted":
            return view.state
        case _:
            return "waiting"
