"""How old the prices are: providers change them about every week."""

from datetime import datetime

STALE_AFTER_DAYS = 14


def age_days(as_of: datetime | None, now: datetime) -> int | None:
    """Whole days since prices were gathered, never below 0; None where that is not known."""
    return None if as_of is None else max(0, (now - as_of).days)


def stale_notice(as_of: datetime | None, now: datetime) -> str:
    """What to tell a person about prices that are old, or whose age nobody knows; empty for fresh ones."""
    days = age_days(as_of, now)
    if days is None:
        return "How old the prices are is not known. Update them with: bursar prices update"
    if days <= STALE_AFTER_DAYS:
        return ""
    return f"The prices are {days} days old. Update them with: bursar prices update"
