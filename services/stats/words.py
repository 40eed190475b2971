"""What the page to print says, in Chinese and English; the pages for people are the desk's."""

from services.events.vocabulary import Label

WORDS: dict[str, Label] = {
    "report_of": Label("{year}年度", "{year}"),
    "checks": Label("勾稽关系", "Arithmetic"),
    "holds": Label("成立", "holds"),
    "fails": Label("不成立", "does not hold"),
    "warns": Label("请核对", "to be looked at"),
    "holding": Label("结论", "Finding"),
    "rule": Label("规则", "Rule"),
    "detail": Label("明细", "Where"),
    "published": Label("已公布的数字", "as published"),
    "unconfirmed": Label("未经核对", "unconfirmed"),
    "unconfirmed_text": Label("本行未与原表核对", "This row was not compared with the printed form"),
    "as_of": Label("数据截至", "As of"),
    "last_event": Label("最后一条记录写入于", "Last record written"),
    "log": Label("日志位置", "Position in the log"),
    "no_events": Label("尚无记录", "no records yet"),
    "source": Label("表式来源", "Form"),
    "as_numbers": Label("数字", "In numbers"),
    "on_the_desk": Label("在线查看：数字明细、图示与公布", "Online: what is behind each number, charts, publications"),
}
