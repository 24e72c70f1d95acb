"""OpenAI Assistants: runs of a thread, `POST /v1/threads/{id}/runs` and what goes with it. Facts: recordings."""

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
    text,
)
from proxy_addon.shapes.openai_usage import chat_usage, error_type
from proxy_addon.shapes.reading import NO_HEADERS, Shape

_ENDS = frozenset({"completed", "incomplete", "failed", "cancelled", "expired"})


class OpenAIAssistants(Shape):
    """The shape."""

    def read_request(self, path: str, headers: Mapping[str, str], body: bytes) -> RequestFacts:
        """Facts of a run; the model is the assistant's where the run names none. Raises UnreadableRequest."""
        members = read_object(body)
        return RequestFacts(
            model=optional_text(members, "model"),
            is_stream=optional_flag(members, "stream"),
            body_bytes=len(body),
            is_input_bounded=False,
            output_limit=optional_limit(members, "max_completion_tokens"),
        )

    def reader(self, facts: RequestFacts, headers: Mapping[str, str] = NO_HEADERS) -> "RunReader":
        """A reader for the answer."""
        return RunReader()


class RunReader:
    """A run's usage is null until it ends; a run that is not streamed ends after this answer, and is not priced."""

    def __init__(self) -> None:
        self._run: Mapping[str, Any] = {}
        self._error = ""
        self._bytes = 0

    def feed(self, payload: bytes) -> None:
        """Take one event or a whole body."""
        event = mapping(read_json(payload))
        match event.get("object"):
            case "thread.run":
                self._run = event
                if event.get("last_error"):
                    self._error = error_type(event["last_error"])
            case "thread.message.delta":
                for part in map(mapping, items(mapping(event.get("delta")).get("content"))):
                    self._bytes += byte_length(mapping(part.get("text")).get("value"))
            case _ if event.get("error"):
                self._error = error_type(event["error"])

    def facts(self) -> ResponseFacts:
        """What is known so far."""
        usage = chat_usage(mapping(self._run.get("usage")))
        return ResponseFacts(
            usage=usage,
            response_model=text(self._run.get("model")),
            response_id=text(self._run.get("id")),
            error_type=self._error,
            output_bytes=self._bytes,
            is_final=self._run.get("status") in _ENDS and usage.is_known,
        )
