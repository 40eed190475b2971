"""The broker's jars: only those of the lock, fetched when missing, no network when all are there."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from services.local import jars
from services.local.lock import render


class Mirror(ThreadingHTTPServer):
    """A Maven repository that serves the jars of this machine's cache, and can be made to serve other bytes."""

    def __init__(self, source: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.source = source
        self.unreadable: dict[str, bytes] = {}
        self.asked: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        name = self.path.rsplit("/", 1)[-1]
        self.server.asked.append(name)
        path = self.server.source / name
        if name.endswith(".sha1") or not path.exists():
            self.send_error(404)
            return
        body = self.server.unreadable.get(name, path.read_bytes())
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def mirror(classpath: list[Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    server = Mirror(classpath[0].parent)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    monkeypatch.setenv("SHIXIAN_MAVEN", f"http://127.0.0.1:{server.server_port}/maven2/")
    monkeypatch.setattr(jars, "ATTEMPTS", 1)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def cache(classpath: list[Path], folder: Path) -> Path:
    """A folder with all jars, of which a test may change any."""
    for path in classpath:
        (folder / path.name).symlink_to(path)
    return folder


def clients() -> jars.Jar:
    return next(jar for jar in jars.read_lock() if jar.name.startswith("kafka-clients-"))


def replace(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def test_a_tampered_jar_is_refused_with_its_name_and_both_sums(cache: Path, mirror: Mirror) -> None:
    victim = cache / clients().name
    replace(victim, victim.read_bytes() + b"\0")
    with pytest.raises(jars.JarMismatch) as caught:
        jars.kafka_classpath(cache)
    assert str(victim) in str(caught.value)
    assert caught.value.expected == clients().sha256
    assert caught.value.found != clients().sha256
    assert mirror.asked == []


def test_with_all_jars_there_nothing_is_asked_of_the_network(cache: Path, mirror: Mirror) -> None:
    paths = jars.kafka_classpath(cache)
    assert [path.name for path in paths] == [jar.name for jar in jars.read_lock()]
    assert mirror.asked == []


def test_a_missing_jar_is_fetched_and_its_progress_told(
    cache: Path, mirror: Mirror, capsys: pytest.CaptureFixture[str]
) -> None:
    (cache / clients().name).unlink()
    jars.kafka_classpath(cache)
    assert (cache / clients().name).stat().st_size == clients().size
    assert [name for name in mirror.asked if name.endswith(".jar")] == [clients().name]
    assert not list(cache.glob(".fetch-*"))
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith("Apache Kafka, 1 jars: ")
    assert len(told) > 2


def test_a_missing_jar_is_named_when_offline(cache: Path, mirror: Mirror) -> None:
    (cache / clients().name).unlink()
    with pytest.raises(jars.JarsUnavailable, match=clients().name):
        jars.kafka_classpath(cache, offline=True)
    assert mirror.asked == []


def test_a_mirror_that_serves_other_bytes_is_not_believed(cache: Path, mirror: Mirror) -> None:
    (cache / clients().name).unlink()
    mirror.unreadable[clients().name] = b"not what was asked for"
    with pytest.raises(jars.JarMismatch, match=clients().name):
        jars.kafka_classpath(cache)
    assert not (cache / clients().name).exists()
    assert not list(cache.glob(".fetch-*"))


@pytest.mark.parametrize("down", [True, False], ids=["no answer", "no such file"])
def test_what_cannot_be_fetched_is_told_in_one_line(
    down: bool, cache: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cache / clients().name).unlink()
    if down:
        monkeypatch.setenv("SHIXIAN_MAVEN", "http://127.0.0.1:9/")
    else:
        mirror.source = cache / "empty"
    with pytest.raises(jars.JarsUnavailable, match=clients().coordinate) as caught:
        jars.kafka_classpath(cache)
    assert "\n" not in str(caught.value)


def test_a_transfer_that_fails_once_is_tried_again(
    cache: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jars, "ATTEMPTS", 2)
    (cache / clients().name).unlink()
    mirror.unreadable[clients().name] = b"cut"
    monkeypatch.setattr("services.local.jars.time.sleep", lambda _seconds: mirror.unreadable.clear())
    jars.kafka_classpath(cache)
    assert (cache / clients().name).stat().st_size == clients().size


def test_the_lock_names_every_jar_once_and_no_host(classpath: list[Path]) -> None:
    text = jars.LOCK_FILE.read_text()
    assert "://" not in text
    lock = jars.read_lock()
    assert len({jar.name for jar in lock}) == len(lock) > 40
    found = {jar.coordinate: path for jar, path in zip(lock, classpath, strict=True)}
    assert render(found) == text


def test_the_folder_can_be_chosen(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHIXIAN_JARS", str(folder / "jars"))
    assert jars.jar_folder() == folder / "jars"
    monkeypatch.delenv("SHIXIAN_JARS")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    assert jars.jar_folder() == folder / "shixian" / "jars"
