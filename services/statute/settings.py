"""What a law leaves open: named settings, so that no reading of an unclear rule hides in code.

The code knows which settings there are and what each value does; a statute's file says which value holds, on which
source, and whether that source was seen. A setting that a file leaves out has its default here, unconfirmed.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from services.statute.data_file import Confirmed, Source, Title
from services.words.catalogue import Words

V = TypeVar("V", bound=str)

DEFAULT_SOURCE = Title("默认；法规未作规定", "default; the statute's text does not say")


class Setting(Struct, Generic[V], frozen=True, forbid_unknown_fields=True):
    """The value that holds under one profile, and why."""

    value: V
    source: Source
    confirmed: Confirmed


class Known(Struct, frozen=True):
    """A setting that the code acts on. ``allowed`` maps each value to what it does; the first is the default."""

    zh: str
    en: str
    allowed: Mapping[str, Words]

    @property
    def default(self) -> str:
        return next(iter(self.allowed))


KNOWN: Mapping[str, Known] = {
    "start-day": Known(
        "期限从哪一天起算",
        "the day that counts as day 1",
        {
            "next-day": Words("次日为第一日", "the day after the event is day 1"),
            "same-day": Words("当日为第一日", "the day of the event is day 1"),
            "next-working-day": Words("其后第一个工作日为第一日", "the first working day after the event is day 1"),
        },
    ),
    "excluded-boundary": Known(
        "不计入期限的期间，首尾两日是否计算",
        "whether the first and the last day of a period left out of the count are themselves left out",
        {
            "first-counts": Words(
                "发出之日计入，次日起至收到意见之日不计入",
                "the day of sending counts, the days after it up to and including the reply's don't",
            ),
            "both-excluded": Words(
                "发出之日与收到意见之日均不计入", "neither the day of sending nor the day of the reply counts"
            ),
            "both-count": Words(
                "发出之日与收到意见之日均计入，其间不计入",
                "the day of sending and the day of the reply count, those between don't",
            ),
        },
    ),
    "email-receipt": Known(
        "电子邮件申请的收到日",
        "which day an e-mailed request is received on",
        {
            "listed": Words("按收到规则所列日期", "by the dates that [receipt] lists for the channel"),
            "system": Words("邮件系统收到之日", "when the mail system received it"),
            "confirmation": Words("双方确认之日", "when both sides confirmed it"),
        },
    ),
    "online-receipt": Known(
        "网上申请的收到日",
        "which day a request made online is received on",
        {
            "listed": Words("按收到规则所列日期", "by the dates that [receipt] lists for the channel"),
            "submission": Words(
                "提交之日，内部转送不影响",
                "the day of submission; how long it went through the organ's own hands is no matter",
            ),
        },
    ),
    "named-date": Known(
        "告知书所定日期为非工作日的",
        "what becomes of a last day named in a notice to the applicant that is no working day",
        {
            "rolls": Words("顺延至下一个工作日", "it moves to the next working day, as a counted one does"),
            "stands": Words("不顺延", "it stands"),
        },
    ),
    "transition": Known(
        "新法施行时尚未办结的申请适用哪个版本",
        "which version holds for a request pending when a newer one comes into force",
        {
            "receipt": Words("收到之日施行的版本", "the version in force on the day of receipt"),
            "pending-takes-new": Words(
                "新版本，但新法施行前期限已届满的除外",
                "the newer version, if the limit had not run out before it came into force",
            ),
        },
    ),
    "late-clarification-notice": Known(
        "补正告知逾期的后果",
        "what a clarification notice sent after its own limit does to the answer clock",
        {
            "keeps-effect": Words("与按期告知效力相同，予以提示", "the same as one in time; the delay is flagged"),
            "loses-effect": Words(
                "答复期限照常计算，予以提示", "nothing: the answer clock runs on; the delay is flagged"
            ),
        },
    ),
    "late-correction": Known(
        "逾期补正的后果",
        "what a corrected request does that comes after the date in the notice",
        {
            "stays-closed": Words(
                "视为放弃，不恢复办理，予以提示", "nothing: the request lapsed; the late correction is flagged"
            ),
            "reopens": Words(
                "与按期补正效力相同，如同有正当理由", "the same as one in time, as if the delay were excused"
            ),
        },
    ),
    "clarification-rounds": Known(
        "可以要求补正几次",
        "how many clarification notices have an effect",
        {
            "one": Words("仅第一次有效", "the first only"),
            "two": Words("前两次有效", "the first two"),
            "unlimited": Words("每次均有效", "all"),
        },
    ),
    "exclusion-cap": Known(
        "征求意见所需时间是否以被征求方的期限为上限",
        "whether the time left out for a consultation ends with the other party's own limit",
        {
            "limit": Words(
                "至征求意见结束为止，但不超过被征求方的期限",
                "it lasts until the consultation is closed, but no longer than the other party's limit",
            ),
            "closing": Words("至征求意见结束为止，不设上限", "it lasts until then, however long"),
        },
    ),
    "extension-cap": Known(
        "延长期限的上限按合计还是按每次",
        "what the cap of extensions bounds",
        {
            "total": Words("各次延长合计", "all extensions together"),
            "each": Words("每次延长分别计", "each extension by itself"),
        },
    ),
    "unlawful-facts": Known(
        "违反期限规则的事实如何处理",
        "what becomes of a fact that breaks the law's own rules",
        {
            "flag": Words(
                "保留并提示，至多产生法律允许的效果",
                "it is kept with a flag, and has at most the effect that the law allows",
            ),
            "reject": Words("不予采纳，不产生效果", "it is kept as rejected, and has no effect at all"),
        },
    ),
}


def _field(name: str, known: Known) -> tuple[str, Any, Any]:
    values = Annotated[Literal[tuple(known.allowed)], Meta(description=known.en)]  # type: ignore[valid-type]
    return name.replace("-", "_"), Setting[values], Setting(known.default, DEFAULT_SOURCE, False)  # type: ignore[valid-type]


Settings: Any = msgspec.defstruct(
    "Settings", [_field(*one) for one in KNOWN.items()], rename="kebab", frozen=True, forbid_unknown_fields=True
)
"""The table ``[settings]`` of a statute's file, made of :data:`KNOWN`: a setting that is left out has its default."""


def by_name(settings: Any) -> dict[str, Setting[str]]:
    """Every setting of a ``Settings`` by its name."""
    return {name: getattr(settings, name.replace("-", "_")) for name in KNOWN}
