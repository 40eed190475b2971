"""``python -m services.desk``: run the service."""

from typing import NoReturn

from services.desk.app import build
from services.runtime.main import run_service


def main() -> NoReturn:
    """Run until a signal comes."""
    run_service("desk", build)


if __name__ == "__main__":
    main()
