"""The files of Prometheus and Alertmanager for one machine."""

from collections.abc import Mapping

from services.ops import alertmanager, prometheus
from services.ops.config import Config
from services.ops.text import dump


def files(
    config: Config,
    services: Mapping[str, str],
    alertmanager_port: int,
    webhook: str,
    token_file: str = "",
    certificate: str = "",
) -> dict[str, str]:
    """Texts by path; ``services`` are the services' ``host:port`` by name. Without a ``webhook`` alerts are shown in
    Alertmanager and sent to nobody; *Watchdog* goes where ``config.watchdog_url`` says, whatever the webhook.
    ``token_file`` and ``certificate`` as Prometheus is to use them."""
    texts = {f"rules/{name}.yaml": dump(rules) for name, rules in prometheus.rule_files(config).items()}
    targets = {name: [address] for name, address in services.items()}
    texts["prometheus.yml"] = dump(
        prometheus.configuration(
            config,
            targets,
            [f"127.0.0.1:{alertmanager_port}"],
            token_file=token_file,
            certificate=certificate,
        ),
    )
    hooks = [{"url": webhook, "send_resolved": True}] if webhook else []
    receivers = [{"name": name} | ({"webhook_configs": hooks} if hooks else {}) for name in ("officers", "operators")]
    texts["alertmanager.yml"] = dump(alertmanager.configuration(config, receivers, {}))
    return texts
