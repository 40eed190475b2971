"""The recipes for other languages do what they say, with the programs that this machine has."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from services.intake.reading import STRUCTURED, read

RECIPES = Path(__file__).parents[2] / "docs" / "recipes"
COMMANDS = {"post.sh": ("curl", ["sh"]), "post.mjs": ("node", ["node"]), "Post.java": ("javac", ["java"])}
"""What each needs on the machine, and how it is run: the source launcher of Java needs the compiler."""


@contextmanager
def intake(answers: list[int], came: list[tuple[str, bytes]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            came.append((str(self.headers["authorization"]), body))
            status = answers.pop(0)
            told = json.dumps({"accepted": 1, "events": [{"status": "accepted"}], "detail": "no"}).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(told)))
            self.send_header("retry-after", "1")
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run(recipe: str, url: str) -> subprocess.CompletedProcess[str]:
    needed = COMMANDS[recipe][0]
    if shutil.which(needed) is None and f"{needed} (" in os.environ.get("SHIXIAN_TEST_MISSING", ""):
        pytest.skip(f"no {needed} on this machine, and none could be had")
    env = {**os.environ, "SHIXIAN_INTAKE": url, "SHIXIAN_TOKEN": "secret", "no_proxy": "127.0.0.1"}
    command = [*COMMANDS[recipe][1], str(RECIPES / recipe), "e-1"]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=200, check=False)


@pytest.mark.parametrize("recipe", COMMANDS)
async def test_a_recipe_posts_a_fact_and_repeats_it_with_its_id(recipe: str) -> None:
    came: list[tuple[str, bytes]] = []
    with intake([503, 202], came) as url:
        done = run(recipe, url)
    assert done.returncode == 0, done.stderr
    assert "accepted" in done.stdout
    assert len(came) == 2
    assert came[0] == came[1]
    assert came[0][0] == "Bearer secret"
    found = await read([(b"content-type", STRUCTURED.encode())], came[0][1])
    assert [fact.id for fact in found.facts] == ["e-1"]


@pytest.mark.parametrize("recipe", COMMANDS)
def test_a_refusal_ends_a_recipe_with_what_intake_said(recipe: str) -> None:
    came: list[tuple[str, bytes]] = []
    with intake([422], came) as url:
        done = run(recipe, url)
    assert done.returncode != 0
    assert "no" in done.stdout + done.stderr
    assert len(came) == 1


def test_each_recipe_is_run() -> None:
    assert {file.name for file in RECIPES.iterdir()} == {*COMMANDS, "README.md"}
