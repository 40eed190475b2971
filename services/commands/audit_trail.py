"""What ``shixian audit-trail`` does: the whole trail, a line each, and what is wrong with its chain."""

from collections.abc import Callable
from typing import Any

import msgspec

from services.access.audit import Chain
from services.runtime import trail

PAGE = 1000


async def printed(settings: Any, say: Callable[[str], None], complain: Callable[[str], None]) -> bool:
    """Print all records, the first one first; whether the chain holds. Raises ``KafkaError`` or ``OSError``."""
    if not await trail.exists(settings):
        complain(f"{settings.audit_topic}: there is no such topic; it is written where there are accounts")
        return True
    pages = []
    before: int | None = None
    while True:
        records, before = await trail.page(settings, PAGE, before)
        pages.append(records)
        if before is None:
            break
    chain, holds, count = Chain(is_whole=await trail.begins_at_zero(settings)), True, 0
    for records in reversed(pages):
        for record in records:
            count += 1
            say(msgspec.json.encode(record).decode())
            if wrong := chain.look(record):
                complain(wrong)
                holds = False
    complain(f"{count} records; the chain {'holds' if holds else 'is BROKEN'}")
    return holds
