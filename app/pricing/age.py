"""How old the prices are: providers change them about every week."""

from datetime import UTC, datetime
from importlib.metadata import version

from app.pricing.resources import read_figures

STALE_AFTER_DAYS = 14


def shipped_as_of() -> datetime | None:
    """When the prices that ship with Bursar were gathered. It is known for the version that Bursar was built with."""
    shipped = read_figures("table")
    if shipped["version"] != version("genai-prices"):
        return None
    return datetime.fromisoformat(shipped["released"]).replace(tzinfo=UTC)


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
