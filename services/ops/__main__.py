"""Write the files of ``deploy/`` anew: ``python -m services.ops [--config FILE.toml] [--out FOLDER]``.

Examples that were changed by hand stay (:mod:`services.ops.writing`).
"""

import argparse
import sys
from pathlib import Path

from services.ops import alertmanager, prometheus
from services.ops.config import BadConfig, Config, load
from services.ops.text import dump
from services.ops.writing import example, write

TARGETS = {"intake": ["intake:8701"], "tracker": ["tracker:8702"], "stats": ["stats:8703"], "desk": ["desk:8700"]}


def files(config: Config) -> dict[str, str]:
    """What is generated, by path below ``deploy/``."""
    texts = {f"prometheus/rules/{name}.yaml": dump(rules) for name, rules in prometheus.rule_files(config).items()}
    texts["kubernetes/overlays/production/rules.yaml"] = dump(prometheus.operator_rules(config))
    scraping = prometheus.configuration(config, TARGETS, ["alertmanager:9093"], token_file="/run/secrets/metrics-token")
    texts["prometheus/prometheus.yml"] = example(dump(scraping, head=""))
    texts["alertmanager/alertmanager.yml"] = example(dump(alertmanager.example(config), head=""))
    texts["alertmanager/templates/shixian.tmpl"] = example(alertmanager.TEMPLATE, "{{/* %s */}}")
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
    for kept, beside in write(given.out, files(config)).items():
        sys.stderr.write(f"{kept} was changed by hand and stays as it is; what is new is in {beside}\n")


if __name__ == "__main__":
    main()
