"""``shixian import``, ``post`` and ``watch`` against an intake of a few lines: once, whatever happens in between."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from scripts import make_register
from services.commands import watching, whole_files
from services.events.examples import example
from services.intake import client
from services.registers.map_file import shipped

GIVEN = ["--map", "cn-applications", "--set", f"organ={make_register.ORGAN}", "--set", "year=2025"]
RUN = [sys.executable, "-c", "from services.cli import main; main()"]


@dataclass
class Intake:
    """Remembers what it took; ``at`` is called with how many batches came, before each answer."""

    batches: list[list[str]] = field(default_factory=list)
    at: Any = None
    url: str = ""
    who: list[str] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        return [id_ for batch in self.batches for id_ in batch]

    refused: str = ""
    """The id of a fact that it does not take."""

    def answer(self, body: bytes) -> tuple[int, dict[str, Any]]:
        events = json.loads(body)
        for at, event in enumerate(events):
            if event["id"] == self.refused:
                error = {"field": "$.data.submitted_on", "problem": "is odd", "expected": "another", "index": at}
                return 422, {"errors": [{**error, "code": "day-before-law"}]}
        before = set(self.ids)
        self.batches.append([e["id"] for e in events])
        if self.at is not None:
            self.at(len(self.batches))
        told = [
            {"source": e["source"], "id": e["id"], "status": "duplicate" if e["id"] in before else "accepted"}
            for e in events
        ]
        return 202, {"accepted": len(events), "events": told}


@contextmanager
def serving() -> Iterator[Intake]:
    intake = Intake()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            intake.who.append(self.headers.get("authorization", ""))
            status, told = intake.answer(self.rfile.read(int(self.headers["content-length"])))
            body = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    intake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield intake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def shixian(home: Path, *words: str) -> subprocess.Popen[str]:
    env = {**os.environ, "SHIXIAN_HOME": str(home)}
    return subprocess.Popen([*RUN, *words], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_killed_in_the_middle_a_second_run_posts_the_same_and_all_of_it(tmp_path: Path) -> None:
    made = make_register.make(700, 8, 0)
    register = tmp_path / "登记表.csv"
    register.write_bytes(made.csv("gb18030"))
    with serving() as intake:
        killed = shixian(tmp_path, "import", str(register), *GIVEN, "--url", intake.url)

        def kill(batches: int) -> None:
            if batches == 3:
                killed.send_signal(signal.SIGKILL)

        intake.at = kill
        killed.communicate()
        assert killed.returncode == -signal.SIGKILL
        intake.at = None
        before = len(intake.batches)
        again = shixian(tmp_path, "import", str(register), *GIVEN, "--url", intake.url)
        out, err = again.communicate()
        assert again.returncode == 0, err
        resumed = [id_ for batch in intake.batches[before:] for id_ in batch]
        ids = [fact["id"] for fact in made.facts]
        assert resumed == ids, "the log behind intake may be another by now: what was accepted before is posted again"
        assert f"{len(ids)} facts accepted" in out
    assert not (tmp_path / "imports").exists()


def test_a_dry_run_posts_nothing_and_rejects_are_kept(tmp_path: Path) -> None:
    made = make_register.make(120, 4, 15)
    register, rejected = tmp_path / "r.csv", tmp_path / "rejected.csv"
    register.write_bytes(made.csv())
    with serving() as intake:
        out, _ = shixian(tmp_path, "import", str(register), *GIVEN, "--dry-run", "--url", intake.url).communicate()
        assert out.count("expected") == len(made.planted)
        assert not intake.batches
        took = shixian(tmp_path, "import", str(register), *GIVEN, "--reject", str(rejected), "--url", intake.url)
        took.communicate()
        assert took.returncode == 1
        assert intake.ids == [fact["id"] for fact in made.facts]
        assert len(rejected.read_text("utf-8").splitlines()) == 16


@pytest.mark.parametrize("bad", [0, 5])
def test_a_folder_is_no_place_for_the_bad_rows_and_stays_where_it_is(tmp_path: Path, bad: int) -> None:
    register, folder = tmp_path / "r.csv", tmp_path / "out"
    register.write_bytes(make_register.make(30, 4, bad).csv())
    folder.mkdir()
    (folder / "mine").write_text("kept")
    took = shixian(tmp_path, "import", str(register), *GIVEN, "--dry-run", "--reject", str(folder))
    _, err = took.communicate()
    assert took.returncode == 2
    assert len(err.splitlines()) == 1 and "out" in err
    assert (folder / "mine").read_text() == "kept"
    assert sorted(each.name for each in tmp_path.iterdir() if each.name.startswith("out")) == ["out"]


@pytest.mark.parametrize("dry", [(), ("--dry-run",), ("--facts",)], ids=["import", "dry-run", "facts"])
@pytest.mark.parametrize("link", ["name", "path", "symlink", "hard-link", "before"])
def test_the_bad_rows_never_take_the_place_of_what_is_read(tmp_path: Path, link: str, dry: tuple[str, ...]) -> None:
    made = make_register.make(30, 4, 5)
    register, other = tmp_path / "r.csv", tmp_path / "other.csv"
    if link == "before":
        register = tmp_path / "other.csv.before"
    register.write_bytes(made.csv())
    match link:
        case "name":
            other = register
        case "path":
            other = tmp_path / "." / ".." / tmp_path.name / "r.csv"
        case "symlink":
            other.symlink_to(register)
        case "hard-link":
            other.hardlink_to(register)
    with serving() as intake:
        words = ("import", str(register), *GIVEN, "--reject", str(other), *dry, "--url", intake.url)
        refused = shixian(tmp_path, *words)
        out, err = refused.communicate()
    assert (refused.returncode, out, len(err.splitlines())) == (2, "", 1), err
    assert "--reject" in err and "expected another file" in err
    assert register.read_bytes() == made.csv() and not intake.batches


def test_the_map_is_not_written_over_either(tmp_path: Path) -> None:
    register, of = tmp_path / "r.csv", tmp_path / "m.toml"
    register.write_bytes(make_register.make(30, 4, 5).csv())
    of.write_text("mine", "utf-8")
    refused = shixian(tmp_path, "import", str(register), "--map", str(of), "--reject", str(of), "--dry-run")
    assert "expected another file" in refused.communicate()[1] and refused.returncode == 2
    assert of.read_text("utf-8") == "mine"


def test_the_bad_rows_of_a_run_are_its_own_and_what_stood_there_is_kept(tmp_path: Path) -> None:
    register, rejected = tmp_path / "r.csv", tmp_path / "rejected.csv"
    register.write_bytes(make_register.make(30, 4, 5).csv())
    command = ["import", str(register), *GIVEN, "--reject", str(rejected)]
    with serving() as intake:
        command += ["--url", intake.url]
        shixian(tmp_path, *command).communicate()
        first = rejected.read_bytes()
        rejected.chmod(0o640)
        rejected.write_bytes(first + b"mended")
        _, err = shixian(tmp_path, *command).communicate()
        kept = tmp_path / "rejected.csv.before"
        assert str(kept) in err and rejected.read_bytes() == first and kept.read_bytes() == first + b"mended"
        _, err = shixian(tmp_path, *command).communicate()
        assert str(kept) not in err and kept.read_bytes() == first + b"mended", "the same rows push nothing out"
        register.write_bytes(make_register.make(30, 4, 0).csv())
        good = shixian(tmp_path, *command)
        _, err = good.communicate()
    assert good.returncode == 0 and str(kept) in err
    assert not rejected.exists() and kept.read_bytes() == first, "what is mended by now does not look as if it were bad"
    assert names(tmp_path) == {"r.csv", "rejected.csv.before"}


def test_bad_rows_go_through_a_link_and_into_what_is_no_file(tmp_path: Path) -> None:
    register, real, link = tmp_path / "r.csv", tmp_path / "real.csv", tmp_path / "link.csv"
    register.write_bytes(make_register.make(30, 4, 5).csv())
    link.symlink_to(real)
    command = ["import", str(register), *GIVEN, "--dry-run", "--reject"]
    shixian(tmp_path, *command, str(link)).communicate()
    assert link.is_symlink() and len(real.read_text("utf-8").splitlines()) == 6
    out, _ = shixian(tmp_path, *command, "/dev/stdout").communicate()
    assert real.read_text("utf-8").splitlines()[1] in out and Path("/dev/stdout").is_symlink()


@pytest.mark.parametrize("dry", [(), ("--dry-run",)], ids=["facts", "dry-run"])
def test_facts_are_printed_and_nothing_between_them(tmp_path: Path, dry: tuple[str, ...]) -> None:
    made, register = make_register.make(30, 4, 5), tmp_path / "r.csv"
    register.write_bytes(made.csv())
    out, err = shixian(tmp_path, "import", str(register), *GIVEN, "--facts", *dry).communicate()
    assert [json.loads(line)["id"] for line in out.splitlines()] == [fact["id"] for fact in made.facts]
    assert err.count("expected") == len(made.planted)


HEAD = "登记编号,申请日期,申请方式,申请人类型\n"


def test_a_day_to_come_is_a_problem_of_its_row_and_the_others_are_posted(tmp_path: Path) -> None:
    register, rejected = tmp_path / "r.csv", tmp_path / "rejected.csv"
    head = HEAD.replace("\n", ",办理结果,答复日期\n")
    rows = "1,2025-03-03,当面,公民,,\n2,2190-03-03,当面,公民,公开,2190-03-05\n3,2025-03-04,当面,公民,,\n"
    register.write_text(head + rows, "utf-8")
    with serving() as intake:
        dry = shixian(tmp_path, "import", str(register), *GIVEN, "--dry-run", "--url", intake.url)
        out, _ = dry.communicate()
        assert dry.returncode == 1
        assert out.startswith("row 3, 申请日期: '2190-03-03' is later than tomorrow; expected a day on which")
        assert "晚于明天" in out and not intake.batches
        assert out.splitlines()[1].startswith("row 3, 答复日期: '2190-03-05' is later than tomorrow"), "every problem"
        took = shixian(tmp_path, "import", str(register), *GIVEN, "--reject", str(rejected), "--url", intake.url)
        took.communicate()
        assert took.returncode == 1
        assert intake.ids == ["1/request-received", "3/request-received"]
        assert "2190-03-03" in rejected.read_text("utf-8")


def test_how_many_requests_will_wait_for_their_confirmation_is_said_before_anything_is_posted(tmp_path: Path) -> None:
    register = tmp_path / "r.csv"
    head = HEAD.replace("\n", ",确认日期\n")
    rows = (
        "1,2025-03-03,网上,公民,2025-03-04\n2,2025-03-03,网上,公民,\n3,2025-03-04,当面,公民,\n4,2025-03-04,传真,公民,\n"
    )
    register.write_text(head + rows, "utf-8")
    out, _ = shixian(tmp_path, "import", str(register), *GIVEN, "--dry-run").communicate()
    assert "2 requests have no day of receipt by CN" in out and "2 件申请按 CN 尚无收到之日" in out
    register.write_text(head + rows.replace("网上,公民,\n", "网上,公民,2025-03-05\n").replace("传真", "当面"), "utf-8")
    out, _ = shixian(tmp_path, "import", str(register), *GIVEN, "--dry-run").communicate()
    assert "4 rows" in out and "no day of receipt" not in out


def test_a_row_that_only_intake_refuses_is_named_kept_and_passed_over(tmp_path: Path) -> None:
    register, rejected = tmp_path / "r.csv", tmp_path / "rejected.csv"
    rows = "".join(f"{number},2025-03-03,当面,公民\n" for number in range(1, client.BATCH + 20))
    register.write_text(HEAD + rows, "utf-8")
    command = ["import", str(register), *GIVEN]
    with serving() as intake:
        intake.refused = "510/request-received"
        whole = shixian(tmp_path, *command, "--url", intake.url)
        _, err = whole.communicate()
        assert whole.returncode == 2 and "row 511, 申请日期: '2025-03-03' is odd; expected another" in err
        took = shixian(tmp_path, *command, "--reject", str(rejected), "--url", intake.url)
        _, err = took.communicate()
        assert took.returncode == 1 and "row 511, 申请日期" in err
        assert len(set(intake.ids)) == client.BATCH + 18
        assert len(intake.ids) == 2 * client.BATCH + 18, "within a run nothing is posted twice"
        assert [line.split(",")[0] for line in rejected.read_text("utf-8").splitlines()[1:]] == ["510"]


def test_post_names_every_bad_line_and_posts_none(tmp_path: Path) -> None:
    paid = example("facts", "fee-paid")
    lines = [{**paid, "id": "1"}, {**paid, "data": {}}, {**paid, "id": "2"}, {**paid, "colour": [1]}]
    file = tmp_path / "facts.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)) + "\nno json\n")
    with serving() as intake:
        posting = shixian(tmp_path, "post", str(file), "--url", intake.url)
        _, err = posting.communicate()
    assert posting.returncode == 2
    assert [line.split(": ")[2] for line in err.splitlines()[:3]] == ["line 2", "line 4", "line 5"]
    assert "3 of 5 lines" in err
    assert not intake.batches


def test_a_byte_order_mark_before_the_first_line_is_passed_over(tmp_path: Path) -> None:
    file, folder = tmp_path / "facts.jsonl", tmp_path / "drop"
    folder.mkdir()
    for at in (file, folder / file.name):
        at.write_bytes(b"\xef\xbb\xbf" + json.dumps(example("facts", "fee-paid")).encode())
    with serving() as intake:
        posting = shixian(tmp_path, "post", str(file), "--url", intake.url)
        _, err = posting.communicate()
        assert posting.returncode == 0, err
        watch(folder, intake)
        assert len(intake.ids) == 2
    assert "facts.jsonl" in names(folder / "done")


def test_who_posts_is_asked_for_each_call() -> None:
    """What names a command on this machine lives half an hour, and a file may take longer."""
    facts = [json.dumps({**example("facts", "fee-paid"), "id": str(number)}).encode() for number in range(5)]
    asked = iter(range(10))
    with serving() as intake:
        posted = client.post(
            intake.url, facts, batch=2, trust_env=False, headers=lambda: {"authorization": f"Bearer {next(asked)}"}
        )
        assert posted.accepted == 5 and intake.who == ["Bearer 0", "Bearer 1", "Bearer 2"]


def test_all_lines_of_a_batch_without_a_good_one_are_told_though_intake_names_a_hundred(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    facts = [json.dumps({**example("facts", "fee-paid"), "id": str(number)}).encode() for number in range(505)]
    wrong = {"field": "$.id", "problem": "is odd", "expected": "another", "code": "field-invalid"}
    with serving() as intake:
        whole = intake.answer

        def answer(body: bytes) -> tuple[int, dict[str, Any]]:
            if len(json.loads(body)) < client.BATCH:
                return whole(body)
            return 422, {"errors": [{**wrong, "index": at} for at in range(100)]}

        monkeypatch.setattr(intake, "answer", answer)
        posted = client.post(intake.url, facts, partial=True, trust_env=False)
    assert (posted.accepted, [bad.line for bad in posted.bad]) == (5, [*range(1, 501)])
    assert str(posted.bad[99]) == "line 100: $.id: is odd; expected another"
    assert str(posted.bad[100]).startswith("line 101: refused with all others of its batch")


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


def watch(drop: Path, intake: Intake, *, partial: bool = False, left: bool = False) -> list[str]:
    told: list[str] = []
    by = watching.By(shipped()["cn-applications"], {"organ": make_register.ORGAN, "year": "2025"})
    where = watching.Intake(intake.url, False)
    folder = watching.Folder(drop)
    some = watching.run(folder, where, by, partial=partial, once=True, every=0.1, report_line=told.append)
    assert some == left
    return told


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_dropped_files_are_taken_once_with_a_report_beside_each(drop: Path) -> None:
    good, bad = make_register.make(20, 1, 0), make_register.make(20, 2, 3)
    (drop / "good.csv").write_bytes(good.csv())
    (drop / "bad.csv").write_bytes(bad.csv())
    (drop / "facts.jsonl").write_text(json.dumps(example("facts", "fee-paid")))
    (drop / "note.txt").write_text("no facts")
    (drop / "coming.csv.part").write_text("not yet")
    with serving() as intake:
        watch(drop, intake)
        assert names(drop / "done") == {"good.csv", "good.csv.report.json", "facts.jsonl", "facts.jsonl.report.json"}
        assert names(drop / "failed") == {
            "bad.csv", "bad.csv.report.json", "bad.csv.rejected.csv", "note.txt", "note.txt.report.json",
        }  # fmt: skip
        assert names(drop / "taking") == set()
        assert (drop / "coming.csv.part").exists()
        assert len(intake.ids) == len(good.facts) + 1
        report = json.loads((drop / "failed" / "bad.csv.report.json").read_text("utf-8"))
        assert (report["result"], report["rows"], len(report["problems"])) == ("failed", 20, len(bad.planted))
        (drop / "good.csv").write_bytes(good.csv())
        watch(drop, intake)
        assert "good.2.csv" in names(drop / "done")


def test_what_was_being_taken_when_the_process_ended_is_taken_again(drop: Path) -> None:
    made = make_register.make(20, 1, 4)
    (drop / "taking").mkdir()
    (drop / "taking" / "r.csv").write_bytes(made.csv())
    with serving() as intake:
        watch(drop, intake, partial=True)
        assert intake.ids == [fact["id"] for fact in made.facts]
    assert "r.csv" in names(drop / "failed")


LONG = "登" * 82


@pytest.mark.parametrize(
    "name",
    [f"{LONG}.csv", f"{LONG}.jsonl", f"{LONG}1.csv", "a." + "登" * 84, os.fsdecode(b"\xb5\xc7.csv")],
    ids=["csv", "jsonl", "full", "ending", "gbk"],
)
def test_a_name_of_any_length_and_bytes_is_taken_and_hinders_none(drop: Path, name: str) -> None:
    (drop / "z.csv").write_bytes(make_register.make(20, 1, 0).csv())
    os.utime(drop / "z.csv", (2e9, 2e9))
    with serving() as intake:
        for number in (3, 4):
            (drop / name).write_bytes(make_register.make(20, number, number).csv())
            watch(drop, intake)
    assert {"z.csv", "z.csv.report.json"} == names(drop / "done")
    failed = names(drop / "failed")
    kept = {one for one in failed if not one.endswith((".rejected.csv", ".report.json"))}
    assert len(kept) == 2 and {f"{one}.report.json" for one in kept} <= failed
    for one in kept:
        report = json.loads((drop / "failed" / f"{one}.report.json").read_text("utf-8"))
        assert report["file"] == name and one[:50].startswith(name[:1])
    assert not names(drop / "taking")


def test_what_two_long_names_are_cut_to_differs(tmp_path: Path) -> None:
    one, other = (whole_files.fitting(tmp_path, f"{LONG}{end}.csv", 20) for end in "甲乙")
    assert one != other and one[0][:70] == other[0][:70]
    assert whole_files.fitting(tmp_path, "登记表.csv", 20) == ("登记表", ".csv")


def test_a_file_that_the_system_keeps_from_being_taken_is_told_and_the_others_are(
    drop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, name in enumerate(("a.csv", "b.csv", "c.csv")):
        (drop / name).write_bytes(make_register.make(20, number, 0).csv())
        os.utime(drop / name, (number, number))
    whole, moved = whole_files.write, Path.replace

    def write(path: Path, content: bytes) -> None:
        if path.name.startswith("a.csv"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        whole(path, content)

    def replace(file: Path, to: Path) -> Path:
        if file == drop / "b.csv":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return moved(file, to)

    monkeypatch.setattr(whole_files, "write", write)
    monkeypatch.setattr(Path, "replace", replace)
    with serving() as intake:
        told = watch(drop, intake, left=True)
        assert "a.csv: can't be taken" in told[0] and "No space left" in told[0] and "b.csv" in told[1]
        assert names(drop / "done") == {"c.csv", "c.csv.report.json"}
        assert names(drop / "taking") == {"a.csv"} and (drop / "b.csv").exists()
        monkeypatch.undo()
        watch(drop, intake)
    assert {"a.csv", "b.csv", "c.csv"} <= names(drop / "done")


def test_a_file_that_the_system_keeps_from_being_taken_is_tried_again(
    drop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "AGAIN", 0.2)
    monkeypatch.setattr(Path, "replace", _at_the_third_time(Path.replace))
    (drop / "a.csv").write_bytes(make_register.make(20, 1, 0).csv())

    def told(line: str) -> None:
        if ": done," in line:
            raise KeyboardInterrupt

    by = watching.By(shipped()["cn-applications"], {"organ": make_register.ORGAN, "year": "2025"})
    with serving() as intake, pytest.raises(KeyboardInterrupt):
        where = watching.Intake(intake.url, False)
        watching.run(watching.Folder(drop), where, by, partial=False, once=False, every=0.05, report_line=told)
    assert "a.csv" in names(drop / "done")


def _at_the_third_time(work: Any) -> Any:
    times = iter(range(100))

    def replace(file: Path, to: Path) -> Any:
        if next(times) < 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return work(file, to)

    return replace


def test_watch_ends_with_1_where_a_file_could_not_be_taken(drop: Path, tmp_path: Path) -> None:
    (drop / "a.csv").write_bytes(make_register.make(20, 1, 0).csv())
    (drop / "done").symlink_to("/proc/self")
    with serving() as intake:
        watching_it = shixian(tmp_path, "watch", str(drop), *GIVEN, "--once", "--url", intake.url)
        _, err = watching_it.communicate()
    assert watching_it.returncode == 1 and "a.csv: can't be taken" in err and "Traceback" not in err


def test_one_process_watches_a_folder(drop: Path) -> None:
    folder = watching.Folder(drop)
    with folder.alone(), pytest.raises(watching.NoFolder, match="another"), folder.alone():
        pass
    with pytest.raises(watching.NoFolder, match="expected a folder"), watching.Folder(drop / "none").alone():
        pass
