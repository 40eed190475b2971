"""The look that the services' pages share: one stylesheet each, the common part first."""

from importlib.resources import files


def stylesheet(package: str, name: str) -> str:
    """The common styles, and after them those of a service: ``static/name`` of its ``package``."""
    shared = (files("services.runtime") / "static" / "pages.css").read_text("utf-8")
    return shared + "\n" + (files(package) / "static" / name).read_text("utf-8")
