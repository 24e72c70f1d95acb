"""OpenAI Completions, the older text endpoint: `POST /v1/completions`. Facts: recordings."""

from collections.abc import Mapping
from typing import Any

from app.core.exchange import RequestFacts, ResponseFacts
from proxy_addon.shapes.fields import (
    byte_length,
    items,
    mapping,
    optional_flag,
    optional_limit,
    optional_text,
    read_json,
    read_object,
    require_model,
    text,
)
from proxy_addon.shapes.openai_usage import chat_usage, error_type
from proxy_addon.shapes.reading import NO_HEADERS, Shape


class OpenAICompletions(Shape):
    """The shape."""

    def read_request(self, path: str, headers: Mapping[str, str], body: bytes) -> RequestFacts:
        """Facts of a request; each prompt of a list is answered, `best_of` times. Raises UnreadableRequest."""
        members = read_object(body)
        prompt = members.get("prompt")
        prompts = len(prompt) if isinstance(prompt, list) and all(isinstance(one, str | list) for one in prompt) else 1
        return RequestFacts(
            model=require_model(members, path),
            is_stream=optional_flag(members, "stream"),
            body_bytes=len(body),
            output_limit=optional_limit(members, "max_tokens"),
            choices=max(1, optional_limit(members, "n", "best_of") or 1) * max(1, prompts),
            service_tier=optional_text(members, "service_tier"),
        )

    def reader(self, facts: RequestFacts, headers: Mapping[str, str] = NO_HEADERS) -> "CompletionsReader":
        """A reader for the answer."""
        return CompletionsReader()


class CompletionsReader:
    """The last `usage` wins."""

    def __init__(self) -> None:
        self._usage: Mapping[str, Any] = {}
        self._model = ""
        self._id = ""
        self._error = ""
        self._bytes = 0
        self._is_ended = False

    def feed(self, payload: bytes) -> None:
        """Take one chunk or a whole body."""
        if payload.strip() == b"[DONE]":
            self._is_ended = True
            return
        chunk = mapping(read_json(payload))
        self._model = text(chunk.get("model")) or self._model
        self._id = text(chunk.get("id")) or self._id
        self._usage = mapping(chunk.get("usage")) or self._usage
        if chunk.get("error"):
            self._error = error_type(chunk["error"])
        for choice in map(mapping, items(chunk.get("choices"))):
            spoken = mapping(choice.get("message")) or mapping(choice.get("delta"))
            self._bytes += byte_length(choice.get("text")) + byte_length(spoken.get("content"))
            self._is_ended = self._is_ended or isinstance(choice.get("finish_reason"), str)

    def facts(self) -> ResponseFacts:
        """What is known so far."""
        usage = chat_usage(self._usage)
        return ResponseFacts(
            usage=usage,
            response_model=self._model,
            response_id=self._id,
            error_type=self._error,
            output_bytes=self._bytes,
            is_final=self._is_ended and usage.is_known,
        )
