"""The requests that a register leaves without a day of receipt, by the law of each."""

from datetime import date
from typing import Any

import pytest

from services.events.facts import ConfirmedData, Fact, OrganData, ReceiptConfirmed, ReceivedData, RequestReceived
from services.events.office_facts import ItemData
from services.events.vocabulary import Label
from services.intake import unconfirmed
from services.intake.days import Days
from services.intake.notices import KnownNotices
from services.intake.office import Office
from services.intake.references import References
from services.runtime.clock import SystemClock

NAME = Label("某", "some")
ORGANS = {
    code: OrganData(code=code, name=NAME, timezone="Asia/Shanghai", calendar="CN", statute=law)
    for code, law in (("gz", "CN"), ("uk", "UK"))
}
ITEM = ItemData(code="permit", organ="gz", name=NAME, statute="CN-LICENSING")
ON = date(2025, 3, 3)


def references() -> References:
    async def caught_up() -> None:
        return None

    days = Days(SystemClock(None), lambda: ORGANS)
    office = Office(dict, lambda: {"permit": ITEM})
    return References(lambda _: None, dict, caught_up, 1, KnownNotices(lambda _: None), days, office)


def received(subject: str = "r/1", **data: Any) -> Fact:
    given = {"organ": "gz", "channel": "online", "applicant": "natural-person", "submitted_on": ON, **data}
    return RequestReceived(
        specversion="1.0", source="s", id=f"{subject}/received", subject=subject, data=ReceivedData(**given)
    )


def confirmed(subject: str = "r/1") -> Fact:
    data = ConfirmedData(confirmed_on=date(2025, 3, 5))
    return ReceiptConfirmed(specversion="1.0", source="s", id=f"{subject}/confirmed", subject=subject, data=data)


@pytest.mark.parametrize(
    ("facts", "number"),
    [
        ([received()], 1),
        ([received("r/1"), received("r/2"), received("r/3", channel="in-person")], 2),
        ([received(), confirmed()], 0),
        ([confirmed(), received()], 0),
        ([received(), confirmed("r/2")], 1),
        ([received(confirmed_on=ON)], 0),
        ([received(received_on=ON)], 0),
        ([received(organ="uk")], 0),
        ([received(organ="uk", statute="CN")], 1),
        ([received(organ="nobody")], 0),
        ([received(organ="nobody", statute="CN")], 1),
        ([received(item="permit")], 0),
        ([received(item="unknown")], 1),
        ([received(organ="uk", item="permit", statute=None)], 0),
        ([received(statute="NO-LAW")], 0),
        ([received(submitted_on=date(1999, 1, 1))], 0),
        ([], 0),
    ],
)
def test_requests_without_a_day_of_receipt_are_counted_by_the_law_of_each(facts: list[Fact], number: int) -> None:
    assert unconfirmed.number(facts, references().laws()) == number
