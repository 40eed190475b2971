"""The words of an account, in Chinese and in English."""

UNITS = {
    "working-day": ("个工作日", "working days"),
    "calendar-day": ("日", "days"),
    "week": ("周", "weeks"),
    "working-week": ("周（每周五个工作日）", "weeks of five working days"),
    "month": ("个月", "months"),
}
STARTS = {
    "next-day": ("次日起算", "counted from the day after"),
    "same-day": ("当日起算", "counted from that day"),
    "next-working-day": ("次一工作日起算", "counted from the next working day"),
}
LIMITS = {
    "answer": ("答复期限", "answer"),
    "clarification-notice": ("告知补正的期限", "clarification notice"),
    "clarification-reply": ("补正期限", "clarification reply"),
    "consultation": ("被征求方提出意见的期限", "consultation"),
    "fee-payment": ("缴费期限", "fee payment"),
    "volume-deferral": ("延迟答复的期限", "deferral"),
    "reconsideration": ("申请复议的期限", "reconsideration"),
    "litigation": ("起诉期限", "litigation"),
}
CHANNELS = {
    "in-person": "当面",
    "post": "信函",
    "fax": "传真",
    "email": "电子邮件",
    "online": "网上",
    "other": "其他形式",
}
"""How a request came, in Chinese."""
OPENINGS = {"answer": "（自答复起）", "silence": "（因逾期未答复）"}
"""What opened a window for remedies, in Chinese."""
SERVICES = {"posted": "交邮", "handed": "当面送达", "electronic": "电子送达"}
"""How an answer went out, in Chinese."""
ANSWERED = {
    "day-posted": ("交邮之日", "the day of posting"),
    "day-sent": ("发出之日", "the day of sending"),
    "day-signed": ("签收之日", "the day it was signed for"),
    "day-received": ("收到之日", "the day of its receipt"),
    "day-decided": ("作出决定之日", "the day of the decision"),
}
