"""Every code has words in Chinese and English, and what the contract and the law call alike has the same codes."""

import re
from string import Formatter
from typing import get_args

import pytest

from services.events import vocabulary as v
from services.events.meanings import CASES, FACTS
from services.statute import profile_tables as p
from services.statute.versions import profiles
from services.words.catalogue import UnknownCode, flag, name, names, said, sentence, sentences
from services.words.remark import FactRef, Remark, remark

_HAN = re.compile(r"[\u4e00-\u9fff]")
_LATIN = re.compile(r"[A-Za-z]")

FIELDS = {
    "channel": v.CHANNELS,
    "applicant": v.APPLICANTS,
    "outcome": v.OUTCOMES,
    "timeliness": get_args(v.Timeliness),
    "service": get_args(v.Service),
    "party": get_args(v.Party),
    "review": get_args(v.ReviewKind),
    "result": get_args(v.ReviewResult),
    "unit": get_args(p.Unit),
    "start": get_args(p.Start),
    "answered": get_args(p.Answered),
    "receipt-date": get_args(p.ReceiptDate),
    "fact": tuple(n for n in FACTS),
    "event": tuple(CASES),
}


@pytest.mark.parametrize("group", FIELDS)
def test_a_group_has_every_code_of_its_field_and_no_other(group: str) -> None:
    assert set(names()[group]) == set(FIELDS[group])


def test_the_law_knows_the_contracts_codes() -> None:
    profile = profiles()["CN-2019"]
    assert set(profile.receipt_dates) == set(v.CHANNELS), "a new channel needs its rule of receipt"
    assert set(profile.consulting) == set(get_args(v.Party))
    assert set(profile.answered_by) == set(get_args(v.Service))


@pytest.mark.parametrize("code", sentences())
def test_a_sentence_takes_values_that_there_are_by_groups_that_there_are(code: str) -> None:
    words = sentences()[code]
    fields = [[(n, spec) for _, n, spec, _ in Formatter().parse(text) if n] for text in (words.zh, words.en)]
    in_chinese = {n.removesuffix("_zh") for n, _ in fields[0]}  # a value that is words has them in both languages
    assert in_chinese <= {n for n, _ in fields[1]}, "English may say more"
    assert all(spec in names() for part in fields for _, spec in part if spec)
    plain = re.sub(r"\{[^}]*\}", "", words.zh)
    assert _HAN.search(plain)
    assert not _LATIN.search(plain), "no English word stands in the Chinese"


def test_names_in_chinese_are_chinese() -> None:
    assert [(g, c) for g, codes in names().items() for c, words in codes.items() if not _HAN.search(words.zh)] == []


def test_a_remark_is_said_with_its_values_and_named_fact() -> None:
    found = remark(
        "fact-after-end", FactRef("urn:x", "f1"), what="extension-granted", on="2020-01-01", ended_on="2020-02-01"
    )
    assert said(found).zh == "延长答复期限并告知申请人：2020-01-01，申请已于2020-02-01办结"
    assert said(found).en == "extension-granted on 2020-01-01: the request had ended on 2020-02-01"
    assert flag(found) == "f1: extension-granted on 2020-01-01: the request had ended on 2020-02-01"
    assert name("channel", "pigeon", "zh") == "pigeon", "what has no name stays as it is"


def test_a_code_without_words_is_an_error() -> None:
    with pytest.raises(UnknownCode):
        said(Remark("no-such-code"))
    with pytest.raises(KeyError):
        sentence("fact-after-end", {}, "zh")
