"""Identifiers minted here: unique, and sorting by the time they were made."""

import os
import time
from datetime import UTC, datetime, timedelta

_EPOCH = datetime.fromtimestamp(0, UTC)
_MILLISECOND = timedelta(milliseconds=1)


def new_id() -> str:
    """32 hexadecimal digits: 48 bits of milliseconds since 1970, then 80 random bits."""
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"


def first_id_at(instant: datetime) -> str:
    """What sorts before every identifier that is made from that instant on."""
    return f"{max(0, (instant - _EPOCH) // _MILLISECOND):012x}"
