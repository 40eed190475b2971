"""What the image's proof asks of podman: containers as an operator would run them, and what the kernel says of them."""

import atexit
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

IMAGE = "localhost/shixian:0.1.0"
HARDENED = ("--read-only", "--tmpfs", "/tmp", "--cap-drop=all", "--security-opt=no-new-privileges")


@cache
def configuration() -> str:
    """A file for podman: Debian's crun can't start containers on every kernel, and limits may not go above our own."""
    folder = tempfile.mkdtemp(prefix="shixian-image-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    file = Path(folder) / "containers.conf"
    limits = '["nofile=4096:4096", "nproc=4096:4096"]'
    file.write_text(f'[containers]\ndefault_ulimits = {limits}\n[engine]\nruntime = "runc"\n', encoding="utf-8")
    return str(file)


def podman(*arguments: str, check: bool = True, seconds: float = 120) -> str:
    """What podman prints. Raises ``RuntimeError`` with what it says if it fails and ``check`` is true."""
    return run("podman", *arguments, check=check, seconds=seconds)


def run(*command: str, check: bool = True, seconds: float = 120) -> str:
    """What a command of the engine prints. Raises ``RuntimeError`` as :func:`podman` does."""
    env = {**os.environ, "CONTAINERS_CONF": configuration()}
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False, env=env)
    if done.returncode and check:
        raise RuntimeError(f"{' '.join(command)}: {done.returncode}\n{done.stderr.strip()[-800:]}")
    return done.stdout.strip()


def missing() -> str:
    """Why the image can't be run here; empty if it can."""
    for name in ("podman", "runc"):
        if shutil.which(name) is None:
            return f"no {name} (Debian: apt-get install podman buildah runc debootstrap)"
    if subprocess.run(("podman", "image", "exists", IMAGE), check=False, capture_output=True).returncode:
        return f"no image {IMAGE} (make image)"
    return ""


@contextmanager
def container(service: str, env: Mapping[str, str]) -> Iterator[str]:
    """A container of one service on the host's network, by its name; hardened as deploy/compose.yaml has it."""
    name = f"shixian-{service}-{uuid.uuid4().hex[:6]}"
    given = [part for key, value in env.items() for part in ("--env", f"{key}={value}")]
    podman("run", "--detach", "--name", name, "--network=host", *HARDENED, *given, IMAGE, service)
    try:
        yield name
    finally:
        podman("rm", "--force", "--time", "5", name, check=False)


def status(name: str) -> dict[str, str]:
    """What the kernel says of a container's first process (``/proc/PID/status``)."""
    pid = podman("inspect", "--format", "{{.State.Pid}}", name)
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def exit_code(name: str, seconds: int = 15) -> int:
    """SIGTERM, and what the container ended with."""
    podman("stop", "--time", str(seconds), name)
    return int(podman("inspect", "--format", "{{.State.ExitCode}}", name))


def logs(name: str) -> str:
    done = subprocess.run(("podman", "logs", name), capture_output=True, text=True, check=False)
    return done.stdout + done.stderr
