"""*Year*: the live counters of an annual report."""

from typing import Any

from scripts.dashboards.parts import HALF, bars, choice, course, levels, number, page, rows_of

MINE = 'organ=~"$organ",year="$year"'


def _total(metric: str, more: str = "") -> str:
    return f"sum(max without (instance, pod) ({metric}{{{MINE}{more}}}))"


def _by(label: str, metric: str) -> str:
    return f"sum by ({label}) (max without (instance, pod) ({metric}{{{MINE}}}))"


def build() -> Any:
    """The dashboard."""
    received, answered, closed = (f"shixian_requests_{what}_total" for what in ("received", "answered", "closed"))
    in_time = _total(answered, ',timeliness="in-time"') + " / " + _total(answered)
    return page(
        "Shixian · Year 年度",
        "shixian-year",
        "now-30d",
        [
            choice("organ", "Organ 机关", f"label_values({received}, organ)"),
            choice("year", "Year 年度", f"label_values({received}, year)", many=False),
        ],
        {
            "Totals 合计": [
                number("Received 收到", "Requests received in law in the year.", _total(received)),
                number("Answered 答复", "Requests answered in the year.", _total(answered)),
                number(
                    "Answered in time 按时答复率",
                    "Of those answered.",
                    in_time,
                    unit="percentunit",
                    colors=levels((None, "red"), (0.95, "orange"), (1, "green")),
                ),
                number("Ended otherwise 其他办结", "Withdrawn, lapsed, transferred.", f"{_total(closed)} or vector(0)"),
                number(
                    "Folded up to 截至偏移",
                    "Records of the log in these numbers.",
                    "sum(max by (topic, partition) (shixian_stats_fold_next_offset))",
                ),
                number(
                    "Age of the numbers 数据时延",
                    "Since they were read from the tables.",
                    "time() - max(shixian_stats_snapshot_timestamp_seconds)",
                    unit="s",
                ),
            ],
            "Composition 构成": [
                bars("Channel 渠道", "How the requests came.", _by("channel", received), "channel"),
                bars("Outcome 结果", "How they were answered.", _by("outcome", answered), "outcome"),
                bars("Timeliness 时效", "In time or late.", _by("timeliness", answered), "timeliness"),
            ],
            "Organs and years 机关与年度": [
                rows_of(
                    "Organs 机关",
                    "Of the chosen year.",
                    {"received 收到": _by("organ", received), "answered 答复": _by("organ", answered)},
                    width=HALF,
                ),
                rows_of(
                    "Years 历年",
                    "Of the chosen organs.",
                    {
                        "received 收到": f'sum by (year) (max without (instance, pod) ({received}{{organ=~"$organ"}}))',
                        "answered 答复": f'sum by (year) (max without (instance, pod) ({answered}{{organ=~"$organ"}}))',
                    },
                    width=HALF,
                ),
            ],
            "Course 变化": [
                course(
                    "Received and answered 收到与答复",
                    "The counters as they grew; they fall where a fact is corrected.",
                    {"received 收到": _total(received), "answered 答复": _total(answered)},
                    width=24,
                ),
            ],
        },
    )
