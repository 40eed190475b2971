"""Addresses in settings: what can't be read is refused, and nothing of it is shown."""

import pytest

from services.runtime.settings import SettingError, load

VARIABLES = ("SHIXIAN_POSTGRES", "SHIXIAN_OTLP", "SHIXIAN_ALERT_WEBHOOK", "SHIXIAN_TRACKER_URL")


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://db/shixian",
        "postgres://user@db:5432/shixian?sslmode=require",
        "postgresql://user:p%2Fa%40s%3Fs%23%25@db:5432/shixian",
        "postgresql://user:secret@[::1]:5432/shixian",
        "postgresql://user:secret@one:5432,two:5433/shixian?target_session_attrs=read-write",
        "postgresql://user@/shixian?host=/tmp/shixian-1",
    ],
)
def test_a_postgresql_uri_is_taken_as_it_is(uri: str) -> None:
    assert load({"SHIXIAN_POSTGRES": uri}).postgres == uri


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("sign", ["/", "@", "#", "?", "%", "[", " ", ":", "\n", "/@", "?x=@"])
def test_a_password_that_is_not_percent_encoded_is_refused_and_not_shown(variable: str, sign: str) -> None:
    scheme = "postgresql" if variable == "SHIXIAN_POSTGRES" else "https"
    with pytest.raises(SettingError) as refused:
        load({variable: f"{scheme}://user:hush{sign}hush@host.example:5432/path"})
    told = str(refused.value)
    assert told.startswith(f"{variable}: ")
    assert "percent-encode" in told
    assert "hush" not in told
    assert refused.value.__cause__ is None  # nor in what a traceback would add


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("text", ["hush", "hush:5432", "ftp://hush", "//hush", "://hush", "host=hush password=hush"])
def test_another_kind_of_text_is_refused_and_not_shown(variable: str, text: str) -> None:
    with pytest.raises(SettingError) as refused:
        load({variable: text})
    assert str(refused.value).startswith(f"{variable}: ")
    assert "hush" not in str(refused.value)
