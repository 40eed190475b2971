"""Write the dashboards' JSON."""

from collections.abc import Mapping
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from scripts.dashboards import deadlines, pipeline, units, year

FOLDER = Path(__file__).parents[2] / "deploy/grafana/dashboards"


def files() -> Mapping[str, str]:
    """The JSON texts by file name."""
    pages = {"deadlines": deadlines, "year": year, "pipeline": pipeline, "units": units}
    encoder = JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False)
    return {f"{name}.json": encoder.encode(module.build()) + "\n" for name, module in pages.items()}


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (FOLDER / name).write_text(text, "utf-8")
