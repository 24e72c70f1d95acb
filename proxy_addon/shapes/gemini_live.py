"""Gemini Live over a socket (`BidiGenerateContent`). Facts from recordings and documentation."""

from collections.abc import Mapping
from typing import Any

from app.core.exchange import RequestFacts, ResponseFacts
from proxy_addon.shapes.fields import UnreadableRequest, byte_length, items, mapping, optional_limit, read_json, text
from proxy_addon.shapes.gemini_tools import result_of
from proxy_addon.shapes.gemini_usage import gemini_tier, gemini_usage
from proxy_addon.shapes.reading import NO_HEADERS, Shape, Turn
from proxy_addon.shapes.tool_watch import ToolWatch
from proxy_addon.shapes.unread import Unread

_AUDIO = 128
"""Base64 of speech that stands for one byte of text: a token is 40 ms, which is some 2,500 bytes of it."""


class GeminiLive(Shape):
    """The shape. Its only requests are those that open a socket; the model comes in its first message."""

    def read_request(self, path: str, headers: Mapping[str, str], body: bytes) -> RequestFacts:
        """Facts of the request that opens the socket. Raises UnreadableRequest where it is none."""
        if body:
            raise UnreadableRequest("A Live session is opened by a WebSocket, not by a body.")
        return RequestFacts(model="", is_stream=True, body_bytes=0, is_input_bounded=False)

    def reader(self, facts: RequestFacts, headers: Mapping[str, str] = NO_HEADERS) -> Unread:
        """A reader for an answer that is no socket: it tells nothing."""
        return Unread()

    def socket_reader(self, facts: RequestFacts) -> "LiveSocket":
        """A reader for the socket."""
        return LiveSocket()


class LiveSocket:
    """One turn at a time, with one usage at its end; a tool call and its result are parts of the turn."""

    def __init__(self) -> None:
        self._model = ""
        self._limit: int | None = None
        self._sent_bytes = 0
        self._request: RequestFacts | None = None
        self._usage: Mapping[str, Any] = {}
        self._output_bytes = 0
        self._is_begun = False
        self._tools = ToolWatch()

    def sent(self, message: bytes) -> RequestFacts | None:
        """A whole client turn begins one, and so does speech, whose end the provider hears."""
        event = mapping(read_json(message))
        self._sent_bytes += len(message)
        if setup := mapping(event.get("setup")):
            self._model = text(setup.get("model")).rpartition("/")[2]
            config = {**mapping(setup.get("generation_config")), **mapping(setup.get("generationConfig"))}
            self._limit = optional_limit(config, "maxOutputTokens", "max_output_tokens")
        answered = mapping(event.get("toolResponse")) or mapping(event.get("tool_response"))
        for response in items(answered.get("functionResponses")) or items(answered.get("function_responses")):
            self._tools.answer(result_of(mapping(response)))
        if self._request is not None or self._is_begun or not _asks(event):
            return None
        self._request = RequestFacts(
            self._model, True, self._sent_bytes, is_input_bounded=False, output_limit=self._limit
        )
        return self._request

    def withdraw(self, request: RequestFacts) -> None:
        """Forget a turn whose message was not sent."""
        self._request = None if self._request is request else self._request

    def received(self, message: bytes) -> list[Turn]:
        """The turn that ends: its usage comes with its last message, or before."""
        event = mapping(read_json(message))
        content = mapping(event.get("serverContent"))
        self._is_begun = self._is_begun or bool(content) or "toolCall" in event
        self._usage = mapping(event.get("usageMetadata")) or self._usage
        for part in map(mapping, items(mapping(content.get("modelTurn")).get("parts"))):
            self._output_bytes += byte_length(part.get("text")) + byte_length(part.get("inlineData")) // _AUDIO
        self._output_bytes += byte_length(event.get("toolCall"))
        for call in map(mapping, items(mapping(event.get("toolCall")).get("functionCalls"))):
            self._tools.add(call.get("name"), call.get("id"), call.get("args"))
        if not content.get("turnComplete"):
            return []
        turn = self._turn(is_final=True)
        self._request, self._usage, self._output_bytes, self._is_begun = None, {}, 0, False
        self._tools = ToolWatch()
        return [turn]

    def open_turns(self) -> list[Turn]:
        """The turn on its way, if there is one."""
        if self._request is None and not self._is_begun:
            return []
        return [self._turn(is_final=False)]

    def _turn(self, *, is_final: bool) -> Turn:
        usage = gemini_usage(self._usage, None)
        facts = ResponseFacts(
            usage=usage,
            response_model=self._model,
            service_tier=gemini_tier(self._usage),
            output_bytes=self._output_bytes,
            tool_uses=self._tools.uses,
            tool_results=self._tools.results,
            is_final=is_final and usage.is_known,
        )
        return Turn(self._request, facts, is_begun=self._is_begun)


def _asks(event: Mapping[str, Any]) -> bool:
    content = mapping(event.get("clientContent")) or mapping(event.get("client_content"))
    is_whole = bool(content.get("turnComplete") or content.get("turn_complete"))
    return is_whole or "realtimeInput" in event or "realtime_input" in event
