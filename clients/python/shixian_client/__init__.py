"""A client of Shixian: facts in, due dates and counts out."""

from shixian_client.asynchronous import AsyncClient
from shixian_client.errors import Failed, FieldError, NotFound, Problem, Refused, Unavailable
from shixian_client.events import Event, Receipt, Result
from shixian_client.synchronous import Client

__all__ = [
    "AsyncClient",
    "Client",
    "Event",
    "Failed",
    "FieldError",
    "NotFound",
    "Problem",
    "Receipt",
    "Refused",
    "Result",
    "Unavailable",
]
