"""The work inside offices, and the duties of organs: for the officers of the organ. Replicas give equal numbers."""

from services.ops.config import Config
from services.ops.rule import OFFICERS, Rule, alert


def rules(config: Config) -> list[Rule]:
    """The rules of this subject."""
    board = f"{config.desk_url}/?organ={{{{ $labels.organ | urlquery }}}}"
    who = "{{ $labels.organ }}{{ with $labels.unit }} ({{ . }}){{ end }}"
    near, duty = config.step_days, config.duty_days
    kind = "{{ $labels.organ }}: {{ $value }} duties ({{ $labels.kind }})"
    chinese_kind = "{{ $labels.organ }}：{{ $value }} 项职责（{{ $labels.kind }}）"
    waiting = f'max by (organ, unit) (shixian_assignments_unaccepted{{days="{config.unaccepted_days}"}}) > 0'
    return [
        alert(
            config,
            "StepDueSoon",
            f'max by (organ, unit) (shixian_assignments_due_within{{days="{near}"}}) > 0',
            severity="warning",
            audience=OFFICERS,
            symptom="step-due",
            summary="Steps of requests are about to reach their last day.",
            description=f"{who}: {{{{ $value }}}} steps are due within {near} days and not done.",
            chinese=(
                "办理环节即将到期。",
                f"{who}：{{{{ $value }}}} 个环节在 {near} 日内到期，尚未办毕。",
            ),
            for_=config.step_for,
            link=board,
        ),
        alert(
            config,
            "StepOverdue",
            "max by (organ, unit) (shixian_assignments_overdue) > 0",
            severity="critical",
            audience=OFFICERS,
            symptom="step",
            summary="Steps of requests are past their last day.",
            description=f"{who}: {{{{ $value }}}} steps are overdue; cards go out by the ladder.",
            chinese=("办理环节已逾期。", f"{who}：{{{{ $value }}}} 个环节逾期，按督办阶梯发牌。"),
            for_=config.step_for,
            link=board,
        ),
        alert(
            config,
            "AssignmentNotAccepted",
            waiting,
            severity="warning",
            audience=OFFICERS,
            symptom="unaccepted",
            summary="Units have not taken on what they were given.",
            description=f"{who}: {{{{ $value }}}} steps were given {config.unaccepted_days} days ago or earlier "
            "and are not taken on.",
            chinese=(
                "承办单位未签收。",
                f"{who}：{{{{ $value }}}} 个环节交办已满 {config.unaccepted_days} 日，尚未签收。",
            ),
            for_=config.step_for,
            link=board,
        ),
        alert(
            config,
            "DutyDueSoon",
            f'max by (organ, kind) (shixian_duties_due_within{{days="{duty}"}}) > 0',
            severity="warning",
            audience=OFFICERS,
            symptom="duty-due",
            summary="Duties of the organ are about to reach their last day.",
            description=f"{kind} are due within {duty} days and not done.",
            chinese=(
                "法定职责即将到期。",
                f"{chinese_kind}在 {duty} 日内到期，尚未履行。",
            ),
            for_=config.duty_for,
            link=board,
        ),
        alert(
            config,
            "DutyOverdue",
            "max by (organ, kind) (shixian_duties_overdue) > 0",
            severity="critical",
            audience=OFFICERS,
            symptom="duty",
            summary="Duties of the organ are past their last day.",
            description=f"{kind} are overdue.",
            chinese=(
                "法定职责逾期未履行。",
                f"{chinese_kind}逾期。",
            ),
            for_=config.duty_for,
            link=board,
        ),
    ]
