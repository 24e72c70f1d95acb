"""OpenAI Chat Completions and all that speaks like it. Facts from recordings and documentation."""

from collections.abc import Mapping
from typing import Any

from app.core.exchange import RequestFacts, ResponseFacts
from app.core.usage import Usage
from proxy_addon.shapes.blocks import input_pieces
from proxy_addon.shapes.chat_tools import carried_results, watch_choice
from proxy_addon.shapes.fields import (
    byte_length,
    has_only_types,
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
from proxy_addon.shapes.tool_watch import ToolWatch
from proxy_addon.shapes.turn_list import all_turns, read_turns

_BOUNDED = frozenset({"text", "function", "custom", "thinking", "refusal", "reasoning.text", "reasoning.encrypted"})
_READERS = {"messages": read_turns}
_AGENT_MODELS = ("compound",)
"""Groq's systems that search and run code by themselves, unasked."""
_SEARCHES_OF_A_CALL = 10
"""Searches to hold for when a request allows them and sets no limit."""


class OpenAIChat(Shape):
    """The shape."""

    def read_request(self, path: str, headers: Mapping[str, str], body: bytes) -> RequestFacts:
        """Facts of a chat request. Raises UnreadableRequest."""
        members = read_object(body, readers=_READERS)
        tools = [mapping(tool).get("type", "function") for tool in items(members.get("tools"))]
        is_searching = bool(members.get("web_search_options")) or any("search" in str(kind) for kind in tools)
        model = require_model(members, path)
        is_agent = model.rpartition("/")[2].startswith(_AGENT_MODELS)
        is_self_contained = not (is_searching or is_agent) and all(kind in ("function", "custom") for kind in tools)
        pieces = input_pieces(members, ("messages",), _is_bounded)
        return RequestFacts(
            model=model,
            is_stream=optional_flag(members, "stream"),
            body_bytes=len(body),
            is_input_bounded=is_self_contained and all_turns(members.get("messages"), _is_bounded),
            output_limit=optional_limit(members, "max_completion_tokens", "max_tokens"),
            choices=max(1, optional_limit(members, "n") or 1),
            service_tier=optional_text(members, "service_tier"),
            max_web_searches=_SEARCHES_OF_A_CALL if is_searching else 0,
            session=headers.get("x-session-id", "")[:200],
            blocks=pieces.blocks,
            parts=pieces.parts,
            cache_asked=pieces.cache_asked,
            is_self_contained=is_self_contained,
            has_rounds=not is_self_contained,
            tool_results=carried_results(members),
        )

    def reader(self, facts: RequestFacts, headers: Mapping[str, str] = NO_HEADERS) -> "ChatReader":
        """A reader for the answer."""
        return ChatReader()


def _is_bounded(content: object) -> bool:
    """Of a message or of a part of one. A message may name speech that the provider has stored."""
    has_media = any(mapping(message).get("audio") for message in items(content) or [content])
    return not has_media and has_only_types(content, _BOUNDED)


class ChatReader:
    """The last `usage` wins: some providers repeat a running one in many chunks."""

    def __init__(self) -> None:
        self._usage = Usage()
        self._has_usage = False
        self._model = ""
        self._id = ""
        self._tier = ""
        self._error = ""
        self._bytes = 0
        self._is_ended = False
        self._tools = ToolWatch()

    def feed(self, payload: bytes) -> None:
        """Take one chunk or a whole body."""
        if payload.strip() == b"[DONE]":
            self._is_ended = True
            self._tools.end_all()
            return
        chunk = mapping(read_json(payload))
        self._model = text(chunk.get("model")) or self._model
        self._id = text(chunk.get("id")) or self._id
        self._tier = text(chunk.get("service_tier")) or self._tier
        if chunk.get("error"):
            self._error = error_type(chunk["error"])
        for choice in map(mapping, items(chunk.get("choices"))):
            self._count_choice(choice)
            watch_choice(self._tools, choice)
        usage = mapping(chunk.get("usage")) or mapping(mapping(chunk.get("x_groq")).get("usage"))
        if usage:
            self._usage, self._has_usage = chat_usage(usage), True
            is_alone = not items(chunk.get("choices"))
            self._is_ended = self._is_ended or is_alone or chunk.get("object") == "chat.completion"

    def facts(self) -> ResponseFacts:
        """What is known so far."""
        return ResponseFacts(
            usage=self._usage,
            response_model=self._model,
            response_id=self._id,
            service_tier=self._tier,
            error_type=self._error,
            output_bytes=self._bytes,
            is_final=self._is_ended and self._has_usage,
            tool_uses=self._tools.uses,
            tool_results=self._tools.results,
        )

    def _count_choice(self, choice: Mapping[str, Any]) -> None:
        spoken = mapping(choice.get("delta")) or mapping(choice.get("message"))
        thought = spoken.get("reasoning_content") or spoken.get("reasoning")
        self._bytes += byte_length(spoken.get("content")) + byte_length(thought) + byte_length(spoken.get("refusal"))
        calls = [mapping(mapping(call).get("function")) for call in items(spoken.get("tool_calls"))]
        for call in (*calls, mapping(spoken.get("function_call"))):
            self._bytes += byte_length(call.get("name")) + byte_length(call.get("arguments"))
        self._is_ended = self._is_ended or isinstance(choice.get("finish_reason"), str)
