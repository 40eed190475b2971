"""Posts a file of facts to an intake service; safe to repeat, since an event's source and id name it for ever."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import httpx

from services.events.lines import unmarked
from services.events.refusals import FieldError, RefusalCode
from services.intake.reading import Reading

BATCH = 500
_TYPE = "application/cloudevents-batch+json"
_LATER = (429, 503)
"""The answers to send the same call again after."""


class Refused(ValueError):
    """Intake refused facts; names each line, the field and what was expected."""

    def __init__(self, message: str, bad: "Sequence[BadLine]" = ()) -> None:
        super().__init__(message)
        self.bad = bad
        """The lines that were refused, where intake names them."""


class Unavailable(RuntimeError):
    """Intake could not be reached, or could not reach the log, for as long as we tried."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that intake does not take, and why."""

    line: int
    error: FieldError | None
    """None where intake refused so many at once that it named the first only."""

    def __str__(self) -> str:
        if self.error is None:
            return (
                f"line {self.line}: refused with all others of its batch, of which intake names the first reasons only"
            )
        return f"line {self.line}: {self.error.field}: {self.error.problem}; expected {self.error.expected}"


@dataclass
class Posted:
    """What became of the facts of a file."""

    accepted: int = 0
    duplicates: int = 0
    """Those of ``accepted`` that intake knows to have been sent before."""
    bad: list[BadLine] = field(default_factory=list)
    """The lines that were left out, where the good ones were asked for."""


def check(lines: Iterable[bytes]) -> list[BadLine]:
    """Every line that is no fact, without asking a service."""
    bad_lines: list[BadLine] = []
    for number, line in enumerate(unmarked(lines), 1):
        if line.strip():
            reading = Reading()
            reading.take(line.strip(), None)
            bad_lines += [
                BadLine(number, FieldError(e.field, e.problem, e.expected, _code(e.code))) for e in reading.errors
            ]
    return bad_lines


def _batches(lines: Iterable[bytes], size: int) -> Iterator[list[tuple[int, bytes]]]:
    batch: list[tuple[int, bytes]] = []
    for number, line in enumerate(unmarked(lines), 1):
        if line.strip():
            batch.append((number, line.strip()))
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def post(
    url: str,
    lines: Iterable[bytes],
    on_progress: Callable[[int], None] = lambda _: None,
    *,
    partial: bool = False,
    patience: float = 60.0,
    on_wait: Callable[[str], None] = lambda _: None,
    trust_env: bool = True,
    batch: int = BATCH,
    headers: Callable[[], Mapping[str, str]] = dict,
) -> Posted:
    """Post the facts of a JSON-lines file in their order, in batches.

    ``partial``: the good facts are taken and the bad lines reported. Waits up to ``patience`` seconds for an intake
    that is away; ``on_wait`` is then called with the reason, once for each batch. ``trust_env``: whether a proxy that
    the environment names is used; ``headers``: who posts, asked for each call, since a command's
    own token lives for minutes and a file may take hours. Raises :class:`Refused` and :class:`Unavailable`.
    """
    posted = Posted()
    with httpx.Client(base_url=url, timeout=30.0, trust_env=trust_env) as client:
        for each in _batches(lines, batch):
            body = b"[" + b",".join(line for _, line in each) + b"]"
            answer = _send(client, body, headers, patience, on_wait, partial=partial)
            if answer.status_code == 202:
                result = answer.json()
                posted.accepted += result["accepted"]
                posted.duplicates += sum(event["status"] == "duplicate" for event in result["events"])
                posted.bad += _bad(each, [(e["index"], e["error"]) for e in result["events"] if "error" in e])
            elif partial and answer.status_code in (409, 422):
                posted.bad += _all_bad(each, _json(answer).get("errors", ()))
            else:
                raise _refused(answer, each)
            on_progress(len(each))
    return posted


def _send(
    client: httpx.Client,
    body: bytes,
    headers: Callable[[], Mapping[str, str]],
    patience: float,
    on_wait: Callable[[str], None],
    *,
    partial: bool,
) -> httpx.Response:
    start, pause, reason, reported = time.monotonic(), 0.2, "", False
    query = {"partial": "yes"} if partial else {}
    while time.monotonic() - start < patience:
        try:
            answer = client.post("/v1/events", params=query, content=body, headers={**headers(), "content-type": _TYPE})
        except httpx.TransportError as error:
            reason = f"{client.base_url}: {error}"
        else:
            if answer.status_code not in _LATER:
                return answer
            reason = str(_json(answer).get("detail", answer.status_code))
        if not reported:
            on_wait(reason)
            reported = True
        time.sleep(pause)
        pause = min(pause * 2, 5.0)
    raise Unavailable(f"no answer from intake in {patience:.0f} s ({reason})")


def _code(given: str) -> RefusalCode:
    """An older service gives no code."""
    return cast(RefusalCode, given or "field-invalid")


def _bad(batch: list[tuple[int, bytes]], errors: list[tuple[int, dict[str, Any]]]) -> list[BadLine]:
    return [
        BadLine(batch[at][0], FieldError(e["field"], e["problem"], e["expected"], _code(e.get("code", ""))))
        for at, e in errors
    ]


def _all_bad(batch: list[tuple[int, bytes]], errors: Iterable[dict[str, Any]]) -> list[BadLine]:
    """A batch without a good line; intake names the first hundred errors."""
    named = {bad.line: bad for bad in _bad(batch, [(e.get("index") or 0, e) for e in errors])}
    return [named.get(line) or BadLine(line, None) for line, _ in batch]


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        content = answer.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _refused(answer: httpx.Response, batch: list[tuple[int, bytes]]) -> Refused:
    """Intake's errors, each with the number of the line that it is about."""
    problem = _json(answer)
    errors = [(e.get("index") or 0, e) for e in problem.get("errors", ()) if (e.get("index") or 0) < len(batch)]
    if errors:
        bad = _bad(batch, errors)
        return Refused("; ".join(map(str, bad)), bad)
    detail = problem.get("detail", answer.text[:200])
    return Refused(f"lines {batch[0][0]} to {batch[-1][0]}: {answer.status_code} {detail}")
