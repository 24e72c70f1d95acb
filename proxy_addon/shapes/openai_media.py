"""Pictures and speech at OpenAI and Azure: images, transcriptions, speech, videos. Facts: recordings, documentation.

Models that count tokens say so in their answer. The older ones are billed by the picture, the second or the letter, of
which no answer tells enough: they are written down without a price.
"""

from collections.abc import Mapping
from typing import Any

from app.core.exchange import RequestFacts, ResponseFacts
from app.core.usage import Usage
from proxy_addon.shapes.fields import (
    byte_length,
    count,
    mapping,
    optional_flag,
    optional_limit,
    optional_text,
    read_json,
    read_object,
    require_model,
)
from proxy_addon.shapes.multipart import is_multipart, text_fields
from proxy_addon.shapes.openai_usage import error_type
from proxy_addon.shapes.reading import NO_HEADERS, Shape
from proxy_addon.shapes.reported_cost import reported_cost

_DEFAULT_PICTURES = "dall-e-2"
"""What the images endpoints take where no model is named (OpenAI's API reference)."""


class OpenAIMedia(Shape):
    """The shape."""

    def read_request(self, path: str, headers: Mapping[str, str], body: bytes) -> RequestFacts:
        """Facts of a request, a form or JSON. Raises UnreadableRequest."""
        members: dict[str, Any] = dict(text_fields(headers, body)) if is_multipart(headers) else read_object(body)
        if is_multipart(headers):
            members["stream"] = members.get("stream") == "true"
            members["n"] = int(members["n"]) if str(members.get("n", "")).isdecimal() else None
        if "/images/" in path:
            members["model"] = members.get("model") or _DEFAULT_PICTURES
        return RequestFacts(
            model=require_model(members, path),
            is_stream=optional_flag(members, "stream") or optional_text(members, "stream_format") == "sse",
            body_bytes=len(body),
            is_input_bounded=False,
            choices=max(1, optional_limit(members, "n") or 1),
        )

    def reader(self, facts: RequestFacts, headers: Mapping[str, str] = NO_HEADERS) -> "MediaReader":
        """A reader for the answer."""
        return MediaReader()


class MediaReader:
    """The usage stands in the body, or in the last event of a stream. A body of sound tells nothing."""

    def __init__(self) -> None:
        self._usage: Mapping[str, Any] = {}
        self._error = ""
        self._bytes = 0

    def feed(self, payload: bytes) -> None:
        """Take one event or a whole body."""
        event = mapping(read_json(payload))
        self._usage = mapping(event.get("usage")) or self._usage
        self._bytes += byte_length(event.get("delta")) if isinstance(event.get("delta"), str) else 0
        self._bytes += byte_length(event.get("text")) if "type" not in event else 0
        if event.get("error"):
            self._error = error_type(event["error"])

    def facts(self) -> ResponseFacts:
        """What is known so far."""
        told = mapping(self._usage.get("input_token_details")) or mapping(self._usage.get("input_tokens_details"))
        usage = Usage(
            input_tokens=count(self._usage.get("input_tokens")),
            output_tokens=count(self._usage.get("output_tokens")),
            cache_read_tokens=count(told.get("cached_tokens")),
            input_audio_tokens=count(told.get("audio_tokens")),
            reported_cost_nano_usd=reported_cost(self._usage),
        )
        return ResponseFacts(
            usage=usage,
            error_type=self._error,
            output_bytes=self._bytes,
            is_final=usage.is_known,
        )
