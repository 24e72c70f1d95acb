"""What passes between the scripted provider and its dialects, and the framing they share."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

PIECES = 8
_CONVERSATION_BYTES = 2_000


@dataclass(frozen=True, slots=True)
class Question:
    """What the provider needs to know of a request. `conversation` is its beginning, by which a cache finds it."""

    model: str
    is_stream: bool
    tells_usage: bool
    output_limit: int
    conversation: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered and charged, in tokens. `input_tokens` includes both cache counts."""

    response_id: str
    model: str
    text: str
    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int
    tells_usage: bool


class Dialect(Protocol):
    """One API shape, from the provider's side of the wire."""

    def read(self, path: str, request: Mapping[str, Any]) -> Question:
        """What is asked. Raises KeyError, TypeError or ValueError for a request that lacks what it must have."""

    def whole(self, answer: Answer) -> dict[str, Any]:
        """The answer as one JSON body."""

    def events(self, answer: Answer) -> Iterator[bytes]:
        """The answer as the chunks of an event stream."""

    def error(self, status: int, message: str) -> dict[str, Any]:
        """An error body in this provider's shape."""


def beginning(*parts: Any) -> str:
    """The first 2 kB of a conversation: the same for each of its turns, as a provider's cache sees it."""
    return json.dumps(parts)[:_CONVERSATION_BYTES]


def pieces(text: str) -> list[str]:
    """A text in at most eight parts."""
    size = max(1, -(-len(text) // PIECES))
    return [text[start : start + size] for start in range(0, len(text), size)]


def named_event(kind: str, values: dict[str, Any]) -> bytes:
    """One event that says its kind twice, outside and inside, as Anthropic and OpenAI do."""
    return f"event: {kind}\n".encode() + event({"type": kind} | values)


def event(values: dict[str, Any]) -> bytes:
    """One unnamed event."""
    return f"data: {json.dumps(values)}\n\n".encode()
