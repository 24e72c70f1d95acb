"""Ollama's own API: `/api/chat`, `/api/generate`, `/api/embed`. It runs on one's own machine and costs nothing.

Facts: recordings and Ollama's API page.
"""

from collections.abc import Mapping
from typing import Any

from app.core.exchange import RequestFacts, ResponseFacts
from app.core.usage import Usage
from proxy_addon.shapes.chat_tools import carried_results
from proxy_addon.shapes.fields import (
    byte_length,
    count,
    items,
    mapping,
    optional_flag,
    optional_limit,
    read_object,
    read_values,
    require_text,
    text,
)
from proxy_addon.shapes.reading import NO_HEADERS, Shape
from proxy_addon.shapes.tool_watch import ToolWatch


class Ollama(Shape):
    """The shape. Chat and generate stream unless told not to."""

    def read_request(self, path: str, headers: Mapping[str, str], body: bytes) -> RequestFacts:
        """Facts of a request. Raises UnreadableRequest."""
        members = read_object(body, "options")
        is_embedding = "/api/embed" in path
        return RequestFacts(
            model=require_text(members, "model"),
            is_stream=not is_embedding and (members.get("stream") is None or optional_flag(members, "stream")),
            body_bytes=len(body),
            is_input_bounded=b'"images"' not in body,
            output_limit=0 if is_embedding else _limit(mapping(members.get("options"))),
            tool_results=carried_results(members),
        )

    def reader(self, facts: RequestFacts, headers: Mapping[str, str] = NO_HEADERS) -> "OllamaReader":
        """A reader for the answer."""
        return OllamaReader()


def _limit(options: Mapping[str, Any]) -> int | None:
    """`num_predict`; below 0 it is none."""
    limit = options.get("num_predict")
    return None if isinstance(limit, int) and limit < 0 else optional_limit(options, "num_predict")


class OllamaReader:
    """The counts stand in the last line, whose `done` is true. A prompt that was all cached is not counted."""

    def __init__(self) -> None:
        self._last: Mapping[str, Any] = {}
        self._model = ""
        self._error = ""
        self._bytes = 0
        self._tools = ToolWatch()

    def feed(self, payload: bytes) -> None:
        """Take one line, a whole body, or all lines."""
        for value in read_values(payload):
            self._read(mapping(value))

    def facts(self) -> ResponseFacts:
        """What is known so far."""
        usage = Usage(
            input_tokens=count(self._last.get("prompt_eval_count")), output_tokens=count(self._last.get("eval_count"))
        )
        return ResponseFacts(
            usage=usage,
            response_model=self._model,
            error_type=self._error,
            output_bytes=self._bytes,
            is_final=usage.is_known,
            tool_uses=self._tools.uses,
        )

    def _read(self, line: Mapping[str, Any]) -> None:
        self._model = text(line.get("model")) or self._model
        self._error = "error" if line.get("error") else self._error
        message = mapping(line.get("message"))
        spoken = (line.get("response"), line.get("thinking"), message.get("content"), message.get("thinking"))
        self._bytes += sum(map(byte_length, spoken))
        for call in map(mapping, items(message.get("tool_calls"))):
            self._bytes += byte_length(call.get("function"))
            said = mapping(call.get("function"))
            self._tools.add(said.get("name"), call.get("id"), said.get("arguments"))
        if line.get("done") or "embeddings" in line:
            self._last = line
