"""``shixian rehearse``: what a notice or other data files would move, asked of the tracker or decided over a file."""

import tomllib
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec

from services.commands import offline as folding
from services.commands.reporting import Facts
from services.events.codec import encode
from services.events.facts import CalendarPublished, ReferenceFact
from services.events.lines import BOM
from services.events.refusals import Refused
from services.runtime.failed import Failed, Progress, reason_of
from services.runtime.problems import ProblemError
from services.statute import data, rules
from services.statute.errors import StatuteError
from services.statute.rules import KINDS, SUFFIX
from services.tracker import api_rehearsal, proposed_rules
from services.tracker.core import apply
from services.tracker.core.case import Case
from services.tracker.core.decide import tick
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.rehearsal import MOST, Rehearsal, Standing, Tally, standing
from services.tracker.core.strands import Shelf
from services.tracker.listing import UNFINISHED
from services.tracker.proposed_rules import Proposed
from services.tracker.rehearsing import Step
from services.words.catalogue import said

SECONDS = 60.0
"""How long the tracker may be silent; it reports its progress after each lot."""
_lines = msgspec.json.Decoder(dict[str, Any])

Change = CalendarPublished | Proposed


def read(file: Path) -> Change:
    """What a file, or a folder of data files, proposes. Raises :class:`Failed`."""
    try:
        if file.is_dir():
            own = rules.opened(file)
            return Proposed(files=_texts({kind: own.own(kind) for kind in KINDS}), whole=True)
        if file.suffix == SUFFIX:
            text = file.read_text("utf-8")
            return Proposed(files={f"{_kind(file, text)}/{file.name}": text})
        return _notice(file, file.read_bytes())
    except StatuteError as error:
        raise Failed(str(error)) from None
    except OSError as error:
        raise Failed(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise Failed(f"{file}: expected UTF-8, {error.reason} at byte {error.start}") from None


def this_release() -> Proposed:
    """The statutes and calendars in force for this command, to be compared with those of a running tracker."""
    return Proposed(files=_texts({kind: rules.current().files(kind) for kind in ("statutes", "calendars")}), whole=True)


def _texts(files: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {f"{kind}/{each}": file.read_text("utf-8") for kind, named in files.items() for each, file in named.items()}


def _kind(file: Path, text: str) -> str:
    """The folder that a data file belongs into: the one it lies in, else what its keys say."""
    if file.resolve().parent.name in KINDS:
        return file.resolve().parent.name
    try:
        return "calendars" if {"weekend", "notices"} & tomllib.loads(text).keys() else "statutes"
    except tomllib.TOMLDecodeError as error:
        raise Failed(f"{file}: not TOML: {error}") from None


def _notice(file: Path, content: bytes) -> CalendarPublished:
    content = content.removeprefix(BOM)
    lines = [line for line in content.splitlines() if line.strip()]
    try:
        msgspec.json.decode(content, type=dict[str, msgspec.Raw])
        lines = [content]  # one object over several lines
    except msgspec.MsgspecError:
        pass
    try:
        facts = list(folding.read_facts(lines))
    except folding.BadLine as error:
        raise Failed(f"{file}: {error}") from None
    if len(facts) != 1 or not isinstance(facts[0], CalendarPublished):
        raise Failed(f"{file}: expected one calendar-published fact, as it would be posted; {len(facts)} facts found")
    return facts[0]


def ask(url: str, named: str, proposed: Change, progress: Progress, *, trust_env: bool) -> Rehearsal:
    """What a tracker at ``url`` rehearses, with its progress. ``named``: what names the address. Raises
    :class:`Failed`."""
    if isinstance(proposed, CalendarPublished):
        body = b'{"fact":' + encode(proposed) + b"}"
    else:
        body = msgspec.json.encode({"rules": proposed})
    headers = {"content-type": "application/json", "accept": api_rehearsal.LINES}
    try:
        with (
            httpx.Client(timeout=SECONDS, trust_env=trust_env) as client,
            client.stream("POST", f"{url}/v1/rehearsal?limit={MOST}", content=body, headers=headers) as answer,
        ):
            if answer.status_code != 200:
                answer.read()
                raise Failed(f"the tracker answers {answer.status_code}: {_detail(answer)}")
            return _followed(answer.iter_lines(), progress)
    except httpx.HTTPError as error:
        raise Failed(
            f"the tracker at {url} does not answer ({reason_of(error)}); is `shixian up` running? "
            f"The address comes from {named}; --facts FILE needs no service"
        ) from None


def _followed(lines: Iterable[str], progress: Progress) -> Rehearsal:
    steps = (_lines.decode(line) for line in lines)
    first = next(steps, {})
    latest, done = first, 0
    with progress(first.get("of", 0), "rehearsing") as advance:
        while latest and "digest" not in latest:
            step = msgspec.convert(latest, Step)
            advance(step.looked_at - done)
            latest, done = next(steps, {}), step.looked_at
    if not latest:
        raise Failed("the tracker broke off its answer; its log says why")
    return msgspec.convert(latest, Rehearsal)


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("detail", ""))
    except (ValueError, AttributeError):
        return answer.text[:200]


def offline(proposed: Change, path: Path, now: datetime) -> Rehearsal:
    """What the open requests of a file of facts would do at ``now``. Raises :class:`Failed`."""
    try:
        with path.open("rb") as lines:
            facts = list(folding.read_facts(lines))
        cases, known = open_cases(facts, now)
    except OSError as error:
        raise Failed(f"--facts: {path}: {error.strerror}") from None
    except folding.BadLine as error:
        raise Failed(f"--facts: {path}: {error}") from None
    if isinstance(proposed, CalendarPublished):
        return _with_notice(proposed, cases, known, now)
    return _with_files(proposed, cases, known, facts, now)


def open_cases(facts: Facts, now: datetime) -> tuple[list[Case], ReferenceData]:
    """The open requests of a file at ``now``, and its organs and calendars. Raises what :mod:`offline` does."""
    known, shelf = _known(facts), Shelf()
    for fact in facts:
        if not isinstance(fact, ReferenceFact):
            try:
                apply.run([fact], shelf, known, now)
            except Refused as error:
                raise folding.BadLine(f"fact {fact.source} {fact.id}: {error}") from None
    cases = [tick(case, known, now)[0] for case in shelf.cases.values()]
    return [case for case in cases if case.view.state in UNFINISHED], known


def _known(facts: Facts) -> ReferenceData:
    return ReferenceData(fact for fact in facts if isinstance(fact, ReferenceFact))


def _with_notice(fact: CalendarPublished, cases: list[Case], known: ReferenceData, now: datetime) -> Rehearsal:
    try:
        findings = known.examined(fact.data)
    except StatuteError as error:
        raise Failed(str(error)) from None
    tally = Tally()
    tally.add(_standings(cases, known, now), _standings(cases, known.supposing(fact), now))
    remarks = [said(each) for each in findings.remarks]
    return tally.result("notice", findings.digest, now, remarks, needs_confirming=findings.needs_confirming)


def _with_files(proposed: Proposed, cases: list[Case], known: ReferenceData, facts: Facts, now: datetime) -> Rehearsal:
    in_force, tally = rules.current(), Tally()
    before = _standings(cases, known, now)
    try:
        with proposed_rules.written(proposed, in_force.folder) as folder:
            data.use(folder)
            tally.add(before, _standings(cases, _known(facts), now))
            return tally.result("rules", rules.current().digest, now)
    except (StatuteError, ProblemError) as error:
        raise Failed(str(error)) from None
    finally:
        rules.use(in_force)


def _standings(cases: list[Case], known: ReferenceData, now: datetime) -> list[Standing]:
    return [standing(case, known, now) for case in cases]
