"""Faust is loaded where it is chosen, and nowhere else: a release of it that breaks must not stop anyone."""

import subprocess
import sys

import pytest

LOADS = """
import asyncio, sys
from services.runtime.health import Health
from services.runtime.settings import load
from services.runtime.worker import batch_app
import services.stats.app, services.tracker.app

async def nothing(*_): return {}

async def make():
    settings = load({"SHIXIAN_TRANSPORT": sys.argv[1], "SHIXIAN_KAFKA": "127.0.0.1:9"})
    batch_app("group", settings, "topic", nothing, nothing, health=Health())

asyncio.run(make())
print("faust" in sys.modules)
"""


@pytest.mark.parametrize(("transport", "loaded"), [("aiokafka", "False"), ("faust", "True")])
def test_the_transport_decides_whether_faust_is_loaded(transport: str, loaded: str) -> None:
    found = subprocess.run([sys.executable, "-c", LOADS, transport], capture_output=True, text=True, check=False)
    assert (found.stdout.strip(), found.returncode) == (loaded, 0), found.stderr
