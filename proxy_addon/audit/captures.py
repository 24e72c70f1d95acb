"""One exchange as a capture file holds it, whatever the format, and the ways in which a file can fail."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Address:
    """Where a request went. Empty where the capture does not tell; `path` may carry a query."""

    scheme: str = ""
    host: str = ""
    port: int = 443
    path: str = ""


@dataclass(frozen=True, slots=True)
class Body:
    """One side of an exchange. Header names are lower-case. `data` is None where the capture left it out.

    `encoding` is what `data` is still compressed with, in the words of a Content-Encoding header; mostly nothing.
    """

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    data: bytes | None = field(default=None, repr=False)
    encoding: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a socket; `is_sent` by the client."""

    is_sent: bool
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Told:
    """What a recording itself says of an exchange: used only where the request does not tell."""

    provider: str = ""
    api: str = ""
    model: str = ""


NOTHING_TOLD = Told()


@dataclass(frozen=True, slots=True)
class Capture:
    """One exchange. `line` counts from 1: the line of a recording, the entry of another capture.

    `status` is None where no answer came. `is_broken` tells that the exchange did not reach its end. `messages` is None
    unless it was a socket. `started_at` is aware, None where the capture has no time.
    """

    line: int
    method: str
    address: Address
    request: Body
    answer: Body
    status: int | None
    source: str = ""
    started_at: datetime | None = None
    is_broken: bool = False
    messages: tuple[Message, ...] | None = None
    told: Told = NOTHING_TOLD


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line that holds no exchange that could be read. `is_damaged` where the file itself is at fault."""

    line: int
    error_type: str
    reason: str
    is_damaged: bool = False


class DamagedFile(Exception):
    """The rest of a file cannot be read. `line` is where, None where it was not even opened.

    The reason is for the person who named the file, and holds nothing of what stands in it.
    """

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
