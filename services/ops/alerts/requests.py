"""Time limits of requests: for the officers of the organ. Replicas give equal numbers, hence ``max``."""

from services.ops.config import WORDS, Config
from services.ops.rule import OFFICERS, OPERATORS, Rule, alert, first_label, first_value

_OLDEST = "shixian_requests_oldest_overdue_info{organ='%s'}"
_AGE = "max(shixian_requests_oldest_overdue_age_seconds{organ='%s'})"
_DAYS = f"ceil({_AGE} / 86400)"


def rules(config: Config) -> list[Rule]:
    """The rules of this subject."""
    board = f"{config.desk_url}/?organ={{{{ $labels.organ | urlquery }}}}"
    todo = f"{board}&status=unfinished"
    soon = f"max(shixian_requests_due_soon{{organ='%s',working_days='{config.due_soon_days}'}})"
    alerts = [
        alert(
            config,
            "RequestDueSoon",
            f'max by (organ) (shixian_requests_due_soon{{working_days="{config.due_soon_days}"}}) > 0',
            severity="warning",
            audience=OFFICERS,
            symptom="answer",
            summary="Requests are about to reach the last day for their answer.",
            description="{{ $labels.organ }}: {{ $value }} requests are due within "
            f"{config.due_soon_days} working days and not answered.",
            chinese=(
                "申请即将到答复期限最后一日。",
                f"{{{{ $labels.organ }}}}：{{{{ $value }}}} 件申请在 {config.due_soon_days} 个工作日内到期，尚未答复。",
            ),
            for_=config.due_soon_for,
            link=todo,
        ),
        alert(
            config,
            "RequestOverdue",
            "max by (organ) (shixian_requests_overdue) > 0",
            severity="critical",
            audience=OFFICERS,
            symptom="answer",
            summary="Requests are overdue: the last day for their answer has passed.",
            description="{{ $labels.organ }}: {{ $value }} requests are overdue; the oldest is "
            f"{first_label(_OLDEST, 'request')}, for {first_value(_AGE, 'humanizeDuration')}. "
            f"{first_value(soon)} more are due within {config.due_soon_days} working days.",
            chinese=(
                "申请已逾期：答复期限最后一日已过。",
                "{{ $labels.organ }}：{{ $value }} 件申请逾期，其中最久的是 "
                f"{first_label(_OLDEST, 'request')}，已逾期 {first_value(_DAYS)} 天。"
                f"另有 {first_value(soon)} 件在 {config.due_soon_days} 个工作日内到期。",
            ),
            for_=config.overdue_for,
            link=f"{board}&status=overdue",
            count="{{ $value }}",
            oldest_request=first_label(_OLDEST, "request"),
            oldest_link=f"{config.desk_url}/requests/{first_label(_OLDEST, 'request', in_path=True)}",
        ),
    ]
    for severity, days in zip(WORDS, config.untouched_days, strict=True):
        alerts.append(
            alert(
                config,
                "RequestUntouched",
                f'max by (organ) (shixian_requests_untouched_due_within{{limit="answer",days="{days}"}}) > 0',
                severity=severity,
                audience=OFFICERS,
                symptom="untouched",
                summary="Nobody seems to work on requests whose limit is near.",
                description="{{ $labels.organ }}: {{ $value }} requests are due within "
                f"{days} days, and nothing but their receipt is known.",
                chinese=(
                    "临近期限的申请似乎无人办理。",
                    f"{{{{ $labels.organ }}}}：{{{{ $value }}}} 件申请在 {days} 日内到期，除收到外没有任何办理记录。",
                ),
                for_=config.untouched_for,
                link=todo,
            )
        )
    for severity, days in zip(WORDS, config.clarification_days, strict=True):
        series = f'shixian_requests_untouched_due_within{{limit="clarification-notice",days="{days}"}}'
        alerts.append(
            alert(
                config,
                "ClarificationNoticeDue",
                f"max by (organ) ({series}) > 0",
                severity=severity,
                audience=OFFICERS,
                symptom="clarification-notice",
                summary="The time to ask applicants for a clarification ends.",
                description="{{ $labels.organ }}: for {{ $value }} requests that nobody has touched a clarification "
                f"can be asked for only {days} days more.",
                chinese=(
                    "告知申请人补正的期限将至。",
                    f"{{{{ $labels.organ }}}}：{{{{ $value }}}} 件无人办理的申请，只能在 {days} 日内告知补正。",
                ),
                for_=config.clarification_for,
                link=todo,
            )
        )
    alerts += [
        alert(
            config,
            "ConsultationDueSoon",
            f'max by (organ) (shixian_limits_due_within{{limit="consultation",days="{config.consultation_days}"}}) > 0',
            severity="warning",
            audience=OFFICERS,
            symptom="consultation",
            summary="Consulted parties are about to reach the end of their time to reply.",
            description="{{ $labels.organ }}: {{ $value }} consultations end within "
            f"{config.consultation_days} days without a reply yet.",
            chinese=(
                "被征求意见方的答复期限将至。",
                f"{{{{ $labels.organ }}}}：{{{{ $value }}}} 项征求意见在 {config.consultation_days} 日内到期，"
                "尚未收到意见。",
            ),
            for_=config.consultation_for,
            link=todo,
        ),
        alert(
            config,
            "ConsultationOverdue",
            'max by (organ) (shixian_limits_overdue{limit="consultation"}) > 0',
            severity="critical",
            audience=OFFICERS,
            symptom="consultation",
            summary="Consulted parties have not replied in time; the request's own clock runs on.",
            description="{{ $labels.organ }}: the time to reply of {{ $value }} consultations is over.",
            chinese=(
                "被征求意见方逾期未答复；申请本身的期限继续计算。",
                "{{ $labels.organ }}：{{ $value }} 项征求意见已过答复期限。",
            ),
            for_=config.consultation_for,
            link=todo,
        ),
        alert(
            config,
            "CasesWaiting",
            'max by (waiting_for) (shixian_cases_waiting{waiting_for!="receipt-confirmed"}) > 0',
            severity="warning",
            audience=OPERATORS,
            symptom="waiting",
            summary="Facts can't be judged, because something that they name is not there.",
            description="{{ $value }} cases wait for {{ $labels.waiting_for }}; no limit runs for them.",
            for_=config.waiting_for,
            link=f"{config.desk_url}/?status=waiting",
        ),
        alert(
            config,
            "AttentionWaiting",
            'time() - min by (kind) (shixian_attention_oldest_timestamp_seconds{kind!~"without-effect|doubtful"}) '
            f"> {config.attention_days * 86400}",
            severity="warning",
            audience=OPERATORS,
            symptom="attention",
            summary="Something needs a person, and nobody has put it right for days.",
            description="{{ $labels.kind }}: the oldest has waited {{ $value | humanizeDuration }}.",
            for_=config.waiting_for,
            link=f"{config.desk_url}/attention",
        ),
    ]
    return alerts
