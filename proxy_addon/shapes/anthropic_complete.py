"""Anthropic Text Completions, `POST /v1/complete`: its answers tell no usage. Facts: recordings."""

from collections.abc import Mapping

from app.core.exchange import RequestFacts, ResponseFacts
from proxy_addon.shapes.fields import (
    byte_length,
    mapping,
    optional_flag,
    optional_limit,
    read_json,
    read_object,
    require_text,
    text,
)
from proxy_addon.shapes.reading import NO_HEADERS, Shape


class AnthropicComplete(Shape):
    """The shape."""

    def read_request(self, path: str, headers: Mapping[str, str], body: bytes) -> RequestFacts:
        """Facts of a request. Raises UnreadableRequest."""
        members = read_object(body)
        return RequestFacts(
            model=require_text(members, "model"),
            is_stream=optional_flag(members, "stream"),
            body_bytes=len(body),
            output_limit=optional_limit(members, "max_tokens_to_sample"),
        )

    def reader(self, facts: RequestFacts, headers: Mapping[str, str] = NO_HEADERS) -> "CompleteReader":
        """A reader for the answer."""
        return CompleteReader()


class CompleteReader:
    """Counts the text: all that there is to price by."""

    def __init__(self) -> None:
        self._facts = ResponseFacts()

    def feed(self, payload: bytes) -> None:
        """Take one event or a whole body."""
        event = mapping(read_json(payload))
        error = mapping(event.get("error"))
        self._facts = ResponseFacts(
            response_model=text(event.get("model")) or self._facts.response_model,
            response_id=text(event.get("id")) or text(event.get("log_id")) or self._facts.response_id,
            error_type=text(error.get("type")) or self._facts.error_type,
            output_bytes=self._facts.output_bytes + byte_length(event.get("completion")),
        )

    def facts(self) -> ResponseFacts:
        """What is known so far. Never final: the counts never come."""
        return self._facts
