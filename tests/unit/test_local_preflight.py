"""What is looked at before anything is started: the home, the ports, the room; and addresses of this machine."""

import os
import socket
from pathlib import Path

import pytest

from services.local import home, ports
from services.local.failures import DiskFull, HomeUnusable
from services.local.process import PortTaken, bound, set_aside
from services.local.run_file import running
from services.local.stack import HomeHeld, LocalStack, hold
from services.runtime import addresses, settings
from services.runtime.ends import Cause


def refused(folder: Path) -> Cause:
    with pytest.raises(HomeUnusable) as caught:
        home.check(folder, 0)
    assert str(folder.parent) in str(caught.value)
    return caught.value.end


def test_a_home_is_made_and_may_be_used_again(tmp_path: Path) -> None:
    home.check(tmp_path / "new" / "home", 0)
    home.check(tmp_path / "new" / "home", 0)


def test_a_home_that_is_a_file_or_lies_in_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert refused(tmp_path / "file") is Cause.HOME_IS_FILE
    assert refused(tmp_path / "file" / "home") is Cause.HOME_IS_FILE


def test_a_name_too_long_and_a_place_where_nothing_can_be_made_are_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / ("a" * 300)) is Cause.HOME_UNUSABLE
    assert refused(Path("/proc/shixian/home")) is Cause.HOME_UNUSABLE


def test_data_of_another_postgres_and_strangers_files_are_refused(tmp_path: Path) -> None:
    data = tmp_path / "postgres" / "data"
    data.mkdir(parents=True)
    assert refused(tmp_path) is Cause.HOME_FOREIGN
    (data / "PG_VERSION").write_text("16\n")
    assert refused(tmp_path) is Cause.HOME_VERSION
    (data / "PG_VERSION").write_text(f"{home.POSTGRES_MAJOR}\n")
    home.check(tmp_path, 0)
    (tmp_path / "kafka" / "data").mkdir(parents=True)
    home.check(tmp_path, 0)
    (tmp_path / "kafka" / "data" / "holiday.jpg").touch()
    assert refused(tmp_path) is Cause.HOME_FOREIGN


def test_too_little_room_is_refused_with_both_figures(tmp_path: Path) -> None:
    with pytest.raises(DiskFull, match=r"MB free, 9,000,000,000 MB needed"):
        home.check(tmp_path, 9_000_000_000_000_000)


def test_a_holder_that_left_nothing_readable_still_holds(tmp_path: Path) -> None:
    with hold(tmp_path):
        (tmp_path / "up.lock").write_text("{half")
        with pytest.raises(HomeHeld):
            hold(tmp_path)


def test_where_a_stack_runs_is_asked_of_a_home_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = settings.Settings(home=tmp_path / "file")
    assert running(found) is None
    with pytest.raises(HomeUnusable):
        LocalStack(found).start()


def test_a_taken_port_is_told_with_its_setting_and_its_holder() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        wanted = ports.Wanted(port, "SHIXIAN_STATS_PORT", "127.0.0.1", "SHIXIAN_HOST")
        with pytest.raises(PortTaken, match="SHIXIAN_STATS_PORT") as caught:
            ports.check([wanted])
        assert str(os.getpid()) in caught.value.facts["holder"]
        ports.check([wanted], {os.getpid()})  # what will be ended first counts as free
    ports.check([wanted])


@pytest.mark.parametrize(("first", "second"), [(8701, 8701), (0, 8702)])
def test_ports_that_can_not_be_meant_are_told_by_their_settings(first: int, second: int) -> None:
    with pytest.raises(ports.WrongPort, match="SHIXIAN_INTAKE_PORT"):
        ports.check([ports.Wanted(first, "SHIXIAN_INTAKE_PORT"), ports.Wanted(second, "SHIXIAN_TRACKER_PORT")])


@pytest.mark.parametrize("host", ["203.0.113.7", "no.such.name.invalid"])
def test_a_host_that_is_not_ours_is_told_by_its_setting(host: str) -> None:
    with pytest.raises(ports.HostUnusable, match="SHIXIAN_HOST"):
        ports.check([ports.Wanted(8701, "SHIXIAN_INTAKE_PORT", host, "SHIXIAN_HOST")])


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8701"),
        ("127.0.0.2", "http://127.0.0.2:8701"),
        ("0.0.0.0", "http://127.0.0.1:8701"),
        ("::", "http://[::1]:8701"),
        ("::1", "http://[::1]:8701"),
        ("[::1]", "http://[::1]:8701"),
        ("localhost", "http://localhost:8701"),
    ],
)
def test_a_listener_is_asked_by_an_address_that_answers(host: str, url: str) -> None:
    assert addresses.url(host, 8701) == url
    found = settings.load({"SHIXIAN_HOST": host, "SHIXIAN_TRACKER_PORT": "8701"})
    assert found.tracker_address == url == found.url("tracker")


@pytest.mark.parametrize("host", ["127.0.0.2", "0.0.0.0", "localhost"])
def test_a_client_of_this_machine_reaches_what_listens(host: str) -> None:
    with addresses.listen(host, 0) as server:
        port = server.getsockname()[1]
        with socket.create_connection((addresses.client_host(host), port), timeout=5):
            pass


@pytest.mark.parametrize("port", ["65536", "-1", "1e9"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(settings.SettingError, match="SHIXIAN_STATS_PORT"):
        settings.load({"SHIXIAN_STATS_PORT": port})


def test_a_log_is_set_aside_at_a_start_and_cut_while_it_is_written(tmp_path: Path) -> None:
    log, before = tmp_path / "a.log", tmp_path / "a.log.1"
    set_aside(log)
    log.write_text("first run")
    set_aside(log)
    assert before.read_text() == "first run"
    with log.open("a") as writer:
        for _ in range(5):
            writer.write("x" * 60)
            writer.flush()
            bound(log, 100)
        writer.write("end")
        writer.flush()
    assert log.stat().st_size < 100
    assert log.read_text().endswith("end")
    assert before.stat().st_size < 200
