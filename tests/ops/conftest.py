"""The programs that scripts/test.sh unpacked beside the virtual environment are on the path."""

import os
import sys
from pathlib import Path

PROGRAMS = Path(sys.prefix) / "debian/usr/bin"

if PROGRAMS.is_dir():
    os.environ["PATH"] = f"{os.environ['PATH']}{os.pathsep}{PROGRAMS}"
