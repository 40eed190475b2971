"""Statute files: all that ship are read; a bad one is refused with file, key and reason; the JSON Schema agrees."""

import tomllib
from copy import deepcopy
from datetime import date
from importlib import resources
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from services.statute.data_file import json_schema
from services.statute.errors import BadData, NoVersion, UnknownStatute
from services.statute.profile import Profile, from_data, read
from services.statute.settings import KNOWN
from services.statute.versions import profile_for, profiles, statute_ids, successor


def schema() -> dict[str, Any]:
    return json_schema(Profile, "statute")


FOLDER = resources.files("services.statute") / "profiles"


def text(id_: str) -> str:
    return (FOLDER / f"{id_}.toml").read_text("utf-8")


def plain(value: Any) -> Any:
    """TOML's values as JSON has them."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value.isoformat() if isinstance(value, date) else value


def at(data: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    *tables, key = path.split(".")
    for table in tables:
        data = data[table]
    return data, key


@pytest.mark.parametrize("id_", sorted(profiles()))
def test_every_shipped_file_agrees_with_the_json_schema(id_: str) -> None:
    Draft202012Validator(schema()).validate(plain(tomllib.loads(text(id_))))
    assert profiles()[id_].id == id_


BAD: list[tuple[str, Any, str]] = [
    ("answer.amount", 0, "answer.amount"),
    ("answer.amount", "20", "answer.amount"),
    ("answer.amount", True, "answer.amount"),
    ("answer.amount", None, "answer.amount"),
    ("answer.unit", "fortnight", "answer.unit"),
    ("answer.article", " ", "answer.article"),
    ("answer.rolls", "none", "answer.rolls"),
    ("title.en", None, "title.en"),
    ("in_force.from", None, "in_force.from"),
    ("extension.notify", "later", "extension.notify"),
    ("receipt.post", [], "receipt.post"),
    ("receipt.post", ["posted_on"], "receipt.post[0]"),
    ("consultation.third-party", None, "consultation.third-party"),
    ("consultation.third-party.effect", "restart", "consultation.third-party.effect"),
    ("consultation.third-party.effect", "extend", "consultation.third-party.extend_by"),
    ("consultation.third-party.limit.amount", -1, "consultation.third-party.limit.amount"),
    ("fee.lapse", "yes", "fee.lapse"),
    ("warnings", {"ladder": [5, -1]}, "warnings.ladder[1]"),
    ("settings.start-day.value", "first-day", "settings.start-day.value"),
    ("settings.start-day.source", None, "settings.start-day.source"),
    ("settings.whatever", {"value": "a", "source": "b", "confirmed": True}, "settings.whatever"),
    ("colour", "red", "colour"),
]


@pytest.mark.parametrize(("path", "value", "key"), BAD)
def test_a_bad_value_is_refused_with_file_key_and_reason_and_by_the_schema(path: str, value: Any, key: str) -> None:
    data = tomllib.loads(text("CN-2019"))
    table, last = at(data, path)
    if value is None:
        del table[last]
    else:
        table[last] = value
    with pytest.raises(BadData) as caught:
        from_data("CN-2019.toml", data)
    assert (caught.value.file, caught.value.key) == ("CN-2019.toml", key)
    assert caught.value.reason
    assert not Draft202012Validator(schema()).is_valid(plain(data))


def test_what_only_the_reader_can_know_is_refused_too() -> None:
    good = tomllib.loads(text("CN-2008"))

    def refused(path: str, value: Any) -> str:
        data = deepcopy(good)
        table, last = at(data, path)
        table[last] = value
        with pytest.raises(BadData) as caught:
            from_data("x.toml", data)
        return caught.value.key

    assert refused("in_force.through", date(2001, 1, 1)) == "in_force.through"
    assert refused("receipt.email", ["submitted_on"]) == "receipt.email"
    assert refused("settings.email-receipt.value", "listed") == "receipt.email"
    assert refused("extension.unit", "month") == "extension.unit"
    assert refused("fee.lapse", True) == "fee.limit"
    with pytest.raises(BadData, match=r"other\.toml: id: expected the file's name"):
        read("other.toml", text("CN-2008"))
    with pytest.raises(BadData, match=r"x\.toml: \$: not TOML"):
        read("x.toml", "answer = [")


def test_the_version_follows_the_day_of_receipt_and_an_id_forces_it() -> None:
    assert profile_for("CN", date(2019, 5, 14)).id == "CN-2008"
    assert profile_for("CN", date(2019, 5, 15)).id == "CN-2019"
    assert profile_for("CN-2019", date(2013, 1, 1)).id == "CN-2019"
    assert {"CN", "CN-2008", "CN-2019", "CN-LICENSING"} <= set(statute_ids())
    after = successor(profiles()["CN-2008"])
    assert after is not None
    assert after.id == "CN-2019"
    assert successor(profiles()["CN-2019"]) is None
    with pytest.raises(NoVersion, match="in force on 2001-01-01"):
        profile_for("CN", date(2001, 1, 1))
    with pytest.raises(UnknownStatute, match="'XX' is unknown"):
        profile_for("XX", date(2020, 1, 1))


def test_every_setting_has_a_default_and_can_be_read_another_way() -> None:
    cn = profiles()["CN-2019"]
    assert set(cn.read_as) == set(KNOWN)
    other = cn.with_settings({"exclusion-cap": "closing"}, "the office's own practice")
    assert (other.says("exclusion-cap"), cn.says("exclusion-cap")) == ("closing", "limit")
    with pytest.raises(BadData, match=r"settings\.colour"):
        cn.with_settings({"colour": "red"}, "x")
    with pytest.raises(BadData, match=r"settings\.start-day"):
        cn.with_settings({"start-day": "red"}, "x")
