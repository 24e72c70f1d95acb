"""Anthropic Messages: `POST /v1/messages`, and its body at Bedrock and Vertex. Facts: recordings, documentation."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from app.core.exchange import RequestFacts, ResponseFacts, SideInference
from app.core.usage import Usage
from proxy_addon.shapes.anthropic_tools import carried_results, watch_event
from proxy_addon.shapes.blocks import input_pieces
from proxy_addon.shapes.fields import (
    byte_length,
    count,
    has_only_types,
    items,
    mapping,
    optional_flag,
    optional_limit,
    optional_text,
    read_json,
    read_object,
    require_text,
    text,
    total,
)
from proxy_addon.shapes.reading import NO_HEADERS, Shape
from proxy_addon.shapes.tool_watch import ToolWatch
from proxy_addon.shapes.turn_list import all_turns, read_turns, seen_in

_BOUNDED = frozenset({"text", "tool_use", "tool_result", "thinking", "redacted_thinking", "tool_reference"})
_READERS = {"messages": read_turns}
_CLIENT_TOOLS = ("custom", "bash_", "text_editor_", "computer_", "memory_")
_PATH_MODEL = re.compile(r"/models?/([^/?]+?)(?:/invoke|:(?:streamR|r)awPredict)")
_ESCAPED_LETTER = re.compile(rb"\\u00(?:3[0-9]|[46][1-9a-fA-F]|5[0-9aAfF]|7[0-9aA])")
"""A letter, digit or underscore written as an escape, as nobody does who has nothing to hide."""
_SPOKEN = ("text", "thinking", "partial_json")
"""What a delta may say."""
_DEFAULT_WEB_SEARCHES = 20
"""Searches to hold for when the request sets no `max_uses`: the provider sets no limit then."""


class AnthropicMessages(Shape):
    """The shape."""

    def read_request(self, path: str, headers: Mapping[str, str], body: bytes) -> RequestFacts:
        """Facts of a Messages request. Raises UnreadableRequest."""
        members = read_object(body, readers=_READERS)
        tools = items(members.get("tools"))
        is_self_contained = _is_self_contained(members, tools)
        is_bounded = all_turns(members.get("messages"), _is_message_bounded) and _is_bounded(members.get("system"))
        pieces = input_pieces(members, ("system", "messages"), _is_bounded)
        return RequestFacts(
            model=_model(members, path),
            is_stream=optional_flag(members, "stream") or ":streamRawPredict" in path,
            body_bytes=len(body),
            is_input_bounded=is_self_contained and is_bounded,
            output_limit=optional_limit(members, "max_tokens"),
            cache_write=min(seen_in(body, members.get("messages"), _marks_in), default=""),  # "1h" before "5m"
            service_tier=optional_text(members, "service_tier"),
            speed=optional_text(members, "speed"),
            region=optional_text(members, "inference_geo"),
            max_web_searches=sum(_max_searches(tool) for tool in tools),
            session=_session(members, headers),
            blocks=pieces.blocks,
            parts=pieces.parts,
            cache_asked=pieces.cache_asked,
            is_self_contained=is_self_contained,
            has_rounds=not is_self_contained,
            tool_results=carried_results(members, headers),
        )

    def reader(self, facts: RequestFacts, headers: Mapping[str, str] = NO_HEADERS) -> "AnthropicReader":
        """A reader for the answer."""
        return AnthropicReader()


def _model(members: Mapping[str, Any], path: str) -> str:
    """Bedrock and Vertex name the model in the path, and look at no other. Raises UnreadableRequest."""
    match = _PATH_MODEL.search(path)
    return unquote(match[1]) if match else require_text(members, "model")


def _is_self_contained(members: Mapping[str, Any], tools: list[Any]) -> bool:
    if members.get("mcp_servers") or members.get("container"):
        return False
    return all(_runs_at_client(tool) for tool in tools)


def _is_bounded(content: object) -> bool:
    return has_only_types(content, _BOUNDED)


def _is_message_bounded(message: object) -> bool:
    return _is_bounded(mapping(message).get("content"))


def _runs_at_client(tool: object) -> bool:
    kind = mapping(tool).get("type")
    return kind is None or (isinstance(kind, str) and kind.startswith(_CLIENT_TOOLS))


def _max_searches(tool: object) -> int:
    kind = mapping(tool).get("type")
    if not isinstance(kind, str) or not kind.startswith("web_search"):
        return 0
    limit = count(mapping(tool).get("max_uses"))
    return _DEFAULT_WEB_SEARCHES if limit is None else limit


def _marks_in(body: bytes) -> frozenset[str]:
    """How long a cache is asked to live. Looks at the bytes: a mark may stand in any block. One inside a text makes the
    bound dearer, never wrong."""
    if _ESCAPED_LETTER.search(body) is not None:
        return frozenset({"1h"})
    if b"cache_control" not in body:
        return frozenset()
    return frozenset({"1h" if b'"1h"' in body else "5m"})


def _session(members: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    """Claude Code's session: its own header, else the JSON in `metadata.user_id`."""
    if session := headers.get("x-claude-code-session-id", ""):
        return session[:200]
    user_id = mapping(members.get("metadata")).get("user_id")
    return (
        text(mapping(read_json(user_id.encode("utf-8", "replace"))).get("session_id"))
        if isinstance(user_id, str)
        else ""
    )


