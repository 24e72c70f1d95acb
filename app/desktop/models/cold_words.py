"""What the popover says of a cache that is about to end."""

from datetime import datetime, timedelta

from app.core.money import NANO_PER_CENT, format_usd
from app.core.sent_input import ColdSoon

TOLD_BEFORE = timedelta(seconds=60)


def cold_words(cold: ColdSoon, now: datetime) -> str:
    """One line in the last minute of a cache that costs a cent or more to fill again; empty before, after and else."""
    left = cold.cold_at - now
    if not timedelta(0) < left <= TOLD_BEFORE or cold.warm_nano_usd < NANO_PER_CENT:
        return ""
    seconds = -(-left // timedelta(seconds=1))
    return f"Cache goes cold in {seconds} s; warming it costs about {format_usd(cold.warm_nano_usd)}"
