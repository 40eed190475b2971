"""``python -m services.intake``: run the service."""

from typing import NoReturn

from services.intake.app import build
from services.runtime.main import run_service


def main() -> NoReturn:
    """Run until a signal comes."""
    run_service("intake", build)


if __name__ == "__main__":
    main()
