"""Bedrock InvokeModel: `POST /model/{id}/invoke`, `/invoke-with-response-stream`: each model maker's own dialect.

Claude's is Anthropic Messages. Of the others only the counts are read, wherever they stand; the headers of an answer,
or the metrics of a stream's last event, tell them for every model. Facts: recordings and documentation.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.core.exchange import RequestFacts, ResponseFacts
from app.core.usage import Usage
from proxy_addon.shapes import chat_tools, converse_tools
from proxy_addon.shapes.bedrock_usage import converse_usage, header_usage, model_and_method
from proxy_addon.shapes.fields import (
    byte_length,
    count,
    first_count,
    items,
    mapping,
    optional_limit,
    read_json,
    read_object,
    total,
)
from proxy_addon.shapes.reading import NO_HEADERS, ResponseReader, Shape
from proxy_addon.shapes.tool_watch import ToolWatch

_METRICS = "amazon-bedrock-invocationMetrics"
_LIMITS = ("max_tokens", "max_gen_len", "max_tokens_to_sample", "maxTokens", "max_completion_tokens")
_NESTED_LIMITS = {
    "textGenerationConfig": ("maxTokenCount",),
    "inferenceConfig": ("maxTokens", "max_new_tokens"),
}
_MEDIA = (b'"image', b'"video', b'"document', b'"audio', b"Image", b"Video", b"Audio", b"s3")


class BedrockInvoke(Shape):
    """The shape. `messages` reads Claude's dialect."""

    def __init__(self, messages: Shape) -> None:
        self._messages = messages

    def read_request(self, path: str, headers: Mapping[str, str], body: bytes) -> RequestFacts:
        """Facts of a request; model and stream stand in the path. Raises UnreadableRequest."""
        model, method = model_and_method(path)
        is_stream = method.endswith("stream")
        if _is_claude(body):
            return replace(self._messages.read_request(path, headers, body), model=model, is_stream=is_stream)
        members = read_object(body, *_NESTED_LIMITS)
        return RequestFacts(
            model=model,
            is_stream=is_stream,
            body_bytes=len(body),
            is_input_bounded=not any(word in body for word in _MEDIA),
            output_limit=_output_limit(members, model),
            cache_write="5m" if b"cachePoint" in body else "",
            tool_results=converse_tools.carried_results(members) or chat_tools.carried_results(members),
        )

    def reader(self, facts: RequestFacts, headers: Mapping[str, str] = NO_HEADERS) -> "InvokeReader":
        """A reader for the answer."""
        return InvokeReader(facts, headers, self._messages.reader(facts, headers))


def _is_claude(body: bytes) -> bool:
    """Bedrock demands this member of every request to Claude; a profile's name need not tell the model."""
    return b'"anthropic_version"' in body


def _output_limit(members: Mapping[str, Any], model: str) -> int | None:
    if "embed" in model:
        return 0
    limits = [optional_limit(members, *_LIMITS)]
    limits += [optional_limit(mapping(members.get(key)), *names) for key, names in _NESTED_LIMITS.items()]
    return max((limit for limit in limits if limit is not None), default=None)


class InvokeReader:
    """Claude's own counts first, as they tell most; else those of the maker, of the metrics, of the headers."""

    def __init__(self, facts: RequestFacts, headers: Mapping[str, str], messages: ResponseReader) -> None:
        self._request = facts
        self._messages = messages
        self._headers = header_usage(headers)
        self._metrics: Mapping[str, Any] = {}
        self._maker = Usage()
        self._error = ""
        self._bytes = 0
        self._tools = ToolWatch()

    def feed(self, payload: bytes) -> None:
        """Take one event or a whole body."""
        self._messages.feed(payload)
        event = mapping(read_json(payload))
        self._metrics = mapping(event.get(_METRICS)) or self._metrics
        told = _maker_usage(event)
        self._maker = Usage(
            input_tokens=self._maker.input_tokens if told.input_tokens is None else told.input_tokens,
            output_tokens=self._maker.output_tokens if told.output_tokens is None else told.output_tokens,
            cache_read_tokens=told.cache_read_tokens or self._maker.cache_read_tokens,
            cache_write_tokens=told.cache_write_tokens or self._maker.cache_write_tokens,
        )
        self._error = next((name for name in event if name.endswith("Exception")), self._error)
        self._bytes += _spoken(event)
        self._watch_tools(event)

    def facts(self) -> ResponseFacts:
        """What is known so far."""
        claude = self._messages.facts()
        if claude.usage.is_known:
            is_final = claude.is_final or bool(self._metrics)
            return replace(claude, error_type=claude.error_type or self._error, is_final=is_final)
        metrics = converse_usage(self._metrics)
        known = [usage for usage in (metrics, self._headers, self._maker) if usage.is_known]
        usage = next((usage for usage in known if usage.output_tokens is not None), known[0] if known else Usage())
        is_final = metrics.is_known or self._headers.is_known or (usage.is_known and not self._request.is_stream)
        return ResponseFacts(
            usage=usage,
            response_model=self._request.model,
            error_type=self._error,
            output_bytes=self._bytes,
            is_final=is_final,
            tool_uses=self._tools.uses,
            tool_results=self._tools.results,
        )

    def _watch_tools(self, event: Mapping[str, Any]) -> None:
        """Nova speaks as Converse does, Mistral and others as Chat Completions."""
        converse_tools.watch_event(self._tools, event)
        for choice in map(mapping, items(event.get("choices"))):
            chat_tools.watch_choice(self._tools, choice)


def _maker_usage(event: Mapping[str, Any]) -> Usage:
    """Counts as Nova, Titan, Llama, Mistral, AI21 and others write them; a `null` changes nothing."""
    metadata = mapping(event.get("metadata")) or event
    usage = mapping(metadata.get("usage"))
    converse = converse_usage(usage)
    if converse.is_known:
        return converse
    made = total(*(count(mapping(result).get("tokenCount")) for result in items(event.get("results"))))
    if made is None and "embedding" in event:
        made = 0
    inputs = (usage.get("prompt_tokens"), event.get("prompt_token_count"), event.get("inputTextTokenCount"))
    outputs = (usage.get("completion_tokens"), event.get("generation_token_count"), made)
    return Usage(
        input_tokens=first_count(*inputs),
        output_tokens=first_count(*outputs, event.get("totalOutputTextTokenCount")),
    )


def _spoken(event: Mapping[str, Any]) -> int:
    """Bytes generated in an event of a model that is not Claude."""
    delta = mapping(mapping(event.get("contentBlockDelta")).get("delta"))
    choices = [mapping(choice) for choice in items(event.get("choices")) + items(event.get("outputs"))]
    inner = [mapping(choice.get("delta")) or mapping(choice.get("message")) for choice in choices]
    tool = mapping(delta.get("toolUse"))
    said = [event.get("generation"), event.get("outputText"), delta.get("text"), tool.get("input")]
    said += [choice.get("text") for choice in choices] + [message.get("content") for message in inner]
    return sum(map(byte_length, said))
