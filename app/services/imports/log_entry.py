"""One call as a log tells it, before it has a price; and lines of JSON read one at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.core.call import ApiShape
from app.core.exchange import ResponseFacts


@dataclass(frozen=True, slots=True)
class LogEntry:
    """`key` is the call's identity in logs of its kind: the same wherever a log repeats it. `at` is aware.

    `folder` is where the agent worked, as the log names it; empty when it does not.
    """

    key: str
    at: datetime
    provider: str
    api_shape: ApiShape
    request_model: str
    response: ResponseFacts
    session: str
    folder: str = ""


type Reading = Iterator[LogEntry | None]
"""What a reader yields: an entry, or None for a line or record that cannot be read."""


def lines_of(file: Path) -> Iterator[bytes]:
    """The lines of a file that hold anything, one in memory at a time. Raises OSError."""
    with file.open("rb") as opened:
        for line in opened:
            stripped = line.strip()
            if stripped:
                yield stripped


def instant(text: str) -> datetime:
    """The instant of an ISO 8601 text; one without a zone is UTC. Raises ValueError."""
    read = datetime.fromisoformat(text)
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def instant_of_ms(milliseconds: float) -> datetime:
    """The instant of milliseconds since 1970. Raises ValueError for one no calendar holds."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, OSError) as error:
        raise ValueError("no such instant") from error


def added(*counts: int | None) -> int | None:
    """The sum of what is known; None when nothing is."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
