"""What both clients do alike, without sending anything: calls as generators that are given answers.

A generator yields a :class:`Call` or a :class:`Pause` and is sent the answer; the clients do no more than that.
"""

import json
import random
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar
from urllib.parse import quote

import httpx

from shixian_client.errors import FieldError, NotFound, Problem, Refused, Unavailable
from shixian_client.events import Event, Receipt, Result

BATCH = 500
"""Events in one call."""
LATER = (429, 503)
"""The answers after which the same call is made again."""
T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """A call to send."""

    method: str
    url: str
    params: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Pause:
    """Wait so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Broken:
    """The connection broke, or there was none."""

    reason: str


Step = Call | Pause
Answer = httpx.Response | Broken | None
Steps = Generator[Step, Answer, T]


@dataclass(frozen=True)
class Services:
    """Where the services are, and how patient to be."""

    intake: str
    tracker: str = ""
    stats: str = ""
    token: str = ""
    patience: float = 60.0
    """Seconds of waiting before a call is given up."""
    jitter: Callable[[], float] = random.random

    def headers(self, **more: str) -> dict[str, str]:
        return {**({"authorization": f"Bearer {self.token}"} if self.token else {}), **more}

    def at(self, service: Literal["tracker", "stats"]) -> str:
        """The address of a service. Raises ``ValueError`` where none was given."""
        found: str = getattr(self, service)
        if not found:
            raise ValueError(f"expected the address of {service}: Client(intake, {service}=...)")
        return found.rstrip("/")


def answered(services: Services, call: Call) -> Steps[httpx.Response]:
    """The answer to a call, made again while there is none. Raises :class:`Unavailable`."""
    waited, pause = 0.0, 0.2
    while True:
        answer = yield call
        if isinstance(answer, httpx.Response) and answer.status_code not in LATER:
            return answer
        asked = _retry_after(answer) if isinstance(answer, httpx.Response) else 0.0
        reason = answer.reason if isinstance(answer, Broken) else _object(answer).get("detail", "no room")
        seconds = max(asked, pause * (0.5 + services.jitter()))
        if waited + seconds > services.patience:
            raise Unavailable(f"{call.url}: {reason}; tried for {waited:.0f} s")
        yield Pause(seconds)
        waited += seconds
        pause = min(pause * 2, 10.0)


def post(
    services: Services, events: Event | Iterable[Event], *, partial: bool = False, batch: int = BATCH
) -> Steps[Receipt]:
    """Post events in their order. Raises :class:`Refused` and :class:`Unavailable`."""
    every = [events] if isinstance(events, Event) else list(events)
    receipt = Receipt()
    for start in range(0, len(every), batch):
        part = every[start : start + batch]
        body = json.dumps([event.json() for event in part], ensure_ascii=False).encode()
        headers = services.headers(**{"content-type": "application/cloudevents-batch+json"})
        params = {"partial": "yes"} if partial else {}
        url = f"{services.intake.rstrip('/')}/v1/events"
        answer = yield from answered(services, Call("POST", url, params, body, headers))
        content = _object(answer)
        if answer.status_code == 202:
            receipt.accepted += content["accepted"]
            receipt.results += [_result(event, start) for event in content["events"]]
        elif partial and answer.status_code in (409, 422):
            receipt.results += _all_bad(answer.status_code, part, content, start)
        else:
            raise Refused(answer.status_code, _shifted(content, start))
    return receipt


def got(services: Services, url: str, params: Mapping[str, Any] | None = None) -> Steps[Any]:
    """The JSON at an address. Raises :class:`NotFound`, :class:`Problem` and :class:`Unavailable`."""
    plain = {name: str(value) for name, value in (params or {}).items() if value is not None}
    answer = yield from answered(services, Call("GET", url, plain, headers=services.headers(accept="application/json")))
    if answer.status_code == 200:
        return answer.json()
    raise (NotFound if answer.status_code == 404 else Problem)(answer.status_code, _object(answer))


def request(services: Services, subject: str) -> Steps[Any]:
    """One request, as it stands."""
    return (yield from got(services, f"{services.at('tracker')}/v1/requests/{quote(subject, safe='')}"))


def fact(services: Services, source: str, id: str) -> Steps[Any]:
    """What became of a fact."""
    return (yield from got(services, f"{services.at('tracker')}/v1/facts", {"source": source, "id": id}))


def page(services: Services, filters: Mapping[str, Any]) -> Steps[Any]:
    """A page of requests."""
    return (yield from got(services, f"{services.at('tracker')}/v1/requests", filters))


def report(services: Services, organ: str, year: int, form: str | None) -> Steps[Any]:
    """An annual report."""
    return (
        yield from got(services, f"{services.at('stats')}/v1/annual/{quote(organ, safe='')}/{year}", {"form": form})
    )


def _retry_after(answer: httpx.Response) -> float:
    seconds = answer.headers.get("retry-after", "")
    return float(seconds) if seconds.isdigit() else 0.0


def _object(answer: httpx.Response | None) -> dict[str, Any]:
    try:
        content = answer.json() if answer is not None else {}
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _error(error: Mapping[str, Any], index: int) -> FieldError:
    return FieldError(error["field"], error["problem"], error["expected"], index)


def _result(event: Mapping[str, Any], start: int) -> Result:
    error = _error(event["error"], start + event.get("index", 0)) if "error" in event else None
    return Result(event["source"], event["id"], event["status"], error)


def _all_bad(status: int, part: Sequence[Event], problem: Mapping[str, Any], start: int) -> list[Result]:
    """A batch without a good event; the service names the first hundred errors."""
    errors = {e.get("index", 0): _error(e, start + e.get("index", 0)) for e in problem.get("errors", ())}
    what: Literal["conflict", "refused"] = "conflict" if status == 409 else "refused"
    return [Result(event.source, event.id, what, errors.get(at)) for at, event in enumerate(part)]


def _shifted(problem: dict[str, Any], start: int) -> dict[str, Any]:
    """The problem with the events' positions among all that were posted."""
    errors = [{**e, "index": e.get("index", 0) + start} for e in problem.get("errors", ())]
    return {**problem, "errors": errors}
