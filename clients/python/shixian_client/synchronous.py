"""The client that waits."""

import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, TypeVar

import httpx

from shixian_client import calls
from shixian_client.calls import Answer, Broken, Pause, Services, Steps
from shixian_client.events import Event, Receipt

T = TypeVar("T")


class Client:
    """Posts facts and reads what follows; use it as a context, or call :meth:`close`."""

    def __init__(
        self,
        intake: str,
        *,
        tracker: str = "",
        stats: str = "",
        token: str = "",
        patience: float = 60.0,
        timeout: float = 30.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._services = Services(intake, tracker, stats, token, patience)
        self._http = httpx.Client(timeout=timeout, transport=transport)

    def post(self, events: Event | Iterable[Event], *, partial: bool = False) -> Receipt:
        """Post one event or many, in batches and in their order; returns when the log has them.

        ``partial``: the good ones are taken and the others named in the receipt. Raises ``Refused``, ``Unavailable``.
        """
        return self._run(calls.post(self._services, events, partial=partial))

    def request(self, subject: str) -> Any:
        """One request with its dates and why they are what they are. Raises ``NotFound``."""
        return self._run(calls.request(self._services, subject))

    def requests(self, **filters: Any) -> Iterator[Any]:
        """Requests, the soonest due first (``status``, ``organ``, ``due_from``, ``due_through``)."""
        cursor: Any = None
        while True:
            page = self._run(calls.page(self._services, {**filters, "cursor": cursor}))
            yield from page["requests"]
            cursor = page.get("next")
            if cursor is None:
                return

    def fact(self, source: str, id: str) -> Any:
        """What became of a fact. Raises ``NotFound``."""
        return self._run(calls.fact(self._services, source, id))

    def report(self, organ: str, year: int, form: str | None = None) -> Any:
        """An annual report. Raises ``NotFound``."""
        return self._run(calls.report(self._services, organ, year, form))

    def close(self) -> None:
        """End its connections."""
        self._http.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _run(self, steps: Steps[T]) -> T:
        answer: Answer = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as end:
                found: T = end.value
                return found
            if isinstance(step, Pause):
                time.sleep(step.seconds)
                answer = None
                continue
            try:
                answer = self._http.request(
                    step.method, step.url, params=dict(step.params), content=step.content, headers=dict(step.headers)
                )
            except httpx.TransportError as error:
                answer = Broken(str(error) or type(error).__name__)
