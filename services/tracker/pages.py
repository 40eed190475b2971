"""The board in a browser: what is due, and one request with its clocks and the account of every date."""

from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Request, Response, get
from litestar.params import FromQuery
from litestar.types import ControllerRouterHandler

from services.events.vocabulary import Label
from services.runtime.problems import ProblemError
from services.tracker import board
from services.tracker.api import Deps
from services.tracker.board import STATUSES, Query, Status

Lang = Literal["zh", "en"]
PER_PAGE = 100

WORDS: dict[str, Label] = {
    "product": Label("时限", "Shixian"),
    "board": Label("办理时限", "Deadlines"),
    "request": Label("申请", "Request"),
    "organ": Label("机关", "Organ"),
    "channel": Label("渠道", "Channel"),
    "statute": Label("法规版本", "Statute"),
    "received_on": Label("收到日", "Received on"),
    "submitted_on": Label("提交日", "Submitted on"),
    "due_on": Label("期限最后一日", "Due on"),
    "status": Label("状态", "Status"),
    "all": Label("全部", "all"),
    "show": Label("显示", "Show"),
    "more": Label("下一页", "Next page"),
    "none": Label("没有这样的申请。", "There is no such request."),
    "provisional": Label("暂定", "provisional"),
    "language": Label("语言", "Language"),
    "as_of": Label("数据截至", "As of"),
    "clocks": Label("各项期限", "Time limits"),
    "limit": Label("期限", "Limit"),
    "from": Label("自", "From"),
    "to": Label("至", "To"),
    "days": Label("计入", "Counted"),
    "why": Label("这些日期的依据", "Why these dates"),
    "text": Label("说明", "Account"),
    "article": Label("依据", "Basis"),
    "each_day": Label("逐日显示", "day by day"),
    "ranges": Label("按区间显示", "by ranges"),
    "history": Label("经过", "What happened"),
    "event": Label("事件", "Event"),
    "instant": Label("法定时刻", "Legal instant"),
    "flags": Label("提示", "Remarks"),
    "waiting_for": Label("等待", "Waits for"),
    "answered_on": Label("答复日", "Answered on"),
    "closed_on": Label("办结日", "Closed on"),
    "outcome": Label("结果", "Outcome"),
    "working_days": Label("用时", "Days used"),
    "overdue_from": Label("逾期自", "Overdue from"),
    "due_on_other": Label("按另一版本的期限", "Due on by the other version"),
    "done_on": Label("完成日", "Done on"),
    "json": Label("JSON", "JSON"),
}
STATUS_WORDS: dict[str, Label] = {
    "waiting": Label("等待事实", "waiting for facts"),
    "unconfirmed": Label("尚未确认收到", "receipt not confirmed"),
    "open": Label("办理中", "open"),
    "due-today": Label("今日到期", "due today"),
    "overdue": Label("已逾期", "overdue"),
    "stopped": Label("期限停止计算", "clock stopped"),
    "answered": Label("已答复", "answered"),
    "closed": Label("已办结", "closed"),
    "retracted": Label("已撤销", "retracted"),
}
LIMIT_WORDS: dict[str, Label] = {
    "answer": Label("答复", "answer"),
    "clarification-notice": Label("补正告知", "clarification notice"),
    "clarification-reply": Label("补正", "clarification reply"),
    "consultation": Label("征求意见", "consultation"),
    "fee-payment": Label("缴费", "fee payment"),
    "volume-deferral": Label("延迟答复", "volume deferral"),
    "reconsideration": Label("申请复议", "reconsideration"),
    "litigation": Label("起诉", "litigation"),
}


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("services.tracker", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, lang: Lang, **values: Any) -> str:
    """A page in one language."""

    def say(what: str | Label) -> str:
        label = WORDS[what] if isinstance(what, str) else what
        return label.zh if lang == "zh" else label.en

    shared = {"lang": lang, "html_lang": "zh-CN" if lang == "zh" else "en", "say": say}
    return (
        _environment()
        .get_template(template)
        .render(**shared, **values, status_words=STATUS_WORDS, limit_words=LIMIT_WORDS)
    )


def language(request: Request[Any, Any, Any], given: str | None) -> Lang:
    """The language asked for, or the browser's. Raises :class:`ProblemError`."""
    match given:
        case "zh" | "en":
            return given
        case str():
            raise ProblemError(400, f"lang: expected zh or en, got {given[:60]!r}")
    accepted = request.headers.get("accept-language", "")
    return "en" if accepted.lower().startswith("en") else "zh"


def _status(given: str | None) -> Status | None:
    """A status out of a form, where all is empty. Raises :class:`ProblemError`."""
    for status in get_args(Status):
        if status == given:
            known: Status = status
            return known
    if given:
        raise ProblemError(400, f"status: expected one of {', '.join(STATUSES)}, got {given[:60]!r}")
    return None


def _html(text: str) -> Response[bytes]:
    return Response(text.encode(), media_type="text/html; charset=utf-8", headers={"vary": "accept-language"})


def _asset(name: str, media_type: str) -> Response[bytes]:
    content = (files("services.tracker") / "static" / name).read_bytes()
    return Response(content, media_type=media_type, headers={"cache-control": "public, max-age=3600"})


def handlers(deps: Deps) -> list[ControllerRouterHandler]:
    """The pages' routes."""

    @get("/requests", include_in_schema=False)
    async def page_of_requests(
        request: Request[Any, Any, Any],
        status: FromQuery[str | None] = None,
        organ: FromQuery[str | None] = None,
        cursor: FromQuery[str | None] = None,
        lang: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """What is due, the soonest first."""
        said = language(request, lang)
        query = Query(_status(status), organ or None, limit=PER_PAGE, cursor=cursor or None)
        try:
            found = await board.requests(deps.pool, query, deps.world, deps.clock.now())
        except board.BadCursor as error:
            raise ProblemError(400, f"cursor: {error}") from None
        organs = {code: data.name for code, data in sorted(deps.world.organs.items())}
        return _html(
            render("board.html", said, page=found, status=status, organ=organ or "", organs=organs, statuses=STATUSES)
        )

    @get("/requests/{subject:path}", include_in_schema=False)
    async def page_of_request(
        request: Request[Any, Any, Any],
        subject: str,
        each_day: FromQuery[bool] = False,
        lang: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """One request, with why each of its dates is what it is."""
        said = language(request, lang)
        subject = subject.removeprefix("/")
        found = await board.request(deps.pool, subject, deps.world, deps.clock.now(), each_day)
        if found is None:
            raise ProblemError(404, f"no fact about {subject!r} has come")
        known = deps.world.organs.get(found.organ)
        events = await board.history(deps.pool, subject)
        return _html(
            render(
                "request.html",
                said,
                r=found,
                organ=known.name if known else None,
                events=events,
                each_day=each_day,
            )
        )

    @get("/static/tracker.css", include_in_schema=False, sync_to_thread=False)
    def stylesheet() -> Response[bytes]:
        return _asset("tracker.css", "text/css")

    @get("/static/icon.svg", include_in_schema=False, sync_to_thread=False)
    def icon() -> Response[bytes]:
        return _asset("icon.svg", "image/svg+xml")

    return [page_of_requests, page_of_request, stylesheet, icon]
