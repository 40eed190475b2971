"""What each event type says, in one line of English and one of Chinese, for the schemas and the reference page."""

FACTS: dict[str, tuple[str, str]] = {
    "organ-registered": ("An organ takes part, with its time zone, calendar and statute.", "登记一个行政机关"),
    "calendar-published": ("A year's days off and make-up working days are known.", "公布某年的放假调休安排"),
    "request-received": ("A request was submitted; received where the channel says so.", "收到申请"),
    "receipt-confirmed": ("Both sides confirmed the receipt.", "双方确认收到申请"),
    "clarification-requested": ("The applicant was asked to amend the request.", "告知申请人补正"),
    "clarification-received": ("The amended request came in.", "收到补正"),
    "consultation-opened": ("A third party or another organ was asked for its view.", "征求第三方或者其他机关意见"),
    "consultation-closed": ("The view came in, or the asking ended without one.", "意见征求结束"),
    "extension-granted": ("The limit was extended and the applicant told.", "延长答复期限并告知申请人"),
    "volume-deferred": (
        "The answer was put off because of an abnormal volume.",
        "数量、频次明显超过合理范围，延迟答复",
    ),
    "fee-notified": ("A fee was asked.", "通知缴费"),
    "fee-paid": ("The fee was paid.", "已缴费"),
    "answer-issued": ("The request was answered.", "作出答复"),
    "request-withdrawn": ("The applicant withdrew the request.", "申请人撤回申请"),
    "request-transferred": ("The request went to another organ.", "申请转办"),
    "review-filed": ("A reconsideration, a suit or a complaint was filed.", "提起复议、诉讼或者投诉举报"),
    "review-decided": ("It was decided.", "复议、诉讼、投诉举报有结果"),
    "tally-recorded": ("A count outside single requests.", "申请之外的统计数"),
    "fact-corrected": ("An earlier fact's data are replaced as a whole.", "更正先前的事实"),
    "fact-retracted": ("An earlier fact was posted by mistake.", "撤回先前的事实"),
}

CASES: dict[str, tuple[str, str]] = {
    "request-opened": ("The request is received in law; its clock starts.", "申请开始计期"),
    "due-date-set": ("A limit has a new last day.", "确定或者变更到期日"),
    "clock-stopped": ("A limit stands still.", "期限停止计算"),
    "clock-resumed": ("A limit runs on.", "期限恢复计算"),
    "deadline-approaching": ("A due date is near.", "期限将至"),
    "request-overdue": ("A due date has passed.", "逾期"),
    "request-answered": ("The request is answered, in time or late.", "已答复"),
    "request-closed": ("The request ended without an answer.", "未答复而办结"),
    "request-reopened": ("An ended request is open again.", "重新办理"),
    "review-opened": ("A review of the request or the organ counts as filed.", "复议、诉讼、投诉举报立案统计"),
    "review-closed": ("A review is decided, or its filing was taken back.", "复议、诉讼、投诉举报结案统计"),
    "tally-recorded": ("A tally as it counts now.", "统计数现值"),
    "fact-recorded": ("A fact is kept and changed no date and no state.", "事实已记录，不影响期限"),
    "fact-rejected": ("A fact can't take effect, and why.", "事实不予采纳及其原因"),
}
