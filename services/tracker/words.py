"""What the board and the page of a request say, in Chinese and English."""

from services.events.meanings import CASES
from services.events.vocabulary import Label

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
    "none_unfinished": Label("没有未办结的申请。", "No request is unfinished."),
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
    "unfinished": Label("未办结", "unfinished"),
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
EVENT_WORDS: dict[str, Label] = {name: Label(zh, en.rstrip(".")) for name, (en, zh) in CASES.items()}
WAITING_WORDS: dict[str, Label] = {
    "organ-registered": Label("登记机关", "the organ's registration"),
    "request-received": Label("收到申请", "the request itself"),
    "fact": Label("所指的事实", "the fact that is amended"),
}
"""What a case waits for, by the first word that says so; the rest is a name."""
