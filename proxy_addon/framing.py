"""How the events of a stream stand in its bytes: by the content type, else by the first byte."""

from collections.abc import Callable, Mapping
from typing import Protocol

from proxy_addon.eventstream import EventStreamParser
from proxy_addon.json_lines import LineParser
from proxy_addon.sse import SseParser


class Parser(Protocol):
    """Bytes in any chunking in, payloads of whole events out."""

    has_dropped: bool

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events that end in this chunk."""

    def close(self) -> list[bytes]:
        """The event that was left unended, if there is one."""


_PARSERS: Mapping[str, Callable[[], Parser]] = {
    "text/event-stream": SseParser,
    "application/vnd.amazon.eventstream": EventStreamParser,
    "application/x-ndjson": LineParser,
    "application/jsonl": LineParser,
    "application/stream+json": LineParser,
}
_JSON_STARTS = b"{["


def parser_for(content_type: str) -> Parser | None:
    """The parser of a stream; None where the type is not that of one."""
    parser = _PARSERS.get(_bare(content_type))
    return None if parser is None else parser()


def is_body(content_type: str) -> bool:
    """Whether the type is that of one JSON value."""
    kind = _bare(content_type)
    return kind.endswith("json") and kind not in _PARSERS


def parser_by_start(first_byte: int) -> Parser | None:
    """The parser of an answer that begins with this byte; None for a JSON body."""
    if first_byte in _JSON_STARTS:
        return None
    return EventStreamParser() if first_byte == 0 else SseParser()


def _bare(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()