class AnthropicReader:
    """Merges `message_start.message.usage` with `message_delta.usage`, field by field; a whole body has one `usage`.

    What follows from the usage is worked out when that comes, twice in a stream: facts are asked for at each chunk.
    """

    def __init__(self) -> None:
        self._usage: dict[str, Any] = {}
        self._counts = Usage()
        self._side_inferences: tuple[SideInference, ...] = ()
        self._serving_model = self._tier = self._speed = self._region = ""
        self._model = ""
        self._id = ""
        self._error = ""
        self._bytes = 0
        self._is_final = False
        self._tools = ToolWatch()

    def feed(self, payload: bytes) -> None:
        """Take one event or a whole body."""
        event = mapping(read_json(payload))
        watch_event(self._tools, event)
        match event.get("type"):
            case "message":
                self._read_message(event)
                for block in items(event.get("content")):
                    self._count_block(mapping(block))
                self._is_final = bool(self._usage)
            case "message_start":
                self._read_message(mapping(event.get("message")))
            case "message_delta":
                self._merge(event.get("usage"))
                self._is_final = count(mapping(event.get("usage")).get("output_tokens")) is not None
            case "content_block_start":
                self._count_block(mapping(event.get("content_block")))
            case "content_block_delta":
                delta = mapping(event.get("delta"))
                for key in _SPOKEN:
                    if key in delta:
                        self._bytes += byte_length(delta[key])
            case "error":
                self._error = text(mapping(event.get("error")).get("type")) or "error"

    def facts(self) -> ResponseFacts:
        """What is known so far."""
        return ResponseFacts(
            usage=self._counts,
            response_model=self._serving_model or self._model,
            response_id=self._id,
            service_tier=self._tier,
            speed=self._speed,
            region=self._region,
            error_type=self._error,
            output_bytes=self._bytes,
            is_final=self._is_final,
            tool_uses=self._tools.uses,
            tool_results=self._tools.results,
            side_inferences=self._side_inferences,
        )

    def _read_message(self, message: Mapping[str, Any]) -> None:
        self._model = text(message.get("model")) or self._model
        self._id = text(message.get("id")) or self._id
        self._merge(message.get("usage"))

    def _merge(self, usage: object) -> None:
        told = {key: value for key, value in mapping(usage).items() if value is not None}
        if told:
            self._usage.update(told)
            self._counts = _usage(self._usage)
            self._side_inferences = _side_inferences(self._usage)
            self._serving_model = _serving_model(self._usage)
            self._tier, self._speed = text(self._usage.get("service_tier")), text(self._usage.get("speed"))
            self._region = text(self._usage.get("inference_geo"))

    def _count_block(self, block: Mapping[str, Any]) -> None:
        if block.get("type") in (
            "text",
            "thinking",
            "redacted_thinking",
            "tool_use",
            "server_tool_use",
            "mcp_tool_use",
        ):
            self._bytes += sum([byte_length(block[key]) for key in ("text", "thinking", "data") if key in block])
            self._bytes += byte_length(block.get("input") or None)


def _usage(raw: Mapping[str, Any]) -> Usage:
    """The raw `input_tokens` leaves the cache out; ours holds it."""
    split = mapping(raw.get("cache_creation"))
    hour, minutes = count(split.get("ephemeral_1h_input_tokens")), count(split.get("ephemeral_5m_input_tokens"))
    written = count(raw.get("cache_creation_input_tokens"))
    if written is None:
        written = total(hour, minutes)
    fresh, read = count(raw.get("input_tokens")), count(raw.get("cache_read_input_tokens"))
    return Usage(
        input_tokens=None if fresh is None else total(fresh, read, written),
        output_tokens=count(raw.get("output_tokens")),
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=hour if hour is None or written is None else min(hour, written),
        reasoning_tokens=count(mapping(raw.get("output_tokens_details")).get("thinking_tokens")),
        web_searches=count(mapping(raw.get("server_tool_use")).get("web_search_requests")),
    )


def _side_inferences(raw: Mapping[str, Any]) -> tuple[SideInference, ...]:
    """Inferences that the totals leave out: advisor, compaction, and hops before the fallback that answered.

    The totals are the sum of the `message` iterations, or with fallbacks those of the last one alone. A hop that
    declined before any output is reported but free.
    """
    iterations = [mapping(iteration) for iteration in items(raw.get("iterations"))]
    fallbacks = [iteration for iteration in iterations if iteration.get("type") == "fallback_message"]
    found = []
    for iteration in iterations:
        kind, usage = iteration.get("type"), _usage(iteration)
        is_declined_hop = bool(fallbacks) and kind in ("message", "fallback_message") and iteration is not fallbacks[-1]
        if kind in ("advisor_message", "compaction") or (is_declined_hop and usage.output_tokens):
            found.append(SideInference(text(iteration.get("model")), usage))
    return tuple(found)


def _serving_model(raw: Mapping[str, Any]) -> str:
    """The model of the fallback that answered; `message_start` still names the one that was asked."""
    entries = [mapping(entry) for entry in items(raw.get("iterations"))]
    models = [text(entry.get("model")) for entry in entries if entry.get("type") == "fallback_message"]
    return models[-1] if models else ""
