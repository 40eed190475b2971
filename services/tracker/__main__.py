"""``python -m services.tracker``: the tracker as a process."""

from services.runtime.main import run_service
from services.tracker.app import build


def main() -> None:
    """Run until a signal."""
    run_service("tracker", build)


if __name__ == "__main__":
    main()
