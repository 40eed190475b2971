"""What a command loads: `shixian due` needs the law and the contract, and no server's client."""

import os
import subprocess
import sys

HEAVY = ("asyncpg", "aiokafka", "faust", "litestar", "structlog", "services.stats", "services.events.brokers")
DUE = """
import sys
from services import cli
print(*[name for name in {heavy} if name in sys.modules], file=sys.stderr, sep=chr(10))
sys.argv = ["shixian", "due", "--statute", "CN-2019", "--received", "2024-03-01", "--json"]
try:
    cli.main()
except SystemExit as ended:
    assert not ended.code, ended.code
print(*[name for name in {heavy} if name in sys.modules], file=sys.stderr, sep=chr(10))
"""


def test_due_loads_no_client_and_no_counts() -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("SHIXIAN_")}
    ended = subprocess.run(
        [sys.executable, "-c", DUE.format(heavy=HEAVY)], capture_output=True, encoding="utf-8", check=True, env=env
    )
    assert '"due_on": "2024-03-29"' in ended.stdout
    assert ended.stderr.split() == []
