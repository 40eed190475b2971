"""What a setting can be: what can't work is refused by name, and what nobody reads is told."""

from pathlib import Path

import pytest

from services.runtime.settings import SettingError, load, unknown

WRONG = (
    ("PARTITIONS", "0"),
    ("PARTITIONS", "1000000"),
    ("REPLICATION", "0"),
    ("REPLICATION", "99999"),
    ("OTLP_RATIO", "5"),
    ("SESSION_HOURS", "0"),
    ("IDLE_MINUTES", "0"),
    ("SWEEP_SECONDS", "0"),
    ("SHUTDOWN_SECONDS", "0"),
    ("AUDIT_MONTHS", "5"),
    ("CASE_FACTS", "0"),
    ("KAFKA_PORT", "65535"),
    ("DESK_PORT", "65536"),
    ("RATE", "nan"),
    ("RATE", "-1"),
    ("TOPIC_PREFIX", "bad prefix/"),
    ("HOSTS", "https://shixian.example"),
    ("HOSTS", "shixian.example:443"),
    ("HOSTS", "good.example, *"),
    ("ORIGINS", "portal.example"),
    ("ORIGINS", "https://portal.example/page"),
)


@pytest.mark.parametrize(("name", "text"), WRONG)
def test_what_cannot_work_is_refused_by_its_name(name: str, text: str) -> None:
    with pytest.raises(SettingError, match=f"^SHIXIAN_{name}: expected .+, got|^SHIXIAN_{name}: expected .+; got"):
        load({f"SHIXIAN_{name}": text})


RIGHT = (
    ("HOSTS", "shixian.example, *.authority.example,my_intake,fe80::1"),
    ("HOSTS", "localhost,10.0.0.7"),
    ("ORIGINS", "https://portal.example, http://localhost:3000/"),
    ("TOPIC_PREFIX", "gz-1.shixian_"),
    ("PARTITIONS", "96"),
    ("SWEEP_SECONDS", "0.5"),
    ("SHUTDOWN_SECONDS", "2"),
    ("OTLP_RATIO", "0"),
    ("DESK_PORT", "0"),
)


@pytest.mark.parametrize(("name", "text"), RIGHT)
def test_what_can_work_is_taken(name: str, text: str) -> None:
    default = getattr(load({}), name.lower())
    assert getattr(load({f"SHIXIAN_{name}": text}), name.lower()) == type(default)(text)


def test_a_file_or_folder_that_is_not_there_is_named_before_anything_starts(tmp_path: Path) -> None:
    gone, there = str(tmp_path / "gone"), tmp_path / "there"
    there.write_text("x")
    for name, value in (("ACCESS", gone), ("DISK_FOLDER", gone), ("DISK_FOLDER", str(there))):
        with pytest.raises(SettingError, match=f"SHIXIAN_{name}: expected a .+ there is none at {value}"):
            load({f"SHIXIAN_{name}": value}).require_safe()
    with pytest.raises(
        SettingError, match=f"SHIXIAN_TLS_KEY: expected a file that can be read; there is none at {gone}"
    ):
        load({"SHIXIAN_TLS_CERT": str(there), "SHIXIAN_TLS_KEY": gone}).require_safe()
    load({"SHIXIAN_ACCESS": str(there), "SHIXIAN_DISK_FOLDER": str(tmp_path)}).require_safe()


def test_a_file_whose_folder_may_not_be_entered_is_named_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the system refuses to say whether it is there; root, as which tests run in CI, is refused nothing."""

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.stat", refused)
    for name in ("ACCESS", "DISK_FOLDER"):
        with pytest.raises(SettingError, match=f"SHIXIAN_{name}: expected a .+ there is none at {tmp_path}"):
            load({f"SHIXIAN_{name}": str(tmp_path / "x")}).require_safe()


def test_what_looks_like_a_setting_and_is_none_is_told() -> None:
    env = {
        "SHIXIAN_ACESS": "/x",
        "SHIXIAN_FOUREYES": "yes",
        "SHIXIAN_POSTGRES_FILE": "/x",
        "SHIXIAN_JARS": "/x",
        "SHIXIAN_RATE": "1",
        "PATH": "/bin",
    }
    assert unknown(env) == ["SHIXIAN_ACESS", "SHIXIAN_FOUREYES"]
