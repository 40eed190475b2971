"""The words for every code, in Chinese and English: ``remarks.toml`` and ``refusals.toml`` have sentences,
``codes.toml`` names.

A sentence takes values by name: ``{on}`` as it is, ``{channel:channel}`` by its name in the group ``channel``.
"""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from string import Formatter
from typing import Any, Literal

import msgspec
from msgspec import Struct

from services.words.remark import FactRef, Remark

Lang = Literal["zh", "en"]
LANGS: tuple[Lang, ...] = ("zh", "en")


class Words(Struct, frozen=True, forbid_unknown_fields=True):
    """The same in Chinese and in English."""

    zh: str
    en: str

    def said(self, lang: Lang) -> str:
        return self.zh if lang == "zh" else self.en


class Said(Struct, frozen=True, forbid_unknown_fields=True):
    """A remark as JSON has it: its code, the fact that it is about, and its words."""

    code: str
    fact: FactRef | None
    zh: str
    en: str


class UnknownCode(KeyError):
    """A code that the catalogue has no words for: an error of the program, found by its tests."""


def _read(name: str, shape: Any) -> Any:
    return msgspec.toml.decode((resources.files("services.words") / name).read_bytes(), type=shape)


@cache
def sentences() -> Mapping[str, Words]:
    """Every remark's code with its sentence."""
    words: Mapping[str, Words] = _read("remarks.toml", dict[str, Words])
    return words


@cache
def refusals() -> Mapping[str, Words]:
    """Every code of a refusal with its sentence."""
    sentences_by_code: Mapping[str, Words] = _read("refusals.toml", dict[str, Words])
    return sentences_by_code


@cache
def names() -> Mapping[str, Mapping[str, Words]]:
    """By group, every code with its name."""
    words: Mapping[str, Mapping[str, Words]] = _read("codes.toml", dict[str, dict[str, Words]])
    return words


def name(group: str, code: str, lang: Lang) -> str:
    """What a code of a group is called; one that is not known there stays as it is."""
    words = names()[group].get(code)
    return code if words is None else words.said(lang)


@cache
def _parts(text: str) -> tuple[tuple[str, str | None, str], ...]:
    """A sentence cut up: what stands before each value, the value's name, and the group of codes that it is one of."""
    return tuple((before, value, group or "") for before, value, group, _ in Formatter().parse(text))


def _filled(text: str, values: Mapping[str, Any], lang: Lang) -> str:
    parts = []
    for before, value, group in _parts(text):
        parts.append(before)
        if value is not None:
            code = str(values[value])
            parts.append(name(group, code, lang) if group else code)
    return "".join(parts)


def sentence(code: str, values: Mapping[str, Any], lang: Lang) -> str:
    """A remark's sentence with its values. Raises :class:`UnknownCode`."""
    words = sentences().get(code)
    if words is None:
        raise UnknownCode(code)
    return _filled(words.said(lang), values, lang)


def refusal(code: str, values: Mapping[str, Any]) -> Words:
    """A refusal's sentence with its values, in both languages. Raises :class:`UnknownCode`."""
    words = refusals().get(code)
    if words is None:
        raise UnknownCode(code)
    return Words(*(_filled(words.said(lang), values, lang) for lang in LANGS))


def said(remark: Remark) -> Said:
    """A remark with its words in both languages. Raises :class:`UnknownCode`."""
    zh, en = (sentence(remark.code, remark.values, lang) for lang in LANGS)
    return Said(remark.code, remark.fact, zh, en)


def text(remark: Remark | None) -> str:
    """A remark in English, without the fact that it is about; empty for none."""
    return "" if remark is None else sentence(remark.code, remark.values, "en")


def flag(remark: Remark) -> str:
    """A remark as the older ``flags`` have it: in English, the fact's id before it."""
    return f"{remark.fact.id}: {text(remark)}" if remark.fact else text(remark)
