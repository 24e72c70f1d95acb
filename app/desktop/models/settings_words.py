"""What is typed and shown on the Settings page."""

import re
from collections.abc import Mapping

from app.core.errors import InvalidInput
from app.core.providers import provider_title
from app.services.setting_checks import MAX_PORT

_CLOCK = re.compile(r"(\d{1,2})(?:[:.]?(\d{2}))?")
_MOST_HOUR, _MOST_MINUTE = 23, 59


def clock_text(typed: str) -> str:
    """A time of day as it is kept: `22:00` for `22`, `22:00` or `2200`; empty for none. Raises InvalidInput."""
    text = typed.strip()
    if not text:
        return ""
    found = _CLOCK.fullmatch(text)
    if found is None or int(found[1]) > _MOST_HOUR or int(found[2] or 0) > _MOST_MINUTE:
        raise InvalidInput("Not a time of day", "Write it like 22:00.")
    return f"{int(found[1]):02}:{found[2] or '00'}"


def port_of(typed: str) -> int:
    """A port. Raises InvalidInput."""
    text = typed.strip()
    if not text.isdecimal() or int(text) > MAX_PORT:
        raise InvalidInput("Not a port", f"A port is a number from 0 to {MAX_PORT}; 0 takes any free one.")
    return int(text)


def upstream_words(upstreams: Mapping[str, str]) -> str:
    """`OpenAI at https://llm.corp.test`; where calls go to the providers' own hosts, that."""
    if not upstreams:
        return "Each provider’s own"
    return ", ".join(f"{provider_title(name)} at {url}" for name, url in upstreams.items())
