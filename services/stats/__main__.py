"""``python -m services.stats``: the stats service as a process."""

from services.runtime.main import run_service
from services.stats.app import build


def main() -> None:
    """Run until a signal."""
    run_service("stats", build)


if __name__ == "__main__":
    main()
