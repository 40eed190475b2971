"""Write the files of ``deploy/`` anew: ``python -m services.ops [--config FILE.toml] [--out FOLDER]``."""

import argparse
from pathlib import Path

from services.ops import alertmanager, prometheus
from services.ops.config import BadConfig, Config, load
from services.ops.text import dump

TARGETS = {"intake": ["intake:8701"], "tracker": ["tracker:8702"], "stats": ["stats:8703"], "desk": ["desk:8700"]}


def files(config: Config) -> dict[str, str]:
    """What is generated, by path below ``deploy/``."""
    texts = {f"prometheus/rules/{name}.yaml": dump(rules) for name, rules in prometheus.rule_files(config).items()}
    texts["kubernetes/overlays/production/rules.yaml"] = dump(prometheus.operator_rules(config))
    texts["prometheus/prometheus.yml"] = dump(
        prometheus.configuration(config, TARGETS, ["alertmanager:9093"], token_file="/run/secrets/metrics-token")
    )
    texts["alertmanager/alertmanager.yml"] = dump(alertmanager.example(config))
    texts["alertmanager/templates/shixian.tmpl"] = alertmanager.TEMPLATE
    return texts


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m services.ops", description=__doc__)
    parser.add_argument("--config", type=Path, help="thresholds that differ from the defaults, as TOML")
    parser.add_argument("--out", type=Path, default=Path("deploy"))
    given = parser.parse_args()
    try:
        config = load(given.config) if given.config else Config()
    except BadConfig as error:
        parser.error(str(error))
    for path, text in files(config).items():
        target = given.out / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
