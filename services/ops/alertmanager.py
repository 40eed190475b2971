"""Alertmanager: who is notified of what, how often, and what is inhibited by something worse."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.ops.config import Config

OWN_FIGURES = (
    "TrackerLagging",
    "TrackerStuck",
    "SweepStale",
    "OutboxGrowing",
    "StatsBehind",
    "ServiceNotReady",
    "ReplicaNotReady",
)
"""What a service that is down can't help, and what says nothing new then."""

OF_MANY = ("answer", "untouched", "clarification-notice", "consultation", "step", "step-due", "unaccepted", "duty-due")
"""The symptoms of alerts that stand for many requests of an organ at once."""

NOBODY, WATCHDOG = "nobody", "watchdog"
"""Who gets *Watchdog*: nobody, until an address is set."""

_WATCHDOG_LOOKS = "30s"

Receiver = Mapping[str, Any]


def inhibitions() -> list[dict[str, Any]]:
    """A breach silences its forecast; a service that is down, its own lag; standing still, going slowly.

    Not so where an alert stands for many requests: that one of them is overdue says nothing of the others that are
    about to be.
    """
    return [
        {
            "source_matchers": ['severity="critical"'],
            "target_matchers": ['severity="warning"', f'symptom!~"{"|".join(OF_MANY)}"'],
            "equal": ["symptom", "organ", "service", "calendar"],
        },
        {
            "source_matchers": ['alertname="ServiceDown"', 'severity="critical"'],
            "target_matchers": [f'alertname=~"{"|".join(OWN_FIGURES)}"'],
            "equal": ["service"],
        },
        {
            "source_matchers": ['alertname="TrackerStuck"'],
            "target_matchers": ['alertname="TrackerLagging"'],
            "equal": ["service"],
        },
    ]


def routes(config: Config, organs: Mapping[str, str], officers: str, operators: str) -> dict[str, Any]:
    """The tree: officers hear of requests, grouped by organ, of the same once a day; operators of the rest.

    ``organs`` gives organs with a receiver of their own. *Watchdog* goes alone, as often as its receiver needs it.
    """
    own = [{"matchers": [f'organ="{organ}"'], "receiver": receiver} for organ, receiver in organs.items()]
    by_organ: dict[str, Any] = {
        "matchers": ['audience="officers"'],
        "receiver": officers,
        "group_by": ["organ"],
        "group_wait": config.officers_wait,
        "group_interval": config.officers_interval,
        "repeat_interval": config.officers_repeat,
    }
    watchdog: dict[str, Any] = {"matchers": ['alertname="Watchdog"'], "receiver": NOBODY}
    if config.watchdog_url:
        # A repetition waits for the next look after its time: looks as far apart would leave every other one out.
        watchdog |= {"receiver": WATCHDOG, "group_wait": "0s", "group_interval": _WATCHDOG_LOOKS}
        watchdog["repeat_interval"] = config.watchdog_repeat
    if own:
        by_organ["routes"] = own
    return {
        "receiver": operators,
        "group_by": ["service", "calendar"],
        "group_wait": config.operators_wait,
        "group_interval": config.operators_interval,
        "repeat_interval": config.operators_repeat,
        "routes": [watchdog, by_organ],
    }


def configuration(
    config: Config,
    receivers: Sequence[Receiver],
    organs: Mapping[str, str],
    *,
    officers: str = "officers",
    operators: str = "operators",
    templates: Sequence[str] = (),
    mail: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Alertmanager's file; ``mail`` are the global settings for sending e-mail."""
    document: dict[str, Any] = {"global": dict(mail)} if mail else {}
    if templates:
        document["templates"] = list(templates)
    last: Receiver = {"name": NOBODY}
    if config.watchdog_url:
        last = {"name": WATCHDOG, "webhook_configs": [{"url": config.watchdog_url, "send_resolved": False}]}
    return document | {
        "route": routes(config, organs, officers, operators),
        "inhibit_rules": inhibitions(),
        "receivers": [*receivers, last],
    }


def example(config: Config) -> dict[str, Any]:
    """The file in ``deploy/``: a webhook and e-mail, and an organ with an address of its own."""

    def mail(to: str) -> dict[str, Any]:
        text = '{{ template "shixian.text" . }}'
        return {"to": to, "send_resolved": True, "html": "", "text": text, "headers": {"Subject": SUBJECT}}

    def hook(path: str) -> dict[str, Any]:
        return {"url": f"http://notify.example:8080/{path}", "send_resolved": True}

    return configuration(
        config,
        [
            {
                "name": "officers",
                "webhook_configs": [hook("officers")],
                "email_configs": [mail("officers@authority.example")],
            },
            {"name": "gz-psb", "email_configs": [mail("gz-psb@authority.example")]},
            {
                "name": "operators",
                "webhook_configs": [hook("operators")],
                "email_configs": [mail("operators@authority.example")],
            },
        ],
        {"gz-psb": "gz-psb"},
        templates=["templates/*.tmpl"],
        mail={
            "smtp_smarthost": "mail.authority.example:587",
            "smtp_from": "shixian@authority.example",
            "smtp_auth_username": "shixian",
            "smtp_auth_password_file": "/run/secrets/smtp-password",
        },
    )


SUBJECT = '{{ template "shixian.subject" . }}'

TEMPLATE = """\
{{ define "shixian.subject" -}}
[Shixian{{ with .CommonLabels.organ }} {{ . }}{{ end }}] {{ if eq .Status "resolved" }}settled: {{ end -}}
{{ range $i, $alert := .Alerts }}{{ if $i }}, {{ end }}{{ $alert.Labels.alertname }}{{ end }}
{{- end }}

{{ define "shixian.text" -}}
{{ range .Alerts -}}
{{ .Labels.alertname }} ({{ .Labels.severity }}, {{ .Status }}) since {{ .StartsAt.Format "2006-01-02 15:04 MST" }}
{{ .Annotations.summary }}
{{ .Annotations.description }}
{{ with .Annotations.summary_zh }}{{ . }}
{{ end -}}
{{ with .Annotations.description_zh }}{{ . }}
{{ end -}}
{{ with .Annotations.link }}Open: {{ . }}
{{ end -}}
Runbook: {{ .Annotations.runbook_url }}

{{ end -}}
{{- end }}
"""
