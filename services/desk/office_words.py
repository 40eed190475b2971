"""What the desk's pages say about the work inside an office, in Chinese and English."""

from services.events.vocabulary import Label

WORDS: dict[str, Label] = {
    "steps": Label("办理环节", "Steps"),
    "step": Label("环节", "Step"),
    "holder": Label("承办单位", "Who has it"),
    "since": Label("自", "Since"),
    "state": Label("状态", "State"),
    "office": Label("公开工作机构", "the office"),
    "ledger": Label("工作日分摊", "Whose working days"),
    "who": Label("占用方", "Who had it"),
    "duties": Label("其他法定时限", "Other duties"),
    "duty": Label("职责", "Duty"),
    "no_duties": Label("没有未办的其他法定时限。", "No other duty is open."),
}
WHO_WORDS: dict[str, Label] = {
    "applicant": Label("申请人", "the applicant"),
    "third-party": Label("第三方", "a third party"),
    "other-organ": Label("其他机关", "another organ"),
    "special-step": Label("特殊环节", "a special step"),
    "unit": Label("承办单位", "a unit"),
    "office": Label("公开工作机构", "the office"),
}
STEP_WORDS: dict[str, Label] = {
    "assigned": Label("待签收", "assigned"),
    "accepted": Label("已签收", "accepted"),
    "returned": Label("已退回，待另行交办", "returned, to be given again"),
    "completed": Label("已办毕", "completed"),
    "ended": Label("随申请办结", "ended with the request"),
}
CARD_WORDS: dict[str, Label] = {"yellow": Label("黄牌", "yellow card"), "red": Label("红牌", "red card")}
