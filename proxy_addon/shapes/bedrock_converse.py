"""Bedrock Converse: `POST /model/{id}/converse`, `/converse-stream`. Facts from recordings and documentation."""

from collections.abc import Mapping
from typing import Any

from app.core.exchange import RequestFacts, ResponseFacts
from proxy_addon.shapes.bedrock_usage import converse_usage, header_usage, model_and_method
from proxy_addon.shapes.blocks import input_pieces
from proxy_addon.shapes.converse_tools import carried_results, watch_event
from proxy_addon.shapes.fields import (
    byte_length,
    items,
    mapping,
    optional_limit,
    optional_text,
    read_json,
    read_object,
    text,
)
from proxy_addon.shapes.reading import NO_HEADERS, Shape
from proxy_addon.shapes.tool_watch import ToolWatch
from proxy_addon.shapes.turn_list import all_turns, read_turns

_BOUNDED_BLOCKS = frozenset({"text", "toolUse", "toolResult", "reasoningContent", "cachePoint", "guardContent", "json"})

_READERS = {"messages": read_turns}


class BedrockConverse(Shape):
    """The shape."""

    def read_request(self, path: str, headers: Mapping[str, str], body: bytes) -> RequestFacts:
        """Facts of a Converse request; model and stream stand in the path. Raises UnreadableRequest."""
        model, method = model_and_method(path)
        members = read_object(body, "inferenceConfig", "additionalModelRequestFields", readers=_READERS)
        config = mapping(members.get("inferenceConfig"))
        extra = mapping(members.get("additionalModelRequestFields"))
        tier = mapping(members.get("serviceTier")) or {"type": mapping(members.get("performanceConfig")).get("latency")}
        pieces = input_pieces(members, ("system", "messages"), _is_part_bounded)
        return RequestFacts(
            model=model,
            is_stream=method == "converse-stream",
            body_bytes=len(body),
            is_input_bounded=_is_input_bounded(members),
            output_limit=_output_limit(config, extra),
            cache_write="1h" if b'"1h"' in body else "5m" if b"cachePoint" in body else "",
            service_tier=optional_text(dict(tier), "type"),
            blocks=pieces.blocks,
            parts=pieces.parts,
            cache_asked=pieces.cache_asked,
            is_self_contained=not members.get("promptVariables"),
            tool_results=carried_results(members),
        )

    def reader(self, facts: RequestFacts, headers: Mapping[str, str] = NO_HEADERS) -> "ConverseReader":
        """A reader for the answer."""
        return ConverseReader(facts, headers)


def _output_limit(config: Mapping[str, Any], extra: Mapping[str, Any]) -> int | None:
    """A model's own fields go past the common ones."""
    limits = (optional_limit(config, "maxTokens"), optional_limit(extra, "max_tokens", "max_completion_tokens"))
    return max((limit for limit in limits if limit is not None), default=None)


def _is_input_bounded(members: Mapping[str, Any]) -> bool:
    """Whether all is text. A prompt that is stored, pictures and documents hold more tokens than bytes tell."""
    if members.get("promptVariables"):
        return False
    return all_turns(members.get("messages"), _is_message_bounded)


def _is_message_bounded(message: object) -> bool:
    pending: list[object] = [mapping(message).get("content")]
    while pending:
        for block in map(mapping, items(pending.pop())):
            if not block.keys() <= _BOUNDED_BLOCKS:
                return False
            pending.append(mapping(block.get("toolResult")).get("content"))
    return True


def _is_part_bounded(part: object) -> bool:
    """None where an image was; a turn without its content has only a role."""
    block = mapping(part)
    results = items(mapping(block.get("toolResult")).get("content"))
    return block.keys() <= _BOUNDED_BLOCKS | {"role"} and all(_is_part_bounded(result) for result in results)


class ConverseReader:
    """A stream's events come named by their type; the usage stands in `metadata`, the last one."""

    def __init__(self, facts: RequestFacts, headers: Mapping[str, str]) -> None:
        self._model = facts.model
        self._told = header_usage(headers)
        self._usage: Mapping[str, Any] = {}
        self._tier = ""
        self._served = ""
        self._error = ""
        self._bytes = 0
        self._tools = ToolWatch()

    def feed(self, payload: bytes) -> None:
        """Take one event or a whole body."""
        event = mapping(read_json(payload))
        watch_event(self._tools, event)
        metadata = mapping(event.get("metadata")) or event
        self._usage = mapping(metadata.get("usage")) or self._usage
        self._tier = text(mapping(metadata.get("serviceTier")).get("type")) or self._tier
        router = mapping(mapping(metadata.get("trace")).get("promptRouter"))
        self._served = text(router.get("invokedModelId")) or self._served
        self._error = next((name for name in event if name.endswith("Exception")), self._error)
        for block in map(mapping, items(mapping(mapping(event.get("output")).get("message")).get("content"))):
            self._bytes += _spoken(block)
        self._bytes += _spoken(mapping(mapping(event.get("contentBlockDelta")).get("delta")))
        self._bytes += _spoken(mapping(mapping(event.get("contentBlockStart")).get("start")))

    def facts(self) -> ResponseFacts:
        """What is known so far."""
        usage = converse_usage(self._usage) if self._usage else self._told
        return ResponseFacts(
            usage=usage,
            response_model=self._served or self._model,
            service_tier=self._tier,
            error_type=self._error,
            output_bytes=self._bytes,
            is_final=usage.is_known,
            tool_uses=self._tools.uses,
            tool_results=self._tools.results,
        )


def _spoken(block: Mapping[str, Any]) -> int:
    """Bytes generated in a block, or in a part of one."""
    tool, thought = mapping(block.get("toolUse")), mapping(block.get("reasoningContent"))
    inner = mapping(thought.get("reasoningText")) or thought
    said = (block.get("text"), tool.get("name"), tool.get("input") or None, inner.get("text"))
    return sum(map(byte_length, said))
