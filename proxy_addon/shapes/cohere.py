"""Cohere: chat (both versions), generate, embed and rerank. Facts from recordings and documentation.

It bills other numbers than it processed (`billed_units` leave out what Cohere itself put around a prompt), so both are
told: the tokens as usage, the units as what is billed.
"""

from collections.abc import Mapping
from typing import Any

from app.core.exchange import RequestFacts, ResponseFacts
from app.core.usage import Usage
from proxy_addon.shapes.cohere_tools import carried_results, watch_event
from proxy_addon.shapes.fields import (
    byte_length,
    count,
    has_only_types,
    items,
    mapping,
    optional_flag,
    optional_limit,
    optional_text,
    read_object,
    read_values,
    text,
)
from proxy_addon.shapes.reading import NO_HEADERS, Shape
from proxy_addon.shapes.tool_watch import ToolWatch

_BOUNDED = frozenset({"text", "thinking", "function", "document", "tool"})
_NO_OUTPUT = ("/embed", "/rerank", "/classify")
_DEFAULT_MODELS = {"/v1/chat": "command-r", "/v1/generate": "command", "/v1/embed": "embed-english-v2.0"}
"""What the first API takes where no model is named."""


class Cohere(Shape):
    """The shape."""

    def read_request(self, path: str, headers: Mapping[str, str], body: bytes) -> RequestFacts:
        """Facts of a request. Raises UnreadableRequest."""
        members = read_object(body)
        plain = path.partition("?")[0]
        contents = [mapping(message).get("content") for message in items(members.get("messages"))]
        is_searching = bool(members.get("connectors"))
        return RequestFacts(
            model=optional_text(members, "model") or _DEFAULT_MODELS.get(plain, ""),
            is_stream=optional_flag(members, "stream"),
            body_bytes=len(body),
            is_input_bounded=not (members.get("images") or is_searching) and has_only_types(contents, _BOUNDED),
            output_limit=0 if plain.endswith(_NO_OUTPUT) else optional_limit(members, "max_tokens"),
            choices=max(1, optional_limit(members, "num_generations") or 1),
            tool_results=carried_results(members),
        )

    def reader(self, facts: RequestFacts, headers: Mapping[str, str] = NO_HEADERS) -> "CohereReader":
        """A reader for the answer."""
        return CohereReader()


class CohereReader:
    """The last usage wins: `usage` in the second API, `meta` in the first, in the last event of a stream."""

    def __init__(self) -> None:
        self._usage: Mapping[str, Any] = {}
        self._id = ""
        self._error = ""
        self._bytes = 0
        self._tools = ToolWatch()

    def feed(self, payload: bytes) -> None:
        """Take one event, one line, a whole body, or all lines."""
        for value in read_values(payload):
            event = mapping(value)
            self._read_end(event)
            self._bytes += _spoken(event)
            watch_event(self._tools, event)

    def facts(self) -> ResponseFacts:
        """What is known so far."""
        tokens, billed = mapping(self._usage.get("tokens")), mapping(self._usage.get("billed_units"))
        usage = Usage(
            input_tokens=count(tokens.get("input_tokens")),
            output_tokens=count(tokens.get("output_tokens")),
            cache_read_tokens=count(self._usage.get("cached_tokens")),
            reasoning_tokens=count(tokens.get("reasoning_tokens")),
        )
        return ResponseFacts(
            usage=usage,
            billed=_billed(billed),
            search_units=count(billed.get("search_units")),
            response_id=self._id,
            error_type=self._error,
            output_bytes=self._bytes,
            is_final=usage.is_known or bool(billed),
            tool_uses=self._tools.uses,
        )

    def _read_end(self, event: Mapping[str, Any]) -> None:
        ended = mapping(event.get("response")) or mapping(event.get("delta")) or event
        self._usage = mapping(ended.get("usage")) or mapping(ended.get("meta")) or self._usage
        self._id = text(ended.get("id")) or text(ended.get("response_id")) or text(event.get("id")) or self._id
        if text(ended.get("finish_reason")).startswith("ERROR"):
            self._error = text(ended["finish_reason"])


def _billed(units: Mapping[str, Any]) -> Usage | None:
    """What is billed, where it is told in tokens; pictures are billed as input too."""
    given, pictures = count(units.get("input_tokens")), count(units.get("image_tokens"))
    if given is None and pictures is None:
        return None
    return Usage(input_tokens=(given or 0) + (pictures or 0), output_tokens=count(units.get("output_tokens")) or 0)


def _spoken(event: Mapping[str, Any]) -> int:
    """Bytes of generated text in one event of either API."""
    if event.get("event_type"):
        return byte_length(event.get("text")) if event["event_type"] == "text-generation" else 0
    message = mapping(mapping(event.get("delta")).get("message")) or mapping(event.get("message"))
    content = message.get("content")
    parts = [mapping(part) for part in (content if isinstance(content, list) else [content])]
    spoken = sum(byte_length(part.get(key)) for part in parts for key in ("text", "thinking"))
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else [calls]:
        function = mapping(mapping(call).get("function"))
        spoken += byte_length(function.get("name")) + byte_length(function.get("arguments"))
    return spoken + byte_length(message.get("tool_plan")) + byte_length(event.get("text"))
