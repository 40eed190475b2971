"""Due dates as an iCalendar feed (RFC 5545), for the calendar that an officer looks at anyway."""

from datetime import datetime, timedelta

from icalendar import Calendar, Event

from services.tracker.board import Item


def feed(items: list[Item], now: datetime) -> bytes:
    """An all-day event on the last day of each request that has one; a provisional date is a tentative event."""
    calendar = Calendar()
    calendar.add("prodid", "-//Shixian//Deadlines//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", "办理时限 Deadlines")
    for item in items:
        if item.due_on is None:
            continue
        event = Event()
        event.add("uid", f"{item.id}@shixian")
        event.add("dtstamp", now)
        event.add("dtstart", item.due_on)
        event.add("dtend", item.due_on + timedelta(days=1))
        event.add("summary", f"{item.id} 答复期限 answer due ({item.organ})")
        event.add("status", "TENTATIVE" if item.provisional else "CONFIRMED")
        event.add("transp", "TRANSPARENT")
        event.add("description", f"{item.statute} · {item.status}")
        calendar.add_component(event)
    return bytes(calendar.to_ical())
