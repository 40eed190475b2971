"""Dead letters: published to their topic, looked at, replayed and discarded."""

import msgspec
import pytest

from tests.integration.recovery import environment, everything, keyed, put, quiet, services, shixian, sql
from tests.support import ORGAN, eventually, raw, received


@pytest.fixture
def env(kafka: str, postgres: str) -> dict[str, str]:
    return environment(kafka, postgres, SHIXIAN_NOW="2013-03-04T10:00:00+08:00")


def test_letters_are_published_once_looked_at_replayed_and_discarded(env: dict[str, str]) -> None:
    good = received("r1", "2013-03-01")
    bad = received("r2", "2013-03-01")
    bad["data"]["channel"] = "pigeon"
    huge = b"x" * 1_048_450
    broken = [("facts", b"r2", msgspec.json.encode(bad)), ("facts", None, b"\xff\x00"), ("facts", b"big", huge)]
    with services(env) as (tracker, stats):
        put(env, [keyed(raw("organ-registered", "gz-psb", ORGAN)), keyed(good), *broken, ("cases", b"c", b"garbage")])
        quiet(env)
        told = eventually(lambda: ((r := everything(env, "dead-letters")) and len(r) == 4 and r) or None)
        heads = [dict(record.headers) for record in told]
        assert {(h["service"], h["topic"].decode().split(".")[1]) for h in heads} == {
            (b"tracker", "facts"),
            (b"stats", "cases"),
        }
        by_key = {record.key: (record.value, dict(record.headers)) for record in told}
        assert by_key[b"r2"][0] == msgspec.json.encode(bad) and b"$.data.channel" in by_key[b"r2"][1]["reason"]
        assert by_key[b"big"][1]["cut-from"] == b"1048450" and len(by_key[b"big"][0]) < 20_000
        eventually(lambda: not sql(env, "SELECT FROM tracker.dead_letter WHERE published_at IS NULL") or None)
        assert tracker.process.poll() is None and stats.process.poll() is None
        assert sql(env, "SELECT length(value) FROM tracker.dead_letter WHERE key = $1", b"big")[0][0] == 1_048_450

        listed = shixian(env, "dead-letters", "list").stdout.splitlines()
        assert len(listed) == 4
        (wrong,) = [line.split("\t")[0] for line in listed if "$.data.channel" in line]
        for narrowed in (("--subject", "r2"), ("--subject", "r2", "--source", bad["source"])):
            found = shixian(env, "dead-letters", "list", *narrowed).stdout.splitlines()
            assert found and {line.split("\t")[3] for line in found} == {"r2"}, narrowed
            assert wrong in [line.split("\t")[0] for line in found]
        assert shixian(env, "dead-letters", "list", "--source", "nobody").stdout == ""
        shown = shixian(env, "dead-letters", "show", wrong).stdout
        assert "pigeon" in shown and "state     open" in shown

        refused = shixian(env, "dead-letters", "replay", wrong)
        assert refused.returncode == 2 and refused.stderr.startswith(
            f"shixian: {wrong} is still not a valid fact: $.data.channel"
        )
        assert refused.stderr.count("\n") == 1
        right = msgspec.json.encode(received("r2", "2013-03-01"))
        file = f"/tmp/{env['SHIXIAN_TOPIC_PREFIX']}json"
        with open(file, "wb") as out:
            out.write(right)
        done = shixian(env, "dead-letters", "replay", wrong, "--file", file, "--why", "the channel was misspelt")
        assert done.returncode == 0, done.stderr
        # It may wait for its organ first: the tracker reads the two topics side by side.
        eventually(lambda: tracker.get("/v1/requests/r2")["status"] == "open" or None)
        again = shixian(env, "dead-letters", "replay", wrong, "--file", file)
        assert again.returncode == 2 and "was replayed on" in again.stderr

        (case,) = [line.split("\t")[0] for line in listed if line.startswith("cases/")]
        unfit = shixian(env, "dead-letters", "replay", case)
        assert unfit.returncode == 2 and "shixian rebuild --service stats" in unfit.stderr
        rest = [name for line in listed if (name := line.split("\t")[0]) != wrong]
        assert shixian(env, "dead-letters", "discard", *rest, "--why", "garbage").returncode == 0
        assert shixian(env, "dead-letters", "list").stdout == ""
        every = shixian(env, "dead-letters", "list", "--state", "all").stdout.splitlines()
        assert sorted(line.split("\t")[2] for line in every) == ["discarded", "discarded", "discarded", "replayed"]
        quiet(env)
    audit = shixian(env, "audit")
    assert audit.returncode == 0, audit.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "facts/1"], "names no dead letter; expected topic/partition/offset"),
        (["show", "facts/0/12"], "there is no dead letter facts/0/12"),
        (["list", "--state", "lost"], "--state: expected open, replayed, discarded or all, got 'lost'"),
        (["discard", "facts/0/12"], "Missing option '--why'"),
        (["replay", "facts/0/1", "facts/0/2", "--file", "x"], "--file: expected one name with it"),
    ],
)
def test_what_is_wrong_with_a_call_is_one_line(env: dict[str, str], arguments: list[str], said: str) -> None:
    wrong = shixian(env, "dead-letters", *arguments)
    assert wrong.returncode == 2
    assert said in wrong.stderr and wrong.stderr.count("\n") == 1, wrong.stderr
