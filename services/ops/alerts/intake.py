"""Intake's error budget, watched over several windows at once: fast burns page, slow burns make a ticket."""

from collections.abc import Iterable

from services.ops.config import Config
from services.ops.rule import OPERATORS, Rule, alert

_CALLS = 'shixian_http_requests_total{service="intake",route="/v1/events"}'
_FAILED = 'shixian_http_requests_total{service="intake",route="/v1/events",status="5xx"}'


def _ratio(window: str) -> str:
    return f"shixian:intake_errors:ratio_rate{window}"


def _recorded(window: str) -> Rule:
    return {"record": _ratio(window), "expr": f"sum(rate({_FAILED}[{window}])) / sum(rate({_CALLS}[{window}]))"}


def _burning(config: Config, rates: Iterable[tuple[float, str, str]]) -> str:
    budget = 1 - config.intake_objective
    return "\nor\n".join(
        f"({_ratio(long)} > {rate * budget:.6g} and {_ratio(short)} > {rate * budget:.6g} "
        f"and sum(increase({_CALLS}[{long}])) > {config.intake_least})"
        for rate, long, short in rates
    )


def rules(config: Config) -> list[Rule]:
    """The rules of this subject."""
    rates = {"warning": config.burn_warning, "critical": config.burn_critical}
    windows = [window for kind in ("critical", "warning") for _, long, short in rates[kind] for window in (short, long)]
    return [_recorded(window) for window in dict.fromkeys(windows)] + [
        alert(
            config,
            "IntakeErrors",
            _burning(config, rates[severity]),
            severity=severity,
            audience=OPERATORS,
            symptom="intake",
            summary="Intake fails so often that its error budget will not last.",
            description="{{ $value | humanizePercentage }} of the calls to intake fail; the objective is "
            f"{config.intake_objective:.3%} without failure over 30 days. Senders repeat their calls; nothing is lost.",
            for_=config.intake_for,
        )
        for severity in ("warning", "critical")
    ]
