"""Why a command can't go on, in words: what is wrong, and what to do about it, in Chinese and English.

The codes are made where things go wrong (``services.runtime.ends``); the words stand in ``ends.toml``.
"""

import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import NamedTuple

from services.local.failures import LocalFailure
from services.runtime.ends import Cause, cause_of
from services.runtime.failed import reason_of

_REASON = 400
"""Characters of a reason that are shown."""


class Words(NamedTuple):
    """One cause; ``{name}`` stands for a fact of the failure."""

    zh: str
    en: str


def _read() -> Mapping[Cause, Words]:
    with resources.files("services.commands").joinpath("ends.toml").open("rb") as file:
        return {Cause(code): Words(**words) for code, words in tomllib.load(file).items()}


WORDS = _read()


def one_line(failure: LocalFailure) -> str:
    """The failure as one line: Chinese, then English, then where the log is."""
    facts = _Facts({"text": failure.text, "reason": failure.text, "part": "shixian", "how": "", **failure.facts})
    facts["reason"] = " ".join(facts["reason"].split())[:_REASON].rstrip(".。")
    if held := facts.get("holder"):
        facts |= {"holder_zh": f"（进程 {held}）", "holder_en": f" by process {held}"}
    words = WORDS[failure.end]
    lines = [words.zh.format_map(facts), words.en.format_map(facts)]
    if log := facts.get("log"):
        lines.append(f"日志 Log: {log}")
    return " ".join(" ".join(lines).split())


def of_system(error: OSError) -> str:
    """An unforeseen error of the operating system, as one line."""
    known = LocalFailure(reason_of(error), part="shixian", reason=reason_of(error), how=type(error).__name__)
    known.end = cause_of(error)
    return one_line(known)


class _Facts(dict[str, str]):
    def __missing__(self, key: str) -> str:
        """A fact that this failure does not have is left out of the sentence."""
        return ""
