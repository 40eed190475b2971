"""Posts a file of facts to an intake service; safe to repeat, since an event's source and id name it for ever."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import httpx

BATCH = 500
_TYPE = "application/cloudevents-batch+json"


class Refused(ValueError):
    """Intake refused a fact; names the line, the field and what was expected."""


class Unavailable(RuntimeError):
    """Intake could not be reached, or could not reach the log, for as long as we tried."""


def _batches(lines: Iterable[bytes]) -> Iterator[list[tuple[int, bytes]]]:
    batch: list[tuple[int, bytes]] = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            batch.append((number, line.strip()))
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def post(
    url: str,
    lines: Iterable[bytes],
    on_progress: Callable[[int], None] = lambda _: None,
    *,
    patience: float = 60.0,
    on_wait: Callable[[str], None] = lambda _: None,
    trust_env: bool = True,
    headers: Mapping[str, str] | None = None,
) -> int:
    """Post the facts of a JSON-lines file in their order, in batches; how many were accepted.

    Waits up to ``patience`` seconds for an intake that is away; ``on_wait`` is then told the reason, once for each
    batch. ``trust_env``: whether a proxy that the environment names is used; ``headers``: who posts. Raises
    :class:`Refused` and :class:`Unavailable`.
    """
    accepted = 0
    with httpx.Client(base_url=url, timeout=30.0, trust_env=trust_env, headers=headers) as client:
        for batch in _batches(lines):
            body = b"[" + b",".join(line for _, line in batch) + b"]"
            answer = _send(client, body, patience, on_wait)
            if answer.status_code != 202:
                raise Refused(_complaint(answer, batch))
            accepted += len(batch)
            on_progress(len(batch))
    return accepted


def _send(client: httpx.Client, body: bytes, patience: float, on_wait: Callable[[str], None]) -> httpx.Response:
    start, pause, reason, told = time.monotonic(), 0.2, "", False
    while time.monotonic() - start < patience:
        try:
            answer = client.post("/v1/events", content=body, headers={"content-type": _TYPE})
        except httpx.TransportError as error:
            reason = f"{client.base_url}: {error}"
        else:
            if answer.status_code != 503:
                return answer
            reason = str(_json(answer).get("detail", "503"))
        if not told:
            on_wait(reason)
            told = True
        time.sleep(pause)
        pause = min(pause * 2, 5.0)
    raise Unavailable(f"no answer from intake in {patience:.0f} s ({reason})")


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _complaint(answer: httpx.Response, batch: list[tuple[int, bytes]]) -> str:
    """The first of intake's errors, with the number of the line that it is about."""
    problem = _json(answer)
    for error in problem.get("errors", ()):
        index = error.get("index")
        line = batch[index][0] if isinstance(index, int) and index < len(batch) else batch[0][0]
        return f"line {line}: {error.get('field')}: {error.get('problem')}; expected {error.get('expected')}"
    return f"lines {batch[0][0]} to {batch[-1][0]}: {answer.status_code} {problem.get('detail', answer.text[:200])}"
