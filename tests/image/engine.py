"""What the image's proof asks of podman: containers as an operator would run them, and what the kernel says of them."""

import shutil
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

IMAGE = "localhost/shixian:0.1.0"
RUNTIME = ("--runtime", "runc")
HARDENED = ("--read-only", "--tmpfs", "/tmp", "--cap-drop=all", "--security-opt=no-new-privileges")


def podman(*arguments: str, check: bool = True, seconds: float = 120) -> str:
    """What podman prints. Raises ``RuntimeError`` with what it says if it fails and ``check`` is true."""
    command = ("podman", *RUNTIME, *arguments)
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
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
    limits = ("--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096")
    podman("run", "--detach", "--name", name, "--network=host", *limits, *HARDENED, *given, IMAGE, service)
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
