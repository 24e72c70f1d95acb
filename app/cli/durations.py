"""Lengths of time as people type them: `90s`, `10m`, `2h`, `7d`."""

import re
from datetime import timedelta

from app.core.errors import InvalidInput

_LENGTH = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_duration(text: str) -> timedelta:
    """A whole number and its unit. Raises InvalidInput."""
    match = _LENGTH.fullmatch(text.strip().lower())
    if match is None:
        raise InvalidInput("Not a length of time", f"“{text[:40]}” must look like 90s, 10m, 2h or 7d.")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
