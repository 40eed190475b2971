"""The services that `up` starts are ours, whatever folder it is started in."""

import subprocess
from pathlib import Path

import pytest

from services.commands import up
from services.local.supervisor import Service
from services.runtime.settings import Settings


@pytest.mark.parametrize("service", up.services(Settings()), ids=lambda s: s.name)
def test_a_package_of_the_same_name_in_the_folder_is_not_taken(service: Service, tmp_path: Path) -> None:
    package = tmp_path / "services"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('taken from the folder')")
    program = [service.argv[0], *service.argv[1 : service.argv.index("-m")], "-c", "import services; print('ours')"]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "ours\n", done.stderr
